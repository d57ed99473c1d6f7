//! Which commands there are, and how one is found and called.

use unspin::net::TcpStream;

use crate::connection::Client;
use crate::parse::Command;
use crate::pubsub::Channels;
use crate::reply::Reply;
use crate::store::Store;
use crate::{about, collections, keys, lists, pubsub, strings};

/// A command, and all that it may work with.
pub(crate) struct Call<'a> {
    pub(crate) command: Command<'a>,
    pub(crate) store: &'a mut Store,
    pub(crate) channels: &'a mut Channels,
    pub(crate) client: &'a mut Client,
    pub(crate) stream: &'a TcpStream,
    pub(crate) reply: &'a mut Reply,
    pub(crate) served: u64,
    pub(crate) clients: usize,
}

impl<'a> Call<'a> {
    #[inline]
    pub(crate) fn argument(&self, at: usize) -> &'a [u8] {
        self.command.argument(at)
    }

    pub(crate) fn count(&self) -> usize {
        self.command.count()
    }

    /// Whether this argument is such a word, in whatever case.
    pub(crate) fn says(&self, at: usize, word: &str) -> bool {
        self.argument(at).eq_ignore_ascii_case(word.as_bytes())
    }

    pub(crate) fn integer(&self, at: usize) -> Result<i64, Fault> {
        crate::parse::integer(self.argument(at)).ok_or(NOT_AN_INTEGER)
    }
}

/// Why a command was refused. Nothing of a reply has been written then.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Says(&'static str),
    /// "wrong number of arguments"
    Arguments,
    /// "invalid expire time"
    ExpireTime,
}

pub(crate) type Done = Result<(), Fault>;

pub(crate) const NOT_AN_INTEGER: Fault = Fault::Says("ERR value is not an integer or out of range");
pub(crate) const SYNTAX: Fault = Fault::Says("ERR syntax error");
pub(crate) const WRONG_TYPE: Fault =
    Fault::Says("WRONGTYPE Operation against a key holding the wrong kind of value");

type Run = fn(&mut Call<'_>) -> Done;

struct Spec {
    name: &'static str,
    /// Arguments, the name among them; negative: at least so many.
    arity: isize,
    run: Run,
}

const fn spec(name: &'static str, arity: isize, run: Run) -> Spec {
    Spec { name, arity, run }
}

const SPECS: &[Spec] = &[
    spec("append", 3, strings::append),
    spec("client", -2, about::client),
    spec("command", -1, about::command),
    spec("config", -2, about::config),
    spec("dbsize", 1, keys::dbsize),
    spec("decr", 2, strings::decr),
    spec("decrby", 3, strings::decrby),
    spec("del", -2, keys::del),
    spec("echo", 2, about::echo),
    spec("exists", -2, keys::exists),
    spec("expire", -3, keys::expire),
    spec("flushall", -1, keys::flush),
    spec("flushdb", -1, keys::flush),
    spec("get", 2, strings::get),
    spec("hdel", -3, collections::hdel),
    spec("hello", -1, about::hello),
    spec("hget", 3, collections::hget),
    spec("hgetall", 2, collections::hgetall),
    spec("hlen", 2, collections::hlen),
    spec("hset", -4, collections::hset),
    spec("incr", 2, strings::incr),
    spec("incrby", 3, strings::incrby),
    spec("info", -1, about::info),
    spec("llen", 2, lists::llen),
    spec("lpop", -2, lists::lpop),
    spec("lpush", -3, lists::lpush),
    spec("lrange", 4, lists::lrange),
    spec("mget", -2, strings::mget),
    spec("mset", -3, strings::mset),
    spec("persist", 2, keys::persist),
    spec("pexpire", -3, keys::pexpire),
    spec("ping", -1, about::ping),
    spec("pttl", 2, keys::pttl),
    spec("publish", 3, pubsub::publish),
    spec("quit", -1, about::quit),
    spec("rpop", -2, lists::rpop),
    spec("rpush", -3, lists::rpush),
    spec("sadd", -3, collections::sadd),
    spec("scard", 2, collections::scard),
    spec("select", 2, about::select),
    spec("set", -3, strings::set),
    spec("sismember", 3, collections::sismember),
    spec("smembers", 2, collections::smembers),
    spec("srem", -3, collections::srem),
    spec("strlen", 2, strings::strlen),
    spec("subscribe", -2, pubsub::subscribe),
    spec("ttl", 2, keys::ttl),
    spec("type", 2, keys::type_of),
    spec("unsubscribe", -1, pubsub::unsubscribe),
];

/// A subscriber may say nothing else.
const TO_SUBSCRIBERS: [&str; 4] = ["ping", "quit", "subscribe", "unsubscribe"];

/// Finds commands by their names: a small hash table, made once.
pub(crate) struct Table(Vec<Option<(u128, &'static Spec)>>);

/// A power of two, and several times the number of commands.
const PLACES: usize = 256;

impl Table {
    pub(crate) fn new() -> Table {
        let mut places = vec![None; PLACES];
        for spec in SPECS {
            let word = word(spec.name.as_bytes()).unwrap_or_default();
            let mut at = place(word);
            while places[at].is_some() {
                at = (at + 1) % PLACES;
            }
            places[at] = Some((word, spec));
        }
        Table(places)
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<&'static Spec> {
        let word = word(name)?;
        let mut at = place(word);
        loop {
            match self.0[at] {
                Some((here, spec)) if here == word => return Some(spec),
                Some(_) => at = (at + 1) % PLACES,
                None => return None,
            }
        }
    }
}

/// A short name as one number, the same in upper and lower case.
#[inline]
fn word(name: &[u8]) -> Option<u128> {
    let mut letters = [0; 16];
    letters.get_mut(..name.len())?.copy_from_slice(name);
    letters.make_ascii_lowercase();
    Some(u128::from_le_bytes(letters))
}

#[inline]
fn place(word: u128) -> usize {
    let folded = (word ^ (word >> 64)) as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}

/// Answers one command.
#[inline]
pub(crate) fn answer(table: &Table, call: &mut Call<'_>) {
    let Some(spec) = table.find(call.argument(0)) else { return refuse_unknown(call) };
    if !takes(spec.arity, call.count()) {
        return refuse(call, spec.name, Fault::Arguments);
    }
    if call.client.is_subscriber() && !TO_SUBSCRIBERS.contains(&spec.name) {
        return refuse_to_subscriber(call, spec.name);
    }
    if let Err(fault) = (spec.run)(call) {
        refuse(call, spec.name, fault);
    }
}

fn takes(arity: isize, count: usize) -> bool {
    if arity < 0 { count >= arity.unsigned_abs() } else { count == arity.unsigned_abs() }
}

#[cold]
fn refuse(call: &mut Call<'_>, name: &str, fault: Fault) {
    let message = match fault {
        Fault::Says(text) => text.to_owned(),
        Fault::Arguments => format!("ERR wrong number of arguments for '{name}' command"),
        Fault::ExpireTime => format!("ERR invalid expire time in '{name}' command"),
    };
    call.reply.error(message.as_bytes());
}

#[cold]
fn refuse_to_subscriber(call: &mut Call<'_>, name: &str) {
    let message = format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
         are allowed in this context"
    );
    call.reply.error(message.as_bytes());
}

/// Shows as much of it as Redis does.
#[cold]
fn refuse_unknown(call: &mut Call<'_>) {
    const SHOWN: usize = 128;
    let name = call.argument(0);
    let mut message = b"ERR unknown command '".to_vec();
    message.extend_from_slice(&name[..name.len().min(SHOWN)]);
    message.extend_from_slice(b"', with args beginning with: ");
    let mut room = SHOWN;
    for argument in call.command.arguments_from(1) {
        let shown = &argument[..argument.len().min(room)];
        message.push(b'\'');
        message.extend_from_slice(shown);
        message.extend_from_slice(b"' ");
        room = room.saturating_sub(shown.len() + 3);
        if room == 0 {
            break;
        }
    }
    call.reply.error(&message);
}
