//! What the benches of this crate share: how they measure, compare and report.
//!
//! A bench makes [`Contender`](report::Contender)s and hands them to a [`Report`](report::Report),
//! which runs them in turns, prints a table, and keeps the figures in `docs/benchmarks/`.
#![allow(clippy::disallowed_methods, reason = "measures real time, and contenders block")]

pub mod account;
pub mod args;
pub mod contenders;
pub mod figures;
pub mod histogram;
pub mod load;
pub mod machine;
pub mod operations;
pub mod outside;
mod page;
pub mod plot;
pub mod program;
pub mod report;
pub mod runtime;
pub mod server;
pub mod sheet;
pub mod stats;
mod sys;

/// Any error ends a bench.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
