//! The replies to one client, written one behind the other into one buffer.

/// A string that Redis would not take either.
pub(crate) const LONGEST_STRING: usize = 512 << 20;

/// As much as the longest string, with its length.
pub(crate) const LARGEST_REPLY: usize = LONGEST_STRING + 64;

#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn ok(&mut self) {
        self.simple("OK");
    }

    /// Text without line ends.
    pub(crate) fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// The message begins with its kind: `ERR`, `WRONGTYPE`. What a peer sent may be part of it.
    pub(crate) fn error(&mut self, message: &[u8]) {
        let start = self.bytes.len();
        self.line(b'-', message);
        let end = self.bytes.len() - 2;
        let ends_lines = |byte: &&mut u8| matches!(**byte, b'\r' | b'\n');
        self.bytes[start..end].iter_mut().filter(ends_lines).for_each(|byte| *byte = b' ');
    }

    pub(crate) fn integer(&mut self, value: i64) {
        self.bytes.push(b':');
        if value < 0 {
            self.bytes.push(b'-');
        }
        push_decimal(&mut self.bytes, value.unsigned_abs());
        self.bytes.extend_from_slice(b"\r\n");
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.integer(count as i64);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.bytes.extend_from_slice(if flag { b":1\r\n" } else { b":0\r\n" });
    }

    #[inline]
    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        self.length(b'$', bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    pub(crate) fn bulk_or_nil(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.nil(),
        }
    }

    pub(crate) fn nil(&mut self) {
        self.bytes.extend_from_slice(b"$-1\r\n");
    }

    pub(crate) fn nil_array(&mut self) {
        self.bytes.extend_from_slice(b"*-1\r\n");
    }

    /// So many replies follow, and belong together.
    pub(crate) fn array(&mut self, count: usize) {
        self.length(b'*', count);
    }

    fn length(&mut self, kind: u8, length: usize) {
        self.bytes.push(kind);
        push_decimal(&mut self.bytes, length as u64);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }
}

/// The formatting of std takes several times as long, and a long list has a length before each of
/// its elements.
fn push_decimal(bytes: &mut Vec<u8>, value: u64) {
    if value < 10 {
        return bytes.push(b'0' + value as u8);
    }
    let mut digits = [0; 20];
    let start = write_decimal(&mut digits, value);
    bytes.extend_from_slice(&digits[start..]);
}

/// Writes digits to the end of `digits`, and returns where they begin.
fn write_decimal(digits: &mut [u8; 20], mut value: u64) -> usize {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return start;
        }
    }
}

/// Makes `text` the decimal form of a number.
pub(crate) fn set_decimal(text: &mut Vec<u8>, value: i64) {
    text.clear();
    if value < 0 {
        text.push(b'-');
    }
    push_decimal(text, value.unsigned_abs());
}
