//! What frames sent as samples came to, kept in a file: a calibration that was broken off goes on where it was.
//!
//! Everything about a batch of frames is in its key, so a batch that is looked up is the batch that would be sent.

use super::waveform::Outcome;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

/// Batches of frames by their keys.
#[derive(Debug, Default)]
pub struct Journal {
    known: HashMap<String, Outcome>,
    file: Option<Mutex<File>>,
}

impl Journal {
    /// The journal in a file, which is made where there is none. A last line that was cut short is left out.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, String> {
        let say =
            |error: std::io::Error| format!("{}: {error}; give a file that can be written", path.display());
        let text = if path.exists() { std::fs::read_to_string(path).map_err(say)? } else { String::new() };
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(say)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(say)?;
        }
        Ok(Self { known: text.lines().filter_map(read).collect(), file: Some(Mutex::new(file)) })
    }

    /// The batch of this key: as it was, or as `send` finds it.
    pub(super) fn batch(&self, key: &str, send: impl FnOnce() -> Outcome) -> Outcome {
        if let Some(outcome) = self.known.get(key) {
            return *outcome;
        }
        let outcome = send();
        if let Some(Ok(mut file)) = self.file.as_ref().map(Mutex::lock) {
            let Outcome { frames, right, unheard, header_failed } = outcome;
            // What cannot be kept is sent again next time.
            let _ = file.write_all(format!("{key},{frames},{right},{unheard},{header_failed}\n").as_bytes());
        }
        outcome
    }
}

fn read(line: &str) -> Option<(String, Outcome)> {
    let mut fields = line.rsplitn(5, ',');
    let mut number = || fields.next()?.parse().ok();
    let (header_failed, unheard, right, frames) = (number()?, number()?, number()?, number()?);
    let outcome = Outcome { frames, right, unheard, header_failed };
    (right <= frames).then_some((fields.next()?.to_string(), outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_not_sent_again_and_a_line_cut_short_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.csv");
        let outcome = |right| Outcome { frames: 32, right, unheard: 1, header_failed: 2 };
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.batch("n0,a,-1.5", || outcome(3)), outcome(3));
        drop(journal);
        std::fs::write(&path, format!("{}n0,b,2,32,1", std::fs::read_to_string(&path).unwrap())).unwrap();
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.batch("n0,a,-1.5", || unreachable!()), outcome(3));
        assert_eq!(journal.batch("n0,b,2", || outcome(4)), outcome(4));
        assert_eq!(Journal::open(&path).unwrap().known.len(), 2);
    }
}
