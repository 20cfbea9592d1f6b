//! WAV files: samples of one or more channels, and the comment of a LIST INFO chunk.
//!
//! Read are integers of 8 to 32 bits and floats of 32 or 64, of any number of channels; written are floats of 32 bits
//! and integers of 16. Integers are scaled so that full scale is 1. Sizes are believed only as far as there are octets:
//! a program that died leaves files whose header says too much, or nothing.

use plc_core::bytes::{Reader, Truncated};
use serde::{Deserialize, Serialize};
use std::io::Write;
use thiserror::Error;

/// How samples are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleFormat {
    /// 32-bit floats.
    F32,
    /// 16-bit integers; full scale is 32768.
    I16,
}

impl SampleFormat {
    const fn octets(self) -> u16 {
        match self {
            Self::F32 => 4,
            Self::I16 => 2,
        }
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Wav {
    /// Samples per second.
    pub rate_hz: u32,
    /// Samples of each channel, of equal number.
    pub channels: Vec<Vec<f32>>,
    /// The comment (ICMT) of its INFO list.
    pub comment: Option<String>,
    /// Octets of samples that the header counts and that are not there: the file was cut. What programs that write into
    /// pipes count, all bits set, is no promise.
    pub missing_octets: u64,
}

/// Why octets are no WAV file that can be used.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum WavError {
    /// The file ends inside a header.
    #[error("the file ends inside a header: {0}")]
    Truncated(#[from] Truncated),
    /// Not RIFF/WAVE.
    #[error("the file begins with {0:?}, not with RIFF and WAVE: a WAV file is needed")]
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
    /// A comment of ours with a value that cannot be.
    #[error("its comment says {0:?}; a number of volts from 1e-9 to 1e6 is needed")]
    Comment(String),
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

impl Wav {
    /// Reads a file's octets.
    pub fn parse(octets: &[u8]) -> Result<Self, WavError> {
        let magic = octets.get(..12).unwrap_or(octets);
        if !magic.starts_with(b"RIFF") || magic.get(8..) != Some(b"WAVE") {
            return Err(WavError::Magic(String::from_utf8_lossy(magic).into_owned()));
        }
        let mut reader = Reader::new(octets);
        reader.take(magic.len())?;
        let (mut format, mut data, mut comment, mut missing_octets) = (None, None, None, 0);
        while reader.left() >= 8 {
            let (id, chunk, missing) = chunk(&mut reader)?;
            match &id {
                b"fmt " => format = Some(Format::parse(chunk)?),
                b"data" if data.is_none() => (data, missing_octets) = (Some(chunk), missing),
                b"LIST" => comment = comment.or_else(|| comment_of(chunk)),
                _ => {}
            }
        }
        let format = format.ok_or(WavError::Missing("fmt "))?;
        let channels = format.samples(data.ok_or(WavError::Missing("data"))?);
        Ok(Self { rate_hz: format.rate, channels, comment, missing_octets })
    }

    /// Writes a file of 32-bit floats; channels that are longer than others are cut.
    ///
    /// # Errors
    /// Those of `out`, and more samples than a WAV file holds.
    pub fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let frames = self.channels.iter().map(Vec::len).min().unwrap_or(0);
        let too_much =
            |what: &str| std::io::Error::other(format!("{what} do not fit a WAV file; write less"));
        let count = u16::try_from(self.channels.len())
            .ok()
            .filter(|count| count.checked_mul(4).is_some())
            .ok_or_else(|| too_much("more than 16383 channels"))?;
        let width = 4 * self.channels.len();
        let header = Header {
            rate_hz: self.rate_hz,
            channels: count,
            format: SampleFormat::F32,
            comment: self.comment.as_deref(),
        };
        let octets =
            header.octets((frames * width) as u64).ok_or_else(|| too_much("samples of more than 4 GiB"))?;
        out.write_all(&octets)?;
        let mut buffer = Vec::with_capacity(4096 * width);
        for from in (0..frames).step_by(4096) {
            buffer.clear();
            for frame in from..frames.min(from + 4096) {
                for channel in &self.channels {
                    buffer.extend_from_slice(&channel[frame].to_le_bytes());
                }
            }
            out.write_all(&buffer)?;
        }
        Ok(())
    }
}

/// What stands in a file before its samples.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// Samples per second.
    pub rate_hz: u32,
    /// Channels.
    pub channels: u16,
    /// How samples are kept.
    pub format: SampleFormat,
    /// The comment.
    pub comment: Option<&'a str>,
}

impl Header<'_> {
    /// The octets of the header of a file with this many octets of samples, always equally many; `None` if a WAV file
    /// does not hold so many.
    pub fn octets(&self, data: u64) -> Option<Vec<u8>> {
        let tag = match self.format {
            SampleFormat::F32 => FLOAT,
            SampleFormat::I16 => PCM,
        };
        let block = self.channels.checked_mul(self.format.octets())?;
        let mut head = b"RIFF....WAVEfmt \x10\0\0\0".to_vec();
        head.extend(tag.to_le_bytes());
        head.extend(self.channels.to_le_bytes());
        head.extend(self.rate_hz.to_le_bytes());
        head.extend(self.rate_hz.saturating_mul(u32::from(block)).to_le_bytes());
        head.extend(block.to_le_bytes());
        head.extend((8 * self.format.octets()).to_le_bytes());
        if self.format == SampleFormat::F32 {
            // Formats other than integers carry the number of frames.
            head.extend(b"fact\x04\0\0\0");
            head.extend((u32::try_from(data).ok()?.checked_div(u32::from(block)).unwrap_or(0)).to_le_bytes());
        }
        if let Some(comment) = self.comment {
            let mut list = b"INFO".to_vec();
            for (id, text) in [(b"ICMT", comment), (b"ISFT", "channel-sim (Busbar)")] {
                list.extend(id);
                list.extend((text.len() as u32 + 1).to_le_bytes());
                list.extend(text.as_bytes());
                list.push(0);
                list.resize(list.len().next_multiple_of(2), 0);
            }
            head.extend(b"LIST");
            head.extend((list.len() as u32).to_le_bytes());
            head.extend(&list);
        }
        head.extend(b"data");
        head.extend(u32::try_from(data).ok()?.to_le_bytes());
        let whole = u32::try_from(head.len() as u64 - 8 + data).ok()?;
        head.splice(4..8, whole.to_le_bytes());
        Some(head)
    }
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

/// A chunk's name, as much of it as there is, and how many octets are missing.
fn chunk<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], &'a [u8], u64), Truncated> {
    let id = reader.array()?;
    let size = reader.u32_le()?;
    let body = reader.take((size as usize).min(reader.left()))?;
    let missing = if size == u32::MAX { 0 } else { u64::from(size) - body.len() as u64 };
    if size % 2 == 1 && reader.left() > 0 {
        reader.u8()?;
    }
    Ok((id, body, missing))
}

/// The comment of an INFO list.
fn comment_of(list: &[u8]) -> Option<String> {
    let mut reader = Reader::new(list.strip_prefix(b"INFO")?);
    while reader.left() >= 8 {
        let (id, text, _) = chunk(&mut reader).ok()?;
        if &id == b"ICMT" {
            return Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_string());
        }
    }
    None
}

#[derive(Clone, Copy, Debug)]
struct Format {
    float: bool,
    channels: u16,
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
        Ok(Self { float, channels, rate, block, bits })
    }

    /// Every channel's samples; a frame that is cut off is left out.
    fn samples(&self, data: &[u8]) -> Vec<Vec<f32>> {
        let frames = data.chunks_exact(usize::from(self.block));
        let width = usize::from(self.bits / 8);
        let mut channels = vec![Vec::with_capacity(frames.len()); usize::from(self.channels)];
        for frame in frames {
            for (channel, octets) in channels.iter_mut().zip(frame.chunks_exact(width)) {
                channel.push(self.sample(octets));
            }
        }
        channels
    }

    /// One sample; full scale is 1.
    fn sample(&self, octets: &[u8]) -> f32 {
        match (self.float, octets) {
            (false, &[only]) => (f32::from(only) - 128.0) / 128.0,
            (false, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (false, &[a, b, c]) => i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0,
            (false, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (true, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (true, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
            // `parse` lets no other width pass.
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(format: u16, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut octets = b"RIFF\0\0\0\0WAVEjunk\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        octets.extend(format.to_le_bytes());
        octets.extend(channels.to_le_bytes());
        octets.extend(48_000_u32.to_le_bytes());
        octets.extend(0_u32.to_le_bytes());
        octets.extend((channels * bits / 8).to_le_bytes());
        octets.extend(bits.to_le_bytes());
        octets.extend(b"data");
        octets.extend((data.len() as u32).to_le_bytes());
        octets.extend(data);
        octets
    }

    fn channels(format: u16, channels: u16, bits: u16, data: &[u8]) -> Result<Vec<Vec<f32>>, WavError> {
        Wav::parse(&file(format, channels, bits, data)).map(|wav| wav.channels)
    }

    #[test]
    fn every_encoding_is_scaled_to_one() {
        assert_eq!(
            channels(PCM, 2, 16, &[0, 0x40, 0, 0xC0, 0, 0x80, 0, 0]),
            Ok(vec![vec![0.5, -1.0], vec![-0.5, 0.0]])
        );
        assert_eq!(channels(PCM, 1, 8, &[192]), Ok(vec![vec![0.5]]));
        assert_eq!(channels(PCM, 1, 24, &[0, 0, 0xC0]), Ok(vec![vec![-0.5]]));
        assert_eq!(channels(PCM, 1, 32, &[0, 0, 0, 0x20]), Ok(vec![vec![0.25]]));
        assert_eq!(channels(FLOAT, 1, 32, &0.25_f32.to_le_bytes()), Ok(vec![vec![0.25]]));
        assert_eq!(channels(FLOAT, 1, 64, &0.25_f64.to_le_bytes()), Ok(vec![vec![0.25]]));
    }

    #[test]
    fn what_is_not_read_is_named() {
        assert_eq!(channels(6, 1, 8, &[1]), Err(WavError::Format { format: 6, bits: 8 }));
        assert_eq!(
            channels(PCM, 0, 16, &[1]),
            Err(WavError::Layout { channels: 0, bits: 16, block: 0, rate: 48_000 })
        );
        assert_eq!(Wav::parse(b"OggS....WAVE....").unwrap_err(), WavError::Magic("OggS....WAVE".into()));
        assert_eq!(Wav::parse(b"RIFF").unwrap_err(), WavError::Magic("RIFF".into()));
        assert_eq!(Wav::parse(b"RIFF....WAVE"), Err(WavError::Missing("fmt ")));
    }

    #[test]
    fn sizes_that_a_dead_program_left_are_believed_as_far_as_there_are_octets() {
        let mut octets = file(PCM, 1, 16, &[0, 0x40, 0, 0x40, 0]);
        let size = octets.len() - 9;
        octets[size..size + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let found = Wav::parse(&octets).unwrap();
        assert_eq!((found.channels, found.missing_octets), (vec![vec![0.5, 0.5]], 0));
    }

    #[test]
    fn samples_that_were_cut_off_are_counted() {
        let mut octets = file(PCM, 1, 16, &[0, 0x40, 0, 0x40, 0, 0x40]);
        octets.truncate(octets.len() - 3);
        let found = Wav::parse(&octets).unwrap();
        assert_eq!((found.channels, found.missing_octets), (vec![vec![0.5]], 3));
    }

    #[test]
    fn headers_refuse_what_a_file_does_not_hold() {
        let header =
            Header { rate_hz: 48_000, channels: 1, format: SampleFormat::F32, comment: Some("text") };
        let length = header.octets(0).unwrap().len() as u64;
        assert!(header.octets(u64::from(u32::MAX) + 8 - length).is_some());
        assert!(header.octets(u64::from(u32::MAX) + 9 - length).is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            channels in (0usize..50, 1usize..4).prop_flat_map(|(frames, channels)| {
                prop::collection::vec(prop::collection::vec(-1e3f32..1e3, frames), channels)
            }),
            rate_hz in 1u32..3_000_000,
            comment in proptest::option::of("[a-zà-ÿ =;]{0,20}"),
        ) {
            let wav = Wav { rate_hz, channels, comment, missing_octets: 0 };
            let mut octets = Vec::new();
            wav.write(&mut octets).unwrap();
            prop_assert_eq!(Wav::parse(&octets).unwrap(), wav);
            prop_assert_eq!(u32::from_le_bytes(octets[4..8].try_into().unwrap()) as usize, octets.len() - 8);
        }

        #[test]
        fn damaged_files_are_answered(
            octets in prop::collection::vec(any::<u8>(), 0..120),
            at: prop::sample::Index, value: u8, cut: prop::sample::Index,
        ) {
            let _ = Wav::parse(&octets);
            let _ = Wav::parse(&[b"RIFF\0\0\0\0WAVEfmt ", &octets[..]].concat());
            let mut good = Vec::new();
            let wav = Wav { rate_hz: 48_000, channels: vec![vec![0.5; 9]; 2], comment: Some("text".into()), missing_octets: 0 };
            wav.write(&mut good).unwrap();
            let at = at.index(good.len());
            good[at] = value;
            let _ = Wav::parse(&good);
            good.truncate(cut.index(good.len()));
            let _ = Wav::parse(&good);
        }
    }
}
