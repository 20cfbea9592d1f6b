//! Samples to frames: the streaming differential receiver, for one channel or several of one stream.
//!
//! [`stream`] keeps the newest samples, [`analysis`] transforms windows of them, and for each channel a
//! [`ChannelReceiver`] takes from the transforms what it needs. While channels listen they share the transforms.
//!
//! Every window lasts 2.048 ms: every half of that while listening, one a symbol in a frame. The newest 8.192 ms are kept,
//! because a preamble is known only after its end.

mod analysis;
mod carriers;
mod channel_receiver;
mod coherent;
mod detector;
mod events;
mod header_decoder;
mod ladder;
mod line;
mod noise_floor;
mod pairs;
mod part;
mod payload_decoder;
mod stream;
mod workspace;

use crate::Channel;
use crate::coding::STAGES;
use crate::layout::MAX_MPDU;
use crate::options::Options;
use crate::pib::Statistics;
use crate::primitives::Event;
use analysis::Analysis;
pub use channel_receiver::ChannelReceiver;
use core::marker::PhantomData;
use dsp::viterbi::Viterbi;
pub(crate) use events::MOST_EVENTS;
pub use ladder::{ReceiverOptions, SymbolWeights};
pub use plc_core::receiver::{Detection, NoWorkspace, Optional};
use stream::Stream;
use thiserror::Error;
pub use workspace::{FrameWorkspace, Memory};

/// Receives PRIME frames of one channel from a continuous stream of samples at any level.
#[derive(Clone, Debug)]
pub struct Receiver<M = NoWorkspace> {
    shared: Shared,
    channel: [ChannelReceiver<M>; 1],
}

/// Receives PRIME frames of several channels from one stream of samples. The channels' receivers live where the caller
/// wants them, for they are large: in a vector, in an array, behind a mutable reference to a slice.
///
/// ```
/// use prime_phy::{Channel, ChannelReceiver, MultiReceiver, options::Options};
/// let options = Options::default();
/// let channels: Vec<_> = Channel::ALL.iter().map(|channel| ChannelReceiver::new(channel, &options)).collect();
/// let mut receiver = MultiReceiver::new(channels)?;
/// receiver.push(0, &[0.0; 1000]);
/// assert_eq!(receiver.poll(), None);
/// # Ok::<(), prime_phy::MixedClocks>(())
/// ```
#[derive(Clone, Debug)]
pub struct MultiReceiver<C, M = NoWorkspace> {
    shared: Shared,
    channels: C,
    memory: PhantomData<M>,
}

/// Channels of one stream have one sample clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("channels at {0} Hz and {1} Hz cannot be received from one stream")]
pub struct MixedClocks(pub u32, pub u32);

/// What the channels of a stream share.
#[derive(Clone, Debug)]
struct Shared {
    stream: Stream,
    analysis: Analysis,
    viterbi: Viterbi<STAGES>,
    /// The longest information, before it becomes an MPDU.
    octets: [u8; MAX_MPDU],
}

impl Shared {
    fn new(ways: usize) -> Self {
        Self {
            stream: Stream::new(ways),
            analysis: Analysis::new(),
            viterbi: Viterbi::new(),
            octets: [0; MAX_MPDU],
        }
    }

    /// Takes samples and lets the channels do what they can with them.
    fn push<M: Memory>(&mut self, channels: &mut [ChannelReceiver<M>], from: u64, samples: &[f32]) {
        if from != self.stream.position() {
            self.stream.resume(from);
            self.analysis.forget();
            channels.iter_mut().for_each(|channel| channel.resume(from));
        }
        let mut rest = samples;
        loop {
            // Windows that are complete, and the ends of frames, come before more samples.
            channels.iter_mut().for_each(|channel| channel.run(self));
            let wanted = channels.iter().map(ChannelReceiver::wanted).min();
            if rest.is_empty() {
                return;
            }
            let count = wanted.map_or(0, |wanted| wanted.saturating_sub(self.stream.position()));
            let count = usize::try_from(count).unwrap_or(rest.len()).clamp(1, stream::MOST_PUSHED);
            let (now, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            self.stream.push(now);
            rest = later;
        }
    }
}

impl Receiver {
    /// A standard receiver that listens from sample 0 on, for frames of all types.
    pub fn new(channel: &Channel, options: &Options) -> Self {
        Self::with_workspace(channel, options, &ReceiverOptions::STANDARD, NoWorkspace)
    }
}

impl<M: Memory> Receiver<M> {
    /// A receiver with the memory for coherent detection, or with [`NoWorkspace`].
    pub fn with_workspace(
        channel: &Channel,
        options: &Options,
        receiver_options: &ReceiverOptions,
        memory: M,
    ) -> Self {
        let receiver = ChannelReceiver::with_workspace(channel, options, receiver_options, memory);
        Self { shared: Shared::new(channel.ways()), channel: [receiver] }
    }

    /// Listens for frames of Type A alone, as v1.3.6 does, or of all types. Half the work is looking for preambles of
    /// Type B.
    pub fn set_type_b(&mut self, wanted: bool) {
        self.channel[0].set_type_b(wanted);
    }

    /// Goes on at another gain, whose power is `ratio` times as great ([`ChannelReceiver::scale_noise`]).
    pub fn scale_noise(&mut self, ratio: f32) {
        self.channel[0].scale_noise(ratio);
    }

    /// Begins anew, as if nothing had been received: frame, noise, counters and events are forgotten.
    pub fn reset(&mut self) {
        self.shared.stream.resume(0);
        self.shared.analysis.forget();
        self.channel[0].reset();
    }

    /// Takes the samples that follow those before; `from` is the index of the first. Where it is not the one
    /// expected, samples were left out: what was being received is lost and the receiver listens anew.
    ///
    /// Poll the events after each block. Of a block longer than two frames carrier detect events may be dropped,
    /// the oldest first ([`dropped_events`](Self::dropped_events)).
    pub fn push(&mut self, from: u64, samples: &[f32]) {
        self.shared.push(&mut self.channel, from, samples);
    }

    /// The next event, if there is one.
    pub fn poll(&mut self) -> Option<Event> {
        self.channel[0].poll()
    }

    /// The channel's state and measurements.
    pub fn channel(&self) -> &ChannelReceiver<M> {
        &self.channel[0]
    }

    /// Whether a frame is on the line as far as the receiver knows.
    pub fn is_busy(&self) -> bool {
        self.channel().is_busy()
    }

    /// Whether a header is being received (PHY_CD.get).
    pub fn is_in_header(&self) -> bool {
        self.channel().is_in_header()
    }

    /// Mean power of the noise on the carriers while nothing is heard ([`ChannelReceiver::noise_power`]).
    pub fn noise_power(&self) -> Option<f32> {
        self.channel().noise_power()
    }

    /// Signal to noise power ratio of each carrier ([`ChannelReceiver::carrier_snr`]).
    pub fn carrier_snr(&self) -> impl Iterator<Item = f32> + '_ {
        self.channel().carrier_snr()
    }

    /// Counters of frames.
    pub fn statistics(&self) -> &Statistics {
        self.channel().statistics()
    }

    /// Events that were dropped because nobody polled.
    pub fn dropped_events(&self) -> u32 {
        self.channel().dropped_events()
    }
}

impl<M: Memory, C: AsRef<[ChannelReceiver<M>]> + AsMut<[ChannelReceiver<M>]>> MultiReceiver<C, M> {
    /// A receiver that listens on these channels from sample 0 on.
    ///
    /// # Errors
    /// The channels have different sample clocks.
    pub fn new(channels: C) -> Result<Self, MixedClocks> {
        let clocks = || channels.as_ref().iter().map(|channel| channel.channel().clock.rate_hz());
        for (one, other) in clocks().zip(clocks().skip(1)) {
            if one != other {
                return Err(MixedClocks(one, other));
            }
        }
        let ways = channels.as_ref().first().map_or(1, |channel| channel.channel().ways());
        Ok(Self { shared: Shared::new(ways), channels, memory: PhantomData })
    }

    /// As [`Receiver::push`].
    pub fn push(&mut self, from: u64, samples: &[f32]) {
        self.shared.push(self.channels.as_mut(), from, samples);
    }

    /// The next event of any channel, if there is one, with the place of the channel among those given.
    pub fn poll(&mut self) -> Option<(usize, Event)> {
        let mut channels = self.channels.as_mut().iter_mut().enumerate();
        channels.find_map(|(index, channel)| Some((index, channel.poll()?)))
    }

    /// State and measurements of the channels.
    pub fn channels(&self) -> &[ChannelReceiver<M>] {
        self.channels.as_ref()
    }
}
