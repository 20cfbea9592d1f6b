//! G3-PLC frames in a stream of samples: a receiver that tells of every preamble, read or not.

use g3_phy::options::Options;
use g3_phy::primitives::{Ack, CarrierSense, DataHeader, Event, PdDataIndication};
use g3_phy::{BandPlan, FrameWorkspace, Optional, Receiver, ReceiverOptions, ToneMask};
use plc_core::time::Instant;

/// Samples handed to the receiver at a time: a quarter of the shortest frame, so that no event is dropped.
const BLOCK: usize = 1_024;

/// What became of a preamble.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Sample at which the frame begins, by the best knowledge there is of it.
    pub start: u64,
    /// Sample after its end; of a frame whose header failed, after the header.
    pub end: u64,
    /// Signal to noise power ratio of each unmasked carrier, the lowest first; empty without a header.
    pub carrier_snr: Vec<f32>,
    /// What it was.
    pub what: What,
}

/// What a preamble led to.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "most are data frames")]
pub enum What {
    /// A data frame whose Reed-Solomon word was decoded.
    Data(PdDataIndication),
    /// An acknowledgement.
    Ack {
        /// What it says.
        ack: Ack,
        /// Link quality.
        lqi: u8,
    },
    /// No sign change came after what seemed a preamble.
    Lost,
    /// The checksum of the frame control header is wrong.
    HeaderFailed,
    /// The Reed-Solomon word of the payload could not be decoded.
    PayloadFailed(DataHeader),
    /// The samples end before the frame does.
    CutShort(Option<DataHeader>),
}

/// Finds frames.
#[derive(Debug)]
pub struct Sniffer {
    plan: BandPlan,
    receiver: Box<Receiver<Optional<Box<FrameWorkspace>>>>,
    open: Option<Open>,
}

/// A frame that is being received.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: Instant,
    header: Option<DataHeader>,
}

impl Sniffer {
    /// Listens on a band from sample 0 on, with the standard receiver.
    pub fn new(plan: &BandPlan, mask: ToneMask, options: &Options) -> Self {
        Self::with_receiver(plan, mask, options, &ReceiverOptions::STANDARD)
    }

    /// The same with another receiver.
    pub fn with_receiver(
        plan: &BandPlan,
        mask: ToneMask,
        options: &Options,
        beyond: &ReceiverOptions,
    ) -> Self {
        let memory = Optional(beyond.needs_workspace().then(|| Box::new(FrameWorkspace::new())));
        let receiver = Box::new(Receiver::with_workspace(plan, mask, options, beyond, memory));
        Self { plan: *plan, receiver, open: None }
    }

    /// Takes the samples from `from` on, of any length, and returns the frames that end in them.
    pub fn push(&mut self, from: u64, samples: &[f32]) -> Vec<Heard> {
        let mut found = Vec::new();
        for (index, block) in samples.chunks(BLOCK).enumerate() {
            self.receiver.push(from + (index * BLOCK) as u64, block);
            while let Some(event) = self.receiver.poll() {
                found.extend(self.take(event));
            }
        }
        found
    }

    /// The samples end here: what is being received is cut short.
    pub fn finish(&mut self, end: u64) -> Option<Heard> {
        let open = self.open.take()?;
        Some(self.heard(open.start, self.plan.clock.instant(end), What::CutShort(open.header)))
    }

    fn take(&mut self, event: Event) -> Option<Heard> {
        match event {
            Event::CarrierSense(CarrierSense::Preamble(start)) => {
                // A frame whose header failed is told of at once, so nothing is lost here.
                self.open = Some(Open { start, header: None });
                None
            }
            Event::CarrierSense(CarrierSense::Header { header, .. }) => {
                if let Some(open) = &mut self.open {
                    open.header = Some(header);
                }
                None
            }
            Event::CarrierSense(CarrierSense::HeaderFailed { end }) => {
                let open = self.open.take()?;
                Some(self.heard(open.start, end, What::HeaderFailed))
            }
            Event::CarrierSense(CarrierSense::PayloadFailed { end }) => {
                let Open { start, header } = self.open.take()?;
                let what = header.map_or(What::HeaderFailed, What::PayloadFailed);
                Some(self.heard(start, end, what))
            }
            Event::CarrierSense(CarrierSense::Idle(end)) => {
                let open = self.open.take()?;
                Some(self.heard(open.start, end, What::Lost))
            }
            Event::DataIndication(data) => {
                self.open = None;
                Some(self.heard(data.start, data.end, What::Data(data)))
            }
            Event::AckIndication(indication) => {
                self.open = None;
                let what = What::Ack { ack: indication.ack, lqi: indication.lqi };
                Some(self.heard(indication.start, indication.end, what))
            }
            Event::TransmitConfirm(_) => None,
        }
    }

    fn heard(&self, start: Instant, end: Instant, what: What) -> Heard {
        let knows_link = !matches!(what, What::Lost | What::HeaderFailed | What::CutShort(None));
        let carrier_snr = if knows_link { self.receiver.carrier_snr().collect() } else { Vec::new() };
        let sample = |at: Instant| self.plan.clock.samples_before(at);
        Heard { start: sample(start), end: sample(end), carrier_snr, what }
    }
}
