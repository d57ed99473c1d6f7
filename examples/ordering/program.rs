//! What an ordering program is made of, and how it is read from JSON.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value as Json;

/// Operations of the language that this interpreter does not know yet.
const NOT_YET: [&str; 27] = [
    "promise",
    "resolve",
    "reject",
    "resolved",
    "rejected",
    "then",
    "catch",
    "finally",
    "combine",
    "thenable",
    "async",
    "await",
    "emitter",
    "listen",
    "unlisten",
    "emit",
    "abortController",
    "onAbort",
    "abort",
    "aborted",
    "channel",
    "onMessage",
    "onClose",
    "post",
    "closePort",
    "on unhandledRejection",
    "on rejectionHandled",
];

/// Operations in the order in which they run.
pub(crate) type Body = Rc<[Op]>;

pub(crate) enum Op {
    Log { msg: String, value: Option<Operand> },
    Busy(Duration),
    Throw(Operand),
    Return,
    Try { body: Body, catch: Option<Body>, finally: Option<Body> },
    Def { name: String, max: u64, body: Body },
    Call(String),
    NextTick(Body),
    Microtask(Body),
    Immediate { name: Option<String>, unref: bool, body: Body },
    Timeout { name: Option<String>, unref: bool, delay: Duration, body: Body },
    Interval { name: Option<String>, unref: bool, period: Duration, times: i64, body: Body },
    Clear(String),
    Refresh(String),
    Ref(String),
    Unref(String),
    HasRef { name: String, msg: String },
    On { event: Event, once: bool, body: Body },
    Exit(Option<i32>),
    ExitCode(i32),
    FsRead { missing: bool, body: Body },
}

/// What a program can install a hook for.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Uncaught,
    BeforeExit,
    Exit,
}

/// How an operation names a value.
pub(crate) enum Operand {
    Undefined,
    Bool(bool),
    Int(i64),
    Str(String),
    /// A new error with this message.
    Error(String),
    /// The register.
    It,
}

/// Reads a program: the whole file of a case, or the program alone.
///
/// # Errors
///
/// A sentence on the first thing that is wrong.
pub(crate) fn parse(file: &Json) -> Result<Body, String> {
    let program = file.get("program").unwrap_or(file);
    body(program.get("body").ok_or("there is no `body`")?)
}

/// The operations of a program that the interpreter does not know yet.
pub(crate) fn missing(program: &Json) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    collect_missing(program, &mut missing);
    missing
}

fn collect_missing(json: &Json, missing: &mut BTreeSet<String>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| collect_missing(item, missing)),
        Json::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Json::as_str);
            missing.extend(match (text("op"), text("event")) {
                (Some("on"), Some(event)) => not_yet(&format!("on {event}")),
                (Some(op), _) => not_yet(op),
                (None, _) => fields.get("ref").map(|_| "{ref}".to_owned()),
            });
            fields.values().for_each(|field| collect_missing(field, missing));
        }
        _ => {}
    }
}

fn not_yet(op: &str) -> Option<String> {
    NOT_YET.contains(&op).then(|| op.to_owned())
}

fn body(json: &Json) -> Result<Body, String> {
    json.as_array().ok_or_else(|| format!("not a list of ops: {json}"))?.iter().map(op).collect()
}

fn op(json: &Json) -> Result<Op, String> {
    let mut fields = Fields::of(json)?;
    let op = match fields.text("op")?.as_str() {
        "log" => Op::Log { msg: fields.text("msg")?, value: fields.optional("val", operand)? },
        "busy" => Op::Busy(Duration::from_millis(fields.int("ms")?.try_into().unwrap_or(0))),
        "throw" => Op::Throw(fields.operand("val")?),
        "return" => {
            // Nobody receives it: there is no promise yet that it could settle.
            fields.operand("val")?;
            Op::Return
        }
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
        "nextTick" => Op::NextTick(fields.body("body")?),
        "microtask" => Op::Microtask(fields.body("body")?),
        "immediate" => Op::Immediate {
            name: fields.optional("as", text)?,
            unref: fields.flag("unref")?,
            body: fields.body("body")?,
        },
        "timeout" => Op::Timeout {
            name: fields.optional("as", text)?,
            unref: fields.flag("unref")?,
            delay: delay(fields.int("ms")?),
            body: fields.body("body")?,
        },
        "interval" => Op::Interval {
            name: fields.optional("as", text)?,
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
        "on" => Op::On {
            event: event(&fields.text("event")?)?,
            once: fields.flag("once")?,
            body: fields.body("body")?,
        },
        "exit" => Op::Exit(fields.optional("code", code)?),
        "exitCode" => Op::ExitCode(code(fields.take("code")?)?),
        "fsRead" => Op::FsRead { missing: fields.flag("missing")?, body: fields.body("body")? },
        unknown => return Err(format!("the interpreter does not know the op `{unknown}`")),
    };
    fields.end()?;
    Ok(op)
}

fn event(name: &str) -> Result<Event, String> {
    match name {
        "uncaughtException" => Ok(Event::Uncaught),
        "beforeExit" => Ok(Event::BeforeExit),
        "exit" => Ok(Event::Exit),
        _ => Err(format!("the interpreter does not know the event `{name}`")),
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
            let operand = match fields.optional("err", text)? {
                Some(message) => Operand::Error(message),
                None if fields.flag("it")? => Operand::It,
                None => return Err(format!("not a value: {json}")),
            };
            fields.end()?;
            Ok(operand)
        }
    }
}

pub(crate) fn text(json: &Json) -> Result<String, String> {
    json.as_str().map(str::to_owned).ok_or_else(|| format!("not a string: {json}"))
}

fn int(json: &Json) -> Result<i64, String> {
    json.as_i64().ok_or_else(|| format!("not an integer: {json}"))
}

fn code(json: &Json) -> Result<i32, String> {
    int(json)?.try_into().map_err(|_| format!("not an exit code: {json}"))
}

/// The fields of an object, each to be taken once: what is left over is a mistake.
struct Fields<'a> {
    json: &'a Json,
    left: Vec<(&'a str, &'a Json)>,
}

impl<'a> Fields<'a> {
    fn of(json: &'a Json) -> Result<Fields<'a>, String> {
        let fields = json.as_object().ok_or_else(|| format!("not an object: {json}"))?;
        let left = fields.iter().map(|(name, field)| (name.as_str(), field)).collect();
        Ok(Fields { json, left })
    }

    fn find(&mut self, name: &str) -> Option<&'a Json> {
        let index = self.left.iter().position(|(left, _)| *left == name)?;
        Some(self.left.swap_remove(index).1)
    }

    fn take(&mut self, name: &str) -> Result<&'a Json, String> {
        self.find(name).ok_or_else(|| format!("no `{name}` in {}", self.json))
    }

    fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a Json) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        self.find(name).map(read).transpose()
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        text(self.take(name)?)
    }

    fn int(&mut self, name: &str) -> Result<i64, String> {
        int(self.take(name)?)
    }

    fn body(&mut self, name: &str) -> Result<Body, String> {
        body(self.take(name)?)
    }

    /// A value that is `undefined` where it is missing.
    fn operand(&mut self, name: &str) -> Result<Operand, String> {
        Ok(self.optional(name, operand)?.unwrap_or(Operand::Undefined))
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        let flag = |json: &Json| json.as_bool().ok_or_else(|| format!("not a flag: {json}"));
        Ok(self.optional(name, flag)?.unwrap_or(false))
    }

    fn end(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => Err(format!("unknown field `{name}` in {}", self.json)),
        }
    }
}
