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
        at += length + pause;
    }
    Ok(volts)
}
