//! The example `http`: heads that mean the same when more comes behind them, bodies that are the same
//! however they are cut.
//!
//! The files of the example name each other from the root of the program, so they are declared there.

use crate::body::{Body, LARGEST};
use crate::request::{self, Length, Span};
use crate::response::Refusal;

pub(crate) fn run(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else {
        return;
    };
    if let Ok(Some(head)) = request::parse(bytes) {
        assert!(head.length <= request::LONGEST_HEAD.min(bytes.len()));
        let alone = request::parse(&bytes[..head.length]);
        assert_eq!(alone.ok().flatten().map(|head| head.length), Some(head.length));
        assert!(matches!(request::parse(&bytes[..head.length - 1]), Ok(None)));
        if let Some(Span::Part { start, end }) = head.range.map(|range| request::span(range, 1000))
        {
            assert!(start < end && end <= 1000);
        }
        let whole = body(head.body, &bytes[head.length..], usize::MAX);
        assert_eq!(body(head.body, &bytes[head.length..], usize::from(size) + 1), whole);
    }
    let whole = body(Length::Chunked, bytes, usize::MAX);
    assert_eq!(body(Length::Chunked, bytes, usize::from(size) + 1), whole);
}

/// What came of it, and whether that is all; or that it was refused.
fn body(length: Length, bytes: &[u8], size: usize) -> Option<(Vec<u8>, bool, usize)> {
    taken(length, bytes, size).ok()
}

fn taken(length: Length, bytes: &[u8], size: usize) -> Result<(Vec<u8>, bool, usize), Refusal> {
    let (mut body, mut used) = (Body::new(length, true)?, 0);
    for piece in bytes.chunks(size) {
        let taken = body.take(piece)?;
        used += taken;
        if taken < piece.len() {
            assert!(body.is_complete());
            break;
        }
    }
    assert!(body.bytes.len() as u64 <= LARGEST);
    let complete = body.is_complete();
    Ok((body.bytes, complete, used))
}
