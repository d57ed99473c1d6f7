//! Lines and frames, cut out of bytes and written: what is an item, and what is refused.

use std::io::ErrorKind;

use unspin::Error;
use unspin::codec::{FrameDecoder, Framing, LineDecoder};

/// What a decoder makes of chunks: its items as text, and the error that it ended with.
fn lines(mut decoder: LineDecoder, chunks: &[&[u8]]) -> (Vec<String>, Option<Error>) {
    let mut found = Vec::new();
    for mut chunk in chunks.iter().copied() {
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(line)) => found.push(text(line)),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
        assert!(chunk.is_empty(), "it takes all bytes");
    }
    match decoder.finish() {
        Ok(last) => found.extend(last.map(text)),
        Err(error) => return (found, Some(error)),
    }
    (found, None)
}

fn frames(framing: Framing, chunks: &[&[u8]]) -> (Vec<String>, Option<Error>) {
    let (mut decoder, mut found) = (FrameDecoder::new(framing), Vec::new());
    for mut chunk in chunks.iter().copied() {
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(frame)) => found.push(text(frame)),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, decoder.finish().err())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn expect((found, error): (Vec<String>, Option<Error>), items: &[&str], kind: Option<ErrorKind>) {
    assert_eq!(found, items);
    assert_eq!(error.as_ref().map(Error::kind), kind);
}

#[test]
fn a_line_ends_with_a_newline_with_or_without_a_return() {
    let decoder = LineDecoder::new;
    expect(lines(decoder(), &[b"a\nb\r\n\n\r\nc\rd\n"]), &["a", "b", "", "", "c\rd"], None);
    expect(lines(decoder(), &[b"a\r", b"\nb\r", b"c\n"]), &["a", "b\rc"], None);
    expect(lines(decoder(), &[b"a", b"", b"b", b"\n"]), &["ab"], None);
    expect(lines(decoder(), &[]), &[], None);
}

#[test]
fn the_last_line_needs_no_newline() {
    expect(lines(LineDecoder::new(), &[b"a\nb"]), &["a", "b"], None);
    expect(lines(LineDecoder::new(), &[b"a\r"]), &["a\r"], None);
    expect(lines(LineDecoder::new(), &[b"a\n"]), &["a"], None);
}

#[test]
fn a_line_of_the_limit_passes_and_one_of_a_byte_more_does_not() {
    let invalid = Some(ErrorKind::InvalidData);
    let decoder = || LineDecoder::with_limit(3);
    expect(lines(decoder(), &[b"abc\r\nabc\nabc"]), &["abc", "abc", "abc"], None);
    expect(lines(decoder(), &[b"abc", b"\r", b"\n"]), &["abc"], None);
    expect(lines(decoder(), &[b"a\nabcd\n"]), &["a"], invalid);
    expect(lines(decoder(), &[b"a\nabcd"]), &["a"], invalid);
    expect(lines(decoder(), &[b"abc", b"\r", b"d"]), &[], invalid);
    expect(lines(decoder(), &[b"abc\r"]), &[], invalid);
    let (_, error) = lines(decoder(), &[b"abcd"]);
    let message = error.expect("it is too long").to_string();
    assert_eq!(message, "a line is longer than the limit of 3 bytes");
}

#[test]
fn an_endless_line_is_refused_before_it_is_kept() {
    let mut decoder = LineDecoder::new();
    let flood = [b'x'; 1024];
    let mut most = 0;
    let refused = (0..1000).find_map(|_| {
        let error = decoder.decode(&mut &flood[..]).err();
        most = most.max(decoder.buffered());
        error
    });
    assert!(refused.is_some());
    assert!(most <= LineDecoder::DEFAULT_LIMIT);
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn after_an_error_there_are_no_items() {
    let mut decoder = LineDecoder::with_limit(3);
    let mut bytes = &b"too long\na\n"[..];
    assert!(decoder.decode(&mut bytes).is_err());
    assert!(bytes.is_empty());
    assert_eq!(decoder.decode(&mut &b"a\n"[..]).expect("it was told"), None);
    assert_eq!(decoder.finish().expect("it was told"), None);
}

#[test]
fn what_lies_within_a_chunk_is_lent_from_there() {
    let chunk = &b"one\ntwo\n"[..];
    let mut decoder = LineDecoder::new();
    let (mut rest, mut places) = (chunk, Vec::new());
    while let Some(line) = decoder.decode(&mut rest).expect("they are short") {
        places.push(line.as_ptr());
    }
    assert_eq!(places, [chunk.as_ptr(), chunk[4..].as_ptr()]);
}

#[test]
fn lengths_of_every_width_and_order() {
    let hi = || Some("hi".to_owned());
    let one = |framing, bytes: &[u8]| frames(framing, &[bytes]).0.pop();
    assert_eq!(one(Framing::u8(), b"\x02hi"), hi());
    assert_eq!(one(Framing::u16(), b"\0\x02hi"), hi());
    assert_eq!(one(Framing::u16().little_endian(), b"\x02\0hi"), hi());
    assert_eq!(one(Framing::u32(), b"\0\0\0\x02hi"), hi());
    assert_eq!(one(Framing::u32().little_endian(), b"\x02\0\0\0hi"), hi());
    assert_eq!(one(Framing::u64(), b"\0\0\0\0\0\0\0\x02hi"), hi());
    assert_eq!(one(Framing::u64().little_endian(), b"\x02\0\0\0\0\0\0\0hi"), hi());
    assert_eq!(one(Framing::varint(), b"\x02hi"), hi());
    // More bytes than it needs, as some write it.
    assert_eq!(one(Framing::varint(), b"\x82\0hi"), hi());
    let long = [&b"\xac\x02"[..], &[b'x'; 300]].concat();
    assert_eq!(one(Framing::varint(), &long).map(|frame| frame.len()), Some(300));
}

#[test]
fn empty_frames_are_frames() {
    expect(frames(Framing::u8(), &[b"\0\0", b"\0"]), &["", "", ""], None);
    expect(frames(Framing::delimited("\0"), &[b"\0\0", b"\0"]), &["", "", ""], None);
}

#[test]
fn a_length_within_a_header_and_one_that_counts_itself() {
    let postgres = || Framing::u32().after(1).counting_itself();
    let bytes = b"Q\0\0\0\x06hiX\0\0\0\x04";
    expect(frames(postgres(), &[bytes]), &["Q\0\0\0\x06hi", "X\0\0\0\x04"], None);
    let (found, error) = frames(postgres(), &[b"Q\0\0\0\x03"]);
    expect((found, error.clone()), &[], Some(ErrorKind::InvalidData));
    let message = error.expect("it is no length").to_string();
    assert_eq!(message, "a frame's length of 3 does not even count itself");
    let mut out = Vec::new();
    postgres().encode(b"Q????hi", &mut out).expect("it has a header");
    assert_eq!(out, b"Q\0\0\0\x06hi");
    let short = postgres().encode(b"Q??", &mut out).expect_err("it has none");
    assert_eq!(short.kind(), ErrorKind::InvalidInput);
    assert_eq!(out, b"Q\0\0\0\x06hi");
}

#[test]
fn a_length_above_the_limit_is_refused_when_it_is_known() {
    let invalid = Some(ErrorKind::InvalidData);
    let framing = || Framing::u32().limit(3);
    expect(frames(framing(), &[b"\0\0\0\x03abc"]), &["abc"], None);
    expect(frames(framing(), &[b"\0\0\0\x04"]), &[], invalid);
    let gigabyte = 1_000_000_000_u32.to_be_bytes();
    let (_, error) = frames(Framing::u32(), &[&gigabyte]);
    let message = error.expect("it is too long").to_string();
    assert_eq!(message, "a frame of 1000000000 bytes is longer than the limit of 8388608 bytes");
    expect(
        frames(Framing::u64().limit(usize::MAX), &[&[0xff; 8]]),
        &[],
        Some(ErrorKind::UnexpectedEof),
    );
    expect(frames(Framing::varint(), &[&[0xff; 10]]), &[], invalid);
    expect(frames(Framing::varint(), &[b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"]), &[], invalid);
}

#[test]
fn a_frame_that_is_cut_off_at_the_end_says_where() {
    let eof = Some(ErrorKind::UnexpectedEof);
    let (found, error) = frames(Framing::u16(), &[b"\0\x01a\0\x05ab"]);
    expect((found, error.clone()), &["a"], eof);
    let message = error.expect("it is cut off").to_string();
    assert_eq!(message, "the stream ended within a frame, after 4 of 7 bytes");
    expect(frames(Framing::u16(), &[b"\0"]), &[], eof);
    expect(frames(Framing::delimited("\0"), &[b"a\0b"]), &["a"], eof);
}

#[test]
fn a_delimiter_may_repeat_itself_and_be_cut_in_two() {
    let framing = || Framing::delimited("abab#");
    expect(frames(framing(), &[b"xabababab#y", b"ab", b"ab#"]), &["xabab", "y"], None);
    expect(frames(Framing::delimited("aa"), &[b"aaaaa", b"a"]), &["", "", ""], None);
    expect(frames(Framing::delimited("\r\n\r\n"), &[b"h\r\n\r", b"\r\n\r\n"]), &["h\r\n\r"], None);
}

#[test]
fn a_frame_of_the_limit_may_have_its_delimiter_in_the_next_chunk() {
    let framing = || Framing::delimited("--").limit(3);
    expect(frames(framing(), &[b"abc", b"-", b"-"]), &["abc"], None);
    expect(frames(framing(), &[b"abc-", b"x--"]), &[], Some(ErrorKind::InvalidData));
    expect(frames(framing(), &[b"abcd"]), &[], Some(ErrorKind::InvalidData));
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let refused = |framing: Framing, frame: &[u8]| {
        let mut out = b"before".to_vec();
        let error = framing.encode(frame, &mut out).expect_err("it cannot be read again");
        assert_eq!(out, b"before");
        error.kind()
    };
    assert_eq!(refused(Framing::u8(), &[0; 256]), ErrorKind::InvalidInput);
    assert_eq!(refused(Framing::u32().limit(3), b"abcd"), ErrorKind::InvalidInput);
    assert_eq!(refused(Framing::delimited("--"), b"a--b"), ErrorKind::InvalidInput);
    // With the delimiter behind it this would be the frame "a", and a rest.
    assert_eq!(refused(Framing::delimited("--"), b"a-"), ErrorKind::InvalidInput);
}

#[test]
#[should_panic(expected = "a delimiter has at least one byte")]
fn an_empty_delimiter_is_a_mistake() {
    let _ = Framing::delimited("");
}
