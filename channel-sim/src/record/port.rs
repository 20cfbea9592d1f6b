//! What a modem's port carries, put together from what the modem hears and what it sends.

use crate::replay::sniffer::{Heard, Sniffer};
use crate::world::Tap;
use g3_phy::options::Options;
use g3_phy::{BandPlan, ToneMask};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// What a tap has gathered since it was last asked.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Samples in volts.
    pub(super) volts: Vec<f32>,
    /// Frames, and whether the modem sent them.
    pub(super) frames: Vec<(Heard, bool)>,
}

/// A tap that gathers samples and frames.
pub(super) struct GatheringTap {
    volts_per_unit: f32,
    keep_samples: bool,
    sniffer: Option<Sniffer>,
    end: u64,
    /// What the modem sends and is not yet past.
    outgoing: VecDeque<(u64, Vec<f32>)>,
    /// Stretches in which it sent, the newest last.
    sent: VecDeque<Range<u64>>,
    mixed: Vec<f32>,
    shared: Arc<Mutex<Gathered>>,
}

/// Stretches of sending that are remembered: a frame is told of at its end.
const MOST_SENT: usize = 8;

impl GatheringTap {
    pub(super) fn new(
        volts_per_unit: f32,
        keep_samples: bool,
        plan: Option<&BandPlan>,
    ) -> (Self, Arc<Mutex<Gathered>>) {
        let shared = Arc::new(Mutex::new(Gathered::default()));
        let tap = Self {
            volts_per_unit,
            keep_samples,
            sniffer: plan.map(|plan| Sniffer::new(plan, ToneMask::ALL, &Options::default())),
            end: 0,
            outgoing: VecDeque::new(),
            sent: VecDeque::new(),
            mixed: Vec::new(),
            shared: Arc::clone(&shared),
        };
        (tap, shared)
    }

    /// The frames with whether the modem sent them.
    fn told(&self, frames: impl Iterator<Item = Heard>) -> Vec<(Heard, bool)> {
        frames
            .map(|frame| {
                let own = self.is_own(&frame);
                (frame, own)
            })
            .collect()
    }

    fn is_own(&self, frame: &Heard) -> bool {
        let middle = frame.start + (frame.end - frame.start.min(frame.end)) / 2;
        self.sent.iter().any(|range| range.contains(&middle))
    }
}

impl Tap for GatheringTap {
    fn sent(&mut self, from: u64, samples: &[f32]) {
        let end = from + samples.len() as u64;
        match self.sent.back_mut() {
            Some(last) if last.end == from => last.end = end,
            _ => {
                if self.sent.len() == MOST_SENT {
                    self.sent.pop_front();
                }
                self.sent.push_back(from..end);
            }
        }
        self.outgoing.push_back((from, samples.iter().map(|unit| unit * self.volts_per_unit).collect()));
    }

    fn heard(&mut self, from: u64, volts: &[f32]) {
        self.mixed.clear();
        self.mixed.extend_from_slice(volts);
        let end = from + volts.len() as u64;
        while let Some((first, samples)) = self.outgoing.front() {
            let last = first + samples.len() as u64;
            if *first >= end {
                break;
            }
            for (at, sample) in (*first..).zip(samples) {
                let place = at.checked_sub(from).and_then(|at| self.mixed.get_mut(at as usize));
                if let Some(place) = place {
                    *place += sample;
                }
            }
            if last > end {
                break;
            }
            self.outgoing.pop_front();
        }
        self.end = end;
        let frames = self.sniffer.as_mut().map(|sniffer| sniffer.push(from, &self.mixed));
        let frames = self.told(frames.into_iter().flatten());
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if self.keep_samples {
            shared.volts.extend_from_slice(&self.mixed);
        }
        shared.frames.extend(frames);
    }
}

impl Drop for GatheringTap {
    /// What is on the air when the tap is taken away is told as cut short.
    fn drop(&mut self) {
        let open = self.sniffer.as_mut().and_then(|sniffer| sniffer.finish(self.end));
        let frames = self.told(open.into_iter());
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).frames.extend(frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_ahead_is_added_where_it_belongs() {
        let (mut tap, shared) = GatheringTap::new(2.0, true, Some(&BandPlan::CENELEC_A));
        tap.sent(105, &[1.0; 10]);
        tap.heard(100, &[0.5; 8]);
        tap.sent(115, &[1.0; 2]);
        tap.heard(108, &[0.5; 20]);
        let gathered = shared.lock().unwrap();
        let expected: Vec<f32> =
            (100..128).map(|at| if (105..117).contains(&at) { 2.5 } else { 0.5 }).collect();
        assert_eq!(gathered.volts, expected);
        assert_eq!((tap.sent.len(), tap.sent.back()), (1, Some(&(105..117))));
    }
}
