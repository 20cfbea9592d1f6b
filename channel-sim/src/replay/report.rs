//! A recording's frames, each explained.

use super::constellation::{self, Constellation};
use super::describe::{comment, hex, label, lqi_db, modulation};
use super::mac::{MacReport, Reader};
use super::metric;
use super::resample::fitted;
use super::sniffer::{Heard, Sniffer, What};
use crate::record::about::{About, Recording};
use g3_mac::security::{Gmk, NonceForm};
use g3_phy::options::Options;
use g3_phy::primitives::DataHeader;
use g3_phy::{BandPlan, ReceiverOptions, ToneMask};
use jiff::SignedDuration;
use serde::Serialize;

/// How to look at a recording.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Band.
    pub plan: BandPlan,
    /// Carriers of the network.
    pub mask: ToneMask,
    /// Readings of the standard.
    pub options: Options,
    /// The receiver that listens.
    pub receiver: ReceiverOptions,
    /// The network's key.
    pub key: Option<Gmk>,
}

/// What was found in a recording.
#[derive(Debug)]
pub struct Replay {
    /// What the recording says of itself.
    pub about: About,
    /// The band's name.
    pub band: &'static str,
    /// Samples at the band's rate, in volts.
    pub volts: Vec<f32>,
    /// The band's rate.
    pub rate_hz: f64,
    /// The frames in order.
    pub frames: Vec<FrameReport>,
}

/// A frame explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FrameReport {
    /// From 1.
    pub number: usize,
    /// Seconds of the line's time from the start of the recording.
    pub start_s: f64,
    /// Virtual time in UTC, where the recording tells its start.
    pub time: Option<String>,
    /// First sample at the band's rate.
    pub sample: u64,
    /// From first to last sample.
    pub duration_ms: f64,
    /// Phase of the mains (L1) at the start, in degrees, where the recording tells it.
    pub mains_deg: Option<f64>,
    /// Level (rms) of the frame and of what lies under it.
    pub level_dbuv: f64,
    /// `data DQPSK`, `ACK`, `header failed` and so on.
    pub kind: String,
    /// What became of it in a sentence.
    pub summary: String,
    /// Fields of a data frame's FCH.
    pub header: Option<HeaderReport>,
    /// Fields of an acknowledgement's FCH.
    pub ack: Option<AckReport>,
    /// Link quality.
    pub lqi: Option<u8>,
    /// Signal to noise that it stands for.
    pub snr_db: Option<f64>,
    /// Each unmasked carrier's frequency and signal to noise.
    pub carriers: Vec<CarrierReport>,
    /// Error vector magnitude of the payload's points, differential ones in a differential payload.
    pub evm_db: Option<f32>,
    /// Octets that the Reed-Solomon decoder corrected.
    pub corrected_octets: Option<u8>,
    /// The PSDU.
    pub psdu: Option<String>,
    /// What stands in it.
    pub mac: Option<MacReport>,
    #[serde(skip)]
    octets: Option<Vec<u8>>,
    #[serde(skip)]
    constellation: Option<Constellation>,
    #[serde(skip)]
    metric: Vec<(i64, f32)>,
}

/// The frame control header of a data frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeaderReport {
    /// Phase detection counter.
    pub pdc: u8,
    /// Modulation.
    pub modulation: &'static str,
    /// Tone map.
    pub tone_map: u32,
    /// Payload symbols.
    pub payload_symbols: u16,
    /// Whether an acknowledgement is to follow.
    pub response_expected: bool,
}

/// The frame control header of an acknowledgement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AckReport {
    /// FCS of the frame acknowledged.
    pub fcs: u16,
    /// ACK or NACK.
    pub positive: bool,
    /// More segments are expected.
    pub more_segments: bool,
}

/// A carrier's signal to noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CarrierReport {
    /// Frequency.
    pub hz: f32,
    /// Es/N0 from the header's symbols.
    pub snr_db: f32,
}

/// Finds and explains the frames of a recording.
///
/// # Errors
/// Where its sample rate cannot hold the band.
pub fn replay(recording: Recording, settings: &Settings) -> Result<Replay, String> {
    let Settings { plan, mask, options, receiver, key } = settings;
    let rate_hz = f64::from(plan.clock.rate_hz());
    let Recording { about, volts, .. } = recording;
    let highest_hz = plan.unmasked(*mask).offsets().map(|offset| plan.carrier_hz(offset)).fold(0.0, f32::max);
    let volts = fitted(volts, about.sample_rate_hz, rate_hz, highest_hz.into())
        .map_err(|reason| format!("{}: {reason}", plan.name))?;
    let mut sniffer = Sniffer::with_receiver(plan, *mask, options, receiver);
    let mut heard = sniffer.push(0, &volts);
    heard.extend(sniffer.finish(volts.len() as u64));
    let mut reader = Reader::new(*key, NonceForm::AddressTwice);
    let explain = |(index, frame): (usize, Heard)| {
        explain(index + 1, frame, settings, &about, rate_hz, &volts, &mut reader)
    };
    let frames = heard.into_iter().enumerate().map(explain).collect();
    Ok(Replay { about, band: plan.name, volts, rate_hz, frames })
}

fn explain(
    number: usize,
    frame: Heard,
    settings: &Settings,
    about: &About,
    rate_hz: f64,
    volts: &[f32],
    reader: &mut Reader,
) -> FrameReport {
    let Settings { plan, mask, .. } = settings;
    let start_s = about.line_seconds(frame.start, rate_hz);
    let at = |sample: u64| usize::try_from(sample).unwrap_or(usize::MAX).min(volts.len());
    let stretch = volts.get(at(frame.start)..at(frame.end)).unwrap_or_default();
    let power =
        stretch.iter().map(|volt| f64::from(*volt).powi(2)).sum::<f64>() / stretch.len().max(1) as f64;
    let header = match &frame.what {
        What::Data(data) => Some(data.header),
        What::PayloadFailed(header) => Some(*header),
        What::CutShort(header) => *header,
        _ => None,
    };
    let constellation =
        header.as_ref().and_then(|header| constellation::of_frame(plan, *mask, volts, frame.start, header));
    let offsets = plan.unmasked(*mask).offsets();
    let carrier = |(offset, snr): (usize, &f32)| CarrierReport {
        hz: plan.carrier_hz(offset),
        snr_db: 10.0 * libm::log10f(snr.max(1e-6)),
    };
    let (lqi, corrected_octets, psdu) = match &frame.what {
        What::Data(data) => (Some(data.lqi), Some(data.corrected_octets), Some(&data.psdu)),
        What::Ack { lqi, .. } => (Some(*lqi), None, None),
        _ => (None, None, None),
    };
    FrameReport {
        number,
        start_s,
        time: about.start.and_then(|start| {
            start
                .checked_add(SignedDuration::from_nanos((start_s * 1e9) as i64))
                .ok()
                .map(|at| at.to_string())
        }),
        sample: frame.start,
        duration_ms: frame.end.saturating_sub(frame.start) as f64 / rate_hz * 1e3,
        mains_deg: about.mains_at(start_s).map(|turns| 360.0 * turns),
        level_dbuv: 10.0 * libm::log10(power.max(1e-24)) + 120.0,
        kind: label(&frame),
        summary: comment(&frame),
        header: header.map(|header: DataHeader| HeaderReport {
            pdc: header.pdc,
            modulation: modulation(header.modulation),
            tone_map: header.tone_map.0,
            payload_symbols: header.payload_symbols,
            response_expected: header.response_expected,
        }),
        ack: match &frame.what {
            What::Ack { ack, .. } => {
                Some(AckReport { fcs: ack.fcs, positive: ack.positive, more_segments: ack.more_segments })
            }
            _ => None,
        },
        lqi,
        snr_db: lqi.map(lqi_db),
        carriers: offsets.zip(&frame.carrier_snr).map(carrier).collect(),
        evm_db: constellation.as_ref().map(|constellation| constellation.evm_db),
        corrected_octets,
        psdu: psdu.map(|psdu| hex(psdu)),
        octets: psdu.map(|psdu| psdu.to_vec()),
        mac: psdu.map(|psdu| reader.read(psdu)),
        constellation,
        metric: metric::around(plan, *mask, volts, frame.start),
    }
}

impl FrameReport {
    /// Correlation with SYNCP around the frame's start ([`metric::around`]).
    pub fn metric(&self) -> &[(i64, f32)] {
        &self.metric
    }

    /// The payload's points, where its samples are there.
    pub fn constellation(&self) -> Option<&Constellation> {
        self.constellation.as_ref()
    }

    /// The PSDU's octets.
    pub fn octets(&self) -> Option<&[u8]> {
        self.octets.as_deref()
    }

    /// Whether an MSDU, or the whole of what the frame is for, could be read.
    pub fn is_understood(&self) -> bool {
        let read = |mac: &MacReport| {
            mac.problem.is_none() && mac.network.as_ref().is_none_or(|network| network.problem.is_none())
        };
        self.ack.is_some() || self.mac.as_ref().is_some_and(read)
    }

    /// The explanation, a line each, without line ends.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut head = format!("#{} {:.6} s", self.number, self.start_s);
        if let Some(time) = &self.time {
            head += &format!(" ({time})");
        }
        head += &format!(": {}, {:.2} ms, {:.1} dBuV", self.kind, self.duration_ms, self.level_dbuv);
        if let Some(mains) = self.mains_deg {
            head += &format!(", mains at {mains:.0} deg");
        }
        lines.push(head);
        if let Some(header) = &self.header {
            lines.push(format!(
                "FCH: {}, tone map {:#x}, {} payload symbols, PDC {}, {}",
                header.modulation,
                header.tone_map,
                header.payload_symbols,
                header.pdc,
                if header.response_expected { "wants an acknowledgement" } else { "no acknowledgement" }
            ));
        } else {
            lines.push(format!("FCH: {}", self.summary));
        }
        if let Some(worst) = self.carriers.iter().min_by(|a, b| a.snr_db.total_cmp(&b.snr_db)) {
            let mut line = match (self.lqi, self.snr_db) {
                (Some(lqi), Some(snr_db)) => format!("SNR {snr_db:.1} dB (LQI {lqi}), "),
                _ => String::new(),
            };
            line += &format!("worst carrier {:.1} dB at {:.1} kHz", worst.snr_db, worst.hz / 1e3);
            if let Some(evm_db) = self.evm_db {
                line += &format!(", EVM {evm_db:.1} dB");
            }
            if let Some(corrected) = self.corrected_octets {
                line += &format!(", Reed-Solomon corrected {corrected} octets");
            }
            lines.push(line);
        }
        if self.header.is_some() && self.psdu.is_none() {
            lines.push(format!("lost: {}", self.summary));
        }
        if let Some(mac) = &self.mac {
            mac.lines(&mut lines);
        }
        lines
    }
}
