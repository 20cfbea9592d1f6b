//! The convolutional code of `dsp`: information bits a second.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod support;

use criterion::{Criterion, Throughput};
use dsp::{convolutional, viterbi::Viterbi};
use std::hint::black_box;

fn block(criterion: &mut Criterion, octets: usize) {
    let info = support::octets(octets);
    let bits = 8 * octets;
    let mut coded = vec![0; convolutional::coded_bits(bits).div_ceil(8)];
    let coded_bits = convolutional::encode(&info, bits, &mut coded).unwrap();
    // Noise of the strength that a decoder lives with: magnitudes of 1..=63, one coded bit in 16 wrong.
    let soft: Vec<i8> = support::octets(coded_bits)
        .into_iter()
        .enumerate()
        .map(|(at, noise)| {
            let magnitude = (noise & 63).max(1) as i8;
            let sent = coded[at / 8] >> (7 - at % 8) & 1;
            if (sent == 0) == (noise >> 4 != 0) { magnitude } else { -magnitude }
        })
        .collect();

    let mut group = criterion.benchmark_group("viterbi");
    group.throughput(Throughput::Elements(bits as u64));
    let mut viterbi = Box::new(Viterbi::<2046>::new());
    let mut decoded = vec![0; octets];
    viterbi.decode(&soft, bits, &mut decoded).unwrap();
    assert_eq!(decoded, info);
    group.bench_function(format!("decode-{bits}-bits"), |bencher| {
        bencher.iter(|| viterbi.decode(black_box(&soft), bits, black_box(&mut decoded)).unwrap());
    });
    group.bench_function(format!("encode-{bits}-bits"), |bencher| {
        bencher.iter(|| convolutional::encode(black_box(&info), bits, black_box(&mut coded)).unwrap());
    });
}

fn main() {
    let mut criterion = support::criterion();
    block(&mut criterion, 32);
    block(&mut criterion, 255);
    criterion.final_summary();
}
