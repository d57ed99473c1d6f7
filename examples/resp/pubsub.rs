//! Channels: what one client publishes goes to all that have subscribed.

use std::collections::{BTreeMap, HashMap};

use unspin::net::TcpStream;

use crate::commands::{Call, Done};
use crate::reply::Reply;
use crate::store::Bytes;

/// A subscriber for whom more bytes would wait is cut off: Redis' hard limit.
const MOST_WAITING: usize = 32 << 20;

/// The subscribers of each channel, by the number of the client.
#[derive(Default)]
pub(crate) struct Channels(HashMap<Bytes, BTreeMap<u64, TcpStream>>);

impl Channels {
    fn add(&mut self, channel: &[u8], client: u64, stream: &TcpStream) {
        self.0.entry(channel.into()).or_default().insert(client, stream.clone());
    }

    pub(crate) fn remove(&mut self, channel: &[u8], client: u64) {
        let Some(subscribers) = self.0.get_mut(channel) else { return };
        subscribers.remove(&client);
        if subscribers.is_empty() {
            self.0.remove(channel);
        }
    }

    fn publish(&self, channel: &[u8], message: &[u8]) -> usize {
        let Some(subscribers) = self.0.get(channel) else { return 0 };
        let mut push = Reply::default();
        push.array(3);
        [b"message", channel, message].iter().for_each(|part| push.bulk(part));
        for stream in subscribers.values() {
            if stream.writable_length() + push.bytes.len() > MOST_WAITING {
                stream.close();
            } else {
                stream.write(&push.bytes);
            }
        }
        subscribers.len()
    }
}

pub(crate) fn publish(call: &mut Call<'_>) -> Done {
    let count = call.channels.publish(call.argument(1), call.argument(2));
    call.reply.count(count);
    Ok(())
}

pub(crate) fn subscribe(call: &mut Call<'_>) -> Done {
    for channel in call.command.arguments_from(1) {
        if call.client.channels.insert(channel.into()) {
            call.channels.add(channel, call.client.number, call.stream);
        }
        confirm(call, b"subscribe", Some(channel));
    }
    Ok(())
}

/// Without a name, from all channels.
pub(crate) fn unsubscribe(call: &mut Call<'_>) -> Done {
    if call.count() > 1 {
        for channel in call.command.arguments_from(1) {
            leave(call, channel);
        }
        return Ok(());
    }
    if call.client.channels.is_empty() {
        confirm(call, b"unsubscribe", None);
    }
    let all: Vec<Bytes> = call.client.channels.iter().cloned().collect();
    for channel in all {
        leave(call, &channel);
    }
    Ok(())
}

fn leave(call: &mut Call<'_>, channel: &[u8]) {
    if call.client.channels.remove(channel) {
        call.channels.remove(channel, call.client.number);
    }
    confirm(call, b"unsubscribe", Some(channel));
}

fn confirm(call: &mut Call<'_>, what: &[u8], channel: Option<&[u8]>) {
    call.reply.array(3);
    call.reply.bulk(what);
    call.reply.bulk_or_nil(channel);
    call.reply.count(call.client.channels.len());
}
