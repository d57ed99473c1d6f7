//! Commands on texts.

use crate::commands::{Call, Done, Fault, NOT_AN_INTEGER, SYNTAX, WRONG_TYPE};
use crate::keys::{Unit, deadline_after};
use crate::parse::integer;
use crate::reply::{LARGEST_REPLY, LONGEST_STRING, set_decimal};
use crate::store::Value;

pub(crate) fn get(call: &mut Call<'_>) -> Done {
    match call.store.get(call.argument(1)) {
        Some(Value::Text(text)) => call.reply.bulk(text),
        None => call.reply.nil(),
        Some(_) => return Err(WRONG_TYPE),
    }
    Ok(())
}

pub(crate) fn mget(call: &mut Call<'_>) -> Done {
    let start = call.reply.bytes.len();
    call.reply.array(call.count() - 1);
    for key in call.command.arguments_from(1) {
        match call.store.get(key) {
            Some(Value::Text(text)) => call.reply.bulk(text),
            _ => call.reply.nil(),
        }
        // The same large text may be asked for a million times.
        if call.reply.bytes.len() - start > LARGEST_REPLY {
            call.reply.bytes.truncate(start);
            return Err(Fault::Says("ERR the reply would be too large"));
        }
    }
    Ok(())
}

pub(crate) fn mset(call: &mut Call<'_>) -> Done {
    if call.count() % 2 == 0 {
        return Err(Fault::Arguments);
    }
    for at in (1..call.count()).step_by(2) {
        call.store.set(call.argument(at), call.argument(at + 1));
    }
    call.reply.ok();
    Ok(())
}

pub(crate) fn strlen(call: &mut Call<'_>) -> Done {
    match call.store.get(call.argument(1)) {
        Some(Value::Text(text)) => call.reply.count(text.len()),
        None => call.reply.count(0),
        Some(_) => return Err(WRONG_TYPE),
    }
    Ok(())
}

/// What follows the value in a SET.
#[derive(Default)]
struct Options {
    /// An argument, and what it counts.
    expire: Option<(usize, Unit)>,
    keep_deadline: bool,
    only_new: bool,
    only_old: bool,
    get: bool,
}

fn options(call: &Call<'_>) -> Result<Options, Fault> {
    let mut options = Options::default();
    let mut at = 3;
    while at < call.count() {
        let timed = options.expire.is_some() || options.keep_deadline;
        let followed = at + 1 < call.count();
        if call.says(at, "NX") && !options.only_old {
            options.only_new = true;
        } else if call.says(at, "XX") && !options.only_new {
            options.only_old = true;
        } else if call.says(at, "GET") {
            options.get = true;
        } else if call.says(at, "KEEPTTL") && !timed {
            options.keep_deadline = true;
        } else if call.says(at, "EX") && !timed && followed {
            at += 1;
            options.expire = Some((at, Unit::Seconds));
        } else if call.says(at, "PX") && !timed && followed {
            at += 1;
            options.expire = Some((at, Unit::Millis));
        } else {
            return Err(SYNTAX);
        }
        at += 1;
    }
    Ok(options)
}

#[inline]
pub(crate) fn set(call: &mut Call<'_>) -> Done {
    if call.count() > 3 {
        return set_with_options(call);
    }
    call.store.set(call.argument(1), call.argument(2));
    call.reply.ok();
    Ok(())
}

fn set_with_options(call: &mut Call<'_>) -> Done {
    let options = options(call)?;
    let mut deadline = None;
    if let Some((at, unit)) = options.expire {
        let length = call.integer(at)?;
        let valid = if length > 0 { deadline_after(length, unit) } else { None };
        deadline = Some(valid.ok_or(Fault::ExpireTime)?);
    }
    let (key, text) = (call.argument(1), call.argument(2));
    let before = call.store.get(key);
    let refused = if before.is_some() { options.only_new } else { options.only_old };
    match before {
        _ if !options.get => {}
        None => call.reply.nil(),
        Some(Value::Text(text)) => call.reply.bulk(text),
        Some(_) => return Err(WRONG_TYPE),
    }
    if !refused {
        if options.keep_deadline {
            deadline = call.store.deadline(key).flatten();
        }
        call.store.set(key, text);
        if deadline.is_some() {
            call.store.set_deadline(key, deadline);
        }
    }
    match (options.get, refused) {
        (true, _) => {}
        (false, true) => call.reply.nil(),
        (false, false) => call.reply.ok(),
    }
    Ok(())
}

pub(crate) fn append(call: &mut Call<'_>) -> Done {
    let more = call.argument(2);
    let new = || Value::Text(Vec::new());
    let length = call.store.change(call.argument(1), new, |value| match value {
        Value::Text(text) if text.len() + more.len() <= LONGEST_STRING => {
            text.extend_from_slice(more);
            Ok(text.len())
        }
        Value::Text(_) => {
            Err(Fault::Says("ERR string exceeds maximum allowed size (proto-max-bulk-len)"))
        }
        _ => Err(WRONG_TYPE),
    })?;
    call.reply.count(length);
    Ok(())
}

pub(crate) fn incr(call: &mut Call<'_>) -> Done {
    add(call, 1)
}

pub(crate) fn decr(call: &mut Call<'_>) -> Done {
    add(call, -1)
}

pub(crate) fn incrby(call: &mut Call<'_>) -> Done {
    let more = call.integer(2)?;
    add(call, more)
}

pub(crate) fn decrby(call: &mut Call<'_>) -> Done {
    let less = call.integer(2)?;
    let more = less.checked_neg().ok_or(Fault::Says("ERR decrement would overflow"))?;
    add(call, more)
}

fn add(call: &mut Call<'_>, more: i64) -> Done {
    let zero = || Value::Text(b"0".to_vec());
    let sum = call.store.change(call.argument(1), zero, |value| match value {
        Value::Text(text) => {
            let value = integer(text).ok_or(NOT_AN_INTEGER)?;
            let overflow = Fault::Says("ERR increment or decrement would overflow");
            let sum = value.checked_add(more).ok_or(overflow)?;
            set_decimal(text, sum);
            Ok(sum)
        }
        _ => Err(WRONG_TYPE),
    })?;
    call.reply.integer(sum);
    Ok(())
}
