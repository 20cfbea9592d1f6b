use super::*;
use crate::{FrameType, Scheme};
use std::{vec, vec::Vec};

fn frame(scheme: Scheme, octets: usize) -> FrameEncoder {
    FrameEncoder::new(&Options::default(), scheme, &vec![0x15; octets]).unwrap()
}

fn samples(transmitter: &mut Transmitter, frame: FrameEncoder, attenuation_db: f32) -> Vec<f32> {
    let mut samples = vec![f32::NAN; transmitter.load(frame, attenuation_db)];
    assert_eq!(transmitter.pull(&mut samples), samples.len());
    assert!(!transmitter.is_busy());
    samples
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
}

#[test]
fn a_symbol_is_the_sum_of_the_digest_with_its_end_before_it_in_every_channel() {
    for channel in [Channel::ONE].into_iter().chain(Channel::ALL).chain(Channel::PAIRS) {
        let (mut transmitter, channels) =
            (Transmitter::new(&channel, &Options::default()), channel.channels());
        let (options, mpdu) = (Options::default(), [0x15; 60]);
        let mut encoder = FrameEncoder::on(channels, &options, FrameType::A, Scheme::D8psk, &mpdu).unwrap();
        let all = samples(&mut transmitter, encoder.clone(), 0.0);
        let (points, prefix) = (channel.fft_samples() as f64, channel.samples(PREFIX_SAMPLES) as f64);
        let per_hz = 488.281_25_f64.recip();
        let mut symbols =
            all[channel.samples(PREAMBLE_SAMPLES)..].chunks_exact(channel.samples(SYMBOL_SAMPLES));
        while let Some(phases) = encoder.next_symbol() {
            let symbol = symbols.next().unwrap();
            for (n, &sample) in symbol.iter().enumerate().step_by(channel.ways() + 1) {
                let expected: f64 = phases
                    .as_flattened()
                    .iter()
                    .enumerate()
                    .map(|(k, &phase)| {
                        let carrier = f64::from(channel.carrier_hz(k)) * per_hz;
                        let turns = carrier.round() * (n as f64 - prefix) / points + f64::from(phase) / 8.0;
                        (std::f64::consts::TAU * turns).cos()
                    })
                    .sum::<f64>()
                    * f64::from(TX_RMS)
                    * (2.0 / (97 * channels) as f64).sqrt();
                assert!((f64::from(sample) - expected).abs() < 1e-5, "{channel:?} {n}: {sample} {expected}");
            }
        }
        assert_eq!(symbols.next(), None);
    }
}

#[test]
fn preamble_and_symbols_have_the_promised_rms() {
    let mut transmitter = Transmitter::new(&Channel::ONE, &Options::default());
    let level = samples(&mut transmitter, frame(Scheme::DbpskC, 40), 0.0);
    assert!((rms(&level[..PREAMBLE_SAMPLES]) / TX_RMS - 1.0).abs() < 0.01);
    let symbol = &level[PREAMBLE_SAMPLES + PREFIX_SAMPLES..][..FFT_SAMPLES];
    assert!((rms(symbol) / TX_RMS - 1.0).abs() < 1e-4);
    let quiet = samples(&mut transmitter, frame(Scheme::DbpskC, 40), 21.0);
    assert!((rms(&level) / rms(&quiet) / db_to_amplitude(21.0) - 1.0).abs() < 1e-4);
    let options = Options { preamble_boost_db: 3.0, ..Options::default() };
    let boosted = samples(&mut Transmitter::new(&Channel::ONE, &options), frame(Scheme::DbpskC, 40), 0.0);
    assert!((boosted[7] / level[7] - db_to_amplitude(3.0)).abs() < 1e-4);
    assert_eq!(boosted[PREAMBLE_SAMPLES..], level[PREAMBLE_SAMPLES..]);
}

#[test]
fn blocks_of_any_length_are_the_same_frame() {
    let mut transmitter = Transmitter::new(&Channel::ONE, &Options::default());
    let whole = samples(&mut transmitter, frame(Scheme::DqpskC, 50), 0.0);
    for length in [1, 7, 512, 560, 561] {
        let total = transmitter.load(frame(Scheme::DqpskC, 50), 0.0);
        assert!(transmitter.is_busy() && !transmitter.has_started());
        let (mut parts, mut block) = (Vec::new(), vec![0.0; length]);
        while parts.len() < total {
            assert!(transmitter.is_busy(), "after {} samples", parts.len());
            let pulled = transmitter.pull(&mut block);
            parts.extend_from_slice(&block[..pulled]);
        }
        assert_eq!(parts, whole, "blocks of {length}");
        assert!(!transmitter.is_busy());
    }
}
