//! The servers that are not written in Rust: where they are missing, the others run without them.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use super::Order;
use crate::Result;
use crate::program::{beside_itself, check_node, compile};
use crate::report::Missing;

const LIBUV: &str = "server-libuv";
const LIBUV_SOURCE: &str = include_str!("../../c/server.c");
const NODE_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js/server.js");

/// What was found out once, as all measurements ask for it.
type Found = OnceLock<std::result::Result<(), Missing>>;

pub(super) fn prepare_libuv() -> Result<()> {
    static FOUND: Found = OnceLock::new();
    Ok(FOUND.get_or_init(|| compile(LIBUV, LIBUV_SOURCE).map(drop)).clone()?)
}

pub(super) fn prepare_node() -> Result<()> {
    static FOUND: Found = OnceLock::new();
    Ok(FOUND.get_or_init(check_node).clone()?)
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
