//! What is on the air, and a node's receiver.

use super::hearing::{GROUPS, Interference};
use super::modem::Stage;
use g3_phy::primitives::{Ack, DataHeader, Event};
use g3_phy::{BandPlan, timing};

/// Steps of a window in which listeners' windows are aligned.
pub(super) const ALIGNMENTS: u64 = 4;
/// Moments at which listeners may find a preamble: after 1, 3 or 7 windows, each with its alignments.
pub(super) const BATCHES: usize = 3 * ALIGNMENTS as usize;
/// Power of a preamble against the rest of its frame: 3 dB (`g3_phy::options`).
const PREAMBLE_BOOST: f32 = 2.0;
/// Frames that a receiver is aware of at a time.
pub(super) const AWARE: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Listening,
    /// Follows the transmission in this slot.
    Preamble(u32),
    Payload(u32),
}

/// A node's PHY.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) state: State,
    /// Transmission under way or to come.
    pub(super) sending: Option<u32>,
    /// Whether the own transmission cut a reception short, or a frame with a wrong FCH may be on the line.
    pub(super) busy: bool,
    /// Changes when such a frame is not waited for any more.
    pub(super) epoch: u32,
    /// Link of the frame followed.
    pub(super) link: u32,
    /// Since when the receiver listens.
    pub(super) free_since: u64,
    /// Place on the noise tape at time 0.
    pub(super) place: u64,
    pub(super) attenuation_db: u8,
    pub(super) header_interference: Interference,
    pub(super) payload_interference: Interference,
    /// Slot and link of what is on the air here.
    pub(super) aware: [(u32, u32); AWARE],
    pub(super) aware_count: u8,
}

/// A frame on the air, or about to be.
#[derive(Clone, Debug)]
pub(super) struct Transmission {
    pub(super) serial: u32,
    pub(super) from: u32,
    pub(super) start: u64,
    pub(super) header_end: u64,
    pub(super) end: u64,
    pub(super) attenuation_db: u8,
    pub(super) content: Content,
    /// Listeners by batch.
    pub(super) order: Vec<(u32, u32)>,
    pub(super) batch_ends: [u16; BATCHES],
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a transmission is boxed with all that it holds")]
pub(super) enum Content {
    Data { event: Event, header: DataHeader, stage: Stage, layout: usize },
    Ack(Ack),
}

impl Port {
    /// What disturbs header and payload of the frame that is followed.
    pub(super) fn stages(&mut self) -> [&mut Interference; 2] {
        [&mut self.header_interference, &mut self.payload_interference]
    }

    /// A receiver that listens from time 0 on, at a place of its noise tape.
    pub(super) fn new(place: u64) -> Self {
        Self {
            state: State::Listening,
            sending: None,
            busy: false,
            epoch: 0,
            link: 0,
            free_since: 0,
            place,
            attenuation_db: 0,
            header_interference: Interference::default(),
            payload_interference: Interference::default(),
            aware: [(0, 0); AWARE],
            aware_count: 0,
        }
    }
}

/// When a frame's parts are on the air.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) start: u64,
    /// Ticks of the preamble.
    pub(super) preamble: u64,
    pub(super) header_end: u64,
    pub(super) end: u64,
}

impl Transmission {
    pub(super) fn times(&self) -> Times {
        let preamble = timing::preamble(&BandPlan::CENELEC_A).as_ticks();
        Times { start: self.start, preamble, header_end: self.header_end, end: self.end }
    }
}

/// Adds to what disturbs header and payload of the frame that is followed: another one, on the air in `span`.
pub(super) fn disturb(
    stages: [&mut Interference; 2],
    followed: Times,
    span: (u64, u64),
    power: &[f32; GROUPS],
) {
    let preamble = followed.preamble;
    let own = [(followed.start + preamble, followed.header_end), (followed.header_end, followed.end)];
    // The other one's preamble is louder than the rest.
    let parts = [(span.0, span.1.min(span.0 + preamble), PREAMBLE_BOOST), (span.0 + preamble, span.1, 1.0)];
    for (interference, (from, to)) in stages.into_iter().zip(own) {
        for (first, last, factor) in parts {
            let (start, end) = (first.max(from), last.min(to));
            if end <= start {
                continue;
            }
            let share = (end - start) as f32 / (to - from) as f32;
            // Disturbers one after another add to the share, and their mean power counts.
            let total = interference.share + share;
            for (sum, power) in interference.power.iter_mut().zip(power) {
                *sum = (*sum * interference.share + factor * power * share)
                    / total.clamp(f32::MIN_POSITIVE, 1.0).max(share);
            }
            interference.share = total.min(1.0);
        }
    }
}

pub(super) fn powers(power: [f32; GROUPS], attenuation_db: u8) -> [f32; GROUPS] {
    if attenuation_db == 0 {
        return power;
    }
    let factor = libm::powf(10.0, -f32::from(attenuation_db) / 10.0);
    power.map(|power| power * factor)
}

/// 64 random bits for a listener's part in a frame (the finaliser of SplitMix64 over mixed words).
pub(super) fn hash(seed: u64, serial: u32, listener: u32, purpose: u32) -> u64 {
    let mut z = seed
        ^ (u64::from(serial) << 32 | u64::from(listener)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ u64::from(purpose).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
