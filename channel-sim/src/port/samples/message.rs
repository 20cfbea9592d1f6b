//! The messages, and their octets.
//!
//! A little-endian 32-bit length, an octet that names the message, and its body, which the length counts with it.

use plc_core::bytes::{Reader, Truncated};
use std::io::{self, ErrorKind, Read, Write};
use thiserror::Error;

/// Version of the messages; both ends must have the same.
pub const VERSION: u16 = 1;
/// Longest message in octets, without its length.
pub const MAX_MESSAGE: usize = 1 << 20;
/// Most samples of a message.
pub const MAX_SAMPLES: usize = 1 << 16;

/// A message of either end.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// 0x01, modem: takes a place on the line. The first message.
    Join {
        /// [`VERSION`].
        version: u16,
        /// Which place: `meter-3`, or the load's name.
        name: String,
    },
    /// 0x02, modem: answers a step.
    Sent {
        /// Index of the first sample: that of the step.
        from: u64,
        /// How many: those of the step.
        count: u32,
        /// The samples, 1.0 being full scale. Empty where the modem is silent.
        samples: Vec<f32>,
    },
    /// 0x81, line: the place is taken. A JSON object.
    Joined(String),
    /// 0x82, line: a block has passed, and another begins.
    Step {
        /// Index of the first sample heard.
        heard_from: u64,
        /// What the modem hears, in volts: what others send, and noise.
        heard: Vec<f32>,
        /// First sample that is wanted.
        send_from: u64,
        /// How many.
        send_count: u32,
    },
    /// 0x83, line: what the modem's household drew.
    Measured {
        /// Mean active power in mW.
        power_mw: i64,
        /// Over so many ticks of 1/6 µs.
        ticks: u64,
    },
    /// 0xFF, line: why the connection ends.
    Refused(String),
}

/// Why octets are no message.
#[derive(Debug, Error)]
pub enum MessageError {
    /// The other end closed the connection between two messages.
    #[error("the connection was closed")]
    Closed,
    /// The stream failed, timed out, or ended inside a message.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// A length beyond [`MAX_MESSAGE`], or of nothing.
    #[error("a message of {0} octets was announced; from 1 to {MAX_MESSAGE} are possible")]
    Length(usize),
    /// The octets end too early.
    #[error("message {kind:#04x}: {error}")]
    Truncated {
        /// The message's number.
        kind: u8,
        /// Where.
        error: Truncated,
    },
    /// Octets after the message.
    #[error("message {kind:#04x}: {left} octets too many")]
    Trailing {
        /// The message's number.
        kind: u8,
        /// How many.
        left: usize,
    },
    /// A number that names no message.
    #[error("message {0:#04x} is none of this version")]
    Kind(u8),
    /// Too many samples.
    #[error("{0} samples; a message has at most {MAX_SAMPLES}")]
    Samples(u32),
    /// A sample that is no number.
    #[error("sample {index} is {value}")]
    Sample {
        /// Its place in the message.
        index: usize,
        /// What it is.
        value: f32,
    },
    /// Text that is not UTF-8.
    #[error("message {0:#04x}: its text is not UTF-8")]
    Text(u8),
}

/// Numbers of the messages.
mod kind {
    pub(super) const JOIN: u8 = 0x01;
    pub(super) const SENT: u8 = 0x02;
    pub(super) const JOINED: u8 = 0x81;
    pub(super) const STEP: u8 = 0x82;
    pub(super) const MEASURED: u8 = 0x83;
    pub(super) const REFUSED: u8 = 0xFF;
}

impl Message {
    /// Reads a message from its octets without the length.
    pub fn parse(octets: &[u8]) -> Result<Self, MessageError> {
        let (&kind, body) = octets.split_first().ok_or(MessageError::Length(0))?;
        let short = |error| MessageError::Truncated { kind, error };
        let mut reader = Reader::new(body);
        let message = match kind {
            kind::JOIN => {
                let version = reader.u16_le().map_err(short)?;
                Self::Join { version, name: text(kind, reader.take(reader.left()).map_err(short)?)? }
            }
            kind::SENT => {
                let from = u64_le(&mut reader).map_err(short)?;
                let count = reader.u32_le().map_err(short)?;
                let samples = match reader.left() {
                    0 => Vec::new(),
                    _ => samples(&mut reader, count, kind)?,
                };
                Self::Sent { from, count, samples }
            }
            kind::JOINED => Self::Joined(text(kind, reader.take(reader.left()).map_err(short)?)?),
            kind::STEP => {
                let heard_from = u64_le(&mut reader).map_err(short)?;
                let count = reader.u32_le().map_err(short)?;
                let heard = samples(&mut reader, count, kind)?;
                let send_from = u64_le(&mut reader).map_err(short)?;
                let send_count = reader.u32_le().map_err(short)?;
                if send_count as usize > MAX_SAMPLES {
                    return Err(MessageError::Samples(send_count));
                }
                Self::Step { heard_from, heard, send_from, send_count }
            }
            kind::MEASURED => Self::Measured {
                power_mw: u64_le(&mut reader).map_err(short)? as i64,
                ticks: u64_le(&mut reader).map_err(short)?,
            },
            kind::REFUSED => Self::Refused(text(kind, reader.take(reader.left()).map_err(short)?)?),
            other => return Err(MessageError::Kind(other)),
        };
        match reader.left() {
            0 => Ok(message),
            left => Err(MessageError::Trailing { kind, left }),
        }
    }

    /// The message's octets with the length.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = vec![0; 4];
        match self {
            Self::Join { version, name } => {
                octets.push(kind::JOIN);
                octets.extend(version.to_le_bytes());
                octets.extend(name.as_bytes());
            }
            Self::Sent { from, count, samples } => {
                octets.push(kind::SENT);
                octets.extend(from.to_le_bytes());
                octets.extend(count.to_le_bytes());
                octets.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
            }
            Self::Joined(text) => {
                octets.push(kind::JOINED);
                octets.extend(text.as_bytes());
            }
            Self::Step { heard_from, heard, send_from, send_count } => {
                octets.push(kind::STEP);
                octets.extend(heard_from.to_le_bytes());
                octets.extend((heard.len() as u32).to_le_bytes());
                octets.extend(heard.iter().flat_map(|sample| sample.to_le_bytes()));
                octets.extend(send_from.to_le_bytes());
                octets.extend(send_count.to_le_bytes());
            }
            Self::Measured { power_mw, ticks } => {
                octets.push(kind::MEASURED);
                octets.extend(power_mw.to_le_bytes());
                octets.extend(ticks.to_le_bytes());
            }
            Self::Refused(text) => {
                octets.push(kind::REFUSED);
                octets.extend(text.as_bytes());
            }
        }
        let length = (octets.len() - 4) as u32;
        if let Some(field) = octets.get_mut(..4) {
            field.copy_from_slice(&length.to_le_bytes());
        }
        octets
    }
}

/// Writes a message.
pub fn write_message(to: &mut impl Write, message: &Message) -> Result<(), MessageError> {
    to.write_all(&message.octets())?;
    Ok(to.flush()?)
}

/// Reads a message.
pub fn read_message(from: &mut impl Read) -> Result<Message, MessageError> {
    let mut length = [0; 4];
    match from.read_exact(&mut length[..1]) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(MessageError::Closed),
        other => other?,
    }
    from.read_exact(&mut length[1..])?;
    let length = u32::from_le_bytes(length) as usize;
    if !(1..=MAX_MESSAGE).contains(&length) {
        return Err(MessageError::Length(length));
    }
    let mut octets = vec![0; length];
    from.read_exact(&mut octets)?;
    Message::parse(&octets)
}

fn text(kind: u8, octets: &[u8]) -> Result<String, MessageError> {
    String::from_utf8(octets.to_vec()).map_err(|_| MessageError::Text(kind))
}

fn u64_le(reader: &mut Reader<'_>) -> Result<u64, Truncated> {
    Ok(u64::from_le_bytes(reader.array()?))
}

fn samples(reader: &mut Reader<'_>, count: u32, kind: u8) -> Result<Vec<f32>, MessageError> {
    let number = count as usize;
    if number > MAX_SAMPLES {
        return Err(MessageError::Samples(count));
    }
    let octets = reader.take(4 * number).map_err(|error| MessageError::Truncated { kind, error })?;
    let samples: Vec<f32> =
        octets.chunks_exact(4).filter_map(|octets| octets.try_into().ok().map(f32::from_le_bytes)).collect();
    match samples.iter().position(|sample| !sample.is_finite()) {
        None => Ok(samples),
        Some(index) => {
            Err(MessageError::Sample { index, value: samples.get(index).copied().unwrap_or(f32::NAN) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floats() -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(-1e6_f32..1e6, 0..40)
    }

    fn messages() -> impl Strategy<Value = Message> {
        prop_oneof![
            (any::<u16>(), ".{0,20}").prop_map(|(version, name)| Message::Join { version, name }),
            (any::<u64>(), floats()).prop_map(|(from, samples)| {
                let count = samples.len() as u32;
                Message::Sent { from, count, samples }
            }),
            (any::<u64>(), any::<u32>()).prop_map(|(from, count)| Message::Sent {
                from,
                count,
                samples: Vec::new()
            }),
            ".{0,20}".prop_map(Message::Joined),
            (any::<u64>(), floats(), any::<u64>(), 0..=MAX_SAMPLES as u32).prop_map(
                |(heard_from, heard, send_from, send_count)| Message::Step {
                    heard_from,
                    heard,
                    send_from,
                    send_count
                }
            ),
            (any::<i64>(), any::<u64>()).prop_map(|(power_mw, ticks)| Message::Measured { power_mw, ticks }),
            ".{0,20}".prop_map(Message::Refused),
        ]
    }

    proptest! {
        #[test]
        fn messages_come_back_and_damage_is_answered(
            message in messages(), at: proptest::sample::Index, value: u8, cut: proptest::sample::Index,
        ) {
            let mut octets = message.octets();
            prop_assert_eq!(&read_message(&mut octets.as_slice()).unwrap(), &message);
            let cut = cut.index(octets.len());
            let expected_closed = cut == 0;
            match read_message(&mut &octets[..cut]) {
                Err(MessageError::Closed) => prop_assert!(expected_closed),
                Err(MessageError::Io(_)) => {}
                other => prop_assert!(false, "{:?}", other),
            }
            let at = at.index(octets.len());
            octets[at] = value;
            let _ = read_message(&mut octets.as_slice());
        }

        #[test]
        fn random_octets_are_an_error_or_a_message(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(message) = Message::parse(&octets) {
                prop_assert_eq!(&message.octets()[4..], &octets[..]);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |octets: &[u8]| Message::parse(octets).unwrap_err().to_string();
        assert!(error(&[9]).contains("0x09"));
        let mut sent = Message::Sent { from: 1, count: 2, samples: vec![0.0, f32::NAN] }.octets();
        assert!(error(&sent[4..]).contains("sample 1 is NaN"));
        sent.push(0);
        sent[20] = 0;
        sent[21..25].fill(0);
        assert!(error(&sent[4..]).contains("1 octets too many"), "{}", error(&sent[4..]));
        assert!(read_message(&mut &[0xFF; 10][..]).unwrap_err().to_string().contains("4294967295"));
    }
}
