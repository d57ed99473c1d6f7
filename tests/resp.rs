//! The example `resp`, as clients find it that nobody here wrote, and as those do that mean ill.

mod example;

use std::io::Write;

use example::{Client, Server};
use unspin::signal::Signal;

fn start() -> Server {
    Server::start("resp", &[])
}

/// One reply, as it is on the wire.
fn reply(client: &mut Client) -> Vec<u8> {
    let line = client.line() + "\n";
    let mut reply = line.clone().into_bytes();
    let count = || line[1..].trim().parse::<i64>().expect("a length");
    match line.as_bytes()[0] {
        b'$' if count() >= 0 => reply.extend(client.bytes(count() as usize + 2)),
        b'*' => (0..count()).for_each(|_| reply.extend(self::reply(client))),
        _ => {}
    }
    reply
}

#[track_caller]
fn says(client: &mut Client, command: &str, expected: &str) {
    client.send(format!("{command}\r\n"));
    assert_eq!(reply(client).escape_ascii().to_string(), expected, "{command}");
}

fn sorted(reply: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(reply);
    let mut lines: Vec<&str> = text.split("\r\n").collect();
    lines.sort_unstable();
    lines.join("\r\n").into_bytes()
}

#[test]
fn hundreds_of_commands_are_answered_as_by_redis() {
    let server = start();
    let mut client = server.connect();
    let recorded = include_str!("resp/replies.txt");
    let lines: Vec<&str> = recorded.lines().collect();
    assert!(lines.len() > 600);
    for pair in lines.chunks(2) {
        let (command, expected) = (pair[0], pair[1].trim_start());
        let in_no_order = command.strip_prefix('~');
        client.send(format!("{}\r\n", in_no_order.unwrap_or(command)));
        let mut came = reply(&mut client);
        if in_no_order.is_some() {
            came = sorted(&came);
        }
        assert_eq!(came.escape_ascii().to_string(), expected, "{command}");
    }
}

#[test]
fn commands_sent_ahead_are_answered_in_order_also_after_the_client_has_ended() {
    let server = start();
    let mut client = server.connect();
    let writer = client.writer();
    let replies = std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.send("SET n 0\r\n");
            writer.send("*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".repeat(50_000));
            writer.send("GET n\r\nGET n");
            writer.end();
        });
        client.rest()
    });
    let text = String::from_utf8(replies).expect("numbers");
    let numbers: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(numbers.len(), 50_003);
    assert_eq!(numbers[1..=50_000], (1..=50_000).map(|n| format!(":{n}")).collect::<Vec<_>>());
    assert_eq!(numbers[50_001..], ["$5", "50000"]);
}

#[test]
fn keys_go_at_their_time() {
    let server = start();
    let mut client = server.connect();
    says(&mut client, "SET k v PX 1", "+OK\\r\\n");
    says(&mut client, "SET stays v EX 1000", "+OK\\r\\n");
    // Dropped by the timer, since nobody asks for it.
    let is_gone = |_| {
        client.send("DBSIZE\r\n");
        reply(&mut client) == b":1\r\n"
    };
    assert!((0..100_000).any(is_gone));
    says(&mut client, "GET k", "$-1\\r\\n");
    says(&mut client, "EXISTS stays", ":1\\r\\n");
}

#[test]
fn what_is_published_goes_to_all_subscribers() {
    let server = start();
    let (mut one, mut two, mut other) = (server.connect(), server.connect(), server.connect());
    says(&mut one, "SUBSCRIBE news", "*3\\r\\n$9\\r\\nsubscribe\\r\\n$4\\r\\nnews\\r\\n:1\\r\\n");
    says(&mut two, "SUBSCRIBE news", "*3\\r\\n$9\\r\\nsubscribe\\r\\n$4\\r\\nnews\\r\\n:1\\r\\n");
    says(&mut other, "PUBLISH news hello", ":2\\r\\n");
    let push = b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n";
    assert_eq!(reply(&mut one), push);
    assert_eq!(reply(&mut two), push);
    let refused = "-ERR Can\\'t execute \\'get\\': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / \
                   QUIT / RESET are allowed in this context\\r\\n";
    says(&mut one, "GET k", refused);
    says(&mut one, "PING", "*2\\r\\n$4\\r\\npong\\r\\n$0\\r\\n\\r\\n");
    says(&mut one, "UNSUBSCRIBE", "*3\\r\\n$11\\r\\nunsubscribe\\r\\n$4\\r\\nnews\\r\\n:0\\r\\n");
    says(&mut one, "GET k", "$-1\\r\\n");
    two.end();
    assert_eq!(two.rest(), b"");
    let nobody = |_| {
        other.send("PUBLISH news hello\r\n");
        reply(&mut other) == b":0\r\n"
    };
    assert!((0..100_000).any(nobody));
}

#[test]
fn a_subscriber_that_does_not_read_is_cut_off() {
    let server = start();
    let (mut slow, mut other) = (server.connect(), server.connect());
    says(&mut slow, "SUBSCRIBE c", "*3\\r\\n$9\\r\\nsubscribe\\r\\n$1\\r\\nc\\r\\n:1\\r\\n");
    let publish = format!("PUBLISH c {}\r\n", "x".repeat(60_000));
    let is_cut_off = |_| {
        other.send(&publish);
        reply(&mut other) == b":0\r\n"
    };
    assert!((0..2_000).any(is_cut_off), "it may have over 100 megabytes");
    drop(slow);
}

/// What comes after these bytes: an error, and the end. Others are served meanwhile.
#[track_caller]
fn is_refused(server: &Server, bytes: &[u8], error: &str) {
    let mut other = server.connect();
    let mut client = server.connect();
    client.send(bytes);
    let rest = client.rest();
    assert_eq!(String::from_utf8_lossy(&rest), format!("-ERR Protocol error: {error}\r\n"));
    says(&mut other, "PING", "+PONG\\r\\n");
}

#[test]
fn what_is_no_protocol_is_refused_and_harms_no_other() {
    let server = start();
    is_refused(&server, b"*2147483648\r\n", "invalid multibulk length");
    is_refused(&server, b"*1\r\n$1073741824\r\n", "invalid bulk length");
    is_refused(&server, b"*2\r\n$3\r\nGET\r\n:1\r\n", "expected '$', got ':'");
    is_refused(&server, b"\"open\r\nPING\r\n", "unbalanced quotes in request");
    is_refused(&server, &[b'x'; 70_000], "too big inline request");
    is_refused(&server, &[0; 200_000], "too big inline request");
    is_refused(&server, &[&b"*"[..], &[b'1'; 70_000]].concat(), "too big mbulk count string");
    is_refused(&server, b"*1\r\n$\xff\xfe\r\n", "invalid bulk length");
}

#[test]
fn lengths_that_are_only_announced_take_no_memory() {
    let server = start();
    let mut other = server.connect();
    says(&mut other, "PING", "+PONG\\r\\n");
    let before = server.peak_memory();
    let waiting: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    for client in &waiting {
        client.send("*1048576\r\n$536870912\r\nx");
    }
    says(&mut other, "PING", "+PONG\\r\\n");
    let grown = server.peak_memory() - before;
    assert!(grown < 16 * 1024, "{grown} KiB");
}

#[test]
fn a_client_that_does_not_read_its_replies_takes_little_memory() {
    let server = start();
    let mut other = server.connect();
    let value = "x".repeat(60_000);
    says(&mut other, &format!("SET big {value}"), "+OK\\r\\n");
    let before = server.peak_memory();
    let greedy = server.connect();
    let writer = greedy.writer();
    writer.0.get_ref().set_nonblocking(true).expect("it can be");
    // Ten thousand replies would be 600 megabytes.
    let _ = writer.0.get_ref().write_all("GET big\r\n".repeat(10_000).as_bytes());
    says(&mut other, "STRLEN big", ":60000\\r\\n");
    let grown = server.peak_memory() - before;
    assert!(grown < 32 * 1024, "{grown} KiB");
}

#[test]
fn the_same_large_text_many_times_over_is_no_reply() {
    let server = start();
    let mut client = server.connect();
    says(&mut client, &format!("SET big {}", "x".repeat(60_000)), "+OK\\r\\n");
    // Sixty gigabytes. Half of one is needed to see that it is too much.
    client.send(format!("*1000001\r\n$4\r\nMGET\r\n{}", "$3\r\nbig\r\n".repeat(1_000_000)));
    assert_eq!(reply(&mut client), b"-ERR the reply would be too large\r\n");
    assert!(server.peak_memory() < 2 << 20);
    says(&mut client, "STRLEN big", ":60000\\r\\n");
}

#[test]
fn a_message_larger_than_what_may_wait_is_not_kept_for_anyone() {
    let server = start();
    let mut other = server.connect();
    let mut slow: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut slow {
        says(client, "SUBSCRIBE c", "*3\\r\\n$9\\r\\nsubscribe\\r\\n$1\\r\\nc\\r\\n:1\\r\\n");
    }
    let length = 40 << 20;
    other.send(format!("*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n${length}\r\n"));
    other.send("x".repeat(length) + "\r\n");
    assert_eq!(reply(&mut other), b":20\r\n");
    assert_eq!(slow[0].rest(), b"");
    let peak = server.peak_memory();
    assert!(peak < 500 << 10, "{peak} KiB");
}

#[test]
fn a_subscriber_is_told_first_what_is_wrong_with_its_command() {
    let server = start();
    let mut client = server.connect();
    says(&mut client, "SUBSCRIBE c", "*3\\r\\n$9\\r\\nsubscribe\\r\\n$1\\r\\nc\\r\\n:1\\r\\n");
    says(&mut client, "GET", "-ERR wrong number of arguments for \\'get\\' command\\r\\n");
}

#[test]
fn it_ends_at_a_signal_in_good_order() {
    let server = start();
    let mut client = server.connect();
    says(&mut client, "SET k v EX 1000", "+OK\\r\\n");
    server.signal(Signal::TERMINATE);
    assert_eq!(client.rest(), b"");
    server.has_ended();
}
