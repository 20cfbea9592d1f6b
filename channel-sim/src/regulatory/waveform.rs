//! What a transmitter sends: frames one after the other, with a pause between.

use crate::line::source_volts;
use crate::random::{Purpose, stream};
use crate::replay::describe;
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::{BandPlan, Modulation, ToneMap, ToneMask};
use prime_phy::{Channel, FrameType, Scheme};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// A transmitter and its kind of frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// G3-PLC.
    G3 {
        /// Band.
        plan: BandPlan,
        /// Carriers of the network.
        mask: ToneMask,
        /// Groups with payload.
        tone_map: ToneMap,
        /// Modulation.
        modulation: Modulation,
        /// Edges, transmit filter and open readings.
        options: g3_phy::options::Options,
    },
    /// PRIME.
    Prime {
        /// Channel.
        channel: Channel,
        /// Type of the frames.
        frame_type: FrameType,
        /// Payload scheme.
        scheme: Scheme,
        /// Open readings.
        options: prime_phy::options::Options,
    },
}

/// How a transmitter is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sending {
    /// The transmitter.
    pub source: Source,
    /// Octets of a frame: G3's PSDU, filled up to what its symbols carry, PRIME's MPDU.
    pub octets: usize,
    /// Pause between frames.
    pub pause_s: f64,
    /// Payload level (rms) on the artificial mains network at the middle of CENELEC-A, of all carriers of the band: those
    /// that a mask leaves keep theirs, as in a modem.
    pub level_dbuv: f64,
    /// How long.
    pub seconds: f64,
    /// Determines the payload.
    pub seed: u64,
}

impl Source {
    /// Samples a second.
    pub fn rate_hz(&self) -> f64 {
        f64::from(match self {
            Self::G3 { plan, .. } => plan.clock.rate_hz(),
            Self::Prime { channel, .. } => channel.clock.rate_hz(),
        })
    }

    /// Rms of a payload symbol of all carriers, in samples.
    fn rms(&self) -> f64 {
        f64::from(match self {
            Self::G3 { .. } => g3_phy::TX_RMS,
            Self::Prime { .. } => prime_phy::TX_RMS,
        })
    }

    /// A frame with random octets.
    fn frame(&self, octets: usize, random: &mut ChaCha8Rng) -> Result<Vec<f32>, String> {
        match self {
            Self::G3 { plan, mask, tone_map, modulation, options } => {
                let (mask, tone_map, modulation) = (*mask, *tone_map, *modulation);
                let layout =
                    PayloadLayout::for_psdu(plan, mask, tone_map, modulation, octets).ok_or_else(|| {
                        format!(
                            "a PSDU of {octets} octets does not fit a frame of {}",
                            describe::modulation(modulation)
                        )
                    })?;
                let mut psdu = vec![0; usize::from(layout.psdu_capacity)];
                random.fill_bytes(&mut psdu);
                let frame = DataFrame { psdu: &psdu, modulation, tone_map, response_expected: false, pdc: 0 };
                let frame =
                    FrameEncoder::data(plan, mask, options, &frame).map_err(|error| error.to_string())?;
                let mut transmitter = g3_phy::Transmitter::new(plan, options);
                let mut samples = vec![0.0; transmitter.load(frame, 0.0)];
                transmitter.pull(&mut samples);
                Ok(samples)
            }
            Self::Prime { channel, frame_type, scheme, options } => {
                // A frame that does not carry the scheme at all is the encoder's to refuse.
                if frame_type.carries(*scheme)
                    && prime_phy::layout::PayloadLayout::for_frame(*frame_type, *scheme, octets).is_none()
                {
                    return Err(format!(
                        "an MPDU of {octets} octets does not fit a frame of {}",
                        crate::link::scheme_name(*scheme)
                    ));
                }
                let mut mpdu = vec![0; octets.min(usize::from(u16::MAX))];
                random.fill_bytes(&mut mpdu);
                // Two bits of the MAC header in the PHY header of Type A are zero.
                mpdu.iter_mut().take(1).for_each(|octet| *octet &= 0x3F);
                let frame = prime_phy::encoder::FrameEncoder::of_type(options, *frame_type, *scheme, &mpdu)
                    .map_err(|error| error.to_string())?;
                let mut transmitter = prime_phy::Transmitter::new(channel, options);
                let mut samples = vec![0.0; transmitter.load(frame, 0.0)];
                transmitter.pull(&mut samples);
                Ok(samples)
            }
        }
    }
}

/// Samples of the transmitter's source, in volts, at its own rate.
///
/// # Errors
/// Where a frame of so many octets is none.
pub fn source(sending: &Sending) -> Result<Vec<f32>, String> {
    let Sending { source, octets, .. } = *sending;
    let rate_hz = source.rate_hz();
    let volts_per_unit = (source_volts(sending.level_dbuv) / source.rms()) as f32;
    let mut random = stream(sending.seed, Purpose::Campaign, 0);
    let mut volts = vec![0.0; (sending.seconds * rate_hz) as usize];
    let (mut at, pause) = (0, (sending.pause_s * rate_hz) as usize);
    while at < volts.len() {
        let frame = source.frame(octets, &mut random)?;
        let room = volts.iter_mut().skip(at);
        room.zip(&frame).for_each(|(volt, sample)| *volt = sample * volts_per_unit);
        at = at.saturating_add(frame.len()).saturating_add(pause);
    }
    Ok(volts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::TRANSMIT_OHM;
    use crate::regulatory::network::Network;

    #[test]
    fn the_payloads_level_on_the_network_is_the_one_asked_for_and_pauses_are_silent() {
        let plan = BandPlan::CENELEC_A;
        let source = Source::G3 {
            plan,
            mask: ToneMask::ALL,
            tone_map: plan.full_tone_map(),
            modulation: Modulation::Dqpsk,
            options: g3_phy::options::Options::default(),
        };
        let sending =
            Sending { source, octets: 200, pause_s: 0.05, level_dbuv: 110.0, seconds: 0.3, seed: 1 };
        let rate_hz = 400e3;
        let source = super::source(&sending).unwrap();
        let volts = Network::default().measured(&source, rate_hz, TRANSMIT_OHM);
        let first = source.iter().position(|volt| *volt != 0.0).unwrap();
        let silent =
            source[first..].windows(2_000).position(|stretch| stretch.iter().all(|volt| *volt == 0.0));
        let end = first + silent.unwrap();
        assert!(source[end..end + 18_000].iter().all(|volt| *volt == 0.0), "the pause");
        // Preamble and header (12 symbols) come before the payload.
        let from = first + g3_phy::band::PREAMBLE_SAMPLES + 14 * g3_phy::band::SYMBOL_STRIDE;
        let payload = &volts[from..end - 500];
        let level = level_dbuv(payload);
        assert!((level - 110.0).abs() < 0.5, "{level}");
        let again = {
            let other = Sending { pause_s: f64::MAX, ..sending };
            super::source(&other).unwrap()
        };
        assert!(again[end..].iter().all(|volt| *volt == 0.0), "a pause without end");
    }
    /// Mean power of a stretch, in dBuV.
    fn level_dbuv(volts: &[f32]) -> f64 {
        let power = volts.iter().map(|volt| f64::from(*volt).powi(2)).sum::<f64>() / volts.len() as f64;
        10.0 * power.log10() + 120.0
    }

    #[test]
    fn carriers_keep_their_level_when_others_are_masked() {
        let plan = BandPlan::CENELEC_A;
        let level = |mask: ToneMask| {
            let source = Source::G3 {
                plan,
                mask,
                tone_map: plan.full_tone_map(),
                modulation: Modulation::Dqpsk,
                options: g3_phy::options::Options::default(),
            };
            let sending =
                Sending { source, octets: 100, pause_s: 9.0, level_dbuv: 110.0, seconds: 0.3, seed: 1 };
            let volts = super::source(&sending).unwrap();
            let end = volts.iter().rposition(|volt| *volt != 0.0).unwrap();
            let measured = Network::default().measured(&volts, source.rate_hz(), TRANSMIT_OHM);
            // The last ten symbols are payload.
            level_dbuv(&measured[end - 10 * g3_phy::band::SYMBOL_STRIDE..end])
        };
        let less = level(ToneMask::ALL) - level(ToneMask::ALL.without(&plan, 39..=49));
        assert!((less - 10.0 * (36.0_f64 / 25.0).log10()).abs() < 0.3, "{less}");
    }

    #[test]
    fn a_prime_frames_payload_has_the_level_asked_for_in_every_type() {
        let [channel, ..] = Channel::ALL;
        for (frame_type, scheme) in [
            (FrameType::A, Scheme::DbpskC),
            (FrameType::B, Scheme::RobustDbpsk),
            (FrameType::Bc, Scheme::DqpskC),
        ] {
            let source = Source::Prime {
                channel,
                frame_type,
                scheme,
                options: prime_phy::options::Options::default(),
            };
            let sending =
                Sending { source, octets: 120, pause_s: 9.0, level_dbuv: 110.0, seconds: 0.6, seed: 1 };
            let volts = super::source(&sending).unwrap();
            let end = volts.iter().rposition(|volt| *volt != 0.0).unwrap();
            assert!(end + 1_000 < volts.len(), "the pause");
            let measured = Network::default().measured(&volts, source.rate_hz(), TRANSMIT_OHM);
            // The last ten symbols of 2.24 ms are payload.
            let level = level_dbuv(&measured[end - 5_600..end]);
            assert!((level - 110.0).abs() < 0.7, "{frame_type:?}: {level}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let source = Source::Prime {
            channel: Channel::ONE,
            frame_type: FrameType::A,
            scheme: Scheme::RobustDbpsk,
            options: prime_phy::options::Options::default(),
        };
        let sending = Sending { source, octets: 50, pause_s: 0.1, level_dbuv: 110.0, seconds: 0.1, seed: 1 };
        for octets in [50, usize::MAX] {
            let sending = Sending { octets, ..sending };
            assert!(super::source(&sending).is_err_and(|error| error.contains("does not carry")));
        }
        let plan = BandPlan::CENELEC_A;
        let g3 = Source::G3 {
            plan,
            mask: ToneMask::ALL,
            tone_map: plan.full_tone_map(),
            modulation: Modulation::Dqpsk,
            options: g3_phy::options::Options::default(),
        };
        let prime = |frame_type, scheme| Source::Prime {
            channel: Channel::ONE,
            frame_type,
            scheme,
            options: prime_phy::options::Options::default(),
        };
        for source in [g3, prime(FrameType::A, Scheme::DqpskC), prime(FrameType::B, Scheme::RobustDbpsk)] {
            for octets in [0, 100_000, 100_000_000_000, usize::MAX] {
                let error = super::source(&Sending { source, octets, ..sending }).unwrap_err();
                assert!(error.contains(&format!("{octets} octets")), "{source:?}: {error}");
            }
        }
    }
}
