//! The same lines, however the bytes are cut; those of the plainest way to find them; and never more
//! kept than the limit.

use unspin::codec::LineDecoder;

#[allow(dead_code, reason = "the model test cuts and compares by itself")]
pub(crate) fn run(data: &[u8]) {
    let Some((&[limit, size], bytes)) = data.split_first_chunk() else {
        return;
    };
    let (limit, size) = (usize::from(limit), usize::from(size) + 1);
    assert_eq!(lines(bytes.chunks(size), limit), plain(bytes, limit));
    assert_eq!(lines(bytes.chunks(bytes.len().max(1)), limit), plain(bytes, limit));
}

/// The lines, and whether they ended with an error.
pub(crate) type Found = (Vec<Vec<u8>>, bool);

pub(crate) fn lines<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Found {
    let (mut decoder, mut found) = (LineDecoder::with_limit(limit), Vec::new());
    for mut chunk in chunks {
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(line)) => found.push(line.to_vec()),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
        assert!(decoder.buffered() <= limit + 1);
    }
    match decoder.finish() {
        Ok(last) => found.extend(last.map(<[u8]>::to_vec)),
        Err(_) => return (found, true),
    }
    (found, false)
}

pub(crate) fn plain(bytes: &[u8], limit: usize) -> Found {
    let mut found = Vec::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let ended = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = ended.unwrap_or(line);
        if line.len() > limit {
            return (found, true);
        }
        found.push(line.to_vec());
    }
    (found, false)
}
