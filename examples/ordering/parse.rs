//! How a program is read from JSON.

use std::time::Duration;

use serde_json::Value as Json;

use crate::fields::{Fields, code, int, list, text};
use crate::program::{Body, Combinator, Event, Op, Operand};

/// Reads a program: the whole file of a case, or the program alone.
///
/// # Errors
///
/// A sentence on the first thing that is wrong.
pub(crate) fn parse(file: &Json) -> Result<Body, String> {
    let program = file.get("program").unwrap_or(file);
    body(program.get("body").ok_or("there is no `body`")?)
}

fn body(json: &Json) -> Result<Body, String> {
    list(json, op)
}

/// Reads an operation of one group; `None` if it is of another.
type Reader = fn(&str, &mut Fields<'_>) -> Result<Option<Op>, String>;

const READERS: [Reader; 7] = [statement, scheduling, promise, process, emitter, abort, port];

fn op(json: &Json) -> Result<Op, String> {
    let mut fields = Fields::of(json)?;
    let name = fields.text("op")?;
    for read in READERS {
        if let Some(op) = read(&name, &mut fields)? {
            fields.end()?;
            return Ok(op);
        }
    }
    Err(format!("the interpreter does not know the op `{name}`"))
}

fn statement(name: &str, fields: &mut Fields<'_>) -> Result<Option<Op>, String> {
    Ok(Some(match name {
        "log" => Op::Log { msg: fields.text("msg")?, value: fields.optional("val", operand)? },
        "busy" => Op::Busy(Duration::from_millis(fields.int("ms")?.try_into().unwrap_or(0))),
        "throw" => Op::Throw(fields.operand("val")?),
        "return" => Op::Return(fields.operand("val")?),
        "try" => Op::Try {
            body: fields.body("body")?,
            catch: fields.optional("catch", body)?,
            finally: fields.optional("finally", body)?,
        },
        "def" => Op::Def {
            name: fields.text("name")?,
            max: fields.int("max")?.try_into().unwrap_or(0),
            body: fields.body("body")?,
        },
        "call" => Op::Call(fields.text("name")?),
        _ => return Ok(None),
    }))
}

fn scheduling(name: &str, fields: &mut Fields<'_>) -> Result<Option<Op>, String> {
    Ok(Some(match name {
        "nextTick" => Op::NextTick(fields.body("body")?),
        "microtask" => Op::Microtask(fields.body("body")?),
        "immediate" => Op::Immediate {
            name: fields.name()?,
            unref: fields.flag("unref")?,
            body: fields.body("body")?,
        },
        "timeout" => Op::Timeout {
            name: fields.name()?,
            unref: fields.flag("unref")?,
            delay: delay(fields.int("ms")?),
            body: fields.body("body")?,
        },
        "interval" => Op::Interval {
            name: fields.name()?,
            unref: fields.flag("unref")?,
            period: delay(fields.int("ms")?),
            times: fields.int("n")?,
            body: fields.body("body")?,
        },
        "clear" => Op::Clear(fields.text("name")?),
        "refresh" => Op::Refresh(fields.text("name")?),
        "ref" => Op::Ref(fields.text("name")?),
        "unref" => Op::Unref(fields.text("name")?),
        "hasRef" => Op::HasRef { name: fields.text("name")?, msg: fields.text("msg")? },
        _ => return Ok(None),
    }))
}

fn promise(name: &str, fields: &mut Fields<'_>) -> Result<Option<Op>, String> {
    Ok(Some(match name {
        "promise" => {
            Op::Promise { name: fields.text("as")?, executor: fields.optional("body", body)? }
        }
        "resolve" => Op::Resolve { name: fields.text("name")?, value: fields.operand("val")? },
        "reject" => Op::Reject { name: fields.text("name")?, reason: fields.operand("val")? },
        "resolved" => Op::Resolved { name: fields.text("as")?, value: fields.operand("val")? },
        "rejected" => Op::Rejected { name: fields.text("as")?, reason: fields.operand("val")? },
        "then" => Op::Then {
            of: fields.text("of")?,
            ok: fields.optional("ok", body)?,
            err: fields.optional("err", body)?,
            name: fields.name()?,
        },
        // ECMA-262 §27.2.5.1: `catch` is `then` without its first handler.
        "catch" => Op::Then {
            of: fields.text("of")?,
            ok: None,
            err: Some(fields.body("body")?),
            name: fields.name()?,
        },
        "finally" => {
            Op::Finally { of: fields.text("of")?, body: fields.body("body")?, name: fields.name()? }
        }
        "combine" => Op::Combine {
            kind: combinator(&fields.text("kind")?)?,
            values: list(fields.take("vals")?, operand)?,
            name: fields.name()?,
        },
        "thenable" => Op::Thenable { name: fields.text("as")?, body: fields.body("body")? },
        "async" => Op::Async { body: fields.body("body")?, name: fields.name()? },
        "await" => Op::Await(fields.operand("val")?),
        _ => return Ok(None),
    }))
}

fn process(name: &str, fields: &mut Fields<'_>) -> Result<Option<Op>, String> {
    Ok(Some(match name {
        "on" => Op::On {
            event: event(&fields.text("event")?)?,
            once: fields.flag("once")?,
            body: fields.body("body")?,
        },
        "exit" => Op::Exit(fields.optional("code", code)?),
        "exitCode" => Op::ExitCode(code(fields.take("code")?)?),
        "fsRead" => Op::FsRead { missing: fields.flag("missing")?, body: fields.body("body")? },
        _ => return Ok(None),
    }))
}

fn emitter(name: &str, fields: &mut Fields<'_>) -> Result<Option<Op>, String> {
    Ok(Some(match name {
        "emitter" => Op::Emitter(fields.text("as")?),
        "listen" => Op::Listen {
            on: fields.text("on")?,
            event: fields.text("event")?,
            once: fields.flag("once")?,
            prepend: fields.flag("prepend")?,
            body: fields.body("body")?,
            name: fields.name()?,
        },
        "unlisten" => {
            // The handle of a listener knows both.
            let _ = (fields.text("on")?, fields.text("event")?);
            Op::Unlisten { name: fields.text("name")? }
        }
        "emit" => Op::Emit {
            on: fields.text("on")?,
            event: fields.text("event")?,
            value: fields.operand("val")?,
        },
        _ => return Ok(None),
    }))
}

fn abort(name: &str, fields: &mut Fields<'_>) -> Result<Option<Op>, String> {
    Ok(Some(match name {
        "abortController" => Op::AbortController(fields.text("as")?),
        "onAbort" => Op::OnAbort { name: fields.text("name")?, body: fields.body("body")? },
        "abort" => {
            Op::Abort { name: fields.text("name")?, reason: fields.optional("val", operand)? }
        }
        "aborted" => Op::Aborted { name: fields.text("name")?, msg: fields.text("msg")? },
        _ => return Ok(None),
    }))
}

fn port(name: &str, fields: &mut Fields<'_>) -> Result<Option<Op>, String> {
    Ok(Some(match name {
        "channel" => Op::Channel(fields.text("as")?),
        "onMessage" => Op::OnMessage { port: fields.text("port")?, body: fields.body("body")? },
        "onClose" => Op::OnClose { port: fields.text("port")?, body: fields.body("body")? },
        "post" => Op::Post { port: fields.text("port")?, value: fields.operand("val")? },
        "closePort" => Op::ClosePort(fields.text("port")?),
        _ => return Ok(None),
    }))
}

fn event(name: &str) -> Result<Event, String> {
    match name {
        "uncaughtException" => Ok(Event::Uncaught),
        "unhandledRejection" => Ok(Event::UnhandledRejection),
        "rejectionHandled" => Ok(Event::RejectionHandled),
        "beforeExit" => Ok(Event::BeforeExit),
        "exit" => Ok(Event::Exit),
        _ => Err(format!("the interpreter does not know the event `{name}`")),
    }
}

fn combinator(name: &str) -> Result<Combinator, String> {
    match name {
        "all" => Ok(Combinator::All),
        "allSettled" => Ok(Combinator::AllSettled),
        "any" => Ok(Combinator::Any),
        "race" => Ok(Combinator::Race),
        _ => Err(format!("the interpreter does not know the combinator `{name}`")),
    }
}

/// As JavaScript has it: what is not in 1 ms ..= 2^31 - 1 ms is 1 ms.
fn delay(ms: i64) -> Duration {
    const LONGEST: u64 = i32::MAX as u64;
    match u64::try_from(ms) {
        Ok(ms @ 1..=LONGEST) => Duration::from_millis(ms),
        _ => Duration::from_millis(1),
    }
}

fn operand(json: &Json) -> Result<Operand, String> {
    match json {
        Json::Null => Ok(Operand::Undefined),
        Json::Bool(value) => Ok(Operand::Bool(*value)),
        Json::Number(_) => int(json).map(Operand::Int),
        Json::String(value) => Ok(Operand::Str(value.clone())),
        Json::Array(_) => Err(format!("not a value: {json}")),
        Json::Object(_) => {
            let mut fields = Fields::of(json)?;
            let operand = if let Some(message) = fields.optional("err", text)? {
                Operand::Error(message)
            } else if let Some(name) = fields.optional("ref", text)? {
                Operand::Ref(name)
            } else if fields.flag("it")? {
                Operand::It
            } else {
                return Err(format!("not a value: {json}"));
            };
            fields.end()?;
            Ok(operand)
        }
    }
}

impl Fields<'_> {
    fn body(&mut self, name: &str) -> Result<Body, String> {
        body(self.take(name)?)
    }

    /// A value that is `undefined` where it is missing.
    fn operand(&mut self, name: &str) -> Result<Operand, String> {
        Ok(self.optional(name, operand)?.unwrap_or(Operand::Undefined))
    }
}
