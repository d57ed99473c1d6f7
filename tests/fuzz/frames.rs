//! The same frames, however the bytes are cut; what was read can be written and read again; and
//! never more is kept than the limit and what goes with a frame.

use unspin::codec::{FrameDecoder, Framing};

pub(crate) fn run(data: &[u8]) {
    let Some((&[kind, limit, size], bytes)) = data.split_first_chunk() else { return };
    let (limit, size) = (usize::from(limit), usize::from(size) + 1);
    let framing = framing(kind).limit(limit);
    let found = frames(&framing, bytes, limit, size);
    assert_eq!(found, frames(&framing, bytes, limit, bytes.len().max(1)));
    write_again(&framing, limit, &found.0);
}

fn framing(kind: u8) -> Framing {
    match kind % 10 {
        0 => Framing::u8(),
        1 => Framing::u16(),
        2 => Framing::u16().little_endian(),
        3 => Framing::u32().counting_itself(),
        4 => Framing::u32().after(1).counting_itself(),
        5 => Framing::u64().little_endian().after(3),
        6 => Framing::varint(),
        7 => Framing::delimited([0]),
        8 => Framing::delimited("aab"),
        _ => Framing::delimited("\r\n\r\n"),
    }
}

/// More than any header or delimiter takes.
const BESIDE: usize = 16;

/// The frames, and whether they ended with an error.
fn frames(framing: &Framing, bytes: &[u8], limit: usize, size: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut decoder, mut found) = (FrameDecoder::new(framing.clone()), Vec::new());
    for mut chunk in bytes.chunks(size) {
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(frame)) => found.push(frame.to_vec()),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
        assert!(decoder.buffered() <= limit + BESIDE);
    }
    let failed = decoder.finish().is_err();
    (found, failed)
}

fn write_again(framing: &Framing, limit: usize, found: &[Vec<u8>]) {
    let mut bytes = Vec::new();
    for frame in found {
        framing.encode(frame, &mut bytes).expect("it was read, so it can be written");
    }
    assert_eq!(frames(framing, &bytes, limit, 7), (found.to_vec(), false));
}
