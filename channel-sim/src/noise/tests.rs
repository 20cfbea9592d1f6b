use super::*;
use crate::random::{Purpose, stream};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

const PLAN: FilterPlan = FilterPlan::CENELEC_A;
const POINTS: usize = 1_024;

fn source(presets: &[Preset], seed: u64) -> NoiseSource {
    NoiseSource::new(presets, &PLAN, &mut stream(seed, Purpose::Noise, 0))
}

/// `count` samples with the mains' envelope.
fn generate(presets: &[Preset], seed: u64, count: usize, mains: &Mains) -> Vec<f32> {
    let envelope = Envelope::kata1();
    let deviation: Vec<f32> =
        (0..count).map(|n| envelope.variance(mains.turns(n as f64 / PLAN.rate_hz)).sqrt()).collect();
    let mut out = vec![0.0; count];
    let mut source = source(presets, seed);
    for (out, deviation) in out.chunks_mut(256).zip(deviation.chunks(256)) {
        source.add(deviation, out);
    }
    out
}

/// One-sided densities in dBm/Hz at the transform's frequencies, by Welch's method with a Hann window.
fn measured_dbm_per_hz(samples: &[f32]) -> Vec<f64> {
    let fft = FftPlanner::<f32>::new().plan_fft_forward(POINTS);
    let window: Vec<f32> =
        (0..POINTS).map(|n| 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / POINTS as f32).cos()).collect();
    let energy: f64 = window.iter().map(|&w| f64::from(w * w)).sum();
    let mut sums = vec![0.0; POINTS / 2];
    let mut blocks = 0.0;
    for block in samples.windows(POINTS).step_by(POINTS / 2) {
        let mut bins: Vec<Complex<f32>> =
            block.iter().zip(&window).map(|(&x, &w)| Complex::new(x * w, 0.0)).collect();
        fft.process(&mut bins);
        for (sum, bin) in sums.iter_mut().zip(&bins) {
            *sum += f64::from(bin.norm_sqr());
        }
        blocks += 1.0;
    }
    sums.iter()
        .map(|sum| 10.0 * (2.0 * sum / (blocks * energy * PLAN.rate_hz) / 50.0 / 1e-3).log10())
        .collect()
}

fn db(ratio: f64) -> f64 {
    10.0 * ratio.log10()
}

/// Mean power in CENELEC-A, dBm.
fn band_power(density_dbm_per_hz: impl Fn(f64) -> f64) -> f64 {
    let step = PLAN.rate_hz / POINTS as f64;
    let bins = (CENELEC_A_HZ.0 / step).round() as usize..=(CENELEC_A_HZ.1 / step).round() as usize;
    db(bins.map(|bin| 10f64.powf(density_dbm_per_hz(bin as f64 * step) / 10.0) * step).sum())
}

#[test]
fn power_in_the_band_is_the_formulas_within_a_tenth_of_a_decibel() {
    for preset in [
        Preset::N0 { dbm_per_hz: -90.0 },
        Preset::N1 { offset_db: 0.0 },
        Preset::N1 { offset_db: -5.0 },
        Preset::N3A,
    ] {
        // Eight seconds: N3a's power comes from a few impulses a period.
        let found = measured_dbm_per_hz(&generate(&[preset], 3, 3_200_000, &Mains::STEADY_50));
        let step = PLAN.rate_hz / POINTS as f64;
        let found = band_power(|f| found[(f / step).round() as usize]);
        let expected = band_power(|f| preset.dbm_per_hz(f));
        assert!((found - expected).abs() < 0.1, "{preset:?}: {found:.3} dBm for {expected:.3}");
    }
}

#[test]
fn spectra_follow_the_formulas_in_the_band() {
    for preset in [Preset::N0 { dbm_per_hz: -90.0 }, Preset::N1 { offset_db: 5.0 }, Preset::N3A] {
        let found = measured_dbm_per_hz(&generate(&[preset], 4, 1_600_000, &Mains::STEADY_50));
        let step = PLAN.rate_hz / POINTS as f64;
        let band = (35_000.0 / step) as usize..(105_000.0 / step) as usize;
        for (bin, &found) in found.iter().enumerate().filter(|(bin, _)| band.contains(bin)) {
            let expected = preset.dbm_per_hz(bin as f64 * step);
            assert!((found - expected).abs() < 0.8, "{preset:?} bin {bin}: {found} {expected}");
        }
    }
}

#[test]
fn colouring_filters_are_exact_where_the_carriers_are() {
    for preset in [Preset::N1 { offset_db: 0.0 }, Preset::N3A] {
        let taps = preset.taps(&PLAN);
        for carrier in 23..=58 {
            let frequency = f64::from(carrier) * 1_562.5;
            let wanted = volts2_per_hz(preset.dbm_per_hz(frequency)) * PLAN.rate_hz / 2.0;
            let error = db(colour::power_response(&taps, PLAN.rate_hz, frequency) / wanted);
            assert!(error.abs() < 0.2, "{preset:?} {frequency}: {error:.2} dB");
        }
    }
}

#[test]
fn hooijens_values_are_the_digests() {
    let preset = Preset::N1 { offset_db: 0.0 };
    for (frequency, expected) in [(10e3, -60.3), (36e3, -70.6), (75e3, -86.0), (91e3, -92.3)] {
        assert!((preset.dbm_per_hz(frequency) - expected).abs() < 0.1);
    }
    assert_eq!(preset.dbm_per_hz(180e3), N1_FLOOR_DBM_PER_HZ);
}

#[test]
fn katayamas_envelope_is_the_formulas_within_half_a_decibel() {
    // Powers folded over 1000 half periods of 4000 samples, in 40 pieces of 100 samples.
    let samples = generate(&[Preset::N3A], 5, 4_000_000, &Mains::STEADY_50);
    let mut folded = vec![0.0; 40];
    for (n, sample) in samples.iter().enumerate() {
        folded[n % 4_000 / 100] += f64::from(sample * sample) / 1e5;
    }
    let mean = folded.iter().sum::<f64>() / 40.0;
    let envelope = Envelope::kata1();
    for (piece, power) in folded.iter().enumerate() {
        let at = |n: usize| envelope.variance(n as f64 / 8_000.0);
        let expected = (piece * 100..(piece + 1) * 100).map(at).sum::<f32>() / 100.0;
        let error = db(power / mean / f64::from(expected));
        assert!(error.abs() < 0.5, "piece {piece}: {error:.2} dB");
    }
}

#[test]
fn bin_power_is_what_a_transform_finds() {
    let source = source(&[Preset::N1 { offset_db: 0.0 }, Preset::N3A], 0);
    let presets = [Preset::N1 { offset_db: 0.0 }, Preset::N3A];
    let samples = generate(&presets, 6, 256 * 4_000, &Mains::EUROPE);
    let fft = FftPlanner::<f32>::new().plan_fft_forward(256);
    let mut sums = vec![0.0; 256];
    for block in samples.chunks_exact(256) {
        let mut bins: Vec<Complex<f32>> = block.iter().map(|&x| Complex::new(x, 0.0)).collect();
        fft.process(&mut bins);
        for (sum, bin) in sums.iter_mut().zip(&bins) {
            *sum += f64::from(bin.norm_sqr()) / 4_000.0;
        }
    }
    for (carrier, &sum) in sums.iter().enumerate().take(59).skip(23) {
        let error = db(sum / source.bin_power(256, carrier));
        assert!(error.abs() < 0.5, "carrier {carrier}: {error:.2} dB");
    }
}

#[test]
fn nodes_are_independent_and_seeds_repeat() {
    let make = |seed| generate(&[Preset::N1 { offset_db: 0.0 }], seed, 100_000, &Mains::EUROPE);
    let (a, b) = (make(1), make(2));
    assert_eq!(a, make(1));
    let energy: f64 = a.iter().map(|x| f64::from(x * x)).sum();
    let cross: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(x * y)).sum();
    assert!((cross / energy).abs() < 0.02);
}

#[test]
fn presets_have_names() {
    assert_eq!(Preset::parse("N1+5"), Ok(Preset::N1 { offset_db: 5.0 }));
    assert_eq!(Preset::parse("n0=-92.5"), Ok(Preset::N0 { dbm_per_hz: -92.5 }));
    assert_eq!(Preset::parse("n3a"), Ok(Preset::N3A));
    for wrong in ["", "n2", "n0", "n1x", "n0=inf"] {
        assert!(Preset::parse(wrong).unwrap_err().contains("use n0="), "{wrong}");
    }
}
