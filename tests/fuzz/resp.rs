//! The same commands of the example `resp`, however the bytes are cut.

#[path = "../../examples/resp/parse.rs"]
#[allow(dead_code, reason = "the example uses the rest")]
mod parse;

use parse::{Parser, ProtocolError};

pub(crate) fn run(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else {
        return;
    };
    let whole = commands(bytes, bytes.len().max(1));
    assert_eq!(commands(bytes, usize::from(size) + 1), whole);
}

/// The arguments of each command, and the error that ended them.
type Found = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

fn commands(bytes: &[u8], size: usize) -> Found {
    let (mut parser, mut input, mut found) = (Parser::default(), Vec::new(), Vec::new());
    for piece in bytes.chunks(size) {
        input.extend_from_slice(piece);
        loop {
            match parser.parse(&input) {
                Ok(Some(command)) => {
                    found.push(command.arguments_from(0).map(<[u8]>::to_vec).collect());
                    let length = command.length;
                    assert!(length > 0);
                    input.drain(..length);
                }
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}
