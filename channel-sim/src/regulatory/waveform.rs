//! What a transmitter sends: frames one after the other, with a pause between.

use crate::line::source_volts;
use crate::random::{Purpose, stream};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::Options;
use g3_phy::primitives::Psdu;
use g3_phy::{BandPlan, Modulation, TX_RMS, ToneMap, ToneMask, Transmitter};
use rand_core::Rng;

/// How a transmitter is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sending {
    /// Band.
    pub plan: BandPlan,
    /// Carriers of the network.
    pub mask: ToneMask,
    /// Groups with payload.
    pub tone_map: ToneMap,
    /// Modulation.
    pub modulation: Modulation,
    /// Octets of a frame's PSDU.
    pub octets: usize,
    /// Pause between frames.
    pub pause_s: f64,
    /// Payload level (rms) on the artificial mains network at the middle of CENELEC-A.
    pub level_dbuv: f64,
    /// How long.
    pub seconds: f64,
    /// Determines the payload.
    pub seed: u64,
}

/// Samples of the transmitter's source, in volts, at the band's rate.
///
/// # Errors
/// Where a frame of so many octets is none.
pub fn source(sending: &Sending) -> Result<Vec<f32>, String> {
    let Sending { plan, mask, tone_map, modulation, octets, .. } = *sending;
    let options = Options::default();
    let rate_hz = f64::from(plan.clock.rate_hz());
    let layout = PayloadLayout::for_psdu(&plan, mask, tone_map, modulation, octets)
        .ok_or_else(|| format!("a PSDU of {octets} octets does not fit a frame of {modulation:?}"))?;
    let volts_per_unit = (source_volts(sending.level_dbuv) / f64::from(TX_RMS)) as f32;
    let mut random = stream(sending.seed, Purpose::Campaign, 0);
    let mut transmitter = Transmitter::new(&plan, &options);
    let mut volts = vec![0.0; (sending.seconds * rate_hz) as usize];
    let (mut at, pause) = (0, (sending.pause_s * rate_hz) as usize);
    while at < volts.len() {
        let mut psdu = Psdu::new();
        psdu.resize(usize::from(layout.psdu_capacity), 0).map_err(|_| format!("{octets} octets"))?;
        random.fill_bytes(&mut psdu);
        let frame = DataFrame { psdu: &psdu, modulation, tone_map, response_expected: false, pdc: 0 };
        let encoded = FrameEncoder::data(&plan, mask, &options, &frame).map_err(|error| error.to_string())?;
        let length = transmitter.load(encoded, 0.0);
        let end = (at + length).min(volts.len());
        if let Some(room) = volts.get_mut(at..end) {
            transmitter.pull(room);
            room.iter_mut().for_each(|sample| *sample *= volts_per_unit);
        }
        at = at.saturating_add(length).saturating_add(pause);
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
        let sending = Sending {
            plan,
            mask: ToneMask::ALL,
            tone_map: plan.full_tone_map(),
            modulation: Modulation::Dqpsk,
            octets: 200,
            pause_s: 0.05,
            level_dbuv: 110.0,
            seconds: 0.3,
            seed: 1,
        };
        let rate_hz = 400e3;
        let source = source(&sending).unwrap();
        let volts = Network::default().measured(&source, rate_hz, TRANSMIT_OHM);
        let first = source.iter().position(|volt| *volt != 0.0).unwrap();
        let silent =
            source[first..].windows(2_000).position(|stretch| stretch.iter().all(|volt| *volt == 0.0));
        let end = first + silent.unwrap();
        assert!(source[end..end + 18_000].iter().all(|volt| *volt == 0.0), "the pause");
        // Preamble and header (12 symbols) come before the payload.
        let from = first + g3_phy::band::PREAMBLE_SAMPLES + 14 * g3_phy::band::SYMBOL_STRIDE;
        let payload = &volts[from..end - 500];
        let power = payload.iter().map(|volt| f64::from(*volt).powi(2)).sum::<f64>() / payload.len() as f64;
        let level = 10.0 * power.log10() + 120.0;
        assert!((level - 110.0).abs() < 0.5, "{level}");
        let again = {
            let other = Sending { pause_s: f64::MAX, ..sending };
            super::source(&other).unwrap()
        };
        assert!(again[end..].iter().all(|volt| *volt == 0.0), "a pause without end");
    }
}
