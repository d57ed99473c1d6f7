//! The files that are read.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use tempfile::TempDir;
use unspin_rivals::Result;
use unspin_rivals::figures::number;

use crate::Kind;

/// Of each small file.
pub(crate) const SMALL: usize = 4096;

/// Of each piece of the large one.
pub(crate) const PIECE: usize = 64 * 1024;

/// With the files, as much again and something to spare.
const NEEDED: u64 = 3 << 30;

/// Is emptied when it is dropped.
pub(crate) struct Shelf {
    folder: TempDir,
    small: usize,
    large: usize,
}

impl Shelf {
    /// Writes the files into a folder of their own, unless the disk is too full for them: then says
    /// so.
    pub(crate) fn fill(place: &Path, quick: bool) -> Result<std::result::Result<Shelf, String>> {
        fs::create_dir_all(place)?;
        let disk = statvfs(place)?;
        if disk.f_bavail * disk.f_frsize < NEEDED {
            return Ok(Err("the disk has less than 3 GiB left: no file was read".to_owned()));
        }
        let (small, large) = if quick { (500, 64 << 20) } else { (10_000, 1 << 30) };
        let folder = tempfile::tempdir_in(place)?;
        let shelf = Shelf { folder, small, large };
        shelf.write()?;
        Ok(Ok(shelf))
    }

    fn write(&self) -> Result<()> {
        for number in 0..self.small {
            fs::write(small(self.folder.path(), number), [7; SMALL])?;
        }
        let mut file = File::create(self.large())?;
        for _ in 0..self.large / PIECE {
            file.write_all(&[7; PIECE])?;
        }
        // Else the system writes while others are measured.
        file.sync_all()?;
        Ok(())
    }

    fn large(&self) -> PathBuf {
        self.folder.path().join("large")
    }

    /// Where they are, and how many files or bytes.
    pub(crate) fn take(&self, kind: Kind) -> (PathBuf, usize) {
        match kind {
            Kind::Small => (self.folder.path().to_owned(), self.small),
            Kind::Large => (self.large(), self.large),
        }
    }

    pub(crate) fn describe(&self) -> String {
        let small = number(Some(self.small as f64));
        format!("{small} small files, and a large one of {} MiB", self.large >> 20)
    }
}

/// The path of a small file.
pub(crate) fn small(folder: &Path, number: usize) -> PathBuf {
    folder.join(number.to_string())
}
