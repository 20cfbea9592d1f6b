//! Where a feeder's files come from: the disk, or memory in tests and fuzz targets.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use thiserror::Error;

/// Reads files by name. Names use `/`, are relative to the root and may hold `..`.
pub trait Files {
    /// The whole file.
    fn read(&self, name: &str) -> Result<Vec<u8>, FileError>;
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FileError {
    /// There is none of that name.
    #[error("no such file")]
    Missing,
    /// It is too large to be a feeder's.
    #[error("{octets} octets, more than {MAX_OCTETS}")]
    TooLarge {
        /// Its size.
        octets: u64,
    },
    /// It is a directory, a device or a pipe.
    #[error("not a regular file")]
    NotAFile,
    /// The system refused.
    #[error("{0}")]
    System(String),
}

/// Largest file that is read. The IEEE feeder's largest has 75 kB.
pub const MAX_OCTETS: u64 = 64 << 20;

/// Files on disk below a folder.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Names are relative to `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

impl Disk {
    /// Path of a file. Scripts are often written where file names do not tell upper from lower case: a name that is not
    /// there stands for the one that differs in case only.
    fn path(&self, name: &str) -> PathBuf {
        let exact = self.root.join(name);
        if exact.exists() {
            return exact;
        }
        let mut path = self.root.clone();
        for part in name.split('/') {
            let there = path.join(part);
            let alike = || {
                let entries = std::fs::read_dir(&path).ok()?.flatten().map(|entry| entry.file_name());
                let mut alike = entries.filter(|entry| entry.to_string_lossy().eq_ignore_ascii_case(part));
                let found = alike.next()?;
                // Where several do, nobody knows which is meant.
                alike.next().is_none().then(|| path.join(found))
            };
            path = match there.exists() {
                true => there,
                false => alike().unwrap_or(there),
            };
        }
        path
    }
}

impl Files for Disk {
    fn read(&self, name: &str) -> Result<Vec<u8>, FileError> {
        let path = self.path(name);
        let found = std::fs::metadata(&path).map_err(from_system)?;
        if !found.is_file() {
            return Err(FileError::NotAFile);
        }
        if found.len() > MAX_OCTETS {
            return Err(FileError::TooLarge { octets: found.len() });
        }
        let mut octets = Vec::new();
        let file = std::fs::File::open(&path).map_err(from_system)?;
        file.take(MAX_OCTETS).read_to_end(&mut octets).map_err(from_system)?;
        Ok(octets)
    }
}

fn from_system(error: std::io::Error) -> FileError {
    match error.kind() {
        std::io::ErrorKind::NotFound => FileError::Missing,
        _ => FileError::System(error.to_string()),
    }
}

/// Files in memory, by normalised name.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<String, Vec<u8>>);

impl Memory {
    /// Adds a file.
    #[must_use]
    pub fn with(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.0.insert(name.to_string(), content.as_ref().to_vec());
        self
    }
}

impl Files for Memory {
    fn read(&self, name: &str) -> Result<Vec<u8>, FileError> {
        self.0.get(name).cloned().ok_or(FileError::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_only_are_found_where_one_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("Shapes")).unwrap();
        std::fs::write(folder.path().join("Shapes/Day.csv"), "1").unwrap();
        std::fs::write(folder.path().join("Lines.txt"), "a").unwrap();
        let disk = Disk::new(folder.path());
        assert_eq!(disk.read("lines.TXT"), Ok(b"a".to_vec()));
        assert_eq!(disk.read("shapes/day.csv"), Ok(b"1".to_vec()));
        assert_eq!(disk.read("loads.txt"), Err(FileError::Missing));
        std::fs::write(folder.path().join("LINES.txt"), "b").unwrap();
        assert_eq!(disk.read("LINES.txt"), Ok(b"b".to_vec()));
        assert_eq!(disk.read("lines.txt"), Err(FileError::Missing), "two are alike");
    }
}
