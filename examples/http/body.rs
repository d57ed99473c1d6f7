//! The body of a request, however it is cut.

use crate::request::Length;
use crate::response::Refusal;

/// A larger body is refused.
pub(crate) const LARGEST: u64 = 1 << 20;

/// Bytes of the line before a chunk, which may have extensions.
const LONGEST_LINE: usize = 256;

/// Bytes behind the last chunk.
const LONGEST_TRAILER: usize = 4096;

/// What has come of a body.
#[derive(Debug)]
pub(crate) struct Body {
    /// Bytes of the body; none if nobody wants them.
    pub(crate) bytes: Vec<u8>,
    wanted: bool,
    size: u64,
    stage: Stage,
    line: Vec<u8>,
    trailer: usize,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// So many bytes, and then all is there.
    Plain(u64),
    /// The line before a chunk.
    Size,
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    Trailer,
    Done,
}

impl Body {
    pub(crate) fn new(length: Length, wanted: bool) -> Result<Body, Refusal> {
        let stage = match length {
            Length::Known(length) if length > LARGEST => return Err(Refusal::BodyTooLarge),
            Length::Known(length) => Stage::Plain(length),
            Length::Chunked => Stage::Size,
        };
        let (bytes, line) = (Vec::new(), Vec::new());
        Ok(Body { bytes, wanted, size: 0, stage, line, trailer: 0 })
    }

    /// Takes what belongs to it, and returns how much that was.
    pub(crate) fn take(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        let mut used = 0;
        while !self.is_complete() && used < input.len() {
            used += self.step(&input[used..])?;
        }
        Ok(used)
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Plain(0))
    }

    fn step(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        match self.stage {
            Stage::Plain(left) => {
                let taken = self.keep(input, left);
                self.stage = Stage::Plain(left - taken as u64);
                Ok(taken)
            }
            Stage::Chunk(left) => {
                let taken = self.keep(input, left);
                self.stage = match left - taken as u64 {
                    0 => Stage::ChunkEnd,
                    left => Stage::Chunk(left),
                };
                Ok(taken)
            }
            Stage::Size | Stage::ChunkEnd | Stage::Trailer => self.take_line(input),
            Stage::Done => Ok(0),
        }
    }

    fn keep(&mut self, input: &[u8], left: u64) -> usize {
        let taken = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if self.wanted {
            self.bytes.extend_from_slice(&input[..taken]);
        }
        taken
    }

    fn take_line(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        let end = input.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(input.len(), |end| end + 1);
        self.line.extend_from_slice(&input[..taken]);
        if self.line.len() > LONGEST_LINE {
            return Err(Refusal::BadRequest);
        }
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            // A bare line feed may be an end for us, and none for a proxy.
            let line = line.strip_suffix(b"\r\n").ok_or(Refusal::BadRequest)?;
            // So may be a lone carriage return.
            if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                return Err(Refusal::BadRequest);
            }
            self.understand(line)?;
        }
        Ok(taken)
    }

    fn understand(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.stage = match (self.stage, line) {
            (Stage::ChunkEnd, b"") => Stage::Size,
            (Stage::Trailer, b"") => Stage::Done,
            (Stage::Trailer, line) if is_header(line) => {
                self.trailer += line.len();
                if self.trailer > LONGEST_TRAILER {
                    return Err(Refusal::HeadTooLong);
                }
                Stage::Trailer
            }
            (Stage::Size, line) => match chunk_size(line).ok_or(Refusal::BadRequest)? {
                0 => Stage::Trailer,
                size => {
                    self.size = self.size.saturating_add(size);
                    if self.size > LARGEST {
                        return Err(Refusal::BodyTooLarge);
                    }
                    Stage::Chunk(size)
                }
            },
            _ => return Err(Refusal::BadRequest),
        };
        Ok(())
    }
}

/// Whether it has a name, and no blanks about that.
fn is_header(line: &[u8]) -> bool {
    let name = line.iter().position(|&byte| byte == b':').map_or(&b""[..], |end| &line[..end]);
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// Hexadecimal digits, and perhaps an extension.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii_end();
    if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
