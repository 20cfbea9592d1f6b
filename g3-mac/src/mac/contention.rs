//! The contention window and its adaptation (digest 2.2 and 2.3).

use super::{Pib, QualityOfService};
use rand_core::Rng;

/// What outlives a frame: the window of the normal priority and how often it stood at its smallest.
#[derive(Clone, Debug)]
pub(super) struct ContentionWindow {
    /// CW in slots.
    slots: u32,
    /// minCWcount.
    draws_at_smallest: u32,
}

/// What is counted for one transmission of an MSDU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attempts {
    /// NB: busy channels.
    pub(super) busy: u32,
    /// NBF: busy channels since the window last stood at its smallest.
    pub(super) fairness: u32,
}

/// Which window a frame draws from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    High,
    Normal,
    /// A broadcast of normal priority where macBroadcastMaxCWEnable is set.
    LargestWindow,
}

impl Class {
    pub(super) fn of(quality_of_service: QualityOfService, broadcast: bool, pib: &Pib) -> Self {
        match quality_of_service {
            QualityOfService::High => Self::High,
            QualityOfService::Normal if broadcast && pib.broadcast_max_cw_enable => Self::LargestWindow,
            QualityOfService::Normal => Self::Normal,
        }
    }

    /// Slots of the contention period that are not for this class: the contention-free slot, and the high priority
    /// window.
    pub(super) fn first_slot(self, pib: &Pib) -> u32 {
        match self {
            Self::High => CONTENTION_FREE_SLOTS,
            Self::Normal | Self::LargestWindow => {
                CONTENTION_FREE_SLOTS + u32::from(pib.high_priority_window_size)
            }
        }
    }
}

/// Slots of the whole contention period.
pub(super) fn period_slots(pib: &Pib) -> u32 {
    CONTENTION_FREE_SLOTS + u32::from(pib.high_priority_window_size) + largest(pib)
}

impl ContentionWindow {
    pub(super) fn new(pib: &Pib) -> Self {
        Self { slots: smallest(pib), draws_at_smallest: 0 }
    }

    /// Draws a back-off in slots.
    pub(super) fn draw(
        &mut self,
        pib: &Pib,
        class: Class,
        attempts: &mut Attempts,
        rng: &mut dyn Rng,
    ) -> u32 {
        let window = match class {
            Class::High => u32::from(pib.high_priority_window_size),
            Class::LargestWindow => largest(pib),
            Class::Normal => {
                self.before_draw(pib, attempts);
                self.slots
            }
        };
        // The high half of a product is uniform to within window / 2^32.
        ((u64::from(rng.next_u32()) * u64::from(window)) >> 32) as u32
    }

    /// The channel was busy at the slot drawn; `false` where the frame is to be given up.
    pub(super) fn busy(&mut self, pib: &Pib, class: Class, attempts: &mut Attempts) -> bool {
        attempts.busy += 1;
        if class == Class::Normal {
            attempts.fairness += 1;
            let nbf = attempts.fairness;
            if nbf < u32::from(pib.csma_fairness_limit) {
                self.slots = (2 * self.slots).min(largest(pib));
            } else if nbf.is_multiple_of(u32::from(pib.k).max(1)) {
                self.shrink(pib);
            }
        }
        attempts.busy < u32::from(pib.max_csma_backoffs)
    }

    /// All of an MSDU was delivered.
    pub(super) fn delivered(&mut self, pib: &Pib, class: Class) {
        if class == Class::Normal {
            self.shrink(pib);
        }
    }

    fn before_draw(&mut self, pib: &Pib, attempts: &mut Attempts) {
        // The exponents may have been written since.
        self.slots = self.slots.clamp(smallest(pib), largest(pib));
        if self.slots == smallest(pib) {
            self.draws_at_smallest = self.draws_at_smallest.saturating_add(1);
            attempts.fairness = 0;
        } else {
            self.draws_at_smallest = 0;
        }
        if self.draws_at_smallest > u32::from(pib.min_cw_attempts) {
            self.slots = largest(pib);
        }
    }

    fn shrink(&mut self, pib: &Pib) {
        self.slots = self.slots.saturating_sub(u32::from(pib.a) * smallest(pib)).max(smallest(pib));
    }
}

impl Attempts {
    /// The busy channel was a segment in the middle of another node's train, which no back-off can avoid.
    pub(super) fn forgive(&mut self) {
        self.busy = self.busy.saturating_sub(1);
        self.fairness = self.fairness.saturating_sub(1);
    }
}

/// Slots after CIFS that belong to the next segment of the same MSDU.
const CONTENTION_FREE_SLOTS: u32 = 1;

fn smallest(pib: &Pib) -> u32 {
    1 << u32::from(pib.min_be).min(MOST_BE)
}

fn largest(pib: &Pib) -> u32 {
    1 << u32::from(pib.max_be).min(MOST_BE)
}

const MOST_BE: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::testkit::SplitMix64;

    struct Draws {
        pib: Pib,
        window: ContentionWindow,
        attempts: Attempts,
        rng: SplitMix64,
    }

    impl Draws {
        fn new(pib: Pib) -> Self {
            let window = ContentionWindow::new(&pib);
            Self { pib, window, attempts: Attempts::default(), rng: SplitMix64(1) }
        }

        fn draw(&mut self, class: Class) -> u32 {
            self.window.draw(&self.pib, class, &mut self.attempts, &mut self.rng)
        }

        /// One attempt that finds the channel busy; returns the window drawn from.
        fn busy(&mut self) -> u32 {
            self.draw(Class::Normal);
            let drawn_from = self.window.slots;
            self.window.busy(&self.pib, Class::Normal, &mut self.attempts);
            drawn_from
        }
    }

    /// Digest 2.3, line by line: doubling up to 2^maxBE, then from the fairness limit on shrinking by
    /// macA 2^minBE at every macK-th failure.
    #[test]
    fn the_window_follows_the_table_step_by_step() {
        let mut draws = Draws::new(Pib::default());
        let drawn_from: std::vec::Vec<u32> = (0..42).map(|_| draws.busy()).collect();
        // The first draw is at the smallest window and sets NBF to 0; failure n counts as NBF = n.
        assert_eq!(drawn_from[..6], [8, 16, 32, 64, 128, 256]);
        assert!(drawn_from[5..25].iter().all(|&slots| slots == 256), "no shrinking before the limit of 25");
        assert!(drawn_from[25..30].iter().all(|&slots| slots == 192), "NBF 25 shrinks by 8 * 8");
        assert!(drawn_from[30..35].iter().all(|&slots| slots == 128), "so does 30");
        assert!(drawn_from[35..40].iter().all(|&slots| slots == 64));
        // NBF 40 brings it to the smallest; the next draw sets NBF back to 0 and the window doubles again.
        assert_eq!(drawn_from[40..], [8, 16]);
    }

    #[test]
    fn delivery_shrinks_the_window_but_not_below_its_smallest() {
        let mut draws = Draws::new(Pib::default());
        for _ in 0..6 {
            draws.busy();
        }
        let mut after = || {
            draws.window.delivered(&draws.pib, Class::Normal);
            draws.window.slots
        };
        assert_eq!([after(), after(), after(), after(), after()], [192, 128, 64, 8, 8]);
    }

    #[test]
    fn a_frame_is_given_up_at_the_fiftieth_busy_channel() {
        let mut draws = Draws::new(Pib::default());
        for class in [Class::Normal, Class::High] {
            draws.attempts = Attempts::default();
            for _ in 1..50 {
                assert!(draws.window.busy(&draws.pib, class, &mut draws.attempts));
            }
            assert!(!draws.window.busy(&draws.pib, class, &mut draws.attempts));
        }
    }

    #[test]
    fn who_always_gets_the_smallest_window_takes_the_largest_once() {
        let mut draws = Draws::new(Pib { min_cw_attempts: 10, ..Pib::default() });
        for _ in 0..10 {
            draws.draw(Class::Normal);
            assert_eq!(draws.window.slots, 8);
        }
        draws.draw(Class::Normal);
        assert_eq!(draws.window.slots, 256);
        draws.window.delivered(&draws.pib, Class::Normal);
        draws.draw(Class::Normal);
        assert_eq!((draws.window.slots, draws.window.draws_at_smallest), (192, 0));
    }

    #[test]
    fn high_priority_neither_reads_nor_moves_the_window() {
        let mut draws = Draws::new(Pib::default());
        assert!(draws.window.busy(&draws.pib, Class::High, &mut draws.attempts));
        assert_eq!((draws.window.slots, draws.attempts), (8, Attempts { busy: 1, fairness: 0 }));
    }

    #[test]
    fn draws_are_uniform_over_their_window() {
        let mut draws = Draws::new(Pib { min_cw_attempts: 255, ..Pib::default() });
        for (class, window) in [(Class::High, 7), (Class::LargestWindow, 256)] {
            let mut histogram = std::vec![0; window];
            for _ in 0..window * 1000 {
                histogram[draws.draw(class) as usize] += 1;
            }
            // 1000 expected in each; six standard deviations.
            assert!(histogram.iter().all(|&count: &i32| (count - 1000).abs() < 190), "{histogram:?}");
        }
    }

    #[test]
    fn classes_begin_at_their_windows() {
        let pib = Pib { broadcast_max_cw_enable: true, ..Pib::default() };
        assert_eq!(Class::of(QualityOfService::High, true, &pib).first_slot(&pib), 1);
        assert_eq!(Class::of(QualityOfService::Normal, false, &pib).first_slot(&pib), 8);
        assert_eq!(Class::of(QualityOfService::Normal, true, &pib), Class::LargestWindow);
        assert_eq!(period_slots(&pib), 1 + 7 + 256);
    }
}
