//! Frames recorded where the primitives pass: at whoever drives a PHY, be it here, behind TCP or a chip.

use super::RecordError;
use super::frames::{FrameFile, FramePort};
use super::pcapng::Direction;
use crate::replay::describe::comment;
use crate::replay::sniffer::{Heard, What};
use g3_mac::security::Gmk;
use g3_phy::primitives::{Event, Request};
use jiff::civil::DateTime;
use plc_core::time::Instant;
use std::path::Path;

/// Writes what a MAC gives its PHY and gets from it as pcapng.
///
/// Frames sent have the start that their MAC asked for; the PHY may begin up to a block later.
#[derive(Debug)]
pub struct PrimitiveRecorder {
    file: FrameFile,
    port: FramePort,
    epoch_ns: i128,
}

impl PrimitiveRecorder {
    /// Begins a capture of the modem `name` whose instant 0 is the local time `start`.
    pub fn create(
        path: &Path,
        name: &str,
        start: DateTime,
        utc_offset_minutes: i16,
        key: Option<Gmk>,
    ) -> Result<Self, RecordError> {
        let mut file =
            FrameFile::create(path, &format!("{name}: frames given to its PHY and taken from it"))?;
        let port = file.port(name, key)?;
        let epoch_ns = super::recorder::utc(start, utc_offset_minutes).as_nanosecond();
        Ok(Self { file, port, epoch_ns })
    }

    /// Takes what passed in one exchange with the PHY.
    pub fn note(&mut self, now: Instant, requests: &[Request], events: &[Event]) -> Result<(), RecordError> {
        for request in requests {
            if let Request::Data(data) = request {
                let wants = if data.response_expected { ", wants an acknowledgement" } else { "" };
                let text = format!("{:?}, tone map {:#x}{wants}", data.modulation, data.tone_map.0);
                self.write(data.start.max(now), Direction::Outbound, &data.psdu, &text)?;
            }
        }
        for event in events {
            if let Event::DataIndication(data) = event {
                let heard =
                    Heard { start: 0, end: 0, carrier_snr: Vec::new(), what: What::Data(data.clone()) };
                self.write(data.start, Direction::Inbound, &data.psdu, &comment(&heard))?;
            }
        }
        self.file.flush()
    }

    fn write(
        &mut self,
        at: Instant,
        direction: Direction,
        psdu: &[u8],
        comment: &str,
    ) -> Result<(), RecordError> {
        // A tick is 500/3 ns.
        let unix_ns = self.epoch_ns + i128::from(at.as_ticks()) * 500 / 3;
        let unix_ns = unix_ns.clamp(0, u64::MAX.into()) as u64;
        self.file.psdu(&mut self.port, unix_ns, direction, psdu, comment).map(drop)
    }
}
