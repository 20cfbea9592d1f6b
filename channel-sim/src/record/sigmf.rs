//! SigMF 1.2: samples in a `.sigmf-data` file, what they are in a `.sigmf-meta` file beside it.
//!
//! What SigMF has no word for stands in the namespace `busbar`, as an optional extension. Files of others may have
//! real samples of any type that SigMF knows, and one channel.

use super::RecordError;
use super::about::{About, Encoder, Recording, SampleFormat, is_volts_per_unit};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Ends of the two files' names.
pub const META: &str = "sigmf-meta";
/// See [`META`].
pub const DATA: &str = "sigmf-data";
/// Version of the format that is written.
const VERSION: &str = "1.2.0";

#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    global: Global,
    #[serde(default)]
    captures: Vec<Capture>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Global {
    #[serde(rename = "core:datatype")]
    datatype: String,
    #[serde(rename = "core:sample_rate", skip_serializing_if = "Option::is_none")]
    sample_rate: Option<f64>,
    #[serde(rename = "core:version", default)]
    version: String,
    #[serde(rename = "core:num_channels", default = "one")]
    num_channels: u64,
    #[serde(rename = "core:description", default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(rename = "core:recorder", default, skip_serializing_if = "Option::is_none")]
    recorder: Option<String>,
    #[serde(rename = "core:extensions", default, skip_serializing_if = "Vec::is_empty")]
    extensions: Vec<Extension>,
    #[serde(rename = "busbar:volts_per_unit", default, skip_serializing_if = "Option::is_none")]
    volts_per_unit: Option<f64>,
    #[serde(rename = "busbar:point", default, skip_serializing_if = "Option::is_none")]
    point: Option<String>,
    #[serde(rename = "busbar:mains_hz", default, skip_serializing_if = "Option::is_none")]
    mains_hz: Option<f64>,
    #[serde(rename = "busbar:mains_wander_hz", default, skip_serializing_if = "Option::is_none")]
    mains_wander_hz: Option<f64>,
    #[serde(rename = "busbar:mains_wander_period_s", default, skip_serializing_if = "Option::is_none")]
    mains_wander_period_s: Option<f64>,
    #[serde(rename = "busbar:phase_turns", default, skip_serializing_if = "Option::is_none")]
    phase_turns: Option<f64>,
    #[serde(rename = "busbar:clock_ppm", default, skip_serializing_if = "Option::is_none")]
    clock_ppm: Option<f64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Extension {
    name: String,
    version: String,
    optional: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Capture {
    #[serde(rename = "core:sample_start", default)]
    sample_start: u64,
    #[serde(rename = "core:global_index", default, skip_serializing_if = "Option::is_none")]
    global_index: Option<u64>,
    #[serde(rename = "core:header_bytes", default, skip_serializing_if = "Option::is_none")]
    header_bytes: Option<u64>,
    #[serde(rename = "core:datetime", default, skip_serializing_if = "Option::is_none")]
    datetime: Option<String>,
    #[serde(rename = "busbar:mains_turns", default, skip_serializing_if = "Option::is_none")]
    mains_turns: Option<f64>,
    #[serde(rename = "busbar:line_s", default, skip_serializing_if = "Option::is_none")]
    line_s: Option<f64>,
}

/// A stretch of samples with a name: a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// First sample, from the start of the recording.
    #[serde(rename = "core:sample_start")]
    pub sample_start: u64,
    /// How many samples.
    #[serde(rename = "core:sample_count", default)]
    pub sample_count: u64,
    /// Short name.
    #[serde(rename = "core:label", default)]
    pub label: String,
    /// What is known.
    #[serde(rename = "core:comment", default)]
    pub comment: String,
}

fn one() -> u64 {
    1
}

/// The two files of a recording, whichever of them, or their common stem, `path` names.
pub fn files(path: &Path) -> (PathBuf, PathBuf) {
    let text = path.as_os_str().to_string_lossy();
    let stem = [META, DATA].iter().find_map(|end| text.strip_suffix(end)?.strip_suffix('.'));
    let stem = stem.unwrap_or(&text);
    (PathBuf::from(format!("{stem}.{META}")), PathBuf::from(format!("{stem}.{DATA}")))
}

/// Reads a recording and its annotations.
pub fn read(path: &Path) -> Result<(Recording, Vec<Annotation>), RecordError> {
    let (meta_path, data_path) = files(path);
    let text = std::fs::read_to_string(&meta_path).map_err(RecordError::file(&meta_path))?;
    let data = std::fs::read(&data_path).map_err(RecordError::file(&data_path))?;
    parse(&text, &data).map_err(|problem| RecordError::content(&meta_path, problem))
}

/// Reads a recording from its files' contents. An error says what is wrong with the metadata.
pub fn parse(meta: &str, data: &[u8]) -> Result<(Recording, Vec<Annotation>), String> {
    // serde_json's messages end with line and column.
    let meta: Meta = serde_json::from_str(meta).map_err(|error| error.to_string())?;
    let Global { datatype, sample_rate, num_channels, .. } = &meta.global;
    let rate = sample_rate.ok_or("core:sample_rate is missing, and nothing else tells the time scale")?;
    if !rate.is_finite() || !(1.0..=1e9).contains(&rate) {
        return Err(format!("core:sample_rate {rate}: from 1 to 1e9 Hz are possible"));
    }
    if *num_channels != 1 {
        return Err(format!("core:num_channels {num_channels}: only recordings of one channel are read"));
    }
    let kind = Datatype::parse(datatype)?;
    let capture = meta.captures.first();
    let header = capture.and_then(|capture| capture.header_bytes).unwrap_or(0);
    let skipped = usize::try_from(header).ok().and_then(|header| data.get(header..));
    let data = skipped
        .ok_or_else(|| format!("core:header_bytes {header}: the data file has {} octets", data.len()))?;
    let volts_per_unit = meta.global.volts_per_unit.unwrap_or(1.0);
    if !is_volts_per_unit(volts_per_unit) {
        return Err(format!("busbar:volts_per_unit {volts_per_unit}: a number from 1e-9 to 1e6 is needed"));
    }
    let start = match capture.and_then(|capture| capture.datetime.as_deref()) {
        None => None,
        Some(text) => Some(text.parse().map_err(|error| format!("core:datetime {text:?}: {error}"))?),
    };
    let about = About {
        sample_rate_hz: rate,
        volts_per_unit,
        calibrated: meta.global.volts_per_unit.is_some(),
        start,
        point: meta.global.point,
        mains_hz: meta.global.mains_hz,
        mains_turns: capture.and_then(|capture| capture.mains_turns),
        mains_wander_hz: meta.global.mains_wander_hz,
        mains_wander_period_s: meta.global.mains_wander_period_s,
        line_s: capture.and_then(|capture| capture.line_s),
        phase_turns: meta.global.phase_turns,
        clock_ppm: meta.global.clock_ppm,
        first_sample: capture.and_then(|capture| capture.global_index),
    };
    let scale = volts_per_unit as f32;
    let samples = data.chunks_exact(kind.octets);
    let rest = samples.remainder().len();
    let volts: Vec<f32> = samples.map(|sample| kind.sample(sample) * scale).collect();
    let end = |note: &Annotation| note.sample_start.saturating_add(note.sample_count);
    let said = meta.annotations.iter().map(end).max().unwrap_or(0);
    let cut = match (rest, said > volts.len() as u64) {
        (0, false) => None,
        (0, true) => Some(format!("its annotations go on to sample {said}, its data end at {}", volts.len())),
        _ => Some(format!(
            "its data end inside a sample, {rest} of {} octets after the last whole one",
            kind.octets
        )),
    };
    Ok((Recording { about, volts, cut }, meta.annotations))
}

/// A type of real samples.
#[derive(Clone, Copy, Debug)]
struct Datatype {
    kind: Kind,
    octets: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Float,
    Signed,
    Unsigned,
}

impl Datatype {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "core:datatype {text:?}: real samples are read, as in \"rf32_le\" or \"ri16_le\"; a recording at \
                 complex baseband has to be brought back to its band first"
            )
        };
        let (kind, rest) = match text.get(..2).zip(text.get(2..)) {
            Some(("rf", rest)) => (Kind::Float, rest),
            Some(("ri", rest)) => (Kind::Signed, rest),
            Some(("ru", rest)) => (Kind::Unsigned, rest),
            _ => return Err(wrong()),
        };
        let (bits, big_endian) = match rest.split_once('_') {
            Some((bits, "le")) => (bits, false),
            Some((bits, "be")) => (bits, true),
            None if rest == "8" => (rest, false),
            _ => return Err(wrong()),
        };
        let octets = match (kind, bits) {
            (Kind::Signed | Kind::Unsigned, "8") => 1,
            (Kind::Signed | Kind::Unsigned, "16") => 2,
            (_, "32") => 4,
            (Kind::Float, "64") => 8,
            _ => return Err(wrong()),
        };
        Ok(Self { kind, octets, big_endian })
    }

    /// A sample's value; full scale of integers is 1.
    fn sample(&self, octets: &[u8]) -> f32 {
        let mut bits = [0; 8];
        for (place, &octet) in bits.iter_mut().zip(octets) {
            *place = octet;
        }
        if self.big_endian
            && let Some(used) = bits.get_mut(..self.octets)
        {
            used.reverse();
        }
        let word = u64::from_le_bytes(bits);
        // Integers moved to the top of 64 bits have their full scale there.
        let top = word << (64 - 8 * self.octets as u32);
        match (self.kind, self.octets) {
            (Kind::Float, 4) => f32::from_bits(word as u32),
            (Kind::Float, _) => f64::from_bits(word) as f32,
            (Kind::Signed, _) => (top as i64 as f64 / 9_223_372_036_854_775_808.0) as f32,
            (Kind::Unsigned, _) => (top as f64 / 9_223_372_036_854_775_808.0 - 1.0) as f32,
        }
    }
}

/// Writes a recording. The metadata are there from the start. Annotations are kept with them as they grow, so that a
/// process that is killed has all but the last few of them in its file.
#[derive(Debug)]
pub struct SigmfWriter {
    meta_path: PathBuf,
    data_path: PathBuf,
    to: BufWriter<File>,
    encoder: Encoder,
    meta: Meta,
    /// Annotations that the file has.
    kept: usize,
}

impl SigmfWriter {
    /// Begins the recording `stem` names.
    pub fn create(
        stem: &Path,
        about: &About,
        format: SampleFormat,
        description: &str,
    ) -> Result<Self, RecordError> {
        let (meta_path, data_path) = files(stem);
        let file = File::create(&data_path).map_err(RecordError::file(&data_path))?;
        let datatype = match format {
            SampleFormat::F32 => "rf32_le",
            SampleFormat::I16 => "ri16_le",
        };
        let extension =
            Extension { name: "busbar".to_string(), version: "0.1.0".to_string(), optional: true };
        let meta = Meta {
            global: Global {
                datatype: datatype.to_string(),
                sample_rate: Some(about.sample_rate_hz),
                version: VERSION.to_string(),
                num_channels: 1,
                description: Some(description.to_string()),
                recorder: Some(format!("channel-sim {} (Busbar)", env!("CARGO_PKG_VERSION"))),
                extensions: vec![extension],
                volts_per_unit: Some(about.volts_per_unit),
                point: about.point.clone(),
                mains_hz: about.mains_hz,
                mains_wander_hz: about.mains_wander_hz,
                mains_wander_period_s: about.mains_wander_period_s,
                phase_turns: about.phase_turns,
                clock_ppm: about.clock_ppm,
            },
            captures: vec![Capture {
                sample_start: 0,
                global_index: about.first_sample,
                header_bytes: None,
                datetime: about.start.map(|start| start.to_string()),
                mains_turns: about.mains_turns,
                line_s: about.line_s,
            }],
            annotations: Vec::new(),
        };
        let encoder = Encoder { format, volts_per_unit: about.volts_per_unit, clipped: 0 };
        let mut writer = Self { meta_path, data_path, to: BufWriter::new(file), encoder, meta, kept: 0 };
        writer.write_meta()?;
        Ok(writer)
    }

    /// Adds samples, in volts.
    pub fn write(&mut self, volts: &[f32]) -> Result<(), RecordError> {
        let mut octets = Vec::with_capacity(volts.len() * 4);
        self.encoder.encode(volts, &mut octets);
        self.to.write_all(&octets).map_err(RecordError::file(&self.data_path))
    }

    /// Adds what was found in the samples.
    pub fn annotate(&mut self, annotation: Annotation) {
        self.meta.annotations.push(annotation);
    }

    /// What was found so far.
    pub fn annotations(&self) -> &[Annotation] {
        &self.meta.annotations
    }

    /// Hands what is buffered to the system, and annotations where they are more by one and a sixty-fourth: the whole
    /// file is written each time.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.to.flush().map_err(RecordError::file(&self.data_path))?;
        match self.meta.annotations.len() > self.kept + self.kept / 64 {
            true => self.write_meta(),
            false => Ok(()),
        }
    }

    /// Ends the recording and writes all that was found in it.
    pub fn finish(mut self) -> Result<(), RecordError> {
        self.flush()?;
        self.write_meta()
    }

    /// Samples beyond full scale so far.
    pub fn clipped(&self) -> u64 {
        self.encoder.clipped
    }

    /// The file with the metadata.
    pub fn path(&self) -> &Path {
        &self.meta_path
    }

    /// Takes the file's place in one step: what reads it finds the old one or the new one whole.
    fn write_meta(&mut self) -> Result<(), RecordError> {
        let text = serde_json::to_string_pretty(&self.meta)
            .map_err(|error| RecordError::content(&self.meta_path, error.to_string()))?;
        let mut part = self.meta_path.clone().into_os_string();
        part.push(".part");
        std::fs::write(&part, text + "\n").map_err(RecordError::file(Path::new(&part)))?;
        std::fs::rename(&part, &self.meta_path).map_err(RecordError::file(&self.meta_path))?;
        self.kept = self.meta.annotations.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn recordings_come_back_with_what_they_say_of_themselves() {
        let volts: Vec<f32> = (0..1_000).map(|n| 2.4 * (n as f32 * 0.1).sin()).collect();
        let folder = tempfile::tempdir().unwrap();
        let note = Annotation {
            sample_start: 5,
            sample_count: 20,
            label: "data".to_string(),
            comment: "a frame".to_string(),
        };
        for (format, step) in [(SampleFormat::F32, 3e-7), (SampleFormat::I16, 2.5 / 65_536.0 * 1.01)] {
            let stem = folder.path().join("v1.2");
            let mut writer = SigmfWriter::create(&stem, &About::described(), format, "of a test").unwrap();
            writer.write(&volts).unwrap();
            writer.flush().unwrap();
            assert_eq!(read(&stem).unwrap().0.volts.len(), 1_000, "before the end");
            writer.annotate(note.clone());
            writer.flush().unwrap();
            // As a process that is killed now leaves it.
            assert_eq!(read(&stem).unwrap().1.as_slice(), std::slice::from_ref(&note));
            writer.finish().unwrap();
            let (found, notes) = read(&folder.path().join("v1.2.sigmf-data")).unwrap();
            assert_eq!((found.about, &notes), (About::described(), &vec![note.clone()]));
            let worst = found.volts.iter().zip(&volts).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= step, "{format:?}: {worst}");
        }
    }

    fn meta(global: &str) -> String {
        format!("{{\"global\": {{{global}}}, \"captures\": [], \"annotations\": []}}")
    }

    #[test]
    fn every_type_of_real_samples_is_read() {
        for (datatype, octets) in [
            ("rf32_le", &0.5_f32.to_le_bytes()[..]),
            ("rf32_be", &0.5_f32.to_be_bytes()),
            ("rf64_le", &0.5_f64.to_le_bytes()),
            ("ri8", &[0x40]),
            ("ru8", &[0xC0]),
            ("ri16_be", &[0x40, 0]),
            ("ri16_le", &[0, 0x40]),
            ("ru16_le", &[0, 0xC0]),
            ("ri32_le", &[0, 0, 0, 0x40]),
        ] {
            let text = meta(&format!("\"core:datatype\": \"{datatype}\", \"core:sample_rate\": 1e6"));
            assert_eq!(parse(&text, octets).unwrap().0.volts, [0.5], "{datatype}");
        }
    }

    #[test]
    fn data_that_were_cut_off_are_told_of() {
        let text = "{\"global\": {\"core:datatype\": \"ri16_le\", \"core:sample_rate\": 1e6}, \"captures\": [], \"annotations\": [\
            {\"core:sample_start\": 2, \"core:sample_count\": 2}]}";
        let cut = |octets: &[u8]| parse(text, octets).unwrap().0.cut.unwrap_or_default();
        assert_eq!(cut(&[0; 8]), "");
        assert_eq!(cut(&[0; 6]), "its annotations go on to sample 4, its data end at 3");
        assert_eq!(cut(&[0; 9]), "its data end inside a sample, 1 of 2 octets after the last whole one");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_or_value() {
        for (text, reason) in [
            ("{\n \"global\": 3}".to_string(), "line 2"),
            (meta("\"core:datatype\": \"cf32_le\", \"core:sample_rate\": 1"), "cf32_le"),
            (meta("\"core:datatype\": \"rf32_le\""), "core:sample_rate is missing"),
            (meta("\"core:datatype\": \"rf32_le\", \"core:sample_rate\": -1"), "-1"),
            (
                meta("\"core:datatype\": \"ri8\", \"core:sample_rate\": 9, \"core:num_channels\": 2"),
                "num_channels 2",
            ),
            (
                meta("\"core:datatype\": \"ri8\", \"core:sample_rate\": 9, \"busbar:volts_per_unit\": 0"),
                "unit 0",
            ),
        ] {
            let error = parse(&text, &[]).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    proptest! {
        #[test]
        fn damaged_metadata_are_answered(
            datatype in "[rc][fiu](8|16|32|64)(_le|_be|)", at: proptest::sample::Index, value in any::<char>(),
            header in any::<u64>(), data in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let text = format!(
                "{{\"global\": {{\"core:datatype\": \"{datatype}\", \"core:sample_rate\": 4e5}}, \"captures\": \
                 [{{\"core:sample_start\": 0, \"core:header_bytes\": {header}}}]}}"
            );
            let _ = parse(&text, &data);
            let mut damaged: Vec<char> = text.chars().collect();
            let at = at.index(damaged.len());
            damaged[at] = value;
            let _ = parse(&damaged.into_iter().collect::<String>(), &data);
        }
    }
}
