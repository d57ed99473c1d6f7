//! The servers that are not written in Rust: where they are missing, the others run without them.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::Order;
use crate::Result;
use crate::program::{beside_itself, check_node, compile};

const LIBUV: &str = "server-libuv";
const LIBUV_SOURCE: &str = include_str!("../../c/server.c");
const NODE_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js/server.js");

pub(super) fn prepare_libuv() -> Result<()> {
    compile(LIBUV, LIBUV_SOURCE)?;
    Ok(())
}

pub(super) fn prepare_node() -> Result<()> {
    Ok(check_node()?)
}

pub(super) fn libuv(order: Order) -> Result<()> {
    Err(become_program(Command::new(beside_itself(LIBUV)?).arg(order.service.name())))
}

pub(super) fn node(order: Order) -> Result<()> {
    Err(become_program(Command::new("node").args([NODE_SCRIPT, order.service.name()])))
}

/// Returns only when it fails.
fn become_program(command: &mut Command) -> Box<dyn std::error::Error + Send + Sync> {
    command.exec().into()
}
