//! Every preset against the formula that defines it.

mod kit;

use super::*;
use crate::line::filter::FilterPlan;
use crate::random::{Purpose, stream};
use kit::*;
use num_complex::Complex32;

/// Seconds that a preset must be heard for its mean power to settle within 0.05 dB.
fn seconds(id: &str) -> f64 {
    match id {
        "n6b" => 60.0,
        "n3a" | "n3b" | "n6a" => 12.0,
        _ => 5.0,
    }
}

#[test]
fn power_is_the_formulas_within_a_tenth_of_a_decibel() {
    for entry in CATALOGUE {
        let rate_hz = 400_000.0;
        let plan = open(entry.id, rate_hz, &Mains::EUROPE);
        let samples = generate(&plan, 3, (seconds(entry.id) * rate_hz) as usize, &Mains::EUROPE);
        let expected = formula(&preset(entry.id), (0.0, rate_hz / 2.0));
        let error = db(mean_square(&samples) / expected);
        assert!(error.abs() < 0.1, "{}: {error:.3} dB", entry.id);
    }
}

#[test]
fn third_octaves_are_the_formulas_within_a_decibel() {
    for rate_hz in [400_000.0, 1_200_000.0] {
        for entry in CATALOGUE {
            let plan = open(entry.id, rate_hz, &Mains::EUROPE);
            let seconds = if entry.id == "n6b" { 10.0 } else { 3.0 };
            let samples = generate(&plan, 4, (seconds * rate_hz) as usize, &Mains::EUROPE);
            let (step, found) = spectrum(&samples, rate_hz);
            for (low, high) in third_octaves(rate_hz) {
                let error = db(band(step, &found, (low, high)) / formula(&preset(entry.id), (low, high)));
                assert!(error.abs() < 1.0, "{} at {rate_hz}, {low:.0}-{high:.0} Hz: {error:.2} dB", entry.id);
            }
        }
    }
}

#[test]
fn amplitudes_have_the_models_distribution() {
    for entry in CATALOGUE {
        let terms = preset(entry.id).model().mixture();
        if terms.is_empty() {
            continue;
        }
        let plan = open(entry.id, 400_000.0, &Mains::EUROPE);
        let samples = generate(&plan, 6, 4_000_000, &Mains::EUROPE);
        let variance = formula(&preset(entry.id), (0.0, 200_000.0));
        let distance = kolmogorov(some(&samples, 20_000), mixture(&terms, variance));
        assert!(distance < 1.0, "{}: {distance:.2} of the critical value", entry.id);
    }
}

#[test]
fn the_mains_envelope_is_the_formulas_within_half_a_decibel() {
    for mains in [Mains::EUROPE, Mains::AMERICA] {
        for entry in CATALOGUE.iter().filter(|entry| preset(entry.id).model().follows_mains()) {
            const PIECES: usize = 80;
            let rate_hz = 400_000.0;
            let plan = open(entry.id, rate_hz, &mains);
            let samples = generate(&plan, 6, 6_000_000, &mains);
            let found = folded(&samples, rate_hz, &mains, PIECES);
            for (piece, found) in found.into_iter().enumerate() {
                let at = |i: usize, n: usize| (i as f64 + 0.5) / n as f64;
                let expected = (0..100).map(|i| (piece as f64 + at(i, 100)) / PIECES as f64).map(|turns| {
                    (0..50).map(|k| plan.density_at(turns, at(k, 50) * rate_hz / 2.0)).sum::<f64>() / 50.0
                });
                let expected = expected.sum::<f64>() / 100.0 * rate_hz / 2.0;
                let error = db(found / expected);
                assert!(error.abs() < 0.5, "{} at {} Hz, {piece}: {error:.2} dB", entry.id, mains.hz);
            }
        }
    }
}

#[test]
fn bin_power_is_what_a_transform_finds() {
    let conditions = Conditions::from(&FilterPlan::CENELEC_A);
    let plan = NoisePlan::new(&[preset("n1"), preset("n3a"), preset("n5a")], &conditions).unwrap();
    let samples = generate(&plan, 6, 256 * 8_000, &Mains::EUROPE);
    let fft = rustfft::FftPlanner::<f32>::new().plan_fft_forward(256);
    let mut sums = vec![0.0; 256];
    for block in samples.chunks_exact(256) {
        let mut bins: Vec<_> = block.iter().map(|&x| Complex32::new(x, 0.0)).collect();
        fft.process(&mut bins);
        for (sum, bin) in sums.iter_mut().zip(&bins) {
            *sum += f64::from(bin.norm_sqr()) / 8_000.0;
        }
    }
    for (carrier, &sum) in sums.iter().enumerate().take(59).skip(23) {
        let error = db(sum / plan.bin_power(256, carrier));
        assert!(error.abs() < 0.3, "carrier {carrier}: {error:.2} dB");
        let formula = conditions.rate_hz / 2.0 * 256.0 * plan.density(carrier as f64 * 1_562.5);
        let error = db(plan.bin_power(256, carrier) / formula);
        assert!(error.abs() < 0.3, "carrier {carrier}: {error:.2} dB from the density");
    }
}

#[test]
fn bin_power_follows_the_mains() {
    let plan = open("n5a", 400_000.0, &Mains::STEADY_50);
    let power = |from, to| plan.bin_power_between(256, 40, from, to);
    assert!((db(power(0.0, 0.04) / power(0.1, 0.2)) - 25.0).abs() < 0.01);
    assert!((power(0.0, 1.0) / plan.bin_power(256, 40) - 1.0).abs() < 1e-6);
}

#[test]
fn a_plan_is_scaled_to_a_level_in_the_band() {
    let conditions = Conditions::CENELEC_A;
    let plan = NoisePlan::new(&[preset("n7a"), preset("n1")], &conditions).unwrap();
    for reference in [Reference::Mean, Reference::Background] {
        let scaled = plan.scaled_to(-80.0, reference).unwrap();
        assert!((dbm_per_hz(scaled.mean_density(reference)) + 80.0).abs() < 1e-9);
    }
    let one = |amplitude: f64| generate(&plan.scaled(amplitude), 1, 1_000, &Mains::EUROPE);
    for (a, b) in one(1.0).into_iter().zip(one(3.0)) {
        assert!((3.0 * a - b).abs() <= 1e-5 * b.abs() + 1e-8, "{a} {b}");
    }
    let nothing = NoisePlan::new(&[], &conditions).unwrap().scaled_to(-80.0, Reference::Mean);
    assert!(nothing.unwrap_err().to_string().contains("add n0"));
}

#[test]
fn ports_are_independent_and_seeds_repeat() {
    let plan = open("n1", 400_000.0, &Mains::EUROPE);
    let make = |seed| generate(&plan, seed, 100_000, &Mains::EUROPE);
    let (a, b) = (make(1), make(2));
    assert_eq!(a, make(1));
    let energy: f64 = a.iter().map(|x| f64::from(x * x)).sum();
    let cross: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(x * y)).sum();
    assert!((cross / energy).abs() < 0.02);
}

#[test]
fn phases_lag_by_a_third_and_a_port_on_all_three_has_their_mean_power() {
    let mains = Mains::STEADY_50;
    let plan = open("n5a", 400_000.0, &mains);
    let powers = [Port::L1, Port::L2, Port::L3, Port::ThreePhase].map(|port| {
        let mut samples = vec![0.0; 800_000];
        let mut source = plan.source(port, &mut stream(1, Purpose::Noise, 0));
        source.add(mains.phase(0.0, samples.len(), 400_000.0), &mut samples);
        folded(&samples, 400_000.0, &mains, 30)
    });
    for piece in 0..30 {
        // A burst begins at 0 on L1, at 1/3 on L2.
        assert!(db(powers[0][piece] / powers[1][(piece + 10) % 30]).abs() < 0.5, "{piece}");
        assert!(db(powers[0][piece] / powers[2][(piece + 20) % 30]).abs() < 0.5, "{piece}");
        let mean = (powers[0][piece] + powers[1][piece] + powers[2][piece]) / 3.0;
        assert!(db(powers[3][piece] / mean).abs() < 0.5, "{piece}");
    }
}

#[test]
fn presets_have_names() {
    for entry in CATALOGUE {
        assert_eq!(preset(&entry.id.to_uppercase()).id(), entry.id);
    }
    assert_eq!(preset("n0=-92.5"), Preset::white(-92.5));
    assert_eq!(preset("n1"), Preset::hooijen());
    assert_eq!(preset("n3a"), Preset::katayama());
    assert!((preset("n1+5").dbm_per_hz(50e3) - preset("n1").dbm_per_hz(50e3) - 5.0).abs() < 1e-9);
    let density = |hz| volts2_per_hz(preset("n3b=-81").dbm_per_hz(hz));
    let level = dbm_per_hz(preset::mean(preset::REFERENCE_HZ, density));
    assert!((level + 81.0).abs() < 1e-9);
    let written = serde_json::to_string(&preset("n6a-3:p=0.02")).unwrap();
    assert_eq!(serde_json::from_str::<Preset>(&written).unwrap(), preset("n6a-3:p=0.02"));
    for wrong in
        ["", "n", "n99", "n1x", "n0=inf", "n1:p=1", "n6a:p=2", "n6a:q=0.1", "n6a:p", "n1@file", "n1+400"]
    {
        assert!(Preset::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn presets_refuse_conditions_for_which_they_are_not_made() {
    let refusal = |text: &str, conditions: Conditions| {
        NoisePlan::new(&[preset(text)], &conditions).unwrap_err().to_string()
    };
    let fine = Conditions::CENELEC_A;
    assert!(refusal("n3a", Conditions { mains_hz: 16.7, ..fine }).contains("50 or 60 Hz"));
    assert!(refusal("n0", Conditions { rate_hz: 50_000.0, ..fine }).contains("take a whole number"));
    assert!(refusal("n0", Conditions { rate_hz: 400_000.5, ..fine }).contains("take a whole number"));
    assert!(refusal("n1", Conditions { band_hz: [2e6, 28e6], ..fine }).contains("3000 to 500000 Hz"));
    assert!(refusal("n1", Conditions { band_hz: [150e3, 480e3], ..fine }).contains("take at least 960000"));
    assert!(refusal("n3b", Conditions { rate_hz: 190_000.0, ..fine }).contains("19 µs"));
}
