//! Heads of responses, and the responses that refuse.

use std::io::Write;

/// Why a request is refused. Its connection is closed with it: where the next request begins is
/// not certain any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    BadRequest,
    Timeout,
    BodyTooLarge,
    TargetTooLong,
    Expectation,
    HeadTooLong,
    Method,
    Coding,
    Version,
}

impl Refusal {
    pub(crate) fn status(self) -> &'static str {
        match self {
            Refusal::BadRequest => "400 Bad Request",
            Refusal::Timeout => "408 Request Timeout",
            Refusal::BodyTooLarge => "413 Content Too Large",
            Refusal::TargetTooLong => "414 URI Too Long",
            Refusal::Expectation => "417 Expectation Failed",
            Refusal::HeadTooLong => "431 Request Header Fields Too Large",
            Refusal::Method | Refusal::Coding => "501 Not Implemented",
            Refusal::Version => "505 HTTP Version Not Supported",
        }
    }
}

/// How a connection goes on after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    KeepAlive,
    Close,
}

/// Writes a head up to the headers that differ. Behind them comes [`end`].
pub(crate) fn begin(out: &mut Vec<u8>, status: &str, date: &str, then: Then) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_bytes());
    out.extend_from_slice(b"\r\nDate: ");
    out.extend_from_slice(date.as_bytes());
    if then == Then::Close {
        out.extend_from_slice(b"\r\nConnection: close");
    }
}

pub(crate) fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in ["\r\n", name, ": ", value] {
        out.extend_from_slice(part.as_bytes());
    }
}

pub(crate) fn length(out: &mut Vec<u8>, length: u64) {
    // Writing to a vector does not fail.
    let _ = write!(out, "\r\nContent-Length: {length}");
}

pub(crate) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n\r\n");
}

/// A whole response whose body says the status, and says it to `HEAD` without a body.
pub(crate) fn plain(out: &mut Vec<u8>, status: &str, date: &str, then: Then, with_body: bool) {
    begin(out, status, date, then);
    header(out, "Content-Type", "text/plain");
    if status.starts_with("405") {
        header(out, "Allow", "GET, HEAD");
    }
    length(out, status.len() as u64 + 1);
    end(out);
    if with_body {
        out.extend_from_slice(status.as_bytes());
        out.push(b'\n');
    }
}
