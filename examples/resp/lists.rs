//! Commands on lists. A list that has become empty is gone.

use std::collections::VecDeque;

use crate::commands::{Call, Done, Fault, WRONG_TYPE};
use crate::store::{Bytes, Value};

/// An end of a list.
#[derive(Clone, Copy)]
enum End {
    Left,
    Right,
}

pub(crate) fn lpush(call: &mut Call<'_>) -> Done {
    push(call, End::Left)
}

pub(crate) fn rpush(call: &mut Call<'_>) -> Done {
    push(call, End::Right)
}

fn push(call: &mut Call<'_>, end: End) -> Done {
    let new = || Value::List(VecDeque::new());
    let elements = call.command.arguments_from(2);
    let length = call.store.change(call.argument(1), new, |value| {
        let Value::List(list) = value else { return Err(WRONG_TYPE) };
        match end {
            End::Left => elements.for_each(|element| list.push_front(element.into())),
            End::Right => elements.for_each(|element| list.push_back(element.into())),
        }
        Ok(list.len())
    })?;
    call.reply.count(length);
    Ok(())
}

pub(crate) fn lpop(call: &mut Call<'_>) -> Done {
    pop(call, End::Left)
}

pub(crate) fn rpop(call: &mut Call<'_>) -> Done {
    pop(call, End::Right)
}

fn pop(call: &mut Call<'_>, end: End) -> Done {
    let wanted = match call.count() {
        2 => None,
        3 => {
            let count = crate::parse::integer(call.argument(2)).and_then(|n| n.try_into().ok());
            let negative = Fault::Says("ERR value is out of range, must be positive");
            Some(count.ok_or(negative)?)
        }
        _ => return Err(Fault::Arguments),
    };
    let key = call.argument(1);
    let list = match call.store.get_mut(key) {
        Some(Value::List(list)) => list,
        Some(_) => return Err(WRONG_TYPE),
        None => {
            match wanted {
                None => call.reply.nil(),
                Some(_) => call.reply.nil_array(),
            }
            return Ok(());
        }
    };
    let count = wanted.map_or(1, |wanted: usize| wanted.min(list.len()));
    if wanted.is_some() {
        call.reply.array(count);
    }
    for element in (0..count).filter_map(|_| pop_one(list, end)) {
        call.reply.bulk(&element);
    }
    if list.is_empty() {
        call.store.remove(key);
    }
    Ok(())
}

fn pop_one(list: &mut VecDeque<Bytes>, end: End) -> Option<Bytes> {
    match end {
        End::Left => list.pop_front(),
        End::Right => list.pop_back(),
    }
}

pub(crate) fn llen(call: &mut Call<'_>) -> Done {
    match call.store.get(call.argument(1)) {
        Some(Value::List(list)) => call.reply.count(list.len()),
        None => call.reply.count(0),
        Some(_) => return Err(WRONG_TYPE),
    }
    Ok(())
}

pub(crate) fn lrange(call: &mut Call<'_>) -> Done {
    let (first, last) = (call.integer(2)?, call.integer(3)?);
    let list = match call.store.get(call.argument(1)) {
        Some(Value::List(list)) => list,
        None => {
            call.reply.array(0);
            return Ok(());
        }
        Some(_) => return Err(WRONG_TYPE),
    };
    let first = from_start(first, list.len());
    let end = last_to_end(last, list.len());
    if first >= end {
        call.reply.array(0);
        return Ok(());
    }
    call.reply.array(end - first);
    list.range(first..end).for_each(|element| call.reply.bulk(element));
    Ok(())
}

/// A negative index counts from the end.
fn from_start(index: i64, length: usize) -> usize {
    let from_end =
        || length.saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(length));
    usize::try_from(index).unwrap_or_else(|_| from_end())
}

/// The index behind the last, and not behind the list.
fn last_to_end(last: i64, length: usize) -> usize {
    if last < 0 && last.unsigned_abs() > length as u64 {
        return 0;
    }
    from_start(last, length).saturating_add(1).min(length)
}
