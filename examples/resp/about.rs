//! Commands about the server and the connection.

use std::fmt::Write;

use crate::commands::{Call, Done, Fault, SYNTAX};

/// What `redis-cli` and the libraries take this server for.
const VERSION: &str = "7.0.0";

pub(crate) fn ping(call: &mut Call<'_>) -> Done {
    let text = match call.count() {
        1 => None,
        2 => Some(call.argument(1)),
        _ => return Err(Fault::Arguments),
    };
    if call.client.is_subscriber() {
        call.reply.array(2);
        call.reply.bulk(b"pong");
        call.reply.bulk(text.unwrap_or_default());
    } else {
        match text {
            Some(text) => call.reply.bulk(text),
            None => call.reply.simple("PONG"),
        }
    }
    Ok(())
}

pub(crate) fn echo(call: &mut Call<'_>) -> Done {
    call.reply.bulk(call.argument(1));
    Ok(())
}

/// There is one database.
pub(crate) fn select(call: &mut Call<'_>) -> Done {
    if call.integer(1)? != 0 {
        return Err(Fault::Says("ERR DB index is out of range"));
    }
    call.reply.ok();
    Ok(())
}

pub(crate) fn quit(call: &mut Call<'_>) -> Done {
    call.client.leaves = true;
    call.reply.ok();
    Ok(())
}

/// A client asks for a version of the protocol: this server has the second.
pub(crate) fn hello(call: &mut Call<'_>) -> Done {
    if call.count() > 1 {
        let version = crate::parse::integer(call.argument(1));
        let no_number = "ERR Protocol version is not an integer or out of range";
        if version.ok_or(Fault::Says(no_number))? != 2 {
            return Err(Fault::Says("NOPROTO unsupported protocol version"));
        }
    }
    if call.count() > 2 {
        return Err(SYNTAX);
    }
    let number = call.client.number as i64;
    let reply = &mut *call.reply;
    reply.array(14);
    for (name, value) in [("server", "unspin-resp"), ("version", VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    for (name, value) in [("proto", 2), ("id", number)] {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    }
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
    Ok(())
}

pub(crate) fn client(call: &mut Call<'_>) -> Done {
    if call.says(1, "ID") && call.count() == 2 {
        call.reply.integer(call.client.number as i64);
    } else if call.says(1, "SETNAME") && call.count() == 3 {
        call.client.name = call.argument(2).into();
        call.reply.ok();
    } else if call.says(1, "GETNAME") && call.count() == 2 {
        let name = &call.client.name;
        call.reply.bulk_or_nil(Some(&**name).filter(|name| !name.is_empty()));
    } else {
        return Err(UNKNOWN);
    }
    Ok(())
}

/// Its clients ask for it before they begin, and do without.
pub(crate) fn command(call: &mut Call<'_>) -> Done {
    call.reply.array(0);
    Ok(())
}

/// Nothing is saved, whoever asks.
pub(crate) fn config(call: &mut Call<'_>) -> Done {
    const SETTINGS: [(&str, &str); 4] =
        [("save", ""), ("appendonly", "no"), ("maxmemory", "0"), ("databases", "1")];
    if !call.says(1, "GET") || call.count() < 3 {
        return Err(UNKNOWN);
    }
    let asked = |name: &str| (2..call.count()).any(|at| call.says(at, name) || call.says(at, "*"));
    let found: Vec<_> = SETTINGS.iter().filter(|(name, _)| asked(name)).collect();
    call.reply.array(2 * found.len());
    for (name, value) in found {
        call.reply.bulk(name.as_bytes());
        call.reply.bulk(value.as_bytes());
    }
    Ok(())
}

const UNKNOWN: Fault = Fault::Says("ERR unknown subcommand or wrong number of arguments");

pub(crate) fn info(call: &mut Call<'_>) -> Done {
    let loop_ = unspin::metrics();
    let mut text = String::new();
    let _ = write!(
        text,
        "# Server\r\nredis_version:{VERSION}\r\nredis_mode:standalone\r\nprocess_id:{}\r\n\
         uptime_in_seconds:{}\r\n\r\n# Clients\r\nconnected_clients:{}\r\n\r\n\
         # Stats\r\ntotal_commands_processed:{}\r\nloop_turns:{}\r\n\r\n# Keyspace\r\n",
        std::process::id(),
        unspin::now().as_secs(),
        call.clients,
        call.served,
        loop_.turns,
    );
    if call.store.len() > 0 {
        let (keys, expires) = (call.store.len(), call.store.expiring());
        let _ = write!(text, "db0:keys={keys},expires={expires},avg_ttl=0\r\n");
    }
    call.reply.bulk(text.as_bytes());
    Ok(())
}
