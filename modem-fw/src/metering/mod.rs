//! Metering: what the meter measures, counts and keeps, without knowing where the measurements come from.
//!
//! [`Metering::measure`] is the only way in. It adds the span's energy to the registers, moves the clock on and
//! captures a row of the load profile at every boundary of the capture period, exactly there, wherever the spans
//! begin and end: a meter that is fed minutes, seconds or milliseconds shows the same registers and rows.
//!
//! # What survives a power failure
//! The registers with their remainders, the clock and the load profile, in the caller's
//! [`Store`]: see [`persist`] for records and moments. A failure that is announced
//! ([`Metering::power_failing`]) loses nothing; one that is not loses the energy since the last save, at most
//! [`MeteringConfig::persist_period`] of it. Invocation and frame counters are kept by the layers that own them.
//!
//! # Setting the clock
//! Rows are snapshots of registers, so that setting the clock cannot falsify an energy sum. Forward over one or
//! more period ends: one row is written for the last of them at once. Back over period ends by no more than
//! [`MeteringConfig::clock_shift_limit_s`]: they are not captured a second time. Further back: they are, and the
//! first row after any shift beyond the limit says "clock adjusted".
//!
//! Rows hold times up to [`Row::LATEST_UNIX_S`], 2106-02-07 06:28:15 UTC. A meter whose clock shows more captures no
//! row, and reports a fault in the first one after it is set right; its registers go on.

pub mod clock;
pub mod energy;
pub mod persist;
pub mod profile;

pub use clock::{Clock, Utc};
pub use energy::EnergyRegister;
pub use profile::{LoadProfile, Row, RowStatus};

use persist::{RecordError, Registers};
use plc_core::env::Store;
use plc_core::time::{Duration, seconds};

/// What a measuring front end, or a simulated household, says about one phase over a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measurement {
    /// Voltage, rms, in mV.
    pub voltage_mv: u32,
    /// Current, rms, in mA.
    pub current_ma: u32,
    /// Mean active power in mW; positive is import, negative export.
    pub active_power_mw: i32,
    /// Mains frequency in mHz.
    pub frequency_mhz: u32,
}

/// What the metering starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeteringConfig {
    /// The time, from a clock that ran through the power failure; without one the meter carries on from the time it
    /// saved, and says that its clock is invalid until it is set.
    pub time: Option<Utc>,
    /// Minutes to add to local time to get UTC, where none was saved: -60 for Central Europe.
    pub deviation_min: i16,
    /// 1.8.0 of a meter that has saved none, Wh.
    pub initial_import_wh: u64,
    /// 2.8.0 of a meter that has saved none, Wh.
    pub initial_export_wh: u64,
    /// Capture period of the load profile, seconds.
    pub capture_period_s: u32,
    /// Longest time between two saves of the registers.
    pub persist_period: Duration,
    /// The clock may be set by this much without a mark in the load profile, seconds.
    pub clock_shift_limit_s: u32,
}

impl Default for MeteringConfig {
    fn default() -> Self {
        Self {
            time: None,
            deviation_min: 0,
            initial_import_wh: 0,
            initial_export_wh: 0,
            capture_period_s: 900,
            persist_period: seconds(60),
            clock_shift_limit_s: 9,
        }
    }
}

/// Registers, instantaneous values, load profile of `ROWS` rows, and clock.
#[derive(Clone, Debug)]
pub struct Metering<const ROWS: usize> {
    import: EnergyRegister,
    export: EnergyRegister,
    latest: Measurement,
    clock: Clock,
    profile: LoadProfile<ROWS>,
    /// Flags the next row gets.
    pending: RowStatus,
    power_failures: u32,
    since_saved: Duration,
    store_failed: bool,
    capture_period_s: u32,
    persist_period: Duration,
    clock_shift_limit_s: u32,
}

impl<const ROWS: usize> Metering<ROWS> {
    /// Starts, and carries on from what `store` holds.
    pub fn new(config: &MeteringConfig, store: &mut dyn Store) -> Self {
        let epoch = Utc::from_ticks(0);
        let mut metering = Self {
            import: EnergyRegister::starting_at(config.initial_import_wh),
            export: EnergyRegister::starting_at(config.initial_export_wh),
            latest: Measurement::default(),
            clock: Clock::new(config.time.unwrap_or(epoch), config.deviation_min, config.time.is_some()),
            profile: LoadProfile::default(),
            pending: RowStatus::default(),
            power_failures: 0,
            since_saved: Duration::from_ticks(0),
            store_failed: false,
            capture_period_s: config.capture_period_s.max(1),
            persist_period: config.persist_period,
            clock_shift_limit_s: config.clock_shift_limit_s,
        };
        if let Err(error) = metering.restore(config, store) {
            metering.note_fault(error);
        }
        let at_period_end = metering.clock.until_next(metering.capture_period_s)
            == seconds(u64::from(metering.capture_period_s));
        if at_period_end && metering.clock.is_valid() {
            metering.capture(store, metering.clock.now());
        }
        metering.save(store);
        metering
    }

    /// Takes in what was measured over the `span` that has just passed, in one piece of any length.
    pub fn measure(&mut self, store: &mut dyn Store, measurement: Measurement, span: Duration) {
        self.latest = measurement;
        let mut left = span;
        loop {
            let to_period_end = self.clock.until_next(self.capture_period_s);
            let step = left.min(to_period_end);
            self.count(measurement.active_power_mw, step);
            self.clock.advance(step);
            if left < to_period_end {
                break;
            }
            self.capture(store, self.clock.now());
            left -= step;
        }
        self.since_saved += span;
        if self.since_saved >= self.persist_period {
            self.save(store);
        }
    }

    /// Saves what there is: the power is about to fail.
    pub fn power_failing(&mut self, store: &mut dyn Store) {
        self.save(store);
    }

    /// Sets the clock; the module's text says what that does to the load profile.
    pub fn set_time(&mut self, store: &mut dyn Store, time: Utc) {
        let old = self.clock.now();
        let shift = old.as_ticks().abs_diff(time.as_ticks());
        if shift > seconds(u64::from(self.clock_shift_limit_s)).as_ticks() {
            self.pending.raise(RowStatus::CLOCK_ADJUSTED);
        }
        let next_end = old.plus(self.clock.until_next(self.capture_period_s));
        self.clock.set(time);
        if time >= next_end {
            // The end of the last complete period lies one period before the next one.
            let period = seconds(u64::from(self.capture_period_s));
            let to_next = self.clock.until_next(self.capture_period_s);
            let end = Utc::from_ticks(time.plus(to_next).as_ticks().saturating_sub(period.as_ticks()));
            self.capture(store, end);
        }
        self.save(store);
    }

    /// 1.8.0: active energy imported.
    pub const fn import(&self) -> EnergyRegister {
        self.import
    }

    /// 2.8.0: active energy exported.
    pub const fn export(&self) -> EnergyRegister {
        self.export
    }

    /// The instantaneous values.
    pub const fn latest(&self) -> Measurement {
        self.latest
    }

    /// The calendar clock, at the end of the last measured span.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The load profile.
    pub const fn profile(&self) -> &LoadProfile<ROWS> {
        &self.profile
    }

    /// Capture period of the load profile, seconds.
    pub const fn capture_period_s(&self) -> u32 {
        self.capture_period_s
    }

    /// Flags of the capture period that is running.
    pub const fn pending_status(&self) -> RowStatus {
        self.pending
    }

    /// How often the meter started again after a power failure.
    pub const fn power_failures(&self) -> u32 {
        self.power_failures
    }

    /// Whether the store has failed since the meter started.
    pub const fn store_failed(&self) -> bool {
        self.store_failed
    }

    fn count(&mut self, active_power_mw: i32, span: Duration) {
        let register = if active_power_mw < 0 { &mut self.export } else { &mut self.import };
        register.add(active_power_mw.unsigned_abs(), span);
    }

    /// Writes the row of the period that ended at `end`, unless its row is there already: see "Setting the clock".
    fn capture(&mut self, store: &mut dyn Store, end: Utc) {
        let Ok(unix_s) = u32::try_from(end.unix_s()) else {
            // A row with another time would be wrong, and no row at all says nothing: the fault is shown.
            return self.note_fault(RecordError::Time { unix_s: end.unix_s() });
        };
        let captured = self.profile.newest().is_some_and(|newest| newest.unix_s >= unix_s);
        if captured && !self.pending.has(RowStatus::CLOCK_ADJUSTED) {
            return;
        }
        let mut status = self.pending;
        if !self.clock.is_valid() {
            status.raise(RowStatus::CLOCK_INVALID);
        }
        let row = Row {
            unix_s,
            import_wh: self.import.displayed_wh(),
            export_wh: self.export.displayed_wh(),
            deviation_min: self.clock.deviation_min(),
            status,
        };
        let sequence = self.profile.push(row);
        self.pending = RowStatus::default();
        if let Err(error) = persist::save_row::<ROWS>(store, sequence, row) {
            self.note_fault(error.into());
        }
        self.save(store);
    }

    fn save(&mut self, store: &mut dyn Store) {
        self.since_saved = Duration::from_ticks(0);
        let registers = Registers {
            import: self.import,
            export: self.export,
            utc_ticks: self.clock.now().as_ticks(),
            clock_valid: self.clock.is_valid(),
            deviation_min: self.clock.deviation_min(),
            power_failures: self.power_failures,
            pending: self.pending,
        };
        if let Err(error) = registers.save(store) {
            self.note_fault(error.into());
        }
    }

    /// A fault is shown to whoever reads the meter; metering itself goes on.
    fn note_fault(&mut self, _error: RecordError) {
        self.store_failed = true;
        self.pending.raise(RowStatus::CRITICAL_ERROR);
    }

    fn restore(&mut self, config: &MeteringConfig, store: &mut dyn Store) -> Result<(), RecordError> {
        let profile = persist::load_profile(store, &mut self.profile);
        if let Some(saved) = Registers::load(store)? {
            self.import = saved.import;
            self.export = saved.export;
            let time = config.time.unwrap_or(Utc::from_ticks(saved.utc_ticks));
            self.clock = Clock::new(time, saved.deviation_min, config.time.is_some());
            self.power_failures = saved.power_failures.saturating_add(1);
            self.pending = saved.pending;
            self.pending.raise(RowStatus::POWER_DOWN);
            if time.as_ticks() < saved.utc_ticks {
                self.pending.raise(RowStatus::CLOCK_ADJUSTED);
            }
        }
        if let Some(newest) = self.profile.newest() {
            self.import = at_least(self.import, newest.import_wh);
            self.export = at_least(self.export, newest.export_wh);
        }
        profile
    }
}

/// The register, or the later value that a row saw before the register could be saved.
fn at_least(register: EnergyRegister, row_wh: u32) -> EnergyRegister {
    // The row shows 32 bits of the register, and can be ahead of it by far less than half of their range.
    let ahead = row_wh.wrapping_sub(register.displayed_wh());
    if ahead > 0 && ahead < u32::MAX / 2 {
        EnergyRegister::starting_at(register.wh().saturating_add(u64::from(ahead)))
    } else {
        register
    }
}

#[cfg(test)]
mod tests;
