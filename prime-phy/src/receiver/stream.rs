//! The newest samples, every fourth together: what the transforms of 512 points want.

use super::carriers::sane;
use crate::channel::{FFT_SAMPLES, MOST_WAYS, SYMBOL_SAMPLES};

/// Samples at 250 kHz that are kept, a power of two: a header of Type A is looked at again when it was none.
pub(super) const DEPTH: usize = 2048;

/// Most samples of a push.
pub(super) const MOST_PUSHED: usize = SYMBOL_SAMPLES;

/// The newest samples of the line.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Sample n is at n / ways of way n mod ways.
    ways: [[f32; DEPTH]; MOST_WAYS],
    /// Logarithm of the number of ways.
    shift: u32,
    /// Index of the next sample that is to come.
    position: u64,
}

impl Stream {
    pub(super) fn new(ways: usize) -> Self {
        Self { ways: [[0.0; DEPTH]; MOST_WAYS], shift: ways.ilog2(), position: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Number of ways.
    pub(super) fn ways(&self) -> usize {
        1 << self.shift
    }

    /// Goes on with sample `from`; those before are silence.
    pub(super) fn resume(&mut self, from: u64) {
        self.ways = [[0.0; DEPTH]; MOST_WAYS];
        self.position = from;
    }

    /// Index of the oldest sample that is kept.
    pub(super) fn oldest(&self) -> u64 {
        self.position.saturating_sub((DEPTH << self.shift) as u64)
    }

    pub(super) fn push(&mut self, samples: &[f32]) {
        let (ways, shift) = (self.ways(), self.shift);
        for way in 0..ways {
            // The first of the new samples on this way of the rotation.
            let at = self.position + way as u64;
            let ring = &mut self.ways[at as usize & (ways - 1)];
            let begin = (at >> shift) as usize % DEPTH;
            let fresh = samples.get(way..).unwrap_or_default();
            let behind = ring.get_mut(begin..).unwrap_or_default();
            let (fits, wraps) = fresh.split_at(fresh.len().min(behind.len() * ways));
            put(behind, fits, ways);
            put(ring, wraps, ways);
        }
        self.position += samples.len() as u64;
    }

    /// The samples `from`, `from` + ways and so on.
    pub(super) fn read(&self, from: u64, out: &mut [f32; FFT_SAMPLES]) {
        let ring = &self.ways[from as usize & (self.ways() - 1)];
        let begin = (from >> self.shift) as usize % DEPTH;
        let behind = ring.get(begin..).unwrap_or_default();
        let count = behind.len().min(FFT_SAMPLES);
        out[..count].copy_from_slice(&behind[..count]);
        out[count..].copy_from_slice(&ring[..FFT_SAMPLES - count]);
    }
}

/// Every sample, or every fourth, to the places from the first on.
fn put(places: &mut [f32], samples: &[f32], ways: usize) {
    if ways == 1 {
        places.iter_mut().zip(samples).for_each(|(place, &sample)| *place = sane(sample));
    } else {
        for (place, samples) in places.iter_mut().zip(samples.chunks(MOST_WAYS)) {
            *place = sane(samples[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_read_in_steps_of_the_ways() {
        for ways in [1, 4] {
            let mut stream = Stream::new(ways);
            stream.resume(3);
            let mut next = 3;
            for length in [1, 560, 2, 3, 333, 512, 560, 560, 7].into_iter().cycle().take(60) {
                let samples: std::vec::Vec<f32> = (next..next + length).map(|n| n as f32).collect();
                stream.push(&samples);
                next += length;
                assert_eq!(stream.position(), next);
            }
            let mut out = [0.0; FFT_SAMPLES];
            for from in [stream.oldest(), next - (512 * ways) as u64, next - (777 * ways) as u64] {
                stream.read(from, &mut out);
                assert!(
                    out.iter().zip((from..).step_by(ways)).all(|(&found, expected)| found == expected as f32)
                );
            }
        }
    }
}
