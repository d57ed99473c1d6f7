//! The head of a request: what it asks for, and where it ends.
//!
//! Without I/O. What could be understood in two ways is refused, so that a proxy in front and this
//! server never disagree where a request ends. A line of a head may end in a line feed alone, as
//! RFC 9112 allows it: whoever types into `nc` sends no more.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Request, Status};

use crate::response::Refusal;

/// Bytes of a head. More of them are refused before they are all there.
pub(crate) const LONGEST_HEAD: usize = 16 * 1024;

/// Bytes of a target.
const LONGEST_TARGET: usize = 8 * 1024;

const MOST_HEADERS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    /// It has a meaning that this server does not serve.
    Other,
}

/// How long the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Known(u64),
    Chunked,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) method: Method,
    /// Of the target, and still percent-encoded.
    pub(crate) path: &'a str,
    pub(crate) keeps_alive: bool,
    pub(crate) body: Length,
    /// The client waits for a word before it sends the body.
    pub(crate) awaits_continue: bool,
    pub(crate) range: Option<&'a [u8]>,
    pub(crate) if_range: Option<&'a [u8]>,
    pub(crate) if_none_match: Option<&'a [u8]>,
    pub(crate) if_modified_since: Option<&'a [u8]>,
    /// Bytes of the input that it takes.
    pub(crate) length: usize,
}

/// Reads the head at the beginning of `input`; `None` if it is not there as a whole.
pub(crate) fn parse(input: &[u8]) -> Result<Option<Head<'_>>, Refusal> {
    let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut request = Request::new(&mut []);
    match request.parse_with_uninit_headers(input, &mut headers) {
        Ok(Status::Complete(length)) if length <= LONGEST_HEAD => {
            understand(&request, length).map(Some)
        }
        Ok(Status::Partial) if input.len() < LONGEST_HEAD => Ok(None),
        Ok(_) => Err(too_long(input)),
        Err(Error::TooManyHeaders) => Err(Refusal::HeadTooLong),
        Err(Error::Version) => Err(Refusal::Version),
        Err(_) => Err(Refusal::BadRequest),
    }
}

fn too_long(input: &[u8]) -> Refusal {
    match input.iter().position(|&byte| byte == b'\n') {
        Some(end) if end < LONGEST_TARGET => Refusal::HeadTooLong,
        _ => Refusal::TargetTooLong,
    }
}

fn understand<'a>(request: &Request<'_, 'a>, length: usize) -> Result<Head<'a>, Refusal> {
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(Refusal::BadRequest);
    };
    if target.len() > LONGEST_TARGET {
        return Err(Refusal::TargetTooLong);
    }
    let mut head = Head {
        method: method_of(method)?,
        path: path_of(target),
        keeps_alive: minor == 1,
        body: Length::Known(0),
        awaits_continue: false,
        range: None,
        if_range: None,
        if_none_match: None,
        if_modified_since: None,
        length,
    };
    let mut seen = Seen::default();
    for header in request.headers.iter() {
        take_header(&mut head, &mut seen, header)?;
    }
    // RFC 9112: a request with two lengths, or a coded one of HTTP/1.0, may be an attack.
    let two_lengths = seen.content_length && seen.transfer_encoding;
    let old_and_coded = minor == 0 && seen.transfer_encoding;
    let no_host = minor == 1 && !seen.host;
    if two_lengths || old_and_coded || no_host {
        return Err(Refusal::BadRequest);
    }
    head.keeps_alive = !seen.close && (minor == 1 || seen.keep_alive);
    head.awaits_continue &= minor == 1 && head.body != Length::Known(0);
    Ok(head)
}

/// A target may be a whole URI, as for a proxy.
fn path_of(target: &str) -> &str {
    let path = if target.starts_with('/') { target } else { behind_host(target) };
    path.find(['?', '#']).map_or(path, |end| &path[..end])
}

/// RFC 9112: `http://host` and `http://host?query` mean its root.
fn behind_host(target: &str) -> &str {
    match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest
            .find('/')
            .filter(|slash| !rest[..*slash].contains('?'))
            .map_or("/", |at| &rest[at..]),
        _ => target,
    }
}

fn method_of(name: &str) -> Result<Method, Refusal> {
    match name {
        "GET" => Ok(Method::Get),
        "HEAD" => Ok(Method::Head),
        "POST" => Ok(Method::Post),
        "PUT" | "DELETE" | "OPTIONS" | "TRACE" | "PATCH" | "CONNECT" => Ok(Method::Other),
        _ => Err(Refusal::Method),
    }
}

#[derive(Default)]
struct Seen {
    host: bool,
    content_length: bool,
    transfer_encoding: bool,
    close: bool,
    keep_alive: bool,
}

fn take_header<'a>(
    head: &mut Head<'a>,
    seen: &mut Seen,
    header: &Header<'a>,
) -> Result<(), Refusal> {
    let value = header.value;
    let is = |name: &str| header.name.eq_ignore_ascii_case(name);
    // By the length first: most headers of a browser are none of these.
    match header.name.len() {
        4 if is("host") => once(&mut seen.host)?,
        5 if is("range") => head.range = Some(value),
        6 if is("expect") => match value.eq_ignore_ascii_case(b"100-continue") {
            true => head.awaits_continue = true,
            false => return Err(Refusal::Expectation),
        },
        8 if is("if-range") => head.if_range = Some(value),
        10 if is("connection") => {
            seen.close |= lists(value, b"close");
            seen.keep_alive |= lists(value, b"keep-alive");
        }
        13 if is("if-none-match") => head.if_none_match = Some(value),
        14 if is("content-length") => {
            once(&mut seen.content_length)?;
            head.body = Length::Known(decimal(value).ok_or(Refusal::BadRequest)?);
        }
        17 if is("if-modified-since") => head.if_modified_since = Some(value),
        17 if is("transfer-encoding") => {
            once(&mut seen.transfer_encoding)?;
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::Coding);
            }
            head.body = Length::Chunked;
        }
        _ => {}
    }
    Ok(())
}

fn once(seen: &mut bool) -> Result<(), Refusal> {
    if std::mem::replace(seen, true) { Err(Refusal::BadRequest) } else { Ok(()) }
}

fn lists(value: &[u8], word: &[u8]) -> bool {
    value.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}

/// Digits and nothing else: no sign, no list.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The bytes that a `Range` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Whole,
    Part { start: u64, end: u64 },
    Unsatisfiable,
}

/// What a range means for so many bytes. Several ranges, and other units, are left aside, as they
/// may be.
pub(crate) fn span(range: &[u8], length: u64) -> Span {
    part(range, length).unwrap_or(Span::Whole)
}

fn part(range: &[u8], length: u64) -> Option<Span> {
    let range = range.strip_prefix(b"bytes=")?.trim_ascii();
    let dash = range.iter().position(|&byte| byte == b'-')?;
    let (first, last) = (&range[..dash], &range[dash + 1..]);
    let (start, end) = match (first, last) {
        (b"", last) => (length.saturating_sub(decimal(last)?), length),
        (first, b"") => (decimal(first)?, length),
        (first, last) => {
            let (first, last) = (decimal(first)?, decimal(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(length))
        }
    };
    Some(if start < end { Span::Part { start, end } } else { Span::Unsatisfiable })
}
