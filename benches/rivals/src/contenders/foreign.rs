//! The servers that are not written in Rust: where they are missing, the others run without them.

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::Order;
use crate::Result;
use crate::report::Missing;

const LIBUV_SOURCE: &str = include_str!("../../c/server.c");
const NODE_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js/server.js");

/// Compiles the server, which takes a compiler and libuv's header.
pub(super) fn prepare_libuv() -> Result<()> {
    let program = libuv_program()?;
    // Another bench may run the same at this moment.
    let unfinished = program.with_extension(std::process::id().to_string());
    let output = compile(&unfinished).map_err(|error| Missing(format!("cc: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let reason = said.lines().find(|line| line.contains("error")).unwrap_or("cc fails");
        return Err(Missing(reason.trim().to_owned()).into());
    }
    Ok(fs::rename(unfinished, program)?)
}

fn compile(program: &Path) -> io::Result<Output> {
    let mut cc = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-x", "c", "-", "-luv", "-o"])
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut source) = cc.stdin.take() {
        source.write_all(LIBUV_SOURCE.as_bytes())?;
    }
    cc.wait_with_output()
}

/// Beside the bench itself, so that it goes when the build goes.
fn libuv_program() -> Result<PathBuf> {
    let bench = std::env::current_exe()?;
    Ok(bench.with_file_name("rivals-libuv"))
}

pub(super) fn prepare_node() -> Result<()> {
    let asked = Command::new("node").arg("--version").output();
    match asked {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Missing(format!("node --version: {}", output.status)).into()),
        Err(error) => Err(Missing(format!("node: {error}")).into()),
    }
}

pub(super) fn libuv(order: Order) -> Result<()> {
    Err(become_program(Command::new(libuv_program()?).arg(order.service.name())))
}

pub(super) fn node(order: Order) -> Result<()> {
    Err(become_program(Command::new("node").args([NODE_SCRIPT, order.service.name()])))
}

/// Returns only when it fails.
fn become_program(command: &mut Command) -> Box<dyn std::error::Error + Send + Sync> {
    command.exec().into()
}
