//! The same keys, however the bytes are cut; and nothing is kept for ever.

use unspin::terminal::{Input, Keys};

pub(crate) fn run(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else {
        return;
    };
    let (mut whole, mut cut) = (Keys::new().paste_limit(64), Keys::new().paste_limit(64));
    whole.feed(bytes);
    let expected: Vec<Input> = whole.by_ref().collect();
    let mut found = Vec::new();
    for piece in bytes.chunks(usize::from(size) + 1) {
        cut.feed(piece);
        found.extend(cut.by_ref());
    }
    assert_eq!(found, expected);
    assert_eq!(cut.is_ambiguous(), whole.is_ambiguous());
    whole.settle();
    cut.settle();
    assert_eq!(whole.by_ref().collect::<Vec<_>>(), cut.collect::<Vec<_>>());
    assert!(!whole.is_ambiguous());
}
