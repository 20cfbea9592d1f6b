//! Lines that are not still, and what a receiver loses on them.

use super::noise::colour;
use super::{
    PLAN, Random, add_noise, data_samples, full_psdu, level_preamble, mix, noise_for_snr_db, resample,
};
use g3_phy::primitives::Event;
use g3_phy::{FrameWorkspace, Modulation, Receiver, ReceiverOptions, ToneMask};
pub use plc_core::testkit::wilson;

/// What a line does to frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line {
    /// Nothing.
    Still,
    /// The sender's clock is off by so many ppm.
    Clock(f64),
    /// The carriers' power falls by so many dB from the lowest to the highest; 0 dB in the middle.
    Tilt(f32),
    /// Echoes 10, 20 and 30 samples after the first path, the last at the end of the prefix, 3 dB lower each; of mean power 1.
    Echoes,
    /// Every other frame is so many dB louder; SNR is that of the quiet ones.
    Steps(f32),
}

impl Line {
    pub const ALL: [(&'static str, Self); 6] = [
        ("still", Self::Still),
        ("clock +60 ppm", Self::Clock(60.0)),
        ("clock -60 ppm", Self::Clock(-60.0)),
        ("carriers over 30 dB", Self::Tilt(30.0)),
        ("echoes to the prefix", Self::Echoes),
        ("60 dB between frames", Self::Steps(60.0)),
    ];

    fn carry(self, frame: &[f32]) -> Vec<f32> {
        let filtered = |taps: &[f32]| -> Vec<f32> {
            let mut through = vec![0.0; frame.len() + taps.len()];
            for (delay, tap) in taps.iter().enumerate().filter(|(_, tap)| **tap != 0.0) {
                mix(&mut through, delay, frame, *tap);
            }
            through
        };
        match self {
            Self::Still | Self::Steps(_) => frame.to_vec(),
            Self::Clock(ppm) => resample(frame, 0.0, ppm),
            Self::Tilt(db) => {
                let rate_hz = PLAN.clock.rate_hz() as f32;
                let band_hz = (PLAN.carriers() - 1) as f32 * rate_hz / 256.0;
                let edge = 10.0_f32.powf(0.05 * db);
                // The filter's mean over the carriers is 1.
                let mean = (edge - 1.0 / edge) / (2.0 * edge.ln());
                let taps = colour(&PLAN, rate_hz, 0.1 * db * std::f32::consts::LN_10 / band_hz, 60);
                filtered(&taps.iter().map(|tap| tap * mean.sqrt()).collect::<Vec<_>>())
            }
            Self::Echoes => {
                let mut taps = [0.0; 31];
                let power: f32 = (0..4).map(|echo| 10.0_f32.powf(-0.3 * echo as f32)).sum();
                (0..4).for_each(|echo| taps[10 * echo] = (10.0_f32.powf(-0.3 * echo as f32) / power).sqrt());
                filtered(&taps)
            }
        }
    }
}

/// Frames lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// To preamble or header.
    pub acquisition: usize,
    /// To their payload alone.
    pub payload: usize,
}

/// What is lost of so many Robust frames.
pub fn acquire(line: Line, options: &ReceiverOptions, snr_db: f32, frames: usize, seed: u64) -> Lost {
    let sent = level_preamble();
    let memory = Box::new(FrameWorkspace::new());
    let mut receiver = Receiver::with_workspace(&PLAN, ToneMask::ALL, &sent, options, memory);
    let mut random = Random::new(seed);
    let deviation = noise_for_snr_db(&PLAN, snr_db);
    let (mut lost, mut position) = (Lost::default(), 0);
    let mut send = |gain: f32, random: &mut Random| {
        let psdu = full_psdu(&PLAN, Modulation::Robust, 100, random);
        let frame = line.carry(&data_samples(&PLAN, &sent, Modulation::Robust, &psdu));
        let before = 2_000 + random.below(1_000);
        let mut samples = vec![0.0; before + frame.len() + 300];
        mix(&mut samples, before, &frame, gain);
        add_noise(&mut samples, deviation, random);
        receiver.push(position, &samples);
        position += samples.len() as u64;
        let (mut heard, mut right) = (false, false);
        while let Some(event) = receiver.poll() {
            match event {
                Event::CarrierSense(g3_phy::primitives::CarrierSense::Header { .. }) => heard = true,
                Event::DataIndication(data) => right |= data.psdu == psdu.as_slice(),
                _ => {}
            }
        }
        (heard || right, right)
    };
    for _ in 0..frames {
        if let Line::Steps(db) = line {
            send(10.0_f32.powf(0.05 * db), &mut random);
        }
        let (heard, right) = send(1.0, &mut random);
        lost.acquisition += usize::from(!heard);
        lost.payload += usize::from(heard && !right);
    }
    lost
}
