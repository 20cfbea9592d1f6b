//! The transforms of `dsp::fft` beside the crates a program would otherwise call itself.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod support;

use criterion::Criterion;
use dsp::{
    Complex,
    fft::{ComplexFft, RealFft, Size},
};
use std::hint::black_box;

fn samples(points: usize) -> Vec<f32> {
    support::octets(points).into_iter().map(|octet| f32::from(octet) / 128.0 - 1.0).collect()
}

fn real(criterion: &mut Criterion) {
    for size in [Size::N256, Size::N512] {
        let points = size.points();
        let input = samples(points);
        let mut group = criterion.benchmark_group(format!("fft-real-{points}"));

        let mut fft = RealFft::new(size);
        let mut bins = vec![Complex::default(); size.real_bins()];
        group.bench_function("dsp-forward", |bencher| {
            bencher.iter(|| fft.forward(black_box(&input), black_box(&mut bins)).unwrap());
        });
        let mut output = vec![0.0; points];
        group.bench_function("dsp-inverse", |bencher| {
            bencher.iter(|| fft.inverse(black_box(&bins), black_box(&mut output)).unwrap());
        });

        let plan = realfft::RealFftPlanner::<f32>::new().plan_fft_forward(points);
        let mut scratch = plan.make_scratch_vec();
        // realfft destroys its input, so a receiver that keeps its samples copies them, as dsp does inside.
        let mut copy = input.clone();
        group.bench_function("realfft-forward", |bencher| {
            bencher.iter(|| {
                copy.copy_from_slice(black_box(&input));
                plan.process_with_scratch(&mut copy, black_box(&mut bins), &mut scratch).unwrap();
            });
        });

        let plan = rustfft::FftPlanner::<f32>::new().plan_fft_forward(points);
        let mut scratch = vec![Complex::default(); plan.get_inplace_scratch_len()];
        let mut values = vec![Complex::default(); points];
        group.bench_function("rustfft-complex-of-real", |bencher| {
            bencher.iter(|| {
                for (value, &sample) in values.iter_mut().zip(black_box(&input)) {
                    *value = Complex::new(sample, 0.0);
                }
                plan.process_with_scratch(black_box(&mut values), &mut scratch);
            });
        });
    }
}

fn complex(criterion: &mut Criterion) {
    for size in [Size::N256, Size::N512] {
        let points = size.points();
        let input: Vec<Complex> =
            samples(2 * points).chunks(2).map(|pair| Complex::new(pair[0], pair[1])).collect();
        let mut output = vec![Complex::default(); points];
        let mut group = criterion.benchmark_group(format!("fft-complex-{points}"));

        let mut fft = ComplexFft::new(size);
        group.bench_function("dsp-forward", |bencher| {
            bencher.iter(|| fft.forward(black_box(&input), black_box(&mut output)).unwrap());
        });
        let plan = rustfft::FftPlanner::<f32>::new().plan_fft_forward(points);
        let mut scratch = vec![Complex::default(); plan.get_inplace_scratch_len()];
        group.bench_function("rustfft-forward", |bencher| {
            bencher.iter(|| {
                output.copy_from_slice(black_box(&input));
                plan.process_with_scratch(black_box(&mut output), &mut scratch);
            });
        });
    }
}

fn main() {
    let mut criterion = support::criterion();
    real(&mut criterion);
    complex(&mut criterion);
    criterion.final_summary();
}
