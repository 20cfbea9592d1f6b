//! PRIME frames in a recording: the PHY's view, and the octets.

use super::describe::hex;
use super::resample::fitted;
use crate::record::about::{About, Recording};
use jiff::SignedDuration;
use plc_core::time::Instant;
use prime_phy::header::Header;
use prime_phy::options::Options;
use prime_phy::primitives::{CarrierDetect, Event, PhyDataIndication};
use prime_phy::{Channel, Receiver};
use serde::Serialize;

/// Samples handed to the receiver at a time: less than a frame, so that no event is dropped.
const BLOCK: usize = 1_024;

/// Channel 1's highest carrier (prime digest: 41.992 to 88.867 kHz).
const HIGHEST_HZ: f64 = 88_867.0;

/// A frame of PRIME explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrimeFrame {
    /// From 1.
    pub number: usize,
    /// Seconds from the start of the recording.
    pub start_s: f64,
    /// Virtual time in UTC, where the recording tells its start.
    pub time: Option<String>,
    /// From first to last sample, where the end is known.
    pub duration_ms: Option<f64>,
    /// `data`, `header failed` or `cut short`.
    pub kind: &'static str,
    /// Payload scheme.
    pub scheme: Option<String>,
    /// Payload symbols.
    pub symbols: Option<u8>,
    /// Octets of padding.
    pub pad_octets: Option<u16>,
    /// SNR quality level, 0 to 7.
    pub quality: Option<u8>,
    /// Error vector magnitude of the header, in dB.
    pub evm_db: Option<f32>,
    /// Signal to noise of each carrier, the pilot included, in dB.
    pub carrier_snr_db: Vec<f32>,
    /// The MPDU.
    pub mpdu: Option<String>,
}

/// Finds the frames of Type A on channel 1.
///
/// # Errors
/// Where the sample rate cannot hold the channel.
pub fn replay(recording: Recording) -> Result<Vec<PrimeFrame>, String> {
    let channel = Channel::ONE;
    let rate_hz = f64::from(channel.clock.rate_hz());
    let Recording { about, volts } = recording;
    let volts = fitted(volts, about.sample_rate_hz, rate_hz, HIGHEST_HZ)?;
    let mut receiver = Receiver::new(&channel, &Options::default());
    let mut frames = Vec::new();
    let mut open: Option<(Instant, Option<Header>)> = None;
    for (index, block) in volts.chunks(BLOCK).enumerate() {
        receiver.push((index * BLOCK) as u64, block);
        while let Some(event) = receiver.poll() {
            let number = frames.len() + 1;
            match event {
                Event::CarrierDetect(CarrierDetect::Preamble(start)) => open = Some((start, None)),
                Event::CarrierDetect(CarrierDetect::Header { header, .. }) => {
                    if let Some((_, known)) = &mut open {
                        *known = Some(header);
                    }
                }
                Event::CarrierDetect(CarrierDetect::HeaderFailed { end }) => {
                    if let Some((start, _)) = open.take() {
                        let frame = PrimeFrame::new(number, "header failed", start, Some(end), None, &about);
                        frames.push(frame);
                    }
                }
                Event::DataIndication(data) => {
                    let header = open.take().and_then(|(_, header)| header);
                    let snr = receiver.carrier_snr().map(|snr| 10.0 * libm::log10f(snr.max(1e-6))).collect();
                    frames.push(PrimeFrame::of(number, &data, header, snr, &about));
                }
                _ => {}
            }
        }
    }
    if let Some((start, header)) = open {
        frames.push(PrimeFrame::new(frames.len() + 1, "cut short", start, None, header, &about));
    }
    Ok(frames)
}

impl PrimeFrame {
    fn new(
        number: usize,
        kind: &'static str,
        start: Instant,
        end: Option<Instant>,
        header: Option<Header>,
        about: &About,
    ) -> Self {
        let rate_hz = plc_core::time::TICKS_PER_SECOND as f64;
        let seconds = |at: Instant| about.line_seconds(at.as_ticks(), rate_hz);
        let start_s = seconds(start);
        let after = SignedDuration::from_nanos((start_s * 1e9) as i64);
        Self {
            number,
            start_s,
            time: about.start.and_then(|at| at.checked_add(after).ok()).map(|at| at.to_string()),
            duration_ms: end.map(|end| (seconds(end) - start_s) * 1e3),
            kind,
            scheme: header.map(|header| format!("{:?}", header.scheme)),
            symbols: header.map(|header| header.symbols),
            pad_octets: header.map(|header| header.pad_octets),
            quality: None,
            evm_db: None,
            carrier_snr_db: Vec::new(),
            mpdu: None,
        }
    }

    fn of(
        number: usize,
        data: &PhyDataIndication,
        header: Option<Header>,
        carrier_snr_db: Vec<f32>,
        about: &About,
    ) -> Self {
        Self {
            scheme: Some(format!("{:?}", data.scheme)),
            quality: Some(data.reception.quality),
            evm_db: Some(20.0 * libm::log10f(data.reception.evm.max(1e-6))),
            carrier_snr_db,
            mpdu: Some(hex(&data.mpdu)),
            ..Self::new(number, "data", data.time, Some(data.end), header, about)
        }
    }

    /// The explanation, a line each.
    pub fn lines(&self) -> Vec<String> {
        let time = self.time.as_ref().map_or_else(String::new, |time| format!(" ({time})"));
        let duration = self.duration_ms.map_or_else(String::new, |ms| format!(", {ms:.2} ms"));
        let mut lines =
            vec![format!("#{} {:.6} s{time}: {}{duration}", self.number, self.start_s, self.kind)];
        if let (Some(scheme), Some(symbols), Some(pad)) = (&self.scheme, self.symbols, self.pad_octets) {
            lines.push(format!("header: {scheme}, {symbols} payload symbols, {pad} octets of padding"));
        } else {
            lines.push("header: its checksum is wrong, or it is not all there".to_string());
        }
        if let (Some(quality), Some(evm_db)) = (self.quality, self.evm_db) {
            let worst = self.carrier_snr_db.iter().copied().fold(f32::INFINITY, f32::min);
            lines
                .push(format!("SNR level {quality}, header EVM {evm_db:.1} dB, worst carrier {worst:.1} dB"));
        }
        lines.extend(self.mpdu.as_ref().map(|mpdu| format!("MPDU: {mpdu}")));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, normal, stream};
    use prime_phy::phy::{Phy, PhyConfig};
    use prime_phy::primitives::{Mpdu, PhyDataRequest, Request};
    use prime_phy::{FrameType, Scheme};

    #[test]
    fn a_frame_sent_at_another_rate_is_explained() {
        // A beacon recorded from real equipment (prime digest 10.2).
        let beacon = "27006000009840402201c79a0000f2d57675";
        let octets: Vec<u8> =
            (0..18).map(|at| u8::from_str_radix(&beacon[2 * at..2 * at + 2], 16).unwrap()).collect();
        let mut phy = Phy::new(PhyConfig::default());
        let time = Instant::from_ticks(24 * 50_000);
        let mpdu = Mpdu::from_slice(&octets).unwrap();
        phy.request(
            Instant::from_ticks(0),
            Request::Data(PhyDataRequest {
                time,
                mpdu,
                frame_type: FrameType::A,
                scheme: Scheme::DbpskC,
                level: 0,
                senses: None,
            }),
        );
        let mut volts = vec![0.0; 75_000];
        phy.transmit(0, &mut volts);
        // Some noise, without which there is no ratio to it.
        let mut random = stream(1, Purpose::Noise, 0);
        volts.iter_mut().for_each(|volt| *volt += (1e-4 * normal(&mut random)) as f32);
        let volts = super::super::resample::resample(volts, 250e3, 1e6);
        let frames = replay(Recording { about: About::of_rate(1e6), volts }).unwrap();
        assert_eq!(frames.len(), 1);
        let frame = &frames[0];
        assert_eq!((frame.kind, frame.mpdu.as_deref()), ("data", Some(beacon)));
        assert!((frame.start_s - 0.2).abs() < 20e-6, "{}", frame.start_s);
        assert_eq!((frame.scheme.as_deref(), frame.quality), (Some("DbpskC"), Some(7)));
        assert_eq!(frame.carrier_snr_db.len(), 97);
        assert!(frame.lines().len() == 4);
    }
}
