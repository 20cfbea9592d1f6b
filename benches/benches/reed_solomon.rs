//! Reed-Solomon of `dsp`: octets of full-length words a second.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod support;

use criterion::{BatchSize, Criterion, Throughput};
use dsp::reed_solomon::{MAX_WORD, ReedSolomon};
use std::hint::black_box;

fn code(criterion: &mut Criterion, code: &ReedSolomon) {
    let data = MAX_WORD - code.parity();
    let mut good = support::octets(MAX_WORD);
    let mut group = criterion.benchmark_group(format!("reed-solomon-255-{data}"));
    group.throughput(Throughput::Bytes(MAX_WORD as u64));

    group.bench_function("encode", |bencher| {
        let (data, parity) = good.split_at_mut(data);
        bencher.iter(|| code.encode(black_box(data), black_box(parity)).unwrap());
    });
    for errors in [0, 1, code.correctable(), 2 * code.correctable()] {
        let mut word = good.clone();
        for error in 0..errors {
            word[(error * 29 + 7) % MAX_WORD] ^= 0x5A;
        }
        group.bench_function(format!("decode-{errors}-errors"), |bencher| {
            bencher.iter_batched_ref(
                || word.clone(),
                |word| {
                    let corrected = code.decode(black_box(word));
                    assert_eq!(corrected.is_ok(), errors <= code.correctable());
                },
                BatchSize::SmallInput,
            );
        });
    }
}

fn main() {
    let mut criterion = support::criterion();
    code(&mut criterion, &ReedSolomon::new(1, 16));
    code(&mut criterion, &ReedSolomon::new(1, 8));
    criterion.final_summary();
}
