//! The files that are read.

use std::fs::{self, File};
use std::io::Write;
use std::iter;
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
    /// Directories at the top of the tree.
    tops: usize,
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
        let (small, large, tops) = if quick { (500, 64 << 20, 2) } else { (10_000, 1 << 30, 20) };
        let folder = tempfile::tempdir_in(place)?;
        let shelf = Shelf { folder, small, large, tops };
        shelf.grow()?;
        shelf.write()?;
        Ok(Ok(shelf))
    }

    /// Each directory at the top has 99 files and 9 directories of 99 files, or 1,000 entries with
    /// itself.
    fn grow(&self) -> Result<()> {
        for top in 0..self.tops {
            let top = self.tree().join(top.to_string());
            let below = (0..9).map(|number| top.join(format!("d{number}")));
            for directory in iter::once(top.clone()).chain(below) {
                fs::create_dir_all(&directory)?;
                for number in 0..99 {
                    File::create(directory.join(number.to_string()))?;
                }
            }
        }
        Ok(())
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

    fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn large(&self) -> PathBuf {
        self.folder.path().join("large")
    }

    /// Where they are, and how many files, bytes or entries.
    pub(crate) fn take(&self, kind: Kind) -> (PathBuf, usize) {
        match kind {
            Kind::Small => (self.folder.path().to_owned(), self.small),
            Kind::Large => (self.large(), self.large),
            Kind::Tree => (self.tree(), self.tops * 1000),
        }
    }

    pub(crate) fn describe(&self) -> String {
        let small = number(Some(self.small as f64));
        let tree = number(Some((self.tops * 1000) as f64));
        let large = self.large >> 20;
        format!("{small} small files, a large one of {large} MiB, and a tree of {tree} entries")
    }
}

/// The path of a small file.
pub(crate) fn small(folder: &Path, number: usize) -> PathBuf {
    folder.join(number.to_string())
}
