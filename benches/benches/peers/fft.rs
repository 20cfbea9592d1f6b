//! Transforms against rustfft, realfft and FFTW (Debian's build has no AVX2).

use crate::{
    libraries::{Fftw, Shape},
    rounds::Group,
    support,
};
use dsp::{
    Complex,
    cpu::Level,
    fft::{ComplexFft, RealFft, Size},
};
use std::hint::black_box;

fn samples(count: usize) -> Vec<f32> {
    support::octets(count).into_iter().map(|octet| f32::from(octet) / 128.0 - 1.0).collect()
}

fn values(count: usize) -> Vec<Complex> {
    samples(2 * count).as_chunks::<2>().0.iter().map(|&[re, im]| Complex::new(re, im)).collect()
}

/// Transforms of the same input differ by rounding only.
fn assert_near(ours: &[Complex], theirs: &[Complex]) {
    assert_eq!(ours.len(), theirs.len());
    for (one, other) in ours.iter().zip(theirs) {
        assert!((one - other).norm() < 1e-4, "{one} {other}");
    }
}

pub(crate) fn complex(size: Size, goal: f64) -> Group {
    let points = size.points();
    let input = values(points);
    let mut group = Group::new(points as f64, "Msamples/s");

    let plan = rustfft::FftPlanner::new().plan_fft_forward(points);
    let mut scratch = vec![Complex::default(); plan.get_immutable_scratch_len()];
    let mut expected = vec![Complex::default(); points];
    plan.process_immutable_with_scratch(&input, &mut expected, &mut scratch);
    let (from, mut to) = (input.clone(), expected.clone());
    group
        .add("rustfft", move || plan.process_immutable_with_scratch(black_box(&from), &mut to, &mut scratch));

    if let Some(mut fftw) = Fftw::new(points, Shape::Complex) {
        fftw.from[..points].copy_from_slice(&input);
        fftw.run();
        assert_near(&expected, &fftw.to[..points]);
        group.add("FFTW, Debian", move || fftw.run());
    }
    for (name, level) in
        [("ours", Level::best()), ("ours, AVX2", Level::Avx2), ("ours, portable", Level::Portable)]
    {
        let mut fft = ComplexFft::at(level, size);
        let (from, mut to) = (input.clone(), vec![Complex::default(); points]);
        fft.forward(&from, &mut to).unwrap();
        assert_near(&to, &expected);
        group.add(name, move || fft.forward(black_box(&from), &mut to).unwrap());
    }
    let mut fft = ComplexFft::new(size);
    let (from, mut to) = (expected, vec![Complex::default(); points]);
    fft.inverse(&from, &mut to).unwrap();
    let back: Vec<Complex> = to.iter().map(|value| value / points as f32).collect();
    assert_near(&back, &input);
    group.add("ours, inverse", move || fft.inverse(black_box(&from), &mut to).unwrap());

    group.goal("ours", "rustfft", goal);
    group.goal("ours, AVX2", "rustfft", 1.0);
    group.goal("ours, inverse", "rustfft", 1.0);
    group.goal("ours", "FFTW, Debian", 0.95);
    group
}

pub(crate) fn real(size: Size) -> Group {
    let points = size.points();
    let input = samples(points);
    let mut group = Group::new(points as f64, "Msamples/s");

    let mut planner = realfft::RealFftPlanner::<f32>::new();
    let plan = planner.plan_fft_forward(points);
    let mut scratch = plan.make_scratch_vec();
    let mut expected = plan.make_output_vec();
    plan.process_with_scratch(&mut input.clone(), &mut expected, &mut scratch).unwrap();
    // Out of place for the caller, as ours: realfft spoils its input.
    let (from, mut work, mut to) = (input.clone(), input.clone(), expected.clone());
    group.add("realfft", move || {
        work.copy_from_slice(black_box(&from));
        plan.process_with_scratch(&mut work, &mut to, &mut scratch).unwrap();
    });
    let plan = planner.plan_fft_inverse(points);
    let mut scratch = plan.make_scratch_vec();
    let (from, mut work, mut to) = (expected.clone(), expected.clone(), input.clone());
    group.add("realfft, inverse", move || {
        work.copy_from_slice(black_box(&from));
        plan.process_with_scratch(&mut work, &mut to, &mut scratch).unwrap();
    });

    if let Some(mut fftw) = Fftw::new(points, Shape::RealForward) {
        for (pair, &[re, im]) in fftw.from.iter_mut().zip(input.as_chunks::<2>().0) {
            *pair = Complex::new(re, im);
        }
        fftw.run();
        assert_near(&expected, &fftw.to[..size.real_bins()]);
        group.add("FFTW, Debian", move || fftw.run());
    }
    if let Some(mut fftw) = Fftw::new(points, Shape::RealInverse) {
        // Spoils its input too; zeros cost the same.
        group.add("FFTW, inverse", move || fftw.run());
    }
    for (name, inverse, level) in [
        ("ours", "ours, inverse", Level::best()),
        ("ours, AVX2", "ours, AVX2, inverse", Level::Avx2),
        ("ours, portable", "ours, portable, inverse", Level::Portable),
    ] {
        let mut fft = RealFft::at(level, size);
        let (from, mut to) = (input.clone(), vec![Complex::default(); size.real_bins()]);
        fft.forward(&from, &mut to).unwrap();
        assert_near(&to, &expected);
        let mut back = vec![0.0; points];
        fft.inverse(&to, &mut back).unwrap();
        assert!(input.iter().zip(&back).all(|(one, other)| (one - other / points as f32).abs() < 1e-5));
        let (mut again, bins) = (fft.clone(), to.clone());
        group.add(name, move || fft.forward(black_box(&from), &mut to).unwrap());
        group.add(inverse, move || again.inverse(black_box(&bins), &mut back).unwrap());
    }
    group.goal("ours", "realfft", 1.8);
    group.goal("ours, inverse", "realfft, inverse", 1.8);
    group.goal("ours, AVX2", "realfft", 1.8);
    group.goal("ours, AVX2, inverse", "realfft, inverse", 1.0);
    group.goal("ours", "FFTW, Debian", 0.95);
    group
}
