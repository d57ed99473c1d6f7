//! Commands on keys, whatever their values are.

use std::time::Duration;

use crate::commands::{Call, Done, Fault, SYNTAX};
use crate::store::Value;

/// What a length of time is counted in.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Seconds,
    Millis,
}

/// Like Redis, which counts milliseconds since 1970 in 63 bits. `None` if that does not do.
pub(crate) fn deadline_after(length: i64, unit: Unit) -> Option<Duration> {
    let millis = match unit {
        Unit::Seconds => length.checked_mul(1000)?,
        Unit::Millis => length,
    };
    // Room for the years since 1970.
    if millis > i64::MAX - (1 << 42) {
        return None;
    }
    Some(unspin::now() + Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

pub(crate) fn del(call: &mut Call<'_>) -> Done {
    let removed = call.command.arguments_from(1).filter(|key| call.store.remove(key)).count();
    call.reply.count(removed);
    Ok(())
}

pub(crate) fn exists(call: &mut Call<'_>) -> Done {
    let there = call.command.arguments_from(1).filter(|key| call.store.get(key).is_some()).count();
    call.reply.count(there);
    Ok(())
}

pub(crate) fn type_of(call: &mut Call<'_>) -> Done {
    call.reply.simple(match call.store.get(call.argument(1)) {
        None => "none",
        Some(Value::Text(_)) => "string",
        Some(Value::List(_)) => "list",
        Some(Value::Hash(_)) => "hash",
        Some(Value::Set(_)) => "set",
    });
    Ok(())
}

pub(crate) fn dbsize(call: &mut Call<'_>) -> Done {
    call.reply.count(call.store.len());
    Ok(())
}

/// There is one database.
pub(crate) fn flush(call: &mut Call<'_>) -> Done {
    if call.count() > 2 || call.count() == 2 && !(call.says(1, "SYNC") || call.says(1, "ASYNC")) {
        return Err(SYNTAX);
    }
    call.store.clear();
    call.reply.ok();
    Ok(())
}

pub(crate) fn expire(call: &mut Call<'_>) -> Done {
    expire_after(call, Unit::Seconds)
}

pub(crate) fn pexpire(call: &mut Call<'_>) -> Done {
    expire_after(call, Unit::Millis)
}

fn expire_after(call: &mut Call<'_>, unit: Unit) -> Done {
    let length = call.integer(2)?;
    if call.count() > 3 {
        return Err(Fault::Says("ERR options of EXPIRE are not supported"));
    }
    let key = call.argument(1);
    let deadline = deadline_after(length, unit).ok_or(Fault::ExpireTime)?;
    let there = call.store.get(key).is_some();
    if there && length <= 0 {
        call.store.remove(key);
    } else if there {
        call.store.set_deadline(key, Some(deadline));
    }
    call.reply.flag(there);
    Ok(())
}

pub(crate) fn persist(call: &mut Call<'_>) -> Done {
    let key = call.argument(1);
    let had_one = call.store.deadline(key).flatten().is_some();
    if had_one {
        call.store.set_deadline(key, None);
    }
    call.reply.flag(had_one);
    Ok(())
}

/// Rounded to the nearest second, as in Redis.
pub(crate) fn ttl(call: &mut Call<'_>) -> Done {
    let millis = millis_left(call);
    call.reply.integer(if millis < 0 { millis } else { (millis + 500) / 1000 });
    Ok(())
}

pub(crate) fn pttl(call: &mut Call<'_>) -> Done {
    let millis = millis_left(call);
    call.reply.integer(millis);
    Ok(())
}

/// −2 if there is no such key, −1 if it stays.
fn millis_left(call: &Call<'_>) -> i64 {
    match call.store.deadline(call.argument(1)) {
        None => -2,
        Some(None) => -1,
        Some(Some(deadline)) => deadline.saturating_sub(unspin::now()).as_millis() as i64,
    }
}
