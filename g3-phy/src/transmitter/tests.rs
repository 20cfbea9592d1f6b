use super::*;
use crate::Modulation;
use crate::encoder::DataFrame;
use crate::primitives::Ack;
use crate::tone::{ToneMap, ToneMask};
use proptest::prelude::*;
use std::vec::Vec;

const PLAN: BandPlan = BandPlan::CENELEC_A;

fn level() -> Options {
    Options { preamble_boost_db: 0.0, ..Options::default() }
}

fn data(mask: ToneMask, octets: &[u8], modulation: Modulation) -> FrameEncoder {
    let tone_map = PLAN.full_tone_map();
    let frame = DataFrame { psdu: octets, modulation, tone_map, response_expected: false, pdc: 0 };
    FrameEncoder::data(&PLAN, mask, &Options::default(), &frame).unwrap()
}

fn samples(options: &Options, frame: FrameEncoder) -> Vec<f32> {
    samples_on(&PLAN, options, frame)
}

fn samples_on(plan: &BandPlan, options: &Options, frame: FrameEncoder) -> Vec<f32> {
    let mut transmitter = Transmitter::new(plan, options);
    let mut samples = std::vec![0.0; transmitter.load(frame, 0.0) + 1];
    let count = transmitter.pull(&mut samples);
    assert_eq!(count, samples.len() - 1);
    assert!(!transmitter.is_busy());
    samples.truncate(count);
    samples
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
}

/// Carriers of the 256 samples from `start`, with the phases they have `late` samples later.
fn carriers(samples: &[f32], start: usize, late: usize) -> Vec<Complex> {
    let mut bins = [Complex::default(); 129];
    RealFft::new(Size::N256).forward(&samples[start..start + 256], &mut bins).unwrap();
    let turn = |bin: usize| core::f32::consts::TAU * (bin * late % 256) as f32 / 256.0;
    (23..59).map(|bin| bins[bin] * Complex::from_polar(1.0, turn(bin))).collect()
}

/// Start of the latest window in symbol `symbol` of FCH and payload that the next symbol does not touch: its last
/// samples are the edge, so it is that much before the symbol's own 256 samples.
fn window(symbol: usize) -> usize {
    2424 + 278 * symbol + PREFIX_SAMPLES - OVERLAP_SAMPLES
}

/// Digest 1.5, carriers of amplitude 1: rms, peak and where it is, first samples.
const SELF_CHECK: [(BandPlan, f32, f32, usize, [f32; 4]); 3] = [
    (BandPlan::CENELEC_A, 4.2426, 8.2025, 229, [2.3066, 0.4734, 2.3656, 2.9280]),
    (BandPlan::FCC_1, 6.0000, 10.9623, 64, [3.3396, 6.2198, -1.0690, -6.1461]),
    (BandPlan::ARIB, 5.1962, 9.7575, 18, [1.9643, 4.7341, 1.6291, -6.6747]),
];

#[test]
fn the_preamble_is_the_waveform_of_digest_1_5() {
    for (plan, expected_rms, peak, peak_at, first) in SELF_CHECK {
        let ack = Ack { fcs: 1, positive: true, more_segments: false };
        let frame = FrameEncoder::ack(&plan, ToneMask::ALL, &level(), ack).unwrap();
        let samples = samples_on(&plan, &level(), frame);
        // The rms of all carriers is TX_RMS here.
        let unit: Vec<f32> = samples.iter().map(|sample| sample * expected_rms / TX_RMS).collect();
        let syncp = &unit[256..512];
        assert!((rms(syncp) - expected_rms).abs() < 1e-3, "{}", plan.name);
        for (sample, expected) in syncp.iter().zip(first) {
            assert!((sample - expected).abs() < 2e-4, "{}: {sample} {expected}", plan.name);
        }
        let highest = syncp.iter().map(|sample| sample.abs()).fold(0.0, f32::max);
        assert!((highest - peak).abs() < 1e-3 && syncp[peak_at].abs() == highest, "{}", plan.name);
        for n in 0..256 {
            assert!((unit[7 * 256 + n] - syncp[n]).abs() < 1e-3, "SYNCP 8");
            assert!((unit[8 * 256 + n] + syncp[n]).abs() < 1e-3, "SYNCM");
            assert!(n >= 120 || (unit[9 * 256 + n] + syncp[n]).abs() < 1e-3, "half SYNCM");
        }
        assert_eq!(unit[0], 0.0);
        assert!((unit[4] - 0.5 * syncp[4]).abs() < 1e-3, "head edge");
    }
}

#[test]
fn symbols_lie_where_digest_1_2_puts_them_with_the_encoders_phases() {
    let frame = data(ToneMask::ALL, &[9; 28], Modulation::D8psk);
    let mut phases = frame.clone();
    let samples = samples(&Options::default(), frame);
    assert_eq!(samples.len(), PREAMBLE_SAMPLES + 278 * (13 + 8));
    let mut symbol = 0;
    while let Some(expected) = phases.next_symbol() {
        for (carrier, &phase) in
            carriers(&samples, window(symbol), OVERLAP_SAMPLES).iter().zip(expected.phases)
        {
            let turned = carrier * PHASORS[usize::from((16 - phase) % 16)];
            assert!(turned.re > 0.0 && turned.im.abs() < 1e-3 * turned.re, "symbol {symbol}");
        }
        // The prefix is the symbol's end, but for the edges of both.
        for at in window(symbol) - 14..window(symbol) {
            assert!((samples[at] - samples[at + 256]).abs() < 1e-6);
        }
        symbol += 1;
    }
    assert_eq!(symbol, 21);
}

#[test]
fn payload_has_its_rms_and_the_preamble_is_three_decibels_above() {
    let samples = samples(&Options::default(), data(ToneMask::ALL, &[0x5A; 133], Modulation::Robust));
    assert!((rms(&samples[2424 + 278 * 13..]) / TX_RMS - 1.0).abs() < 0.02);
    assert!((rms(&samples[256..2048]) / TX_RMS - core::f32::consts::SQRT_2).abs() < 1e-3);
    assert!(samples.iter().all(|sample| sample.abs() < 1.0));
}

#[test]
fn masked_carriers_are_silent_in_every_symbol() {
    let mask = ToneMask::ALL.without(&PLAN, 39..=49);
    let frame = data(mask, &[3; 20], Modulation::Dqpsk);
    let symbols = frame.symbols();
    let samples = samples(&Options::default(), frame);
    let windows = [256, 2048].into_iter().chain((0..symbols).map(window));
    for start in windows {
        let carriers = carriers(&samples, start, 0);
        let loudest = carriers[16..=26].iter().map(|carrier| carrier.norm()).fold(0.0, f32::max);
        assert!(loudest < 2e-6, "{loudest} in the window at {start}");
        assert!(carriers[..16].iter().chain(&carriers[27..]).all(|carrier| carrier.norm() > 1.0));
    }
}

#[test]
fn a_sub_band_has_the_bands_phases_on_its_carriers_and_silence_on_the_others() {
    let ack = Ack { fcs: 1, positive: true, more_segments: false };
    for plan in [BandPlan::FCC_1_A, BandPlan::FCC_1_B] {
        let frame = FrameEncoder::ack(&plan, ToneMask::ALL, &level(), ack).unwrap();
        let samples = samples_on(&plan, &level(), frame);
        assert!((rms(&samples[256..512]) / TX_RMS - 1.0).abs() < 1e-3, "{}", plan.name);
        let mut bins = [Complex::default(); 129];
        RealFft::new(Size::N256).forward(&samples[256..512], &mut bins).unwrap();
        for (offset, phase) in BandPlan::FCC_1.syncp_phases.iter().enumerate() {
            let turned = bins[33 + offset] * PHASORS[usize::from((16 - phase) % 16)];
            let expected = if plan.used.contains(offset) { turned.norm() } else { 0.0 };
            assert!((turned - expected).norm() < 1e-3 && (expected == 0.0 || expected > 1.0));
        }
    }
}

#[test]
fn attenuation_is_in_decibels() {
    let ack = Ack { fcs: 1, positive: true, more_segments: false };
    let frame = FrameEncoder::ack(&PLAN, ToneMask::ALL, &Options::default(), ack).unwrap();
    let full = samples(&Options::default(), frame.clone());
    let mut transmitter = Transmitter::new(&PLAN, &Options::default());
    let mut quiet = std::vec![0.0; transmitter.load(frame, 20.0)];
    transmitter.pull(&mut quiet);
    assert!(full.iter().zip(&quiet).all(|(full, quiet)| (full - 10.0 * quiet).abs() < 1e-5));
}

/// Digest 10.2: what a tone map response asks for.
#[test]
fn pre_emphasis_shapes_every_symbol_and_never_exceeds_the_full_power() {
    let mut emphasis = PreEmphasis { gain: -1, ..PreEmphasis::default() };
    emphasis.coefficients[1] = -2;
    let frame = data(ToneMask::ALL, &[3; 20], Modulation::Dqpsk);
    let symbols = frame.symbols();
    let attenuated = |emphasis, attenuation_db| {
        let mut transmitter = Transmitter::new(&PLAN, &Options::default());
        transmitter.set_pre_emphasis(emphasis);
        let mut samples = std::vec![0.0; transmitter.load(frame.clone(), attenuation_db)];
        transmitter.pull(&mut samples);
        samples
    };
    let with = |emphasis| attenuated(emphasis, 0.0);
    let (plain, shaped) = (with(PreEmphasis::default()), with(emphasis));
    for start in [256, 2048].into_iter().chain((0..symbols).map(window)) {
        let (plain, shaped) = (carriers(&plain, start, 0), carriers(&shaped, start, 0));
        for (carrier, (plain, shaped)) in plain.iter().zip(&shaped).enumerate() {
            let expected_db = if (6..12).contains(&carrier) { -9.0 } else { -3.0 };
            let db = 20.0 * (shaped.norm() / plain.norm()).log10();
            assert!((db - expected_db).abs() < 0.01, "carrier {carrier}: {db}");
        }
    }
    let raised = with(PreEmphasis { gain: 2, coefficients: [3; 24], ..PreEmphasis::default() });
    assert!(plain.iter().zip(&raised).all(|(plain, raised)| (plain - raised).abs() < 1e-4));
    // Attenuation leaves room for a gain: 10 dB down, two steps of 3 dB up, and four but for the 2 dB that are too many.
    for (gain, expected_db) in [(2, -4.0), (4, 0.0)] {
        let raised = attenuated(PreEmphasis { gain, ..PreEmphasis::default() }, 10.0);
        let factor = db_to_amplitude(expected_db);
        assert!(plain.iter().zip(&raised).all(|(plain, raised)| (plain * factor - raised).abs() < 1e-4));
    }
}

#[test]
fn longer_edges_leave_the_windows_behind_them_as_they_were() {
    let frame = data(ToneMask::ALL.without(&PLAN, 39..=49), &[3; 20], Modulation::Dqpsk);
    let plain = samples(&Options::default(), frame.clone());
    for edge_samples in [8, 15, 22] {
        for flip in [Flip::Hard, Flip::CrossFade] {
            let options = Options { edge_samples, flip, ..Options::default() };
            let edged = samples(&options, frame.clone());
            let edge = usize::from(edge_samples);
            assert_eq!(edged.len(), plain.len() + edge - 8);
            // Start of a symbol is 30 samples before its window at full delay; from `edge` on nothing interferes.
            for symbol in 0..frame.symbols() {
                let start = 2424 + 278 * symbol;
                for at in start + edge..start + 278 {
                    assert!((edged[at] - plain[at]).abs() < 1e-6, "{edge_samples} {symbol} {}", at - start);
                }
            }
            assert!(edge_samples == 8 || (edged[2424 + 9] - plain[2424 + 9]).abs() > 1e-4);
            let (fade, hard) = (2048 - edge, flip == Flip::Hard);
            assert_eq!((edged[fade + edge - 1] - plain[fade + edge - 1]).abs() < 1e-6, hard);
            assert!((edge..fade).chain(2048..2424).all(|at| (edged[at] - plain[at]).abs() < 1e-6));
        }
    }
}

/// Issue 4: 25 dB over the inner carriers of the S-FSK notch, which the standard's edges miss by 5 dB.
#[test]
fn the_transmit_filter_deepens_a_notch_and_leaves_the_carriers_their_phases() {
    let frame = data(ToneMask::ALL.without(&PLAN, 39..=49), &[0xA5; 100], Modulation::Dqpsk);
    let filtered = Options {
        flip: Flip::CrossFade,
        notch: Some(crate::options::Notch { first: 40, last: 48 }),
        ..Options::default()
    };
    // Power in a bin of 8192 samples with side lobes below -90 dB.
    let power = |samples: &[f32], carrier: f32| -> f32 {
        let at = |n: usize, factor: f32| (n as f32 * factor).sin_cos();
        let sum = samples.iter().take(8192).enumerate().fold(Complex::default(), |sum, (n, sample)| {
            let cosine = |times: f32| at(n, times * core::f32::consts::TAU / 8192.0).1;
            let window = 0.358_75 - 0.488_29 * cosine(1.0) + 0.141_28 * cosine(2.0) - 0.011_68 * cosine(3.0);
            let (sine, cosine) = at(n % 4096, carrier * core::f32::consts::TAU / 256.0);
            sum + Complex::new(cosine, -sine) * (window * sample)
        });
        sum.norm_sqr()
    };
    let mean = |samples: &[f32], carriers: core::ops::RangeInclusive<u16>| {
        let bins =
            carriers.flat_map(|carrier| (-3..=3).map(move |step| f32::from(carrier) + step as f32 * 0.125));
        let powers: Vec<f32> = bins.map(|bin| power(samples, bin)).collect();
        powers.iter().sum::<f32>() / powers.len() as f32
    };
    let depth_db = |options: &Options| {
        let samples = samples(options, frame.clone());
        let notch = (41..=47).map(|carrier| mean(&samples[2000..], carrier..=carrier)).fold(0.0, f32::max);
        10.0 * (mean(&samples[2000..], 24..=37) / notch).log10()
    };
    let (plain, deep) = (depth_db(&Options::default()), depth_db(&filtered));
    assert!(plain > 14.0 && plain < 22.0, "standard edges: {plain} dB");
    assert!(deep > 28.0, "filter: {deep} dB");

    let (plain, late) = (samples(&Options::default(), frame.clone()), samples(&filtered, frame.clone()));
    assert_eq!(late.len(), plain.len() + 126);
    for symbol in 0..frame.symbols() {
        let (plain, late) = (carriers(&plain, window(symbol), 15), carriers(&late, window(symbol) + 63, 15));
        for (carrier, (plain, late)) in plain.iter().zip(&late).enumerate() {
            // Beside the notch the filter takes 2 dB of a carrier, further away nothing.
            let beside = (14..=28).contains(&carrier);
            let turned = late * plain.conj() / plain.norm_sqr().max(1e-9);
            let error = (turned - Complex::new(1.0, 0.0)).norm();
            assert!(
                (16..=26).contains(&carrier) || error < if beside { 0.35 } else { 0.12 },
                "{carrier}: {turned}"
            );
        }
    }
}

proptest! {
    #[test]
    fn block_lengths_do_not_change_the_samples(lengths in proptest::collection::vec(1_usize..700, 1..60), map in 1_u32..64) {
        let tone_map = ToneMap(map);
        let frame = DataFrame { psdu: &[7; 9], modulation: Modulation::Dqpsk, tone_map, response_expected: true, pdc: 3 };
        let frame = FrameEncoder::data(&PLAN, ToneMask::ALL, &Options::default(), &frame);
        let Ok(frame) = frame else { return Ok(()) };
        let whole = samples(&Options::default(), frame.clone());
        let mut transmitter = Transmitter::new(&PLAN, &Options::default());
        transmitter.load(frame, 0.0);
        let mut pieces = Vec::new();
        for length in lengths.into_iter().cycle() {
            let mut block = std::vec![0.0; length];
            let count = transmitter.pull(&mut block);
            pieces.extend_from_slice(&block[..count]);
            if count < length {
                break;
            }
        }
        prop_assert_eq!(pieces, whole);
    }
}
