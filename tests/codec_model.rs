//! However the bytes are cut into chunks, the lines and frames are the same; and they are those of
//! the plainest way to find them.

#[path = "fuzz/lines.rs"]
mod lines;

use lines::Found;
use proptest::collection::vec;
use proptest::prelude::*;
use unspin::codec::{FrameDecoder, Framing};

/// Cuts bytes into chunks of these sizes, again and again.
fn chunks<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let mut sizes = sizes.iter().cycle();
    while !bytes.is_empty() {
        let size = sizes.next().map_or(bytes.len(), |&size| size.min(bytes.len()));
        let (chunk, rest) = bytes.split_at(size.max(1));
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

fn frames(framing: &Framing, bytes: &[u8], sizes: &[usize], most: usize) -> Found {
    let (mut decoder, mut found) = (FrameDecoder::new(framing.clone()), Vec::new());
    for mut chunk in chunks(bytes, sizes) {
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(frame)) => found.push(frame.to_vec()),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
        assert!(decoder.buffered() <= most);
    }
    let failed = decoder.finish().is_err();
    (found, failed)
}

fn plain_delimited(bytes: &[u8], delimiter: &[u8], limit: usize) -> Found {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(delimiter.len()).position(|window| window == delimiter) {
        if at > limit {
            return (found, true);
        }
        found.push(rest[..at].to_vec());
        rest = &rest[at + delimiter.len()..];
    }
    (found, !rest.is_empty())
}

/// Few different bytes, so that ends and delimiters are among them.
fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(b'b'), any::<u8>()], 0..200)
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(1_usize..20, 1..6)
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::u8()),
        Just(Framing::u16()),
        Just(Framing::u16().little_endian()),
        Just(Framing::u32()),
        Just(Framing::u32().little_endian().counting_itself()),
        Just(Framing::u64()),
        Just(Framing::varint()),
    ]
}

proptest! {
    #[test]
    fn lines_do_not_depend_on_the_chunks(bytes in text(), sizes in sizes(), limit in 0_usize..20) {
        let plain = lines::plain(&bytes, limit);
        prop_assert_eq!(&lines::lines(chunks(&bytes, &sizes), limit), &plain);
        prop_assert_eq!(&lines::lines(chunks(&bytes, &[]), limit), &plain);
    }

    #[test]
    fn delimited_frames_do_not_depend_on_the_chunks(
        bytes in vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b'c')], 0..200),
        delimiter in vec(prop_oneof![Just(b'a'), Just(b'b')], 1..6),
        sizes in sizes(),
        limit in 0_usize..40,
    ) {
        let framing = Framing::delimited(&delimiter).limit(limit);
        let plain = plain_delimited(&bytes, &delimiter, limit);
        prop_assert_eq!(frames(&framing, &bytes, &sizes, limit + delimiter.len()), plain);
    }

    #[test]
    fn what_is_written_is_read_again(
        framing in framing(),
        written in vec(vec(any::<u8>(), 0..200), 0..8),
        sizes in sizes(),
    ) {
        let mut bytes = Vec::new();
        for frame in &written {
            framing.encode(frame, &mut bytes).expect("they are short");
        }
        prop_assert_eq!(frames(&framing, &bytes, &sizes, 300), (written, false));
    }

    #[test]
    fn what_may_be_written_between_delimiters_is_read_again(
        written in vec(vec(prop_oneof![Just(b'a'), Just(b'b')], 0..6), 0..8),
        delimiter in vec(prop_oneof![Just(b'a'), Just(b'b')], 1..4),
        sizes in sizes(),
    ) {
        let framing = Framing::delimited(&delimiter);
        let mut bytes = Vec::new();
        let accepted: Vec<_> =
            written.into_iter().filter(|frame| framing.encode(frame, &mut bytes).is_ok()).collect();
        prop_assert_eq!(frames(&framing, &bytes, &sizes, 100), (accepted, false));
    }

    #[test]
    fn no_bytes_are_too_bad(framing in framing(), bytes in vec(any::<u8>(), 0..200), sizes in sizes()) {
        let framing = framing.limit(50);
        let whole = frames(&framing, &bytes, &[], 70);
        prop_assert_eq!(frames(&framing, &bytes, &sizes, 70), whole);
    }
}
