//! Many slices at once, however many, and however few the system takes with one call.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};

use crate::sys::file::{MOST_SLICES, read_vectored_at, write_vectored_at};

/// Writes all of `contents` at `offset`.
pub(super) fn write(file: &File, mut offset: u64, contents: &[Vec<u8>]) -> io::Result<()> {
    let mut slices: Vec<_> = contents.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut left = &mut slices[..];
    // Those that are empty would be taken for a file that takes no more.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match write_once(file, left, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => {
                IoSlice::advance_slices(&mut left, written);
                offset += written as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn write_once(mut file: &File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
    match write_vectored_at(file, slices, offset) {
        Err(error) if error.kind() == ErrorKind::NotSeekable => {
            file.write_vectored(&slices[..slices.len().min(MOST_SLICES)])
        }
        other => other,
    }
}

/// Fills `buffers` with what is at `offset`; the number of bytes.
pub(super) fn read(file: &File, offset: u64, buffers: &mut [Vec<u8>]) -> io::Result<usize> {
    let mut slices: Vec<_> = buffers.iter_mut().map(|bytes| IoSliceMut::new(bytes)).collect();
    let mut left = &mut slices[..];
    IoSliceMut::advance_slices(&mut left, 0);
    let mut length = 0;
    while !left.is_empty() {
        match read_once(file, left, offset + length as u64) {
            Ok(0) => break,
            Ok(read) => {
                IoSliceMut::advance_slices(&mut left, read);
                length += read;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn read_once(mut file: &File, slices: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
    match read_vectored_at(file, slices, offset) {
        Err(error) if error.kind() == ErrorKind::NotSeekable => {
            let most = slices.len().min(MOST_SLICES);
            file.read_vectored(&mut slices[..most])
        }
        other => other,
    }
}
