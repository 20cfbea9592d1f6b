//! Taps in a world, and the files they fill.

use super::RecordError;
use super::about::{About, SampleFormat};
use super::frames::{FrameFile, FramePort};
use super::pcapng::Direction;
use super::port::{Gathered, GatheringTap};
use super::sigmf::{Annotation, SigmfWriter};
use super::wav::WavWriter;
use crate::replay::describe::{comment, label};
use crate::replay::sniffer::{Heard, What};
use crate::scenario::{PROBE, Scenario};
use crate::world::{COORDINATOR, TapPoint, World};
use g3_mac::security::Gmk;
use g3_phy::BandPlan;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plc_core::time::SampleClock;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What to record, and where to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Points: `coordinator`, `meter-3` (counted from 1) or a load's name. None is the coordinator.
    pub points: Vec<String>,
    /// Stem of SigMF recordings; with several points, each name is added.
    pub sigmf: Option<PathBuf>,
    /// WAV file; with several points, each name is added.
    pub wav: Option<PathBuf>,
    /// Capture of frames, one file for all points.
    pub pcapng: Option<PathBuf>,
    /// How samples are kept; without it 32-bit floats.
    pub format: Option<SampleFormat>,
    /// Volts that integers, and WAV files of any format, count as full scale. Without it 10 V.
    pub full_scale_volts: Option<f64>,
}

/// Full scale where nothing else is said: a transmitter of 134 dBµV stays below it.
const FULL_SCALE_VOLTS: f64 = 10.0;
/// Annotations of a recording; frames beyond are only in the capture.
const MOST_ANNOTATIONS: usize = 100_000;

/// Records points of a world while it runs.
#[derive(Debug)]
pub struct Recorder {
    points: Vec<Point>,
    capture: Option<FrameFile>,
    epoch_ns: i128,
}

#[derive(Debug)]
struct Point {
    about: TapPoint,
    gathered: Arc<Mutex<Gathered>>,
    sigmf: Option<SigmfWriter>,
    wav: Option<WavWriter>,
    frames: Option<FramePort>,
    samples: u64,
    heard: u64,
    sent: u64,
    unannotated: u64,
}

/// What a recording has become.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// For each point.
    pub points: Vec<PointSummary>,
    /// The capture, where there is one.
    pub pcapng: Option<PathBuf>,
    /// Packets in it, raw and deciphered.
    pub packets: u64,
}

/// What was recorded at a point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PointSummary {
    /// Its name.
    pub point: String,
    /// Samples.
    pub samples: u64,
    /// Seconds on the modem's clock.
    pub seconds: f64,
    /// Frames heard, acknowledgements and unreadable ones included.
    pub heard: u64,
    /// Frames sent.
    pub sent: u64,
    /// SigMF metadata file.
    pub sigmf: Option<PathBuf>,
    /// WAV file.
    pub wav: Option<PathBuf>,
    /// Samples beyond full scale.
    pub clipped: u64,
    /// Frames beyond those that SigMF's annotations hold.
    pub unannotated: u64,
}

impl Recorder {
    /// Puts taps into `world` and begins the files. Everything from the next block on is recorded.
    pub fn attach(world: &mut World, plan: &Plan) -> Result<Self, RecordError> {
        if plan.sigmf.is_none() && plan.wav.is_none() && plan.pcapng.is_none() {
            return Err(RecordError::Nothing);
        }
        let scenario = world.scenario().clone();
        let modems = find_points(&scenario, &plan.points)?;
        let several = modems.len() > 1;
        let bands = modems.iter().map(|&modem| world.sample_clock(modem).and_then(plan_of));
        let names: BTreeSet<&str> = bands.map(|plan| plan.map_or("not G3", |plan| plan.name)).collect();
        let description = format!(
            "{}, seed {}: port of a simulated G3-PLC modem, {}, volts",
            scenario.feeder.name,
            scenario.seed,
            names.into_iter().collect::<Vec<_>>().join(" and ")
        );
        let mut capture = match &plan.pcapng {
            Some(path) => Some(FrameFile::create(path, &description)?),
            None => None,
        };
        let epoch = epoch(&scenario);
        let keep_samples = plan.sigmf.is_some() || plan.wav.is_some();
        let gmk = Gmk(scenario.group_master_key());
        let mut points = Vec::new();
        for modem in modems {
            let mut shared = None;
            let tapped = world.tap(modem, |point| {
                let (tap, gathered) =
                    GatheringTap::new(point.volts_per_unit, keep_samples, plan_of(point.samples).as_ref());
                shared = Some(gathered);
                Box::new(tap)
            });
            let (Some(about), Some(gathered)) = (tapped, shared) else {
                return Err(no_point(&scenario, &format!("meter-{modem}")));
            };
            let format = plan.format.unwrap_or(SampleFormat::F32);
            let full_scale = plan.full_scale_volts.unwrap_or(FULL_SCALE_VOLTS);
            let sigmf_scale = if format == SampleFormat::F32 { 1.0 } else { full_scale };
            let sigmf = match &plan.sigmf {
                Some(stem) => Some(SigmfWriter::create(
                    &named(&super::sigmf::files(stem).0.with_extension(""), &about, &scenario, several),
                    &described(&about, epoch, sigmf_scale),
                    format,
                    &description,
                )?),
                None => None,
            };
            let wav = match &plan.wav {
                Some(path) => {
                    let path = named(path, &about, &scenario, several);
                    Some(WavWriter::create(&path, &described(&about, epoch, full_scale), format)?)
                }
                None => None,
            };
            let frames = match &mut capture {
                Some(file) => Some(file.port(&port_name(&about), Some(gmk))?),
                None => None,
            };
            points.push(Point {
                about,
                gathered,
                sigmf,
                wav,
                frames,
                samples: 0,
                heard: 0,
                sent: 0,
                unannotated: 0,
            });
        }
        Ok(Self { points, capture, epoch_ns: epoch.as_nanosecond() })
    }

    /// Writes what was gathered since the last time. To be called every second of virtual time or so: until then it
    /// is kept in memory. The files are whole after each call.
    pub fn drain(&mut self) -> Result<(), RecordError> {
        let mut packets = Vec::new();
        for (index, point) in self.points.iter_mut().enumerate() {
            let gathered =
                std::mem::take(&mut *point.gathered.lock().unwrap_or_else(PoisonError::into_inner));
            point.samples += gathered.volts.len() as u64;
            if let Some(file) = &mut point.sigmf {
                file.write(&gathered.volts)?;
            }
            if let Some(file) = &mut point.wav {
                file.write(&gathered.volts)?;
                file.flush()?;
            }
            for (frame, own) in gathered.frames {
                *(if own { &mut point.sent } else { &mut point.heard }) += 1;
                point.annotate(&frame, own);
                let unix_ns = self.epoch_ns + (point.about.line_s(frame.start) * 1e9) as i128;
                packets.push((unix_ns.clamp(0, u64::MAX.into()) as u64, index, frame, own));
            }
            if let Some(file) = &mut point.sigmf {
                file.flush()?;
            }
        }
        // Wireshark takes packets in any order, but people like theirs in order of time.
        packets.sort_by_key(|(unix_ns, index, ..)| (*unix_ns, *index));
        let Some(file) = &mut self.capture else { return Ok(()) };
        for (unix_ns, index, frame, own) in packets {
            let What::Data(data) = &frame.what else { continue };
            let Some(port) = self.points.get_mut(index).and_then(|point| point.frames.as_mut()) else {
                continue;
            };
            let direction = if own { Direction::Outbound } else { Direction::Inbound };
            file.psdu(port, unix_ns, direction, &data.psdu, &comment(&frame))?;
        }
        file.flush()
    }

    /// Ends the recording: takes the taps away and completes the files.
    pub fn finish(mut self, world: &mut World) -> Result<Summary, RecordError> {
        world.untap();
        // What failed for one file is no reason to leave the others incomplete.
        let mut done = self.drain();
        let mut points = Vec::new();
        for point in self.points {
            let clipped = point
                .sigmf
                .as_ref()
                .map_or(0, SigmfWriter::clipped)
                .max(point.wav.as_ref().map_or(0, WavWriter::clipped));
            points.push(PointSummary {
                seconds: point.samples as f64 / f64::from(point.about.samples.rate_hz()),
                point: point.about.name,
                samples: point.samples,
                heard: point.heard,
                sent: point.sent,
                sigmf: point.sigmf.as_ref().map(|file| file.path().to_path_buf()),
                wav: point.wav.as_ref().map(|file| file.path().to_path_buf()),
                clipped,
                unannotated: point.unannotated,
            });
            if let Some(file) = point.sigmf {
                done = done.and(file.finish());
            }
        }
        done?;
        let packets = self.capture.as_ref().map_or(0, FrameFile::packets);
        Ok(Summary { points, pcapng: self.capture.map(|file| file.path().to_path_buf()), packets })
    }
}

impl Point {
    fn annotate(&mut self, frame: &Heard, own: bool) {
        let Some(file) = &mut self.sigmf else { return };
        if file.annotations().len() >= MOST_ANNOTATIONS {
            self.unannotated += 1;
            return;
        }
        let start = frame.start.saturating_sub(self.about.first);
        file.annotate(Annotation {
            sample_start: start,
            sample_count: frame.end.saturating_sub(self.about.first).saturating_sub(start),
            label: format!("{} {}", if own { "sent" } else { "heard" }, label(frame)),
            comment: comment(frame),
        });
    }
}

/// The G3 band whose frames are looked for in samples of this clock. What shares FCC's rate is found as FCC-1.
fn plan_of(samples: SampleClock) -> Option<BandPlan> {
    [BandPlan::CENELEC_A, BandPlan::FCC_1].into_iter().find(|plan| plan.clock == samples)
}

/// UTC of the line's instant 0.
pub(crate) fn epoch(scenario: &Scenario) -> Timestamp {
    utc(scenario.start, scenario.utc_offset_minutes)
}

/// UTC of a local time.
pub(super) fn utc(local: DateTime, offset_minutes: i16) -> Timestamp {
    let unshifted = local.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let offset = SignedDuration::from_mins(i64::from(offset_minutes));
    unshifted.ok().and_then(|local| local.checked_sub(offset).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn described(point: &TapPoint, epoch: Timestamp, volts_per_unit: f64) -> About {
    let at = SignedDuration::from_nanos((point.line_s(point.first) * 1e9) as i64);
    About {
        volts_per_unit,
        calibrated: true,
        start: epoch.checked_add(at).ok(),
        point: Some(point.name.clone()),
        mains_hz: Some(point.mains.hz),
        mains_turns: Some(point.mains_turns(point.first)),
        mains_wander_hz: Some(point.mains.wander_hz),
        mains_wander_period_s: Some(point.mains.wander_period_s),
        line_s: Some(point.line_s(point.first).max(0.0)),
        phase_turns: point.phase_turns,
        clock_ppm: Some(point.clock_ppm),
        first_sample: Some(point.first),
        ..About::of_rate(f64::from(point.samples.rate_hz()))
    }
}

/// An interface's name: both of a meter's names.
fn port_name(point: &TapPoint) -> String {
    match point.modem {
        0 => point.name.clone(),
        _ if point.name.starts_with(PROBE) => point.name.clone(),
        modem => format!("meter-{modem} ({})", point.name),
    }
}

fn named(path: &Path, point: &TapPoint, scenario: &Scenario, several: bool) -> PathBuf {
    if !several {
        return path.to_path_buf();
    }
    let plain = |name: &str| -> String {
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
    };
    let own = plain(&point.name);
    // "house 1" and "house_1" are one name to a file.
    let alike = scenario.feeder.loads.iter().filter(|load| plain(&load.name) == own).count();
    let plain = if alike > 1 { format!("meter-{}-{own}", point.modem) } else { own };
    let text = path.to_string_lossy();
    match text.strip_suffix(".wav") {
        Some(stem) => PathBuf::from(format!("{stem}-{plain}.wav")),
        None => PathBuf::from(format!("{text}-{plain}")),
    }
}

/// The modem that a name stands for: 0 is the coordinator's, `i` that of meter `i - 1`.
pub fn find_point(scenario: &Scenario, name: &str) -> Result<usize, RecordError> {
    if name == COORDINATOR {
        return Ok(0);
    }
    let loads = &scenario.feeder.loads;
    let meters = scenario.households().len();
    let number = name.strip_prefix("meter-").and_then(|number| number.parse::<usize>().ok());
    number
        .filter(|number| (1..=meters).contains(number))
        .or_else(|| loads.iter().position(|load| load.name == *name).map(|index| index + 1))
        .ok_or_else(|| no_point(scenario, name))
}

/// Indices of the modems that names stand for.
fn find_points(scenario: &Scenario, names: &[String]) -> Result<Vec<usize>, RecordError> {
    let found: Result<_, _> = names.iter().map(|name| find_point(scenario, name)).collect();
    let mut found: Vec<usize> = found?;
    if found.is_empty() {
        found.push(0);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn no_point(scenario: &Scenario, name: &str) -> RecordError {
    let loads = &scenario.feeder.loads;
    let example = loads.first().map(|load| load.name.clone()).unwrap_or_default();
    RecordError::Point { name: name.to_string(), meters: scenario.households().len(), example }
}
