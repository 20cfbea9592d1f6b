//! PRIME frames in a recording: the PHY's view, and the octets.

use super::describe::hex;
use super::resample::fitted;
use crate::record::about::{About, Recording};
use jiff::SignedDuration;
use plc_core::time::Instant;
use prime_phy::channel::CARRIERS;
use prime_phy::header::Header;
use prime_phy::options::{Options, Sweep};
use prime_phy::primitives::{CarrierDetect, Event, PhyDataIndication};
use prime_phy::{Channel, FrameType, FrameWorkspace, Optional, Receiver, ReceiverOptions};
use serde::Serialize;

/// Samples at 250 kHz that last as long as what is handed to the receiver at a time: less than a frame, so that no event is
/// dropped.
const BLOCK: usize = 1_024;

/// How to look at a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Channel, at the sample clock at which it is received.
    pub channel: Channel,
    /// Readings of the standard.
    pub options: Options,
    /// The receiver that listens.
    pub receiver: ReceiverOptions,
}

impl Default for Settings {
    /// Channel 1 at 250 kHz, with the standard receiver.
    fn default() -> Self {
        Self { channel: Channel::ONE, options: Options::default(), receiver: ReceiverOptions::STANDARD }
    }
}

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
    /// Kind of frame: `A`, `B` or `BC`.
    pub frame_type: Option<String>,
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
    /// First sample at the channel's rate.
    pub sample: u64,
    /// What its header said.
    #[serde(skip)]
    pub(super) header: Option<Header>,
    /// Sweep of the chirp that it begins with.
    #[serde(skip)]
    pub(super) sweep: Sweep,
}

/// What was found in a recording.
#[derive(Clone, Debug)]
pub struct PrimeReplay {
    /// What the recording says of itself.
    pub about: About,
    /// Channel.
    pub channel: Channel,
    /// Samples at the channel's rate, in volts.
    pub volts: Vec<f32>,
    /// The frames in order.
    pub frames: Vec<PrimeFrame>,
}

/// Finds the frames on a channel.
///
/// # Errors
/// Where the sample rate cannot hold the channel.
pub fn replay(recording: Recording, settings: &Settings) -> Result<PrimeReplay, String> {
    let Settings { channel, options, receiver: beyond } = settings;
    let rate_hz = f64::from(channel.clock.rate_hz());
    let highest_hz = f64::from(channel.carrier_hz(channel.channels() * CARRIERS - 1));
    let Recording { about, volts, .. } = recording;
    let volts = fitted(volts, about.sample_rate_hz, rate_hz, highest_hz)
        .map_err(|reason| format!("channel {}: {reason}", channel.number))?;
    let memory = Optional(beyond.needs_workspace().then(|| Box::new(FrameWorkspace::new())));
    let mut receiver = Box::new(Receiver::with_workspace(channel, options, beyond, memory));
    let block_samples = channel.samples(BLOCK);
    let mut frames = Vec::new();
    let mut open: Option<(Instant, Option<Header>)> = None;
    for (index, block) in volts.chunks(block_samples).enumerate() {
        receiver.push((index * block_samples) as u64, block);
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
                        let frame =
                            PrimeFrame::new(number, "header failed", start, Some(end), None, &about, rate_hz);
                        frames.push(frame);
                    }
                }
                Event::DataIndication(data) => {
                    let header = open.take().and_then(|(_, header)| header);
                    let snr = receiver.carrier_snr().map(|snr| 10.0 * libm::log10f(snr.max(1e-6))).collect();
                    frames.push(PrimeFrame::of(number, &data, header, snr, &about, rate_hz));
                }
                _ => {}
            }
        }
    }
    if let Some((start, header)) = open {
        frames.push(PrimeFrame::new(frames.len() + 1, "cut short", start, None, header, &about, rate_hz));
    }
    Ok(PrimeReplay { about, channel: *channel, volts, frames })
}

fn type_name(frame_type: FrameType) -> String {
    format!("{frame_type:?}").to_uppercase()
}

impl PrimeFrame {
    fn new(
        number: usize,
        kind: &'static str,
        start: Instant,
        end: Option<Instant>,
        header: Option<Header>,
        about: &About,
        sample_rate_hz: f64,
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
            frame_type: header.map(|header| type_name(header.frame_type)),
            scheme: header.map(|header| format!("{:?}", header.scheme)),
            symbols: header.map(|header| header.symbols),
            pad_octets: header.map(|header| header.pad_octets),
            quality: None,
            evm_db: None,
            carrier_snr_db: Vec::new(),
            mpdu: None,
            sample: (start.as_ticks() as f64 * sample_rate_hz / rate_hz).round() as u64,
            header,
            sweep: Sweep::Ascending,
        }
    }

    fn of(
        number: usize,
        data: &PhyDataIndication,
        header: Option<Header>,
        carrier_snr_db: Vec<f32>,
        about: &About,
        sample_rate_hz: f64,
    ) -> Self {
        let sweep = match data.reception.frame_type {
            FrameType::A | FrameType::Bc => Sweep::Ascending,
            FrameType::B => data.reception.robust_sweep,
        };
        Self {
            frame_type: Some(type_name(data.reception.frame_type)),
            scheme: Some(format!("{:?}", data.scheme)),
            quality: Some(data.reception.quality),
            evm_db: Some(20.0 * libm::log10f(data.reception.evm.max(1e-6))),
            carrier_snr_db,
            mpdu: Some(hex(&data.mpdu)),
            sweep,
            ..Self::new(number, "data", data.time, Some(data.end), header, about, sample_rate_hz)
        }
    }

    /// The explanation, a line each.
    pub fn lines(&self) -> Vec<String> {
        let time = self.time.as_ref().map_or_else(String::new, |time| format!(" ({time})"));
        let duration = self.duration_ms.map_or_else(String::new, |ms| format!(", {ms:.2} ms"));
        let mut lines =
            vec![format!("#{} {:.6} s{time}: {}{duration}", self.number, self.start_s, self.kind)];
        if let (Some(scheme), Some(symbols), Some(pad)) = (&self.scheme, self.symbols, self.pad_octets) {
            let of_type = self.frame_type.as_ref().map_or_else(String::new, |of| format!("Type {of}, "));
            lines.push(format!(
                "header: {of_type}{scheme}, {symbols} payload symbols, {pad} octets of padding"
            ));
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
    use prime_phy::encoder::FrameEncoder;
    use prime_phy::phy::{Phy, PhyConfig};
    use prime_phy::primitives::{Mpdu, PhyDataRequest, Request};
    use prime_phy::{Scheme, Transmitter};

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
        let recording = Recording { about: About::of_rate(1e6), volts, cut: None };
        let frames = replay(recording, &Settings::default()).unwrap().frames;
        assert_eq!(frames.len(), 1);
        let frame = &frames[0];
        assert_eq!((frame.kind, frame.mpdu.as_deref()), ("data", Some(beacon)));
        assert!((frame.start_s - 0.2).abs() < 20e-6, "{}", frame.start_s);
        assert_eq!((frame.scheme.as_deref(), frame.quality), (Some("DbpskC"), Some(7)));
        assert_eq!(frame.carrier_snr_db.len(), 97);
        assert!(frame.lines().len() == 4);
    }

    #[test]
    fn robust_frames_of_every_channel_are_explained_by_every_receiver() {
        let mut random = stream(2, Purpose::Noise, 0);
        for (channel, name) in std::iter::once(Channel::ONE).chain(Channel::ALL).zip(ReceiverOptions::NAMES) {
            let settings =
                Settings { channel, receiver: ReceiverOptions::named(name).unwrap(), ..Settings::default() };
            let octets = [0x12, 0x34, 0x56, 0x78, channel.number];
            let mut transmitter = Transmitter::new(&channel, &settings.options);
            let frame = FrameEncoder::new(&settings.options, Scheme::RobustDqpsk, &octets).unwrap();
            let first = channel.samples(10_000);
            let mut volts = vec![0.0; first + transmitter.load(frame, 0.0) + channel.samples(4_000)];
            transmitter.pull(&mut volts[first..]);
            // A tenth of the signal's power.
            volts.iter_mut().for_each(|volt| *volt += (0.022 * normal(&mut random)) as f32);
            let rate_hz = f64::from(channel.clock.rate_hz());
            let recording = Recording { about: About::of_rate(rate_hz), volts, cut: None };
            let frames = replay(recording, &settings).unwrap().frames;
            let found: Vec<_> =
                frames.iter().map(|frame| (frame.frame_type.as_deref(), frame.mpdu.clone())).collect();
            assert_eq!(found, [(Some("B"), Some(hex(&octets)))], "channel {} {name}", channel.number);
            assert!((frames[0].start_s - 0.04).abs() < 20e-6, "{}", frames[0].start_s);
        }
    }
}
