//! Drives sans-IO machines in tests and checks the contract of [`crate::sans_io`].

mod line;

pub use line::{Random, add_noise, mix, resample, wilson};

use crate::env::{Environment, RecordKey, Store, StoreError};
use crate::sans_io::{Machine, Step};
use crate::time::Instant;
use core::convert::Infallible;
use rand_core::{Rng, TryRng};
use std::collections::BTreeMap;
use std::vec::Vec;

/// Actions a machine may ask for in a row before [`drain`] calls it a runaway.
pub const MOST_ACTIONS: usize = 10_000;

/// An environment for tests: a seeded generator and a store in memory that can be made to fail.
#[derive(Clone, Debug)]
pub struct TestEnvironment {
    rng: SplitMix64,
    /// The records; a restart is a new machine with a clone of them.
    pub store: MemoryStore,
}

impl TestEnvironment {
    /// An empty store and a generator started from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { rng: SplitMix64(seed), store: MemoryStore::default() }
    }
}

impl Environment for TestEnvironment {
    fn rng(&mut self) -> &mut dyn Rng {
        &mut self.rng
    }

    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }
}

/// Records in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    /// The records by key.
    pub records: BTreeMap<RecordKey, Vec<u8>>,
    /// While set, every save fails.
    pub failing: bool,
}

impl Store for MemoryStore {
    fn load(&mut self, key: RecordKey, into: &mut [u8]) -> Result<Option<usize>, StoreError> {
        let Some(record) = self.records.get(&key) else { return Ok(None) };
        let too_large = StoreError::TooLarge { key, stored: record.len(), room: into.len() };
        into.get_mut(..record.len()).ok_or(too_large)?.copy_from_slice(record);
        Ok(Some(record.len()))
    }

    fn save(&mut self, key: RecordKey, record: &[u8]) -> Result<(), StoreError> {
        if self.failing {
            return Err(StoreError::Medium(key));
        }
        self.records.insert(key, record.to_vec());
        Ok(())
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough for back-off slots in tests.
#[derive(Clone, Debug)]
pub struct SplitMix64(pub u64);

impl TryRng for SplitMix64 {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(z ^ (z >> 31))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        for chunk in into.chunks_mut(8) {
            chunk.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Polls until idle; returns what was asked for and the deadline.
///
/// # Panics
/// Where the machine asks for more than [`MOST_ACTIONS`] things in a row.
#[allow(clippy::panic)]
pub fn drain<M: Machine>(
    machine: &mut M,
    now: Instant,
    env: &mut dyn Environment,
) -> (Vec<M::Action>, Option<Instant>) {
    let mut actions = Vec::new();
    while actions.len() <= MOST_ACTIONS {
        match machine.poll(now, env) {
            Step::Do(action) => actions.push(action),
            Step::Idle(until) => return (actions, until),
        }
    }
    panic!("more than {MOST_ACTIONS} actions at {now}: the machine never gets idle");
}

/// Drains the machine and checks what the contract promises of an idle one: the deadline lies ahead, and polling
/// early changes nothing. Returns what [`drain`] does.
///
/// # Panics
/// Where the contract is broken.
pub fn check_contract<M: Machine>(
    machine: &mut M,
    now: Instant,
    env: &mut dyn Environment,
) -> (Vec<M::Action>, Option<Instant>) {
    let (actions, until) = drain(machine, now, env);
    if let Some(until) = until {
        assert!(until > now, "idle until {until} at {now}: the deadline has passed");
    }
    let (more, again) = drain(machine, now, env);
    assert!(more.is_empty(), "polling an idle machine made it act");
    assert_eq!(again, until, "polling an idle machine moved its deadline");
    (actions, until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::millis;

    /// Ticks every 10 ms, as often as it was told to.
    struct Metronome {
        next: Option<Instant>,
        beats_left: u32,
    }

    impl Machine for Metronome {
        type Event<'a> = u32;
        type Action = Instant;

        fn handle(&mut self, now: Instant, _env: &mut dyn Environment, beats: u32) {
            self.beats_left = beats;
            self.next = Some(now);
        }

        fn poll(&mut self, now: Instant, _env: &mut dyn Environment) -> Step<Instant> {
            match self.next {
                Some(due) if due <= now && self.beats_left > 0 => {
                    self.beats_left -= 1;
                    self.next = (self.beats_left > 0).then_some(due + millis(10));
                    Step::Do(due)
                }
                waiting => Step::Idle(waiting),
            }
        }
    }

    #[test]
    fn a_late_driver_gets_every_beat() {
        let mut env = TestEnvironment::new(1);
        let mut metronome = Metronome { next: None, beats_left: 0 };
        let start = Instant::from_ticks(0);
        metronome.handle(start, &mut env, 3);
        let (beats, next) = check_contract(&mut metronome, start, &mut env);
        assert_eq!((beats.len(), next), (1, Some(start + millis(10))));
        let (beats, next) = check_contract(&mut metronome, start + millis(50), &mut env);
        assert_eq!((beats.len(), next), (2, None));
    }

    #[test]
    fn a_failing_store_keeps_the_old_record() {
        let mut env = TestEnvironment::new(1);
        let key = RecordKey(7);
        assert_eq!(env.store().save(key, &[1, 2]), Ok(()));
        env.store.failing = true;
        assert_eq!(env.store().save(key, &[3]), Err(StoreError::Medium(key)));
        let mut room = [0; 4];
        assert_eq!(env.store().load(key, &mut room), Ok(Some(2)));
        assert_eq!(
            env.store().load(key, &mut room[..1]),
            Err(StoreError::TooLarge { key, stored: 2, room: 1 })
        );
    }
}
