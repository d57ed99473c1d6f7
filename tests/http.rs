//! The example `http`, spoken to byte by byte: what is asked well, and what is asked ill.

mod example;

use std::fs::{self, File};

use example::{Client, Server};
use tempfile::TempDir;
use unspin::signal::Signal;

/// A served folder, with a secret beside it.
fn start() -> (TempDir, Server) {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let served = directory.path().join("served");
    fs::create_dir_all(served.join("sub")).expect("a folder");
    fs::write(served.join("sub/a b.html"), "<p>hello</p>").expect("a file");
    fs::write(served.join("empty"), "").expect("a file");
    fs::write(directory.path().join("secret"), "secret").expect("a file");
    std::os::unix::fs::symlink("../secret", served.join("link")).expect("a link");
    let server = Server::start("http", &[served.to_str().expect("its name is text")]);
    (directory, server)
}

struct Response {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.starts_with(&format!("{name}: ")))?;
        Some(&line[name.len() + 2..])
    }
}

/// The next response, to `HEAD` without a body.
#[track_caller]
fn response_to(client: &mut Client, method: &str) -> Response {
    let mut head = String::new();
    loop {
        let line = client.line();
        if line == "\r" {
            break;
        }
        head += &line.replace('\r', "\n");
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut response = Response { status: status.expect("a status"), head, body: Vec::new() };
    let length = response.header("Content-Length").map_or(0, |length| length.parse().expect("one"));
    if method != "HEAD" {
        response.body = client.bytes(length);
    }
    response
}

#[track_caller]
fn ask(client: &mut Client, method: &str, target: &str, headers: &str) -> Response {
    client.send(format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
    response_to(client, method)
}

#[test]
fn one_connection_gets_text_files_and_errors() {
    let (_directory, server) = start();
    let mut client = server.connect();
    let hello = ask(&mut client, "GET", "/", "");
    assert_eq!((hello.status, &hello.body[..]), (200, &b"hello, world\n"[..]));
    assert!(hello.header("Date").is_some_and(|date| date.ends_with(" GMT") && date.len() == 29));
    assert_eq!(ask(&mut client, "HEAD", "/", "").header("Content-Length"), Some("13"));
    let file = ask(&mut client, "GET", "/sub/a%20b.html?query", "");
    assert_eq!((file.status, &file.body[..]), (200, &b"<p>hello</p>"[..]));
    assert_eq!(file.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(ask(&mut client, "HEAD", "/sub/a%20b.html", "").status, 200);
    assert_eq!(ask(&mut client, "GET", "/empty", "").body, b"");
    assert_eq!(ask(&mut client, "GET", "/none", "").status, 404);
    assert_eq!(ask(&mut client, "POST", "/", "").status, 405);
    assert_eq!(ask(&mut client, "DELETE", "/empty", "").status, 405);
    assert_eq!(ask(&mut client, "GET", "/", "").status, 200);
}

#[test]
fn nothing_outside_of_the_folder_is_served() {
    let (_directory, server) = start();
    let mut client = server.connect();
    let targets = ["/../secret", "/%2e%2e/secret", "/sub/..%2f../secret", "/link", "/sub", "/sub/"];
    for target in targets.into_iter().chain(["//etc/passwd", "/%00", "/%zz", "/%", "*", "secret"]) {
        assert_eq!(ask(&mut client, "GET", target, "").status, 404, "{target}");
    }
}

#[test]
fn a_target_may_be_a_whole_uri_or_have_a_query() {
    let (_directory, server) = start();
    let mut client = server.connect();
    for target in ["/?a=b", "http://x", "http://x/", "http://x?a=b", "http://x:80/?a=/c"] {
        assert_eq!(ask(&mut client, "GET", target, "").body, b"hello, world\n", "{target}");
    }
    let file = ask(&mut client, "GET", "http://x/sub/a%20b.html?q", "");
    assert_eq!((file.status, &file.body[..]), (200, &b"<p>hello</p>"[..]));
    for target in ["http://x/../secret", "http:///etc/passwd", "/sub://empty", "://x/empty"] {
        assert_eq!(ask(&mut client, "GET", target, "").status, 404, "{target}");
    }
}

#[test]
fn pipes_devices_and_what_may_not_be_read_hold_nobody_up() {
    let (directory, server) = start();
    let served = directory.path().join("served");
    let made = std::process::Command::new("mkfifo").arg(served.join("pipe")).status();
    assert!(made.expect("it can be run").success());
    std::os::unix::fs::symlink("/dev/zero", served.join("zero")).expect("a link");
    std::os::unix::fs::symlink("loop", served.join("loop")).expect("a link");
    let mut client = server.connect();
    let long = format!("/{}", "x".repeat(4000));
    for target in ["/pipe", "/zero", "/loop", "/empty/below", &long] {
        assert_eq!(ask(&mut client, "GET", target, "").status, 404, "{target}");
    }
    assert_eq!(ask(&mut client, "GET", "/empty", "").status, 200);
}

#[test]
fn a_file_that_is_cut_off_while_it_is_sent_cuts_the_connection() {
    let (directory, server) = start();
    let shrinks = File::create(directory.path().join("served/shrinks")).expect("a file");
    shrinks.set_len(1 << 30).expect("a file with a hole");
    let mut client = server.connect();
    client.send("GET /shrinks HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    while client.line() != "\r" {}
    shrinks.set_len(1 << 10).expect("a shorter file");
    let rest = client.rest();
    assert!(rest.len() < 1 << 30 && rest.iter().all(|&byte| byte == 0), "{} bytes", rest.len());
}

#[test]
fn parts_of_a_file_and_files_that_are_known() {
    let (_directory, server) = start();
    let mut client = server.connect();
    let mut part = |headers: &str| {
        let response = ask(&mut client, "GET", "/sub/a%20b.html", headers);
        let range = response.header("Content-Range").unwrap_or_default().to_owned();
        (response.status, range, String::from_utf8(response.body).expect("text"))
    };
    let is = |status, range: &str, body: &str| (status, range.to_owned(), body.to_owned());
    assert_eq!(part("Range: bytes=3-7\r\n"), is(206, "bytes 3-7/12", "hello"));
    assert_eq!(part("Range: bytes=8-\r\n"), is(206, "bytes 8-11/12", "</p>"));
    assert_eq!(part("Range: bytes=-4\r\n"), is(206, "bytes 8-11/12", "</p>"));
    assert_eq!(part("Range: bytes=-99\r\n"), is(206, "bytes 0-11/12", "<p>hello</p>"));
    assert_eq!(part("Range: bytes=10-99\r\n"), is(206, "bytes 10-11/12", "p>"));
    assert_eq!(part("Range: bytes=12-\r\n"), is(416, "bytes */12", ""));
    for ignored in ["bytes=5-3", "bytes=", "lines=1-2", "bytes=1-2,4-5", "bytes=a-b"] {
        assert_eq!(part(&format!("Range: {ignored}\r\n")), is(200, "", "<p>hello</p>"));
    }
    let file = ask(&mut client, "GET", "/sub/a%20b.html", "");
    let (tag, date) = (file.header("ETag").unwrap(), file.header("Last-Modified").unwrap());
    for known in [format!("If-None-Match: {tag}"), format!("If-Modified-Since: {date}")] {
        let response = ask(&mut client, "GET", "/sub/a%20b.html", &(known + "\r\n"));
        assert_eq!((response.status, response.body.len()), (304, 0));
    }
    let changed = "If-None-Match: \"other\"\r\n";
    assert_eq!(ask(&mut client, "GET", "/sub/a%20b.html", changed).status, 200);
    let other = "Range: bytes=0-0\r\nIf-Range: \"other\"\r\n";
    assert_eq!(ask(&mut client, "GET", "/sub/a%20b.html", other).status, 200);
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let (_directory, server) = start();
    let mut client = server.connect();
    let three = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /sub/a%20b.html HTTP/1.1\r\nHost: x\r\n\r\n\
                 POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    let sent = three.repeat(2000);
    let writer = client.writer();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.send(&sent);
            writer.end();
        });
        for _ in 0..2000 {
            assert_eq!(response_to(&mut client, "GET").body, b"hello, world\n");
            assert_eq!(response_to(&mut client, "GET").body, b"<p>hello</p>");
            assert_eq!(response_to(&mut client, "POST").body, b"abc");
        }
    });
    assert_eq!(client.rest(), b"");
}

#[test]
fn bodies_come_by_length_or_in_chunks_whole_or_byte_by_byte() {
    let (_directory, server) = start();
    let mut client = server.connect();
    let chunked = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n";
    for byte in chunked.bytes() {
        client.send([byte]);
    }
    assert_eq!(response_to(&mut client, "POST").body, b"abc0123456789");
    // One that nobody wants is skipped.
    let skipped = "Content-Length: 5\r\n";
    client.send(format!("GET / HTTP/1.1\r\nHost: x\r\n{skipped}\r\nGET /"));
    assert_eq!(response_to(&mut client, "GET").body, b"hello, world\n");
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(response_to(&mut client, "GET").body, b"hello, world\n");
}

#[test]
fn a_client_that_waits_is_told_to_continue() {
    let (_directory, server) = start();
    let mut client = server.connect();
    let head = |length| {
        format!(
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\n\r\n"
        )
    };
    client.send(head(3));
    assert_eq!(response_to(&mut client, "HEAD").status, 100);
    client.send("abc");
    assert_eq!(response_to(&mut client, "POST").body, b"abc");
    client.send(head(1 << 30));
    assert_eq!(response_to(&mut client, "POST").status, 413);
    assert_eq!(client.rest(), b"");
}

#[test]
fn old_clients_and_those_that_say_so_are_closed_behind_the_response() {
    let (_directory, server) = start();
    let requests = [
        "GET / HTTP/1.0\r\n\r\n",
        "GET /sub/a%20b.html HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ];
    for request in requests {
        let mut client = server.connect();
        client.send(request);
        let response = response_to(&mut client, "GET");
        assert_eq!((response.status, response.header("Connection")), (200, Some("close")));
        assert_eq!(client.rest(), b"");
    }
    let mut client = server.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".repeat(2));
    assert_eq!(response_to(&mut client, "GET").status, 200);
    assert_eq!(response_to(&mut client, "GET").status, 200);
}

/// Sends these bytes: they get this status and the end, and others are served meanwhile.
#[track_caller]
fn is_refused(server: &Server, bytes: &[u8], status: u16) {
    let (mut other, mut client) = (server.connect(), server.connect());
    client.send(bytes);
    let response = response_to(&mut client, "GET");
    assert_eq!(response.status, status, "{}", bytes[..bytes.len().min(80)].escape_ascii());
    assert_eq!(response.header("Connection"), Some("close"));
    assert_eq!(client.rest(), b"");
    assert_eq!(ask(&mut other, "GET", "/", "").status, 200);
}

#[test]
fn what_is_no_request_is_refused_and_harms_no_other() {
    let (_directory, server) = start();
    let host = "GET / HTTP/1.1\r\nHost: x\r\n";
    let refused: [(&str, u16); 25] = [
        ("\0\x01\x02\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\n\r\n", 505),
        ("FROB / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (&format!("{host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), 400),
        (&format!("{host}Content-Length: 3\r\nContent-Length: 3\r\n\r\n"), 400),
        (&format!("{host}Content-Length: +3\r\n\r\n"), 400),
        (&format!("{host}Content-Length: 3, 3\r\n\r\n"), 400),
        (&format!("{host}Content-Length: 99999999999999999999\r\n\r\n"), 400),
        (&format!("{host}Content-Length : 3\r\n\r\n"), 400),
        (&format!("{host}Transfer-Encoding: gzip, chunked\r\n\r\n"), 501),
        (&format!("{host}Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400),
        (&format!("{host}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n"), 400),
        (&format!("{host}Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n"), 413),
        (&format!("{host}Transfer-Encoding: chunked\r\n\r\n-1\r\n"), 400),
        (&format!("{host}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n"), 400),
        (&format!("{host}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n"), 400),
        (&format!("{host}Transfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n"), 400),
        (&format!("{host}Transfer-Encoding: chunked\r\n\r\n0\r\nGET / HTTP/1.1\r\n\r\n"), 400),
        (&format!("{host}Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n"), 400),
        (&format!("{host}A: b\r\n c\r\n\r\n"), 400),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (&format!("{host}Expect: tea\r\n\r\n"), 417),
    ];
    for (bytes, status) in refused {
        is_refused(&server, bytes.as_bytes(), status);
    }
    is_refused(&server, format!("GET /{}", "x".repeat(100_000)).as_bytes(), 414);
    is_refused(&server, format!("{host}X: {}", "x".repeat(100_000)).as_bytes(), 431);
    is_refused(&server, format!("{host}{}\r\n", "X: y\r\n".repeat(100)).as_bytes(), 431);
    is_refused(&server, format!("{host}Content-Length: 1073741824\r\n\r\n").as_bytes(), 413);
}

#[test]
fn large_files_are_served_in_constant_memory_and_a_client_may_leave() {
    let (directory, server) = start();
    let huge = File::create(directory.path().join("served/huge")).expect("a file");
    huge.set_len(1 << 30).expect("a file with a hole");
    let mut other = server.connect();
    assert_eq!(ask(&mut other, "GET", "/empty", "").status, 200);
    let before = server.peak_memory();
    let mut client = server.connect();
    client.send("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n");
    while client.line() != "\r" {}
    assert!(client.bytes(64 << 20).iter().all(|&byte| byte == 0));
    drop(client);
    assert_eq!(ask(&mut other, "GET", "/empty", "").status, 200);
    let grown = server.peak_memory() - before;
    assert!(grown < 32 * 1024, "{grown} KiB");
}

#[test]
fn heads_and_bodies_that_never_end_take_little_memory() {
    let (_directory, server) = start();
    let mut other = server.connect();
    assert_eq!(ask(&mut other, "GET", "/", "").status, 200);
    let before = server.peak_memory();
    let waiting: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    for (at, client) in waiting.iter().enumerate() {
        let body = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\nx";
        client.send(if at % 2 == 0 { "GET / HTTP/1.1\r\nHost: " } else { body });
    }
    assert_eq!(ask(&mut other, "GET", "/", "").status, 200);
    let grown = server.peak_memory() - before;
    assert!(grown < 16 * 1024, "{grown} KiB");
}

#[test]
fn a_file_that_is_being_sent_at_a_signal_is_sent_to_its_end() {
    let (directory, server) = start();
    fs::write(directory.path().join("served/large"), vec![7; 16 << 20]).expect("a file");
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    while client.line() != "\r" {}
    server.signal(Signal::TERMINATE);
    assert!(client.bytes(16 << 20).iter().all(|&byte| byte == 7));
    assert_eq!(client.rest(), b"");
    server.has_ended();
}
