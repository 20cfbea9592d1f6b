//! A recording of PRIME as a picture: that of [`super::plot`], with what PRIME's receiver goes by.

use super::constellation::{Constellation, nearest};
use super::plot::{Look, Picture, chosen, drawn};
use super::prime::{PrimeFrame, PrimeReplay};
use crate::link::channel_name;
use dsp::Complex;
use prime_phy::channel::{CARRIERS, PREAMBLE_SAMPLES, PREFIX_SAMPLES, ROBUST_CHIRPS, SYMBOL_SAMPLES};
use prime_phy::header::Header;
use prime_phy::{Channel, FrameType, chirp};
use rustfft::num_complex::Complex32;

/// How much earlier than its symbol's body a window begins, at 250 kHz.
const EARLY: usize = 12;
/// Samples at 250 kHz shown before and after the preamble, and from one value to the next.
const AROUND: usize = PREAMBLE_SAMPLES;
const STEP: usize = 1;

/// The picture as SVG; `number` is that of the frame looked at, else the first with a payload.
///
/// # Errors
/// Where there is no such frame, or the picture cannot be drawn.
pub fn svg(replay: &PrimeReplay, number: Option<usize>) -> Result<String, String> {
    let PrimeReplay { about, channel, volts, frames } = replay;
    let shows = |frame: &PrimeFrame| frame.mpdu.is_some();
    let frame = chosen(frames, number, |frame| frame.number, shows)?;
    let span = |frame: &PrimeFrame| {
        let end = frame.start_s + frame.duration_ms.unwrap_or_default() / 1e3;
        (frame.start_s, end, frame.mpdu.is_some())
    };
    let look = |frame: &PrimeFrame| Look {
        name: format!("#{} {}", frame.number, frame.scheme.as_deref().unwrap_or(frame.kind)),
        metric_name: "correlation of 2.048 ms with a chirp",
        metric: metric(channel, volts, frame),
        constellation: frame.header.and_then(|header| constellation(channel, volts, frame.sample, &header)),
        carriers_from: "over the frame",
        carriers: (0..).zip(&frame.carrier_snr_db).map(|(at, &db)| (channel.carrier_hz(at), db)).collect(),
    };
    drawn(&Picture {
        title: format!("{}, PRIME {}", about.point.as_deref().unwrap_or("recording"), channel_name(channel)),
        volts,
        rate_hz: f64::from(channel.clock.rate_hz()),
        frames: frames.iter().map(span).collect(),
        frame: frame.map(look),
    })
}

/// Correlation coefficients of a chirp's length of line with the chirp that the frame begins with, of the lower channel of a
/// pair: 1 at every chirp of a clear signal, -1 where its sign is turned.
fn metric(channel: &Channel, volts: &[f32], frame: &PrimeFrame) -> Vec<(i64, f32)> {
    let Some(part) = channel.parts().next() else { return Vec::new() };
    let length = channel.samples(PREAMBLE_SAMPLES);
    let chirps = match frame.header.map(|header| header.frame_type) {
        Some(FrameType::B) => ROBUST_CHIRPS,
        _ => 1,
    };
    let wanted: Vec<f32> = (0..length).map(|n| chirp::sample(&part, frame.sweep, n).re).collect();
    let own: f32 = wanted.iter().map(|sample| sample * sample).sum();
    let start = usize::try_from(frame.sample).unwrap_or(usize::MAX);
    let around = channel.samples(AROUND);
    (start.saturating_sub(around)..start.saturating_add(chirps * length + around))
        .step_by(STEP)
        .map_while(|at| {
            let window = volts.get(at..at + length)?;
            let power: f32 = window.iter().map(|sample| sample * sample).sum();
            let product: f32 = window.iter().zip(&wanted).map(|(sample, wanted)| sample * wanted).sum();
            let coefficient = product / libm::sqrtf((power * own).max(f32::MIN_POSITIVE));
            Some((at as i64 - start as i64, coefficient))
        })
        .collect()
}

/// Each carrier of the payload against the one below in its symbol, over the mean magnitude of both.
fn constellation(channel: &Channel, volts: &[f32], start: u64, header: &Header) -> Option<Constellation> {
    let fft = crate::exact::forward(channel.fft_samples());
    let body = usize::try_from(start).ok()?
        + channel.samples(header.frame_type.head_samples() + PREFIX_SAMPLES - EARLY);
    let mut symbols = Vec::new();
    for symbol in 0..usize::from(header.symbols) {
        let at = body + channel.samples(symbol * SYMBOL_SAMPLES);
        let window = volts.get(at..at + channel.fft_samples())?;
        let mut bins: Vec<Complex32> = window.iter().map(|volt| Complex32::new(*volt, 0.0)).collect();
        fft.process(&mut bins);
        symbols.push(bins);
    }
    let phases = 1_u8 << header.scheme.bits_per_carrier();
    let mut points = Vec::new();
    for part in channel.parts() {
        let first = usize::from(part.first_carrier);
        let carrier = |bins: &Vec<Complex32>, at: usize| bins.get(first + at).copied().unwrap_or_default();
        let power = |at: usize| symbols.iter().map(|bins| carrier(bins, at).norm_sqr()).sum::<f32>();
        let powers: Vec<f32> = (0..CARRIERS).map(power).collect();
        let scale = |upper: usize| {
            let pair = libm::sqrtf(powers.get(upper)? * powers.get(upper - 1)?);
            Some(symbols.len() as f32 / pair.max(f32::MIN_POSITIVE))
        };
        let mut own: Vec<Complex> = Vec::new();
        for bins in &symbols {
            own.extend((1..CARRIERS).filter_map(|upper| {
                let product = carrier(bins, upper) * carrier(bins, upper - 1).conj() * scale(upper)?;
                Some(Complex::new(product.re, product.im))
            }));
        }
        straighten(&mut own, phases);
        points.extend(own);
    }
    let error: f32 = points.iter().map(|point| (point - nearest(*point, phases)).norm_sqr()).sum();
    let evm = libm::sqrtf(error / points.len().max(1) as f32);
    (!points.is_empty()).then(|| Constellation { phases, points, evm_db: 20.0 * libm::log10f(evm.max(1e-9)) })
}

/// Turns products back by what the window's start and the line's delay turn them all by: first as the window begins early,
/// then as decisions say.
fn straighten(points: &mut [Complex], phases: u8) {
    let angle = std::f32::consts::TAU * EARLY as f32 / PREAMBLE_SAMPLES as f32;
    let mut turn = Complex::new(libm::cosf(angle), libm::sinf(angle));
    for _ in 0..3 {
        points.iter_mut().for_each(|point| *point *= turn);
        let sum: Complex = points.iter().map(|point| point * nearest(*point, phases).conj()).sum();
        turn = sum.conj() / libm::sqrtf(sum.norm_sqr()).max(f32::MIN_POSITIVE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, normal, stream};
    use crate::record::about::{About, Recording};
    use crate::replay::prime::{Settings, replay};
    use prime_phy::encoder::FrameEncoder;
    use prime_phy::options::Options;
    use prime_phy::{Scheme, TX_RMS, Transmitter};

    #[test]
    fn points_are_as_far_off_as_the_noise_of_two_carriers_and_the_metric_peaks_at_the_chirps() {
        let pairs = Channel::PAIRS;
        for (channel, scheme) in [
            (Channel::ONE, Scheme::D8pskC),
            (Channel::ONE, Scheme::RobustDbpsk),
            (Channel::ALL[7], Scheme::Dqpsk),
            (pairs[2], Scheme::DqpskC),
        ] {
            let frame_type = FrameType::plainest(scheme);
            let options = Options::default();
            let mut transmitter = Transmitter::new(&channel, &options);
            let frame =
                FrameEncoder::on(channel.channels(), &options, frame_type, scheme, &[0x2A; 200]).unwrap();
            let first = channel.samples(20_000);
            let mut volts = vec![0.0; first + transmitter.load(frame, 0.0) + channel.samples(4_000)];
            transmitter.pull(&mut volts[first..]);
            // 20 dB below the carriers: amplitude A has the bin N A / 2, noise of variance v the power N v.
            let amplitude = TX_RMS * (2.0 / (channel.channels() * CARRIERS) as f32).sqrt();
            let deviation = (channel.fft_samples() as f32 / 4.0 * amplitude * amplitude / 100.0).sqrt();
            let mut rng = stream(1, Purpose::Noise, 0);
            volts.iter_mut().for_each(|volt| *volt += deviation * normal(&mut rng) as f32);
            let rate_hz = f64::from(channel.clock.rate_hz());
            let recording = Recording { about: About::of_rate(rate_hz), volts, cut: None };
            let found = replay(recording, &Settings { channel, ..Settings::default() }).unwrap();
            let [frame] = &found.frames[..] else { panic!("{:?}", found.frames) };
            let header = frame.header.unwrap();
            let points = constellation(&channel, &found.volts, frame.sample, &header).unwrap();
            assert!((points.evm_db + 17.0).abs() < 1.0, "{channel:?} {scheme:?}: {} dB", points.evm_db);

            let metric = metric(&channel, &found.volts, frame);
            let at = |chirp: usize| {
                let wanted = (chirp * channel.samples(PREAMBLE_SAMPLES)) as i64;
                metric.iter().filter(|(at, _)| (at - wanted).abs() < 4).map(|at| at.1).fold(
                    0.0f32,
                    |most, of| {
                        if of.abs() > most.abs() { of } else { most }
                    },
                )
            };
            let alone = if channel.bonded { 0.6 } else { 0.85 };
            assert!(at(0) > alone, "{channel:?} {scheme:?}: {}", at(0));
            if frame_type == FrameType::B {
                assert!(at(2) > alone && at(3) < -alone, "{} {}", at(2), at(3));
            }
            let svg = svg(&found, None).unwrap();
            assert!(svg.contains("chirp") && svg.contains("EVM") && svg.ends_with("</svg>\n"));
        }
    }
}
