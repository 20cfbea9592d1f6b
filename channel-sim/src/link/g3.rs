//! G3 modems on the line.

use super::stream::{Air, Heard, Modem};
use super::variant::Variant;
use g3_phy::band::FFT_SAMPLES;
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::options::Options;
use g3_phy::primitives::{CarrierSense, Event};
use g3_phy::{
    BandPlan, FrameWorkspace, Modulation, Optional, Receiver, ReceiverOptions, TX_RMS, ToneMap, ToneMask,
    Transmitter,
};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

pub(super) struct G3 {
    plan: BandPlan,
    modulation: Modulation,
    mask: ToneMask,
    tone_map: ToneMap,
    options: Options,
    octets: usize,
    transmitter: Transmitter,
    receiver: Box<Receiver<Optional<Box<FrameWorkspace>>>>,
}

impl G3 {
    /// Modems for PSDUs of so many octets, in a country whose mains have so many Hz.
    pub(super) fn new(
        plan: &BandPlan,
        modulation: Modulation,
        variant: &Variant,
        octets: usize,
        mains_hz: u32,
    ) -> Self {
        let options = variant.g3_options(plan, modulation);
        let mask = variant.tone_mask(plan);
        let beyond = ReceiverOptions { mains_hz: mains_hz as f32, ..variant.g3_receiver() };
        let memory = Optional(beyond.needs_workspace().then(|| Box::new(FrameWorkspace::new())));
        Self {
            plan: *plan,
            modulation,
            mask,
            tone_map: variant.tone_map(plan),
            options,
            octets,
            transmitter: Transmitter::new(plan, &options),
            receiver: Box::new(Receiver::with_workspace(plan, mask, &options, &beyond, memory)),
        }
    }
}

/// What a transmitter puts on its carriers: all of the band together have its rms, and a notch leaves the others as they are.
pub(super) fn air(plan: &BandPlan, variant: &Variant) -> Air {
    let first = usize::from(plan.first_carrier);
    let unmasked = plan.unmasked(variant.tone_mask(plan));
    Air {
        points: FFT_SAMPLES,
        bins: unmasked.offsets().map(|offset| first + offset).collect(),
        amplitude: f64::from(TX_RMS) * (2.0 / plan.unmasked(ToneMask::ALL).len() as f64).sqrt(),
        rate_hz: f64::from(plan.clock.rate_hz()),
    }
}

impl Modem for G3 {
    fn frame(&mut self, rng: &mut ChaCha8Rng) -> Option<(Vec<u8>, Vec<f32>)> {
        let mut psdu = vec![0; self.octets];
        rng.fill_bytes(&mut psdu);
        let frame = DataFrame {
            psdu: &psdu,
            modulation: self.modulation,
            tone_map: self.tone_map,
            response_expected: false,
            pdc: 0,
        };
        let frame = FrameEncoder::data(&self.plan, self.mask, &self.options, &frame).ok()?;
        let mut samples = vec![0.0; self.transmitter.load(frame, 0.0)];
        self.transmitter.pull(&mut samples);
        Some((psdu, samples))
    }

    fn hear(&mut self, from: u64, block: &[f32], data: &[u8], heard: &mut Heard) {
        self.receiver.push(from, block);
        while let Some(event) = self.receiver.poll() {
            match event {
                Event::CarrierSense(CarrierSense::Header { .. }) => heard.header = true,
                Event::CarrierSense(CarrierSense::HeaderFailed { .. }) => heard.header_failed = true,
                Event::DataIndication(found) => heard.right |= found.psdu == data,
                _ => {}
            }
        }
    }
}
