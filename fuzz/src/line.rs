//! A line that does anything to a receiver, as an input says.

use crate::Input;

/// A receiver, and the transmitter whose frames it understands.
pub trait Receives {
    /// Samples of silence after which nothing that came before matters.
    fn quiet(&self) -> usize;

    /// Takes the samples from index `from` on; the first octet of the frame heard in them, where there was one.
    fn push(&mut self, from: u64, samples: &[f32]) -> Option<u8>;

    /// The samples of a frame whose content begins with `first`, of a kind of many.
    fn frame(&self, kind: u8, first: u8) -> Vec<f32>;
}

/// Puts what the input says on the line: raw floats, noise, constants, gaps, frames cut and with a gain, in blocks of any
/// length. Afterwards a clean frame has to be heard.
///
/// # Panics
/// The receiver is deaf.
pub fn disturb<R: Receives>(receiver: R, octets: &[u8]) {
    let mut input = Input::new(octets);
    let mut line = Line { receiver, at: 0, block: 64, heard: None };
    for _ in 0..12 {
        if input.is_empty() {
            break;
        }
        let kind = input.u8();
        match kind % 6 {
            0 => {
                let floats = input.field();
                let samples: Vec<f32> =
                    floats.as_chunks::<4>().0.iter().map(|octets| f32::from_le_bytes(*octets)).collect();
                line.push(&samples);
            }
            1 => {
                let amplitude = f32::from_bits(input.u32());
                let mut state = u64::from(input.u8()) + 1;
                let samples: Vec<f32> = (0..2000).map(|_| amplitude * noise(&mut state)).collect();
                line.push(&samples);
            }
            2 => line.push(&vec![f32::from_bits(input.u32()); usize::from(input.u16()) % 4000]),
            3 => line.at += u64::from(input.u16()),
            4 => line.block = usize::from(input.u16()) % 700 + 1,
            _ => {
                let mut samples = line.receiver.frame(kind / 6, input.u8());
                let gain = f32::from_bits(input.u32());
                samples.truncate(usize::from(input.u16()));
                samples.iter_mut().for_each(|sample| *sample = (*sample * gain).clamp(-1.0, 1.0));
                line.push(&samples);
            }
        }
    }
    // Nothing may deafen it for good: after silence of the longest frame there is, the next frame comes through.
    let quiet = line.receiver.quiet();
    line.push(&vec![0.0; quiet]);
    line.heard = None;
    let clean = line.receiver.frame(0, 42);
    line.push(&clean);
    line.push(&[0.0; 4000]);
    assert_eq!(line.heard, Some(42), "deaf");
}

struct Line<R> {
    receiver: R,
    at: u64,
    block: usize,
    /// First octet of the last frame.
    heard: Option<u8>,
}

impl<R: Receives> Line<R> {
    fn push(&mut self, samples: &[f32]) {
        for block in samples.chunks(self.block) {
            let heard = self.receiver.push(self.at, block);
            self.at += block.len() as u64;
            self.heard = heard.or(self.heard);
        }
    }
}

/// Uniform over -1..1.
fn noise(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}
