//! Commands on hashes and sets. One that has become empty is gone.

use std::collections::{HashMap, HashSet};

use crate::commands::{Call, Done, Fault, WRONG_TYPE};
use crate::store::{Bytes, Value};

type Hash = HashMap<Bytes, Vec<u8>>;
type Set = HashSet<Bytes>;

/// `None` if there is no such key.
fn hash<'a>(call: &'a Call<'_>) -> Result<Option<&'a Hash>, Fault> {
    match call.store.get(call.argument(1)) {
        Some(Value::Hash(hash)) => Ok(Some(hash)),
        None => Ok(None),
        Some(_) => Err(WRONG_TYPE),
    }
}

fn set<'a>(call: &'a Call<'_>) -> Result<Option<&'a Set>, Fault> {
    match call.store.get(call.argument(1)) {
        Some(Value::Set(set)) => Ok(Some(set)),
        None => Ok(None),
        Some(_) => Err(WRONG_TYPE),
    }
}

pub(crate) fn hset(call: &mut Call<'_>) -> Done {
    if call.count() % 2 != 0 {
        return Err(Fault::Arguments);
    }
    let command = call.command;
    let new = || Value::Hash(Hash::default());
    let added = call.store.change(call.argument(1), new, |value| {
        let Value::Hash(hash) = value else { return Err(WRONG_TYPE) };
        let fields = (2..command.count()).step_by(2);
        let each = fields.map(|at| put(hash, command.argument(at), command.argument(at + 1)));
        Ok(each.filter(|is_new| *is_new).count())
    })?;
    call.reply.count(added);
    Ok(())
}

/// Returns whether the field is new.
fn put(hash: &mut Hash, field: &[u8], value: &[u8]) -> bool {
    if let Some(old) = hash.get_mut(field) {
        old.clear();
        old.extend_from_slice(value);
        return false;
    }
    hash.insert(field.into(), value.to_vec());
    true
}

pub(crate) fn hget(call: &mut Call<'_>) -> Done {
    match call.store.get(call.argument(1)) {
        Some(Value::Hash(hash)) => {
            call.reply.bulk_or_nil(hash.get(call.command.argument(2)).map(Vec::as_slice));
        }
        None => call.reply.nil(),
        Some(_) => return Err(WRONG_TYPE),
    }
    Ok(())
}

pub(crate) fn hgetall(call: &mut Call<'_>) -> Done {
    match call.store.get(call.argument(1)) {
        Some(Value::Hash(hash)) => {
            call.reply.array(2 * hash.len());
            for (field, value) in hash {
                call.reply.bulk(field);
                call.reply.bulk(value);
            }
        }
        None => call.reply.array(0),
        Some(_) => return Err(WRONG_TYPE),
    }
    Ok(())
}

pub(crate) fn hlen(call: &mut Call<'_>) -> Done {
    let length = hash(call)?.map_or(0, HashMap::len);
    call.reply.count(length);
    Ok(())
}

pub(crate) fn hdel(call: &mut Call<'_>) -> Done {
    let (key, fields) = (call.argument(1), call.command.arguments_from(2));
    let (removed, empty) = match call.store.get_mut(key) {
        Some(Value::Hash(hash)) => {
            (fields.filter(|field| hash.remove(*field).is_some()).count(), hash.is_empty())
        }
        None => (0, false),
        Some(_) => return Err(WRONG_TYPE),
    };
    if empty {
        call.store.remove(key);
    }
    call.reply.count(removed);
    Ok(())
}

pub(crate) fn sadd(call: &mut Call<'_>) -> Done {
    let members = call.command.arguments_from(2);
    let new = || Value::Set(Set::default());
    let added = call.store.change(call.argument(1), new, |value| {
        let Value::Set(set) = value else { return Err(WRONG_TYPE) };
        // Looked for first: what is there needs no copy.
        Ok(members.filter(|member| !set.contains(*member) && set.insert((*member).into())).count())
    })?;
    call.reply.count(added);
    Ok(())
}

pub(crate) fn srem(call: &mut Call<'_>) -> Done {
    let (key, members) = (call.argument(1), call.command.arguments_from(2));
    let (removed, empty) = match call.store.get_mut(key) {
        Some(Value::Set(set)) => {
            (members.filter(|member| set.remove(*member)).count(), set.is_empty())
        }
        None => (0, false),
        Some(_) => return Err(WRONG_TYPE),
    };
    if empty {
        call.store.remove(key);
    }
    call.reply.count(removed);
    Ok(())
}

pub(crate) fn scard(call: &mut Call<'_>) -> Done {
    let length = set(call)?.map_or(0, HashSet::len);
    call.reply.count(length);
    Ok(())
}

pub(crate) fn sismember(call: &mut Call<'_>) -> Done {
    let is_member = set(call)?.is_some_and(|set| set.contains(call.argument(2)));
    call.reply.flag(is_member);
    Ok(())
}

pub(crate) fn smembers(call: &mut Call<'_>) -> Done {
    match call.store.get(call.argument(1)) {
        Some(Value::Set(set)) => {
            call.reply.array(set.len());
            set.iter().for_each(|member| call.reply.bulk(member));
        }
        None => call.reply.array(0),
        Some(_) => return Err(WRONG_TYPE),
    }
    Ok(())
}
