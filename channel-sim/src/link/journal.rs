//! A campaign's state in a file: what is done survives an interruption, and shards come together again.

use super::campaign::{Campaign, Point, Stop};
use super::stream;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Version of the file's format.
const VERSION: u32 = 2;
/// Tells ways apart in which results follow from a campaign: [`fingerprint`] of what a small exact campaign finds, which
/// `tests/campaigns.rs` runs. A file of another way cannot be gone on with: its results would not be those of one run.
pub const RESULTS: u64 = 0xFC5A_F23F_38FE_D28E;
/// More streams than any point will ever have; counts of so many do not overflow.
const MOST_STREAMS: u64 = 1 << 32;

/// The FNV-1a hash of a text.
pub fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// One part of a campaign spread over several machines: points `index - 1`, `index - 1 + count` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 1 to `count`.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

impl Shard {
    /// The only one.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// Whether it measures the point with this index.
    pub fn holds(&self, point: usize) -> bool {
        point % self.count.max(1) + 1 == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(index, count)| {
            let (index, count) = (index.parse().ok()?, count.parse().ok()?);
            (1..=count).contains(&index).then_some(Self { index, count })
        });
        parsed.ok_or_else(|| format!("{text:?} is no shard; use i/n with i from 1 to n, say 2/8"))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A campaign and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    version: u32,
    /// [`RESULTS`] of the program that began it.
    results: u64,
    /// What is measured.
    pub campaign: Campaign,
    /// The part of it that is measured here.
    pub shard: Shard,
    /// What became of each point; those of other shards are as at the beginning.
    pub points: Vec<Point>,
}

impl Journal {
    /// The beginning of a campaign.
    pub fn new(campaign: Campaign, shard: Shard) -> Self {
        let points = vec![Point::default(); campaign.tasks.len()];
        Self { version: VERSION, results: RESULTS, campaign, shard, points }
    }

    /// Whether every point of the shard has ended.
    pub fn is_done(&self) -> bool {
        let mut mine = self.points.iter().enumerate().filter(|(index, _)| self.shard.holds(*index));
        mine.all(|(_, point)| point.ended.is_some())
    }

    /// The state in a file, or the beginning where there is no such file.
    ///
    /// # Errors
    /// A sentence where the file cannot be read or is of another campaign or shard.
    pub fn resume(path: &Path, campaign: Campaign, shard: Shard) -> Result<Self, String> {
        if !path.exists() {
            return Ok(Self::new(campaign, shard));
        }
        let found = Self::load(path)?;
        let remedy = "repeat the command that began it, or give another --state";
        if found.campaign != campaign {
            let what = found.campaign.difference(&campaign);
            return Err(format!("{}: the state of another campaign ({what}); {remedy}", path.display()));
        }
        if found.shard != shard {
            return Err(format!(
                "{}: the state of shard {}, not {shard}; {remedy}",
                path.display(),
                found.shard
            ));
        }
        Ok(found)
    }

    /// Reads a state file.
    ///
    /// # Errors
    /// A sentence where there is none or [`Journal::parse`] refuses it.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read(path)
            .map_err(|error| format!("{}: {error}; give the file of a --state", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Reads a state.
    ///
    /// # Errors
    /// A sentence where it is none, or of another version of this program, or its numbers cannot be those of a campaign.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        /// What every version has.
        #[derive(Deserialize)]
        struct Head {
            version: u32,
            results: Option<u64>,
        }
        let remedy = "measure anew with another --state";
        let none = |error: serde_json::Error| format!("no state of a campaign: {error}");
        let Head { version, results } = serde_json::from_slice(text).map_err(none)?;
        if version != VERSION {
            return Err(format!("state of version {version}, this program has {VERSION}; {remedy}"));
        }
        if results != Some(RESULTS) {
            return Err(format!("state of a program whose results are not this one's; {remedy}"));
        }
        let found: Self = serde_json::from_slice(text).map_err(none)?;
        found.check().map_err(|error| format!("{error}; {remedy}"))?;
        Ok(found)
    }

    /// Whether its numbers can be those of a campaign.
    fn check(&self) -> Result<(), String> {
        let Self { campaign, shard, points, .. } = self;
        if !(1..=shard.count).contains(&shard.index) {
            return Err(format!("there is no shard {shard}"));
        }
        let Stop { max_frames, max_lost, precision, .. } = campaign.stop;
        if max_frames == 0 || max_lost == 0 || !(0.0..1.0).contains(&precision) {
            return Err(format!("points cannot end by {:?}", campaign.stop));
        }
        if points.len() != campaign.tasks.len() {
            return Err(format!("{} points for {} tasks", points.len(), campaign.tasks.len()));
        }
        for (index, (task, point)) in campaign.tasks.iter().zip(points).enumerate() {
            let wrong = |what: String| format!("point {}: {what}", index + 1);
            task.check().map_err(wrong)?;
            if point.streams > MOST_STREAMS {
                return Err(wrong(format!("{} streams", point.streams)));
            }
            let frames = point.streams * stream::frames(&task.system);
            if !point.outcome.is_of(frames, task) {
                return Err(wrong(format!(
                    "counts that do not add up to {frames} frames: {:?}",
                    point.outcome
                )));
            }
            if point.ended != campaign.stop.ends(&point.outcome) {
                return Err(wrong(format!("ended by {:?} with {:?}", point.ended, point.outcome)));
            }
        }
        Ok(())
    }

    /// Writes the state so that at any moment either the old one or the new one is there, whole.
    ///
    /// # Errors
    /// A sentence where it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let text =
            serde_json::to_vec(self).map_err(|error| format!("the state cannot be written: {error}"))?;
        write_whole(path, &text)
    }

    /// Brings the shards of a campaign together, whatever their order.
    ///
    /// # Errors
    /// A sentence where they are not of one campaign, or points are missing.
    pub fn merge(parts: Vec<(PathBuf, Self)>) -> Result<Self, String> {
        let mut parts = parts.into_iter();
        let Some((first_path, first)) = parts.next() else {
            return Err("no state files to merge; name those of all shards".to_string());
        };
        let mut merged = Self::new(first.campaign.clone(), Shard::WHOLE);
        let mut names = vec![first_path.display().to_string()];
        let take = |merged: &mut Self, path: &Path, part: &Self| {
            for (target, point) in merged.points.iter_mut().zip(&part.points) {
                if point.ended.is_none() {
                    continue;
                }
                if target.ended.is_some() && target != point {
                    return Err(format!(
                        "{}: other results for a point than in another file",
                        path.display()
                    ));
                }
                *target = *point;
            }
            Ok(())
        };
        take(&mut merged, &first_path, &first)?;
        for (path, part) in parts {
            if part.campaign != merged.campaign {
                let what = merged.campaign.difference(&part.campaign);
                return Err(format!(
                    "{}: another campaign than {}'s ({what}); merge shards of one command",
                    path.display(),
                    first_path.display()
                ));
            }
            take(&mut merged, &path, &part)?;
            names.push(path.display().to_string());
        }
        if let Some(index) = merged.points.iter().position(|point| point.ended.is_none()) {
            let missing = merged.points.iter().filter(|point| point.ended.is_none()).count();
            let count = first.shard.count;
            return Err(format!(
                "{missing} of {} points are not done in {}, the first one of shard {}/{count}; run that to its end",
                merged.points.len(),
                names.join(", "),
                index % count.max(1) + 1
            ));
        }
        Ok(merged)
    }
}

impl Campaign {
    /// Names the first thing in which another campaign differs.
    fn difference(&self, other: &Self) -> String {
        if self.seed != other.seed {
            format!("seed {} there, {} here", self.seed, other.seed)
        } else if self.stop != other.stop {
            format!("{:?} there, {:?} here", self.stop, other.stop)
        } else if self.exact != other.exact || self.snr_of != other.snr_of {
            "--exact or --snr-of differ".to_string()
        } else if self.tasks.len() != other.tasks.len() {
            format!("{} points there, {} here", self.tasks.len(), other.tasks.len())
        } else {
            let pair = self.tasks.iter().zip(&other.tasks).find(|(one, two)| one != two);
            pair.map_or_else(
                || "none".to_string(),
                |(one, two)| match one.to_string() == two.to_string() {
                    true => format!("{one}: the feeder has changed"),
                    false => format!("{one} there, {two} here"),
                },
            )
        }
    }
}

/// Writes a file so that at any moment either the old one or the new one is there, whole.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), String> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        // The new name itself must reach the disk; not every system lets a folder be opened for that.
        if let Some(Ok(folder)) = path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    };
    write().map_err(|error: std::io::Error| {
        format!("{}: {error}; give a path in a folder that can be written", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::campaign::{Ended, Measure, SnrOf, Task};
    use super::*;
    use serde_json::json;

    fn campaign() -> Campaign {
        let task = |snr_db| Task {
            system: "g3/cenelec-a/dbpsk/default".parse().unwrap(),
            ..Task::reference("dbpsk".parse().unwrap(), snr_db, 100)
        };
        Campaign {
            tasks: vec![task(1.05), task(1.3), task(1.7)],
            seed: 7,
            stop: Stop { max_frames: 1_000, max_lost: 20, precision: 0.01, measure: Measure::Fer },
            snr_of: SnrOf::Mean,
            exact: false,
        }
    }

    fn done(shard: &str) -> Journal {
        let mut journal = Journal::new(campaign(), shard.parse().unwrap());
        for index in 0..3 {
            if journal.shard.holds(index) {
                let frames = 8 * (index as u64 + 16);
                let outcome = Outcome { frames, right: frames - 40, unheard: 40, ..Outcome::default() };
                journal.points[index] = Point { streams: frames / 8, outcome, ended: Some(Ended::Lost) };
            }
        }
        journal
    }

    #[test]
    fn a_state_comes_back_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        assert_eq!(
            Journal::resume(&path, campaign(), Shard::WHOLE),
            Ok(Journal::new(campaign(), Shard::WHOLE))
        );
        let journal = done("2/2");
        assert!(journal.is_done() && !Journal::new(campaign(), Shard::WHOLE).is_done());
        journal.save(&path).unwrap();
        journal.save(&path).unwrap();
        assert_eq!(Journal::resume(&path, campaign(), journal.shard), Ok(journal));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_state_of_something_else_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        done("1/1").save(&path).unwrap();
        let other = Campaign { seed: 8, ..campaign() };
        let error = Journal::resume(&path, other, Shard::WHOLE).unwrap_err();
        assert!(error.contains("state.json") && error.contains("seed 7 there, 8 here"), "{error}");
        let error = Journal::resume(&path, campaign(), Shard { index: 1, count: 2 }).unwrap_err();
        assert!(error.contains("shard 1/1, not 1/2"), "{error}");
        for nonsense in ["", "{}", "{\"version\":1}", "[1,2"] {
            std::fs::write(&path, nonsense).unwrap();
            assert!(Journal::load(&path).is_err_and(|error| error.contains("state.json")));
        }
        assert!(
            done("1/1").save(Path::new("/nowhere/at/all")).is_err_and(|error| error.contains("/nowhere"))
        );
    }

    #[test]
    fn counts_that_cannot_be_are_refused() {
        let good = serde_json::to_value(done("1/1")).unwrap();
        let parse = |state: &serde_json::Value| Journal::parse(state.to_string().as_bytes());
        assert_eq!(parse(&good), Ok(done("1/1")));
        for (place, value, word) in [
            ("/version", json!(1), "version 1"),
            ("/results", json!(5), "whose results are not"),
            ("/shard/index", json!(2), "shard 2/1"),
            ("/campaign/stop/max_frames", json!(0), "cannot end"),
            ("/campaign/stop/precision", json!(2.0), "cannot end"),
            ("/campaign/tasks/1/octets", json!(1_000_000_000_000_u64), "octets"),
            ("/campaign/tasks/1/snr_db", json!(1e300), "dB"),
            ("/points/1/streams", json!(u64::MAX), "streams"),
            ("/points/1/streams", json!(18), "144 frames"),
            ("/points/1/outcome/frames", json!(0), "136 frames"),
            ("/points/1/outcome/right", json!(137), "136 frames"),
            ("/points/1/outcome/payload_failed", json!(u64::MAX), "136 frames"),
            ("/points/1/outcome/bits", json!(8), "136 frames"),
            ("/points/1/ended", json!("precision"), "ended by"),
            ("/points/1/ended", json!(null), "ended by"),
        ] {
            let mut state = good.clone();
            *state.pointer_mut(place).unwrap() = value.clone();
            let error = parse(&state).unwrap_err();
            assert!(error.contains(word), "{place} {value}: {error}");
        }
    }

    #[test]
    fn shards_make_a_whole_in_any_order_and_a_missing_one_is_named() {
        let parts =
            |names: &[&str]| names.iter().map(|name| (PathBuf::from(name), done(name))).collect::<Vec<_>>();
        let whole = done("1/1");
        assert_eq!(Journal::merge(parts(&["1/3", "2/3", "3/3"])), Ok(whole.clone()));
        assert_eq!(Journal::merge(parts(&["3/3", "1/3", "2/3"])), Ok(whole));
        let error = Journal::merge(parts(&["1/3", "3/3"])).unwrap_err();
        assert!(error.contains("1 of 3") && error.contains("shard 2/3"), "{error}");
        assert!(Journal::merge(Vec::new()).is_err());
        let mut other = parts(&["1/2", "2/2"]);
        other[1].1.campaign.tasks[2].snr_db = 9.0;
        assert!(Journal::merge(other).is_err_and(|error| error.contains("9 dB with")));
        let mut conflict = parts(&["1/2", "2/2", "1/1"]);
        conflict[2].1.points[1].outcome.unheard = 41;
        assert!(Journal::merge(conflict).is_err_and(|error| error.contains("other results")));
    }

    #[test]
    fn shards_are_i_of_n() {
        assert_eq!("2/8".parse(), Ok(Shard { index: 2, count: 8 }));
        for wrong in ["0/2", "3/2", "1", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Shard>().is_err_and(|error| error.contains("2/8")), "{wrong}");
        }
        let shards = [1, 2, 3].map(|index| Shard { index, count: 3 });
        assert!((0..20).all(|point| shards.iter().filter(|shard| shard.holds(point)).count() == 1));
    }
}
