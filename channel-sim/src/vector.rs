//! Inner loops compiled for every vector width there is and chosen at run time.
//!
//! The source is one portable function; the compiler turns it into SSE2, AVX2 or AVX-512 (or whatever the target
//! has). Rust never contracts a product and a sum into a fused operation and never reorders a sum, so all versions
//! give the same bits, which tests check.
#![allow(
    unsafe_code,
    reason = "calls of functions for processor features that have been found; see `dispatch`"
)]

use dsp::Complex;
use dsp::cpu::Level;

/// Declares the function `$name`, the three versions of `portable::$name` and the choice between them.
macro_rules! dispatch {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $kind:ty),*)) => {
        $(#[$meta])*
        $visibility fn $name(level: Level, $($argument: $kind),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $kind),*) {
                    portable::$name($($argument),*);
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($argument: $kind),*) {
                    portable::$name($($argument),*);
                }
                match level.available() {
                    Level::Portable | Level::Neon => portable::$name($($argument),*),
                    // Safety: `available` gives a level only where the processor has the features that these
                    // functions enable.
                    Level::Avx2 => unsafe { avx2($($argument),*) },
                    Level::Avx512 => unsafe { avx512($($argument),*) },
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            {
                let _ = level;
                portable::$name($($argument),*);
            }
        }
    };
}
pub(crate) use dispatch;

dispatch! {
    /// Writes what two filters with taps in pairs make of `input`, gliding from the first filter's output to the
    /// second's: sample `i` has the second's share `share + i * step`. `input` has one sample less than there are
    /// taps in front of those that belong to `out`.
    pub(crate) fn glide(taps: &[[f32; 2]], input: &[f32], share: f32, step: f32, out: &mut [f32])
}
dispatch! {
    /// Adds what passes a filter, times a weight: `sums += weight * sent * filter` at each frequency.
    pub(crate) fn accumulate(sums: &mut [Complex], sent: &[Complex], filter: &[Complex], weight: f32)
}

/// The loops themselves.
mod portable {
    use dsp::Complex;

    /// Sums side by side: enough that none waits for the one before.
    const CHUNK: usize = 32;
    /// Taps for which a remainder's input is copied.
    const MOST_TAPS: usize = 96;

    #[inline(always)]
    pub(super) fn glide(taps: &[[f32; 2]], input: &[f32], share: f32, step: f32, out: &mut [f32]) {
        let mut at = 0;
        let (chunks, rest) = out.as_chunks_mut::<CHUNK>();
        for chunk in chunks {
            glide_chunk(taps, &input[at..], share, step, at, chunk);
            at += CHUNK;
        }
        if rest.is_empty() {
            return;
        }
        // A whole chunk here too, of which only the beginning is wanted.
        let mut padded = [0.0f32; CHUNK + MOST_TAPS];
        let left = (input.len() - at).min(padded.len());
        padded[..left].copy_from_slice(&input[at..at + left]);
        let mut chunk = [0.0; CHUNK];
        glide_chunk(taps, &padded, share, step, at, &mut chunk);
        rest.copy_from_slice(&chunk[..rest.len()]);
    }

    #[inline(always)]
    fn glide_chunk(
        taps: &[[f32; 2]],
        input: &[f32],
        share: f32,
        step: f32,
        first: usize,
        out: &mut [f32; CHUNK],
    ) {
        let (mut begin, mut end) = ([0.0f32; CHUNK], [0.0f32; CHUNK]);
        for (k, &[a, b]) in taps.iter().enumerate() {
            let input = &input[k..k + CHUNK];
            for lane in 0..CHUNK {
                begin[lane] += a * input[lane];
                end[lane] += b * input[lane];
            }
        }
        for (lane, target) in out.iter_mut().enumerate() {
            let share = share + (first + lane) as f32 * step;
            *target = begin[lane] + share * (end[lane] - begin[lane]);
        }
    }

    #[inline(always)]
    pub(super) fn accumulate(sums: &mut [Complex], sent: &[Complex], filter: &[Complex], weight: f32) {
        for ((sum, &sent), &through) in sums.iter_mut().zip(sent).zip(filter) {
            sum.re += weight * (sent.re * through.re - sent.im * through.im);
            sum.im += weight * (sent.re * through.im + sent.im * through.re);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Level; 3] = [Level::Portable, Level::Avx2, Level::Avx512];

    fn values(count: usize, salt: usize) -> Vec<f32> {
        (0..count).map(|n| ((n * 37 + salt) % 101) as f32 / 50.0 - 1.0).collect()
    }

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let made = |level: Level| {
            let taps: Vec<[f32; 2]> = values(16, 5).into_iter().zip(values(16, 9)).map(Into::into).collect();
            let mut out = vec![0.0; 77];
            glide(level, &taps, &values(92, 1), 0.125, 1.0 / 128.0, &mut out);
            let complex = |salt| -> Vec<Complex> {
                values(53, salt)
                    .into_iter()
                    .zip(values(53, salt + 1))
                    .map(|(re, im)| Complex::new(re, im))
                    .collect()
            };
            let mut sums = complex(3);
            accumulate(level, &mut sums, &complex(7), &complex(11), 0.7);
            out.extend(sums.iter().flat_map(|sum| [sum.re, sum.im]));
            out.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        let [portable, avx2, avx512] = LEVELS.map(made);
        assert_eq!(portable, avx2);
        assert_eq!(portable, avx512);
    }

    #[test]
    fn gliding_goes_from_one_filter_to_the_other() {
        let (a, b, input) = (values(16, 5), values(16, 9), values(92, 1));
        let taps: Vec<[f32; 2]> = a.iter().copied().zip(b.iter().copied()).map(Into::into).collect();
        let mut out = vec![0.0; 77];
        glide(Level::best(), &taps, &input, 0.25, 1.0 / 128.0, &mut out);
        let filtered = |taps: &[f32], n: usize| -> f64 {
            taps.iter().enumerate().map(|(k, &tap)| f64::from(tap) * f64::from(input[n + k])).sum()
        };
        for (n, &found) in out.iter().enumerate() {
            let share = 0.25 + n as f64 / 128.0;
            let expected = (1.0 - share) * filtered(&a, n) + share * filtered(&b, n);
            assert!((f64::from(found) - expected).abs() < 1e-5, "{n}");
        }
    }

    #[test]
    fn what_passes_a_filter_is_a_product() {
        let mut sums = [Complex::new(1.0, 2.0)];
        accumulate(Level::best(), &mut sums, &[Complex::new(3.0, -1.0)], &[Complex::new(0.5, 2.0)], 2.0);
        // (3 - j)(0.5 + 2j) = 3.5 + 5.5j
        assert_eq!(sums, [Complex::new(8.0, 13.0)]);
    }
}
