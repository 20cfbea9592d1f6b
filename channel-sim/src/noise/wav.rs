//! WAV files: samples of one or more channels.
//!
//! Read are integers of 16, 24 and 32 bits and floats of 32 bits; written are floats. Integers are scaled so that full
//! scale is 1.

use super::error::NoiseError;
use std::io::Write;
use std::path::Path;

/// The most channels that are read.
const MOST_CHANNELS: u16 = 64;
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Wav {
    /// Samples per second.
    pub rate_hz: u32,
    /// Samples of each channel, of equal number.
    pub channels: Vec<Vec<f32>>,
}

impl Wav {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, NoiseError> {
        let problem = |problem: String| NoiseError::File { path: path.into(), problem };
        let bytes = std::fs::read(path)
            .map_err(|error| problem(format!("{error}; give a WAV file that can be read")))?;
        Self::parse(&bytes).map_err(|reason| {
            problem(format!("{reason}; a WAV file of 16, 24 or 32 bit integers or 32 bit floats is needed"))
        })
    }

    /// Parses a file's bytes. A data chunk that is cut off is read as far as it goes.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if field(bytes, 0) != Some(*b"RIFF") || field(bytes, 8) != Some(*b"WAVE") {
            return Err("it does not begin with RIFF and WAVE".into());
        }
        let mut at = 12;
        let mut format = None;
        while let (Some(name), Some(length)) = (field::<4>(bytes, at), field(bytes, at + 4)) {
            let length = u32::from_le_bytes(length) as usize;
            let body = bytes.get(at + 8..).unwrap_or_default();
            let body = body.get(..length).unwrap_or(body);
            match &name {
                b"fmt " => format = Some(Format::parse(body)?),
                b"data" => return format.ok_or("its data come before their format")?.samples(body),
                _ => {}
            }
            at = at.saturating_add(8).saturating_add(length).saturating_add(length % 2);
        }
        Err("it has no data".into())
    }

    /// Writes a file of 32 bit floats.
    pub fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let frames = self.channels.iter().map(Vec::len).min().unwrap_or(0);
        let width = 4 * self.channels.len();
        let too_long = || std::io::Error::other("more than 4 GiB do not fit a WAV file; write fewer seconds");
        let octets = u32::try_from(frames * width).ok().filter(|&octets| octets < u32::MAX - 100);
        let octets = octets.ok_or_else(too_long)?;
        out.write_all(b"RIFF")?;
        out.write_all(&(octets + 48).to_le_bytes())?;
        out.write_all(b"WAVEfmt ")?;
        out.write_all(&16u32.to_le_bytes())?;
        out.write_all(&FLOAT.to_le_bytes())?;
        out.write_all(&(self.channels.len() as u16).to_le_bytes())?;
        out.write_all(&self.rate_hz.to_le_bytes())?;
        out.write_all(&self.rate_hz.saturating_mul(width as u32).to_le_bytes())?;
        out.write_all(&(width as u16).to_le_bytes())?;
        out.write_all(&32u16.to_le_bytes())?;
        // Formats other than integers carry the number of frames.
        out.write_all(b"fact")?;
        out.write_all(&4u32.to_le_bytes())?;
        out.write_all(&(frames as u32).to_le_bytes())?;
        out.write_all(b"data")?;
        out.write_all(&octets.to_le_bytes())?;
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

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

struct Format {
    float: bool,
    channels: u16,
    rate_hz: u32,
    bits: u16,
}

impl Format {
    fn parse(body: &[u8]) -> Result<Self, String> {
        let short = |at: usize| field(body, at).map(u16::from_le_bytes);
        let (Some(mut tag), Some(channels), Some(rate), Some(bits)) =
            (short(0), short(2), field(body, 4), short(14))
        else {
            return Err(format!("its format has {} octets, not 16", body.len()));
        };
        if tag == EXTENSIBLE {
            tag = short(24).unwrap_or(tag);
        }
        if !(1..=MOST_CHANNELS).contains(&channels) {
            return Err(format!("it has {channels} channels"));
        }
        let rate_hz = u32::from_le_bytes(rate);
        match (tag, bits) {
            (PCM, 16 | 24 | 32) | (FLOAT, 32) => Ok(Self { float: tag == FLOAT, channels, rate_hz, bits }),
            _ => Err(format!("its samples have format {tag} and {bits} bits")),
        }
    }

    fn samples(&self, body: &[u8]) -> Result<Wav, String> {
        let octets = usize::from(self.bits / 8);
        let one = |bytes: &[u8]| -> f32 {
            let mut word = [0; 4];
            word[4 - bytes.len()..].copy_from_slice(bytes);
            if self.float {
                f32::from_le_bytes(word)
            } else {
                i32::from_le_bytes(word) as f32 / 2_147_483_648.0
            }
        };
        let count = usize::from(self.channels);
        let mut channels = vec![Vec::with_capacity(body.len() / (octets * count)); count];
        for frame in body.chunks_exact(octets * count) {
            for (channel, bytes) in channels.iter_mut().zip(frame.chunks_exact(octets)) {
                let sample = one(bytes);
                if !sample.is_finite() {
                    return Err(format!("sample {} is {sample}", channel.len()));
                }
                channel.push(sample);
            }
        }
        Ok(Wav { rate_hz: self.rate_hz, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(tag: u16, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut out = b"RIFF....WAVEjunk\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        out.extend([tag, channels].iter().flat_map(|word| word.to_le_bytes()));
        out.extend(48_000u32.to_le_bytes());
        out.extend([0; 6]);
        out.extend(bits.to_le_bytes());
        out.extend(b"data");
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn integers_are_scaled_to_one() {
        let wav = Wav::parse(&header(1, 2, 16, &[0, 0x40, 0, 0x80])).unwrap();
        assert_eq!(wav, Wav { rate_hz: 48_000, channels: vec![vec![0.5], vec![-1.0]] });
        assert_eq!(Wav::parse(&header(1, 1, 24, &[0, 0, 0xC0])).unwrap().channels, [[-0.5]]);
        assert_eq!(Wav::parse(&header(1, 1, 32, &[0, 0, 0, 0x20])).unwrap().channels, [[0.25]]);
    }

    #[test]
    fn other_formats_are_refused_with_what_they_are() {
        assert!(Wav::parse(&header(1, 1, 8, &[0])).unwrap_err().contains("format 1 and 8 bits"));
        assert!(Wav::parse(&header(1, 0, 16, &[0])).unwrap_err().contains("0 channels"));
        let nan = f32::NAN.to_le_bytes();
        assert!(Wav::parse(&header(3, 1, 32, &nan)).unwrap_err().contains("sample 0 is NaN"));
        assert!(Wav::parse(b"RIFF").unwrap_err().contains("RIFF and WAVE"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            channels in (0usize..50, 1usize..4).prop_flat_map(|(frames, channels)| {
                prop::collection::vec(prop::collection::vec(-1e3f32..1e3, frames), channels)
            }),
            rate_hz in 1u32..3_000_000,
        ) {
            let wav = Wav { rate_hz, channels };
            let mut bytes = Vec::new();
            wav.write(&mut bytes).unwrap();
            prop_assert_eq!(Wav::parse(&bytes).unwrap(), wav);
            prop_assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len() - 8);
        }

        #[test]
        fn damaged_files_never_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..120),
            flip in 0usize..80,
            value in any::<u8>(),
        ) {
            let _ = Wav::parse(&bytes);
            let mut good = header(1, 2, 16, &bytes);
            good[flip.min(43)] = value;
            let _ = Wav::parse(&good);
            good.truncate(flip);
            bytes = good;
            let _ = Wav::parse(&bytes);
        }
    }
}
