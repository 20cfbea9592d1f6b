//! What frames sent as samples came to, kept in a file: a calibration that was broken off goes on where it was.
//!
//! Everything about a batch of frames is in its key but the transmitter, channel and receiver that it goes through: of
//! those the first line tells, by [`RESULTS`], so that a batch that is looked up is the batch that would be sent.

use super::waveform::Outcome;
use crate::link::RESULTS;
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
    /// Where the file cannot be read or written, or was begun by a program whose frames fare otherwise.
    pub fn open(path: &Path) -> Result<Self, String> {
        let say =
            |error: std::io::Error| format!("{}: {error}; give a file that can be written", path.display());
        let text = if path.exists() { std::fs::read_to_string(path).map_err(say)? } else { String::new() };
        let head = head(RESULTS);
        // A first line that was cut short has no batches after it.
        let is_new = head.starts_with(&text);
        let batches = if is_new { Some("") } else { text.strip_prefix(&head) };
        let Some(batches) = batches else {
            return Err(format!(
                "{}: a journal of a program whose results are not this one's (its receiver may be another): it does not \
                 begin with {:?}; send the frames anew with another --journal",
                path.display(),
                head.trim_end()
            ));
        };
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(say)?;
        if is_new {
            file.set_len(0).and_then(|()| file.write_all(head.as_bytes())).map_err(say)?;
        } else if !text.ends_with('\n') {
            file.write_all(b"\n").map_err(say)?;
        }
        Ok(Self { known: batches.lines().filter_map(read).collect(), file: Some(Mutex::new(file)) })
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

/// The first line of a journal of a program with these results.
fn head(results: u64) -> String {
    format!("# busbar calibration journal, results {results:016x}\n")
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

    #[test]
    fn batches_of_another_receiver_are_refused_and_left_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.csv");
        for text in [head(RESULTS ^ 1) + "n0,a,-1.5,32,3,1,2\n", "n0,a,-1.5,32,3,1,2\n".into()] {
            std::fs::write(&path, &text).unwrap();
            let refused = Journal::open(&path).unwrap_err();
            assert!(refused.contains("journal.csv") && refused.contains("another --journal"), "{refused}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_first_line_cut_short_begins_a_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.csv");
        for length in 0..=head(RESULTS).len() {
            std::fs::write(&path, &head(RESULTS)[..length]).unwrap();
            assert!(Journal::open(&path).unwrap().known.is_empty());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), head(RESULTS));
        }
    }
}
