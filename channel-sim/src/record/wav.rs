//! WAV: samples for programs that know nothing of SigMF.
//!
//! One channel of 32-bit floats or 16-bit integers. What a recording says of itself stands in the comment of a
//! LIST INFO chunk, as `busbar: key=value; ...`. Files of others may have any number of channels, of which the first
//! is read, as integers of 8 to 32 bits or floats of 32 or 64.

use super::RecordError;
use super::about::{About, Encoder, Recording, SampleFormat};
use plc_core::bytes::{Reader, Truncated};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why octets are no WAV file that can be used.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum WavError {
    /// The file ends inside a header.
    #[error("the file ends inside a header: {0}")]
    Truncated(#[from] Truncated),
    /// Not RIFF/WAVE.
    #[error("the first octets are {0:?}, not RIFF and WAVE: this is no WAV file")]
    Magic(String),
    /// No samples.
    #[error("there is no {0:?} chunk")]
    Missing(&'static str),
    /// An encoding that is not read.
    #[error(
        "format {format:#06x} with {bits} bits a sample: PCM of 8, 16, 24 or 32 bits and floats of 32 or 64 are read"
    )]
    Format {
        /// Format tag.
        format: u16,
        /// Bits a sample.
        bits: u16,
    },
    /// Header fields that contradict each other.
    #[error("{channels} channels of {bits} bits in {block} octets a frame, at {rate} Hz")]
    Layout {
        /// Channels.
        channels: u16,
        /// Bits a sample.
        bits: u16,
        /// Octets a frame.
        block: u16,
        /// Sample rate.
        rate: u32,
    },
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Recording, RecordError> {
    let octets = std::fs::read(path).map_err(RecordError::file(path))?;
    parse(&octets).map_err(|error| RecordError::content(path, error.to_string()))
}

/// Reads a file's octets.
pub fn parse(octets: &[u8]) -> Result<Recording, WavError> {
    let mut reader = Reader::new(octets);
    let riff: [u8; 4] = reader.array()?;
    let _size = reader.u32_le()?;
    let wave: [u8; 4] = reader.array()?;
    if (&riff, &wave) != (b"RIFF", b"WAVE") {
        return Err(WavError::Magic(String::from_utf8_lossy(&[riff, wave].concat()).into_owned()));
    }
    let (mut format, mut data, mut comment) = (None, None, None);
    while reader.left() >= 8 {
        let id: [u8; 4] = reader.array()?;
        let size = reader.u32_le()? as usize;
        // A program that died left a size that is too large, or none: what is there counts.
        let chunk = reader.take(size.min(reader.left()))?;
        match &id {
            b"fmt " => format = Some(Format::parse(chunk)?),
            b"data" if data.is_none() => data = Some(chunk),
            b"LIST" => comment = comment.or_else(|| comment_of(chunk)),
            _ => {}
        }
        if size % 2 == 1 && reader.left() > 0 {
            reader.u8()?;
        }
    }
    let format = format.ok_or(WavError::Missing("fmt "))?;
    let data = data.ok_or(WavError::Missing("data"))?;
    let about = about(f64::from(format.rate), comment.as_deref().unwrap_or_default());
    let volts_per_unit = about.volts_per_unit as f32;
    let first = |frame: &[u8]| format.sample(frame).map_or(0.0, |unit| unit * volts_per_unit);
    Ok(Recording { volts: data.chunks_exact(usize::from(format.block)).map(first).collect(), about })
}

#[derive(Clone, Copy, Debug)]
struct Format {
    float: bool,
    rate: u32,
    block: u16,
    bits: u16,
}

impl Format {
    fn parse(chunk: &[u8]) -> Result<Self, WavError> {
        let mut reader = Reader::new(chunk);
        let mut format = reader.u16_le()?;
        let channels = reader.u16_le()?;
        let rate = reader.u32_le()?;
        reader.u32_le()?;
        let block = reader.u16_le()?;
        let bits = reader.u16_le()?;
        if format == EXTENSIBLE {
            // Size, valid bits, speakers; the format stands at the front of its identifier.
            reader.take(8)?;
            format = reader.u16_le()?;
        }
        let float = match (format, bits) {
            (PCM, 8 | 16 | 24 | 32) => false,
            (FLOAT, 32 | 64) => true,
            _ => return Err(WavError::Format { format, bits }),
        };
        if channels == 0 || rate == 0 || u32::from(block) != u32::from(channels) * u32::from(bits / 8) {
            return Err(WavError::Layout { channels, bits, block, rate });
        }
        Ok(Self { float, rate, block, bits })
    }

    /// The first channel of a frame; full scale is 1.
    fn sample(&self, frame: &[u8]) -> Option<f32> {
        let octets = frame.get(..usize::from(self.bits / 8))?;
        Some(match (self.float, octets) {
            (false, &[only]) => (f32::from(only) - 128.0) / 128.0,
            (false, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (false, &[a, b, c]) => (i32::from_le_bytes([0, a, b, c]) as f64 / 2_147_483_648.0) as f32,
            (false, &[a, b, c, d]) => (f64::from(i32::from_le_bytes([a, b, c, d])) / 2_147_483_648.0) as f32,
            (true, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (true, _) => f64::from_le_bytes(octets.try_into().ok()?) as f32,
            (false, _) => return None,
        })
    }
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

/// The comment of an INFO list.
fn comment_of(list: &[u8]) -> Option<String> {
    let mut reader = Reader::new(list.strip_prefix(b"INFO")?);
    while reader.left() >= 8 {
        let id: [u8; 4] = reader.array().ok()?;
        let size = reader.u32_le().ok()? as usize;
        let text = reader.take(size.min(reader.left())).ok()?;
        if &id == b"ICMT" {
            return Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_string());
        }
        if size % 2 == 1 && reader.left() > 0 {
            reader.u8().ok()?;
        }
    }
    None
}

const PREFIX: &str = "busbar: ";

/// What a comment of ours says; anything else says nothing.
fn about(rate_hz: f64, comment: &str) -> About {
    let mut about = About::of_rate(rate_hz);
    let Some(fields) = comment.strip_prefix(PREFIX) else { return about };
    for (key, value) in fields.split(';').filter_map(|field| field.trim().split_once('=')) {
        let number = || value.parse().ok().filter(|value: &f64| value.is_finite());
        match key {
            "volts_per_unit" => about.volts_per_unit = number().unwrap_or(1.0),
            "start" => about.start = value.parse().ok(),
            "point" => about.point = Some(value.to_string()),
            "mains_hz" => about.mains_hz = number(),
            "mains_turns" => about.mains_turns = number(),
            "phase_turns" => about.phase_turns = number(),
            "clock_ppm" => about.clock_ppm = number(),
            "first_sample" => about.first_sample = value.parse().ok(),
            _ => {}
        }
    }
    about
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
    /// Where the data's size stands, and the samples begin.
    data_at: u64,
    data_octets: u64,
}

impl WavWriter {
    /// Begins a file.
    pub fn create(path: &Path, about: &About, format: SampleFormat) -> Result<Self, RecordError> {
        let (tag, bits) = match format {
            SampleFormat::F32 => (FLOAT, 32_u16),
            SampleFormat::I16 => (PCM, 16),
        };
        let rate = about.sample_rate_hz.round() as u32;
        let mut head = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        head.extend(tag.to_le_bytes());
        head.extend(1_u16.to_le_bytes());
        head.extend(rate.to_le_bytes());
        head.extend((rate * u32::from(bits / 8)).to_le_bytes());
        head.extend((bits / 8).to_le_bytes());
        head.extend(bits.to_le_bytes());
        let mut list = b"INFO".to_vec();
        for (id, text) in [(b"ICMT", comment(about)), (b"ISFT", "channel-sim (Busbar)".to_string())] {
            let mut text = text.into_bytes();
            text.push(0);
            list.extend(id);
            list.extend((text.len() as u32).to_le_bytes());
            list.extend(&text);
            list.resize(list.len().next_multiple_of(2), 0);
        }
        head.extend(b"LIST");
        head.extend((list.len() as u32).to_le_bytes());
        head.extend(&list);
        head.extend(b"data\0\0\0\0");
        let file = File::create(path).map_err(RecordError::file(path))?;
        let mut to = BufWriter::new(file);
        to.write_all(&head).map_err(RecordError::file(path))?;
        let encoder = Encoder { format, volts_per_unit: about.volts_per_unit, clipped: 0 };
        let mut writer =
            Self { path: path.to_path_buf(), to, encoder, data_at: head.len() as u64 - 4, data_octets: 0 };
        writer.flush()?;
        Ok(writer)
    }

    /// Adds samples, in volts.
    pub fn write(&mut self, volts: &[f32]) -> Result<(), RecordError> {
        let mut octets = Vec::with_capacity(volts.len() * 4);
        self.encoder.encode(volts, &mut octets);
        if self.data_octets + octets.len() as u64 > u64::from(u32::MAX) - self.data_at - 8 {
            return Err(RecordError::content(
                &self.path,
                "a WAV file holds no more than 4 GiB; record less at a time, or with --sigmf",
            ));
        }
        self.to.write_all(&octets).map_err(RecordError::file(&self.path))?;
        self.data_octets += octets.len() as u64;
        Ok(())
    }

    /// Brings the header up to date and hands what is buffered to the system.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        let data = self.data_octets as u32;
        let riff = (self.data_at + 4 + self.data_octets - 8) as u32;
        let mut update = || -> std::io::Result<()> {
            self.to.seek(SeekFrom::Start(4))?;
            self.to.write_all(&riff.to_le_bytes())?;
            self.to.seek(SeekFrom::Start(self.data_at))?;
            self.to.write_all(&data.to_le_bytes())?;
            self.to.seek(SeekFrom::End(0))?;
            self.to.flush()
        };
        update().map_err(RecordError::file(&self.path))
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

    fn described() -> About {
        About {
            volts_per_unit: 2.5,
            start: Some("2026-01-15T17:00:00.25Z".parse().unwrap()),
            point: Some("meter 3".to_string()),
            mains_hz: Some(50.0),
            mains_turns: Some(0.625),
            phase_turns: Some(-1.0 / 3.0),
            clock_ppm: Some(-12.5),
            first_sample: Some(12_345),
            ..About::of_rate(400_000.0)
        }
    }

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
            let found = parse(&written(&described(), format, &volts)).unwrap();
            assert_eq!(found.about, described());
            assert_eq!(found.volts.len(), volts.len());
            let worst = found.volts.iter().zip(&volts).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= step, "{format:?}: {worst}");
        }
    }

    #[test]
    fn other_encodings_are_read_and_what_is_not_is_named() {
        let file = |format: u16, channels: u16, bits: u16, data: &[u8]| {
            let mut octets = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
            octets.extend(format.to_le_bytes());
            octets.extend(channels.to_le_bytes());
            octets.extend(48_000_u32.to_le_bytes());
            octets.extend(0_u32.to_le_bytes());
            octets.extend((channels * bits / 8).to_le_bytes());
            octets.extend(bits.to_le_bytes());
            octets.extend(b"data");
            octets.extend((data.len() as u32).to_le_bytes());
            octets.extend(data);
            parse(&octets).map(|recording| recording.volts)
        };
        assert_eq!(
            file(PCM, 2, 16, &[0, 0x40, 1, 2, 0, 0x80, 3, 4]),
            Ok(vec![0.5, -1.0]),
            "the first channel"
        );
        assert_eq!(file(PCM, 1, 24, &[0, 0, 0x40]), Ok(vec![0.5]));
        assert_eq!(file(PCM, 1, 8, &[192]), Ok(vec![0.5]));
        assert_eq!(file(FLOAT, 1, 64, &0.25_f64.to_le_bytes()), Ok(vec![0.25]));
        assert_eq!(file(6, 1, 8, &[1]), Err(WavError::Format { format: 6, bits: 8 }));
        assert_eq!(
            file(PCM, 0, 16, &[1]),
            Err(WavError::Layout { channels: 0, bits: 16, block: 0, rate: 48_000 })
        );
        assert!(matches!(parse(b"OggS....WAVE"), Err(WavError::Magic(_))));
        assert_eq!(parse(b"RIFF....WAVE"), Err(WavError::Missing("fmt ")));
    }

    proptest! {
        #[test]
        fn damaged_files_are_answered(
            octets in proptest::collection::vec(any::<u8>(), 0..80),
            at: proptest::sample::Index, value: u8, cut: proptest::sample::Index,
        ) {
            let _ = parse(&octets);
            let mut file = written(&described(), SampleFormat::I16, &[0.5; 20]);
            let at = at.index(file.len());
            file[at] = value;
            let _ = parse(&file);
            file.truncate(cut.index(file.len()));
            let _ = parse(&file);
            let _ = parse(&[b"RIFF\0\0\0\0WAVEfmt ", &octets[..]].concat());
        }
    }
}
