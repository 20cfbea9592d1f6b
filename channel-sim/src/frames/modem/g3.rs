//! G3-PLC: every band plan and receiver.

use super::super::windows::Windows;
use super::{Detection, Grid, Layout, Mode, Modem, Reception, Rules, Span, Stage};
use crate::link::{Standard, System, Variant};
use crate::noise::Conditions;
use g3_phy::band::{FFT_SAMPLES, SYMBOL_STRIDE};
use g3_phy::header::HeaderFormat;
use g3_phy::interleaver::PayloadInterleaver;
use g3_phy::layout::PayloadLayout;
use g3_phy::options::{FchModulation, Options};
use g3_phy::{
    BandPlan, Detection as Detector, Modulation, PreambleDetection, ReceiverOptions, TX_RMS, ToneMask,
    pilots, timing,
};
use std::sync::Arc;

/// Symbols that the coherent receiver's channel estimate is a mean of (`g3_phy::receiver::channel_tracker`).
const ESTIMATE_SYMBOLS: u8 = 32;
/// SYNCP symbols that a coherent FCH refers to (`g3_phy::receiver`).
const SYNCP_SYMBOLS: u8 = 8;
/// Copies that preamble and FCH are reckoned with, as Robust: how many there are makes a difference only to what is averaged where
/// another frame covers a part of them.
const COPIES: u8 = 4;
/// Magnitude against the mean of all carriers above which the FCH's products count no more
/// (`g3_phy::receiver::header_decoder`).
const ABOVE_MEAN: f32 = 1.5;
/// Samples of noise before a frame, at least.
const GAP: usize = 2_000;
/// Octets of PSDUs by which payloads are calibrated, and in the proof, where all bands but the narrowest hold them.
const LENGTHS: [usize; 4] = [16, 45, 90, 133];
const OCTETS: usize = 60;
/// The same where 16 carriers hold 54 octets of Robust.
const FEW_CARRIERS: usize = 16;
const SHORT_LENGTHS: [usize; 3] = [16, 30, 45];
const SHORT_OCTETS: usize = 45;

/// Payloads of CENELEC-A with the default receiver, whose table comes with the program.
const DEFAULT: [Modulation; 7] = [
    Modulation::Robust,
    Modulation::Dbpsk,
    Modulation::Dqpsk,
    Modulation::D8psk,
    Modulation::Bpsk,
    Modulation::Qpsk,
    Modulation::Psk8,
];

/// CENELEC-A with the default receiver.
pub(super) fn cenelec_a() -> Modem {
    of(BandPlan::CENELEC_A, Variant::default())
}

/// A band by name with a variant's receiver.
pub(super) fn modem(band: &str, variant: Variant) -> Result<Modem, String> {
    // One mode names the band and its options, or says what is wrong with them.
    match System::new(Standard::G3, band, "dbpsk", variant)? {
        System::G3 { plan, .. }
            if variant == (Variant { receiver: variant.receiver, ..Variant::default() }) =>
        {
            Ok(of(plan, variant))
        }
        _ => Err(format!("no model of frames with the options {variant}; use default or receiver=NAME")),
    }
}

fn of(plan: BandPlan, variant: Variant) -> Modem {
    let receiver = variant.g3_receiver();
    let is_default = plan == BandPlan::CENELEC_A && receiver == ReceiverOptions::default();
    let modulations: Vec<Modulation> = match is_default {
        true => DEFAULT.to_vec(),
        false => DEFAULT
            .into_iter()
            .chain([Modulation::RobustCoherent])
            .chain((plan.header != HeaderFormat::Cenelec).then_some(Modulation::Qam16))
            .collect(),
    };
    let used: Vec<usize> = plan.unmasked(ToneMask::ALL).offsets().collect();
    let first = used.first().copied().unwrap_or_default();
    let mains_hz = if plan.header == HeaderFormat::Cenelec { 50.0 } else { 60.0 };
    let rate_hz = f64::from(plan.clock.rate_hz());
    let grid = Grid {
        carriers: used.len(),
        first_bin: usize::from(plan.first_carrier) + first,
        points: FFT_SAMPLES,
        lag: SYMBOL_STRIDE,
        rate_hz,
        rms: f64::from(TX_RMS),
        mains_hz,
        places: if rate_hz > 1e6 { 72 } else { 32 },
        gap: GAP,
    };
    // Levels stand as they do in the air: the preamble above the rest.
    let variant = Variant { boost_db: Options::DEFAULT.preamble_boost_db.into(), ..variant };
    let octets = if used.len() > FEW_CARRIERS { OCTETS } else { SHORT_OCTETS };
    let before = [preamble(&receiver), header(&plan, &receiver)];
    let payloads = modulations.iter().map(|&modulation| payload(modulation, &receiver));
    Modem {
        name: format!("g3/{}/{}", band_name(&plan), variant.receiver.unwrap_or("default")),
        grid,
        conditions: conditions(&plan, &grid),
        stages: before.into_iter().chain(payloads).collect(),
        modes: modulations
            .iter()
            .map(|&modulation| Mode {
                stage: Stage::payload(modulation),
                before: before.map(|reception| reception.stage),
                system: System::G3 { plan, modulation, variant },
            })
            .collect(),
        lengths: if octets == OCTETS { LENGTHS.to_vec() } else { SHORT_LENGTHS.to_vec() },
        octets,
        header_limit: (!is_coherent(&receiver)).then_some(ABOVE_MEAN),
        span: Span::Frame,
        rules: Arc::new(G3 { plan, first, variant }),
    }
}

fn band_name(plan: &BandPlan) -> String {
    System::G3 { plan: *plan, modulation: Modulation::Dbpsk, variant: Variant::default() }.band()
}

/// Where noise is heard: behind a coupler whose edges lie below the lowest carrier as CENELEC-A's do.
fn conditions(plan: &BandPlan, grid: &Grid) -> Conditions {
    if plan.clock == BandPlan::CENELEC_A.clock && plan.first_carrier == BandPlan::CENELEC_A.first_carrier {
        return Conditions::CENELEC_A;
    }
    let [low, high] = grid.band_hz();
    let reference = Conditions::CENELEC_A;
    let below = low / reference.band_hz[0];
    Conditions {
        rate_hz: grid.rate_hz,
        mains_hz: grid.mains_hz,
        band_hz: [low, high],
        coupler_hz: reference.coupler_hz.map(|edges| edges.map(|edge| edge * below)),
        ..reference
    }
}

fn is_coherent(receiver: &ReceiverOptions) -> bool {
    matches!(receiver.detection, Detector::Coherent { .. })
}

fn preamble(receiver: &ReceiverOptions) -> Reception {
    let reference_symbols = match receiver.preamble {
        PreambleDetection::Standard => 1,
        _ => ESTIMATE_SYMBOLS,
    };
    let start_db = if reference_symbols == 1 { -6.0 } else { -9.0 };
    let detection = Detection { bits: 1, reference_symbols, copies: COPIES };
    Reception { stage: Stage::Preamble, detection, start_db }
}

fn header(plan: &BandPlan, receiver: &ReceiverOptions) -> Reception {
    let reference_symbols = match plan.fch_modulation {
        _ if is_coherent(receiver) => ESTIMATE_SYMBOLS,
        FchModulation::Coherent => SYNCP_SYMBOLS,
        FchModulation::Differential => 1,
    };
    let start_db = if reference_symbols == 1 { -4.0 } else { -6.0 };
    let detection = Detection { bits: 1, reference_symbols, copies: COPIES };
    Reception { stage: Stage::Header, detection, start_db }
}

fn payload(modulation: Modulation, receiver: &ReceiverOptions) -> Reception {
    let coherent = is_coherent(receiver) || modulation.is_coherent();
    let start_db = match modulation {
        Modulation::Robust => -2.0,
        Modulation::Dbpsk => 1.8,
        Modulation::Dqpsk => 4.7,
        Modulation::D8psk => 8.0,
        Modulation::RobustCoherent => -4.0,
        Modulation::Bpsk => -1.0,
        Modulation::Qpsk => 2.0,
        Modulation::Psk8 => 5.5,
        Modulation::Qam16 => 8.0,
    };
    let gain_db = if is_coherent(receiver) { 2.5 } else { 0.0 };
    Reception {
        stage: Stage::payload(modulation),
        detection: Detection {
            bits: modulation.bits_per_carrier() as u8,
            reference_symbols: if coherent { ESTIMATE_SYMBOLS } else { 1 },
            copies: modulation.repetition() as u8,
        },
        start_db: start_db - gain_db,
    }
}

#[derive(Debug)]
struct G3 {
    plan: BandPlan,
    /// The lowest carrier used, of those in the band's table.
    first: usize,
    variant: Variant,
}

fn modulation(mode: Stage) -> Option<Modulation> {
    let mut all = Modulation::ALL.into_iter().chain(Modulation::COHERENT).chain([Modulation::Qam16]);
    all.find(|&modulation| Stage::payload(modulation) == mode)
}

impl Rules for G3 {
    fn layout(&self, mode: Stage, octets: usize) -> Option<Layout> {
        let (plan, modulation) = (&self.plan, modulation(mode)?);
        let layout = PayloadLayout::for_psdu(plan, ToneMask::ALL, plan.full_tone_map(), modulation, octets)?;
        Some(Layout {
            symbols: layout.symbols,
            octets: usize::from(layout.psdu_capacity),
            ends: [
                timing::preamble(plan),
                timing::ack_airtime(plan, ToneMask::ALL),
                timing::data_airtime(plan, ToneMask::ALL, modulation, layout.symbols),
            ],
        })
    }

    fn windows(&self, mode: Stage, symbols: u16) -> Windows {
        let plan = &self.plan;
        let Some(modulation) = modulation(mode) else { return Windows::default() };
        let map = plan.full_tone_map();
        let layout = PayloadLayout::from_symbols(plan, ToneMask::ALL, map, modulation, symbols);
        let Some(layout) = layout else { return Windows::default() };
        let options = self.variant.g3_options(plan, modulation);
        let interleaver = PayloadInterleaver::new(&layout, options.interleaving);
        let (bits, copies) = (modulation.bits_per_carrier(), modulation.repetition());
        let mut carriers_of: Vec<Vec<u8>> = vec![Vec::new(); layout.coded_bits()];
        let active = plan.active(ToneMask::ALL, map);
        let guess = options.experimental.cenelec_b_pilot_offset;
        let offset = plan.pilots.offset.or(guess).unwrap_or_default();
        for symbol in 0..usize::from(symbols) {
            let pilots = pilots::in_symbol(plan, modulation, offset, active, symbol);
            let carriers: Vec<usize> =
                active.offsets().filter(|&carrier| !pilots.contains(carrier)).collect();
            for (at, place) in interleaver.symbol(symbol).enumerate() {
                if let (Some(list), Some(&carrier)) =
                    (carriers_of.get_mut(place / copies), carriers.get(at / bits))
                {
                    list.push((carrier - self.first) as u8);
                }
            }
        }
        Windows::new(carriers_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::bands;

    #[test]
    fn every_band_and_receiver_has_a_model_with_its_carriers() {
        for (band, plan) in bands(Standard::G3).iter().zip(BandPlan::ALL) {
            for receiver in [None, Some("best")] {
                let modem = modem(band, Variant { receiver, ..Variant::default() }).unwrap();
                assert_eq!(modem.name(), format!("g3/{band}/{}", receiver.unwrap_or("default")));
                let used: Vec<usize> = plan.unmasked(ToneMask::ALL).offsets().collect();
                assert_eq!(modem.grid().carriers, used.len());
                let hz = f64::from(plan.carrier_hz(*used.last().unwrap()));
                assert!((modem.grid().band_hz()[1] - hz).abs() < 1.0);
                for mode in modem.payloads() {
                    let layout = modem.layout(mode, modem.octets()).unwrap();
                    assert!(layout.octets >= modem.octets() && layout.ends[0] < layout.ends[1]);
                    let windows = modem.windows(mode, layout.symbols);
                    assert!(windows.copies().iter().flatten().all(|&at| usize::from(at) < used.len()));
                }
                assert!(modem.stages().iter().all(|reception| modem.probe(reception.stage).is_some()));
            }
        }
    }

    #[test]
    fn the_default_modem_is_what_networks_of_frames_have() {
        let modem = cenelec_a();
        assert_eq!((modem.name(), modem.conditions), ("g3/cenelec-a/default", Conditions::CENELEC_A));
        let Grid { carriers, first_bin, points, lag, .. } = *modem.grid();
        assert_eq!((carriers, first_bin, points, lag), (36, 23, 256, 278));
        assert_eq!(modem.grid().places_in(timing::preamble(&BandPlan::CENELEC_A)), 10);
        assert_eq!(modem.probe(Stage::Header), Some(Stage::D8psk));
    }

    #[test]
    fn options_without_a_model_are_refused() {
        let variant: Variant = "notch=s-fsk".parse().unwrap();
        assert!(modem("cenelec-a", variant).is_err_and(|error| error.contains("notch")));
        assert!(modem("cenelec-c", Variant::default()).is_err_and(|error| error.contains("fcc-1.a")));
    }
}
