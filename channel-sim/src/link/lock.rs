//! One run at a time on a state file.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Holds a state file against other runs, by a locked file beside it, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes hold of the state file at a path, which need not be there.
    ///
    /// # Errors
    /// A sentence where another run has it, or the file beside it cannot be made.
    pub fn hold(state: &Path) -> Result<Self, String> {
        let mut name = state.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        loop {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            let file = file.map_err(|error| {
                format!("{}: {error}; give a --state in a folder that can be written", path.display())
            })?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(format!(
                        "{}: another run is at it; wait for its end, or give another --state",
                        state.display()
                    ));
                }
                // A file system without locks: as good as it gets.
                Err(TryLockError::Error(_)) => {}
            }
            // The run before may have removed the file between our opening and our locking it.
            if same_file(&file, &path) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked here, so that it is ours that goes.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata().map(identity), std::fs::metadata(path).map(identity)) {
        (Ok(here), Ok(there)) => here == there,
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_held_by_one_and_then_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        let held = Lock::hold(&state).unwrap();
        let error = Lock::hold(&state).unwrap_err();
        assert!(error.contains("state.json") && error.contains("another run"), "{error}");
        drop(held);
        drop(Lock::hold(&state).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
        assert!(Lock::hold(Path::new("/nowhere/at/all")).is_err_and(|error| error.contains("/nowhere")));
    }
}
