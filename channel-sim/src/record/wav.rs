//! WAV: samples for programs that know nothing of SigMF.
//!
//! One channel of 32-bit floats or 16-bit integers. What a recording says of itself stands in the file's comment, as
//! `busbar: key=value; ...`. Of files of others that have several channels the first is read.

use super::RecordError;
use super::about::{About, Encoder, Recording, SampleFormat, is_volts_per_unit};
use crate::wav::{Header, Wav, WavError};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Reads a file.
pub fn read(path: &Path) -> Result<Recording, RecordError> {
    let octets = std::fs::read(path).map_err(RecordError::file(path))?;
    parse(&octets).map_err(|error| RecordError::content(path, error.to_string()))
}

/// Reads a file's octets.
pub fn parse(octets: &[u8]) -> Result<Recording, WavError> {
    let Wav { rate_hz, channels, comment, missing_octets } = Wav::parse(octets)?;
    let about = about(f64::from(rate_hz), comment.as_deref().unwrap_or_default())?;
    let volts_per_unit = about.volts_per_unit as f32;
    let mut volts = channels.into_iter().next().unwrap_or_default();
    volts.iter_mut().for_each(|volt| *volt *= volts_per_unit);
    let cut = (missing_octets > 0)
        .then(|| format!("its header counts {missing_octets} octets of samples that are not there"));
    Ok(Recording { about, volts, cut })
}

/// What a sample of 1.0 is in volts, where a file's comment is one of ours.
///
/// # Errors
/// It is none of ours that has such a value.
pub fn volts_per_unit(comment: &str) -> Result<Option<f64>, WavError> {
    let about = about(1.0, comment)?;
    Ok(about.calibrated.then_some(about.volts_per_unit))
}

const PREFIX: &str = "busbar: ";

/// What a comment of ours says; anything else says nothing.
fn about(rate_hz: f64, comment: &str) -> Result<About, WavError> {
    let mut about = About::of_rate(rate_hz);
    let Some(fields) = comment.strip_prefix(PREFIX) else { return Ok(about) };
    for (key, value) in fields.split(';').filter_map(|field| field.trim().split_once('=')) {
        let number = || value.parse().ok().filter(|value: &f64| value.is_finite());
        match key {
            "volts_per_unit" => {
                let volts = number().filter(|volts| is_volts_per_unit(*volts));
                about.volts_per_unit =
                    volts.ok_or_else(|| WavError::Comment(format!("volts_per_unit={value}")))?;
                about.calibrated = true;
            }
            "start" => about.start = value.parse().ok(),
            "point" => about.point = Some(value.to_string()),
            "mains_hz" => about.mains_hz = number(),
            "mains_turns" => about.mains_turns = number(),
            "mains_wander_hz" => about.mains_wander_hz = number(),
            "mains_wander_period_s" => about.mains_wander_period_s = number(),
            "line_s" => about.line_s = number(),
            "phase_turns" => about.phase_turns = number(),
            "clock_ppm" => about.clock_ppm = number(),
            "first_sample" => about.first_sample = value.parse().ok(),
            _ => {}
        }
    }
    Ok(about)
}

fn comment(about: &About) -> String {
    let mut fields = vec![format!("volts_per_unit={}", about.volts_per_unit)];
    let mut field = |key: &str, value: Option<String>| {
        fields.extend(value.map(|value| format!("{key}={value}")));
    };
    let number = |value: Option<f64>| value.map(|value| value.to_string());
    field("start", about.start.map(|start| start.to_string()));
    // A separator within the name would cut it.
    field("point", about.point.as_ref().map(|point| point.replace(';', ",")));
    field("mains_hz", number(about.mains_hz));
    field("mains_turns", number(about.mains_turns));
    field("mains_wander_hz", number(about.mains_wander_hz));
    field("mains_wander_period_s", number(about.mains_wander_period_s));
    field("line_s", number(about.line_s));
    field("phase_turns", number(about.phase_turns));
    field("clock_ppm", number(about.clock_ppm));
    field("first_sample", about.first_sample.map(|first| first.to_string()));
    format!("{PREFIX}{}", fields.join("; "))
}

/// Writes a file; its header is right after every [`WavWriter::flush`].
#[derive(Debug)]
pub struct WavWriter {
    path: PathBuf,
    to: BufWriter<File>,
    encoder: Encoder,
    rate_hz: u32,
    comment: String,
    data_octets: u64,
}

impl WavWriter {
    /// Begins a file.
    pub fn create(path: &Path, about: &About, format: SampleFormat) -> Result<Self, RecordError> {
        let file = File::create(path).map_err(RecordError::file(path))?;
        let mut writer = Self {
            path: path.to_path_buf(),
            to: BufWriter::new(file),
            encoder: Encoder { format, volts_per_unit: about.volts_per_unit, clipped: 0 },
            rate_hz: about.sample_rate_hz.round() as u32,
            comment: comment(about),
            data_octets: 0,
        };
        writer.flush()?;
        Ok(writer)
    }

    /// Adds samples, in volts.
    pub fn write(&mut self, volts: &[f32]) -> Result<(), RecordError> {
        let mut octets = Vec::with_capacity(volts.len() * 4);
        self.encoder.encode(volts, &mut octets);
        let whole = self.data_octets + octets.len() as u64;
        self.header(whole)?;
        self.to.write_all(&octets).map_err(RecordError::file(&self.path))?;
        self.data_octets = whole;
        Ok(())
    }

    /// Brings the header up to date and hands what is buffered to the system.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        let header = self.header(self.data_octets)?;
        let mut update = || -> std::io::Result<()> {
            self.to.seek(SeekFrom::Start(0))?;
            self.to.write_all(&header)?;
            self.to.seek(SeekFrom::End(0))?;
            self.to.flush()
        };
        update().map_err(RecordError::file(&self.path))
    }

    fn header(&self, data_octets: u64) -> Result<Vec<u8>, RecordError> {
        let (rate_hz, format) = (self.rate_hz, self.encoder.format);
        Header { rate_hz, channels: 1, format, comment: Some(&self.comment) }.octets(data_octets).ok_or_else(
            || {
                let problem = "a WAV file holds no more than 4 GiB; record less at a time, or with --sigmf";
                RecordError::content(&self.path, problem)
            },
        )
    }

    /// Samples beyond full scale so far.
    pub fn clipped(&self) -> u64 {
        self.encoder.clipped
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(about: &About, format: SampleFormat, volts: &[f32]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.wav");
        let mut writer = WavWriter::create(&path, about, format).unwrap();
        writer.write(volts).unwrap();
        writer.flush().unwrap();
        std::fs::read(&path).unwrap()
    }

    #[test]
    fn recordings_come_back_with_what_they_say_of_themselves() {
        let volts: Vec<f32> = (0..1_000).map(|n| 2.4 * (n as f32 * 0.1).sin()).collect();
        for (format, step) in [(SampleFormat::F32, 3e-7), (SampleFormat::I16, 2.5 / 65_536.0 * 1.01)] {
            let found = parse(&written(&About::described(), format, &volts)).unwrap();
            assert_eq!(found.about, About::described());
            assert_eq!(found.volts.len(), volts.len());
            let worst = found.volts.iter().zip(&volts).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= step, "{format:?}: {worst}");
        }
    }

    proptest! {
        #[test]
        fn damaged_files_are_answered(
            octets in proptest::collection::vec(any::<u8>(), 0..80),
            at: proptest::sample::Index, value: u8, cut: proptest::sample::Index,
        ) {
            let _ = parse(&octets);
            let mut file = written(&About::described(), SampleFormat::I16, &[0.5; 20]);
            let at = at.index(file.len());
            file[at] = value;
            let _ = parse(&file);
            file.truncate(cut.index(file.len()));
            let _ = parse(&file);
        }
    }
}
