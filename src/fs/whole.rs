//! Reading a whole file, with as few system calls as it takes.

use std::io;
use std::path::Path;

use crate::fs::opening;
use crate::request::Stop;
use crate::sys::file;

/// What is read between two looks at whether the bytes are still wanted: some hundred microseconds.
pub(super) const PIECE: usize = 4 << 20;

/// How much more room an unexpectedly long file gets at least: those of `/proc` have no length, and
/// some of them give all they have to the first read, or as much of it as there is room for.
const MORE: usize = 4096;

/// Reads a whole file: open, look at its length, read, close. A file that is as long as it said is
/// not asked for more, which is one read less than std makes.
pub(super) fn read(path: &Path, stop: &Stop) -> io::Result<Vec<u8>> {
    let file = opening::options().read(true).open(path)?;
    let metadata = file.metadata()?;
    let length = metadata.len();
    if !metadata.is_file() {
        file::let_it_block(&file)?;
    }
    let mut bytes = Vec::new();
    // One more than there should be: room that is left tells the end.
    let room = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(1);
    bytes.try_reserve_exact(if length == 0 { MORE } else { room })?;
    loop {
        stop.check()?;
        let room = (bytes.capacity() - bytes.len()).min(PIECE);
        match file::read_more(&file, &mut bytes, PIECE) {
            Ok(0) => return Ok(bytes),
            Ok(read) if read < room && bytes.len() as u64 == length => return Ok(bytes),
            Ok(_) if bytes.len() == bytes.capacity() => bytes.try_reserve(MORE)?,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn read_to_string(path: &Path, stop: &Stop) -> io::Result<String> {
    String::from_utf8(read(path, stop)?).map_err(|error| {
        let what = format!("the file is no UTF-8: {}", error.utf8_error());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}
