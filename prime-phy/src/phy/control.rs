//! The control and management planes of a modem.

use super::{Mode, Phy};
use crate::pib::{Attribute, AttributeError, Statistics};
use crate::primitives::{
    ControlConfirm, ControlRequest, Event, LineState, ManagementConfirm, ManagementRequest, TestMode,
    TransmitResult,
};
use crate::receiver::{MOST_EVENTS, Memory};
use plc_core::time::Instant;
use plc_core::units::{db_to_power, power_to_db};

/// Ticks of PHY_TIMER's unit of 10 us.
const TIMER_TICKS: u64 = 60;

/// Greatest phyEmaSmoothing: an average over 65 536 frames.
const MOST_SMOOTHING: u32 = 16;

impl<W: Memory> Phy<W> {
    pub(super) fn control(&mut self, now: Instant, request: ControlRequest) {
        let front_end = &self.config.front_end;
        let confirm = match request {
            ControlRequest::AgcGet | ControlRequest::AgcSet(_) => {
                if let ControlRequest::AgcSet(agc) = request {
                    let step = self.gain.step();
                    self.gain.set(front_end, agc);
                    self.follow_gain(step);
                }
                ControlConfirm::Agc { agc: self.gain.agc(), step: self.gain.step() }
            }
            ControlRequest::Timer => ControlConfirm::Timer((now.as_ticks() / TIMER_TICKS) as u32),
            ControlRequest::CarrierDetect => ControlConfirm::CarrierDetect(self.line_state()),
            ControlRequest::NoiseLevel => ControlConfirm::NoiseLevel(
                self.receiver.noise_power().map(|power| self.level_dbuv(power, self.gain.step())),
            ),
            ControlRequest::Snr => ControlConfirm::Snr(self.receiver.channel().quality()),
            ControlRequest::ZeroCrossingTime => {
                ControlConfirm::ZeroCrossingTime(self.since_zero_crossing(now))
            }
        };
        self.answer(Event::ControlConfirm(confirm));
    }

    pub(super) fn manage(&mut self, now: Instant, request: ManagementRequest) {
        let confirm = match request {
            ManagementRequest::Reset => {
                self.cancel(now);
                self.mode = Mode::Awake;
                self.receiver.reset();
                (self.transmit_dropped, self.evm) = (0, None);
                ManagementConfirm::Reset
            }
            ManagementRequest::Sleep => {
                self.cancel(now);
                self.mode = Mode::Asleep;
                ManagementConfirm::Sleep
            }
            ManagementRequest::Resume => {
                if self.mode == Mode::Asleep {
                    self.mode = Mode::Awake;
                }
                ManagementConfirm::Resume
            }
            ManagementRequest::TestMode(test) => ManagementConfirm::TestMode(self.test(now, test)),
            ManagementRequest::Get(id) => ManagementConfirm::Get(
                Attribute::try_from(id).map(|attribute| (attribute, self.get(attribute))),
            ),
            ManagementRequest::Set(id, value) => ManagementConfirm::Set(self.set(id, value)),
        };
        self.answer(Event::ManagementConfirm(confirm));
    }

    /// PLME_GET: the value of an attribute.
    pub fn get(&self, attribute: Attribute) -> u32 {
        let (statistics, front_end) = (self.statistics(), &self.config.front_end);
        let value = match attribute {
            Attribute::CrcIncorrectCount => statistics.crc_incorrect,
            Attribute::CrcFailCount => statistics.crc_fail,
            Attribute::TxDropCount => statistics.transmit_dropped,
            Attribute::RxDropCount => statistics.receive_dropped,
            Attribute::RxTotalCount => statistics.received,
            Attribute::BlkAvgEvm => (1000.0 * self.evm.unwrap_or(0.0) + 0.5) as u32,
            Attribute::EmaSmoothing => u32::from(self.evm_smoothing),
            Attribute::TxQueueLen => 1,
            Attribute::RxQueueLen => MOST_EVENTS as u32,
            Attribute::TxProcessingDelay => front_end.transmit_delay_us,
            Attribute::RxProcessingDelay => front_end.receive_delay_us,
            Attribute::AgcMinGain => front_end.min_gain_db.into(),
            Attribute::AgcStepValue => front_end.step_db.into(),
            Attribute::AgcStepNumber => front_end.steps.into(),
        };
        value & (u32::MAX >> (32 - attribute.bits()))
    }

    /// PLME_SET.
    ///
    /// # Errors
    /// There is no such attribute, it can only be read, or it does not take the value.
    pub fn set(&mut self, id: u16, value: u32) -> Result<Attribute, AttributeError> {
        match Attribute::try_from(id)? {
            Attribute::EmaSmoothing if value > MOST_SMOOTHING => Err(AttributeError::Value { id, value }),
            Attribute::EmaSmoothing => {
                self.evm_smoothing = value as u8;
                Ok(Attribute::EmaSmoothing)
            }
            _ => Err(AttributeError::ReadOnly(id)),
        }
    }

    /// Counters of frames, sent and received.
    pub fn statistics(&self) -> Statistics {
        Statistics { transmit_dropped: self.transmit_dropped, ..*self.receiver.statistics() }
    }

    /// PHY_CD.get: the state of the line.
    pub fn line_state(&self) -> LineState {
        let channel = self.receiver.channel();
        let power = channel.signal_power();
        LineState {
            busy: channel.is_busy(),
            rssi_dbuv: (power > 0.0).then(|| self.level_dbuv(power, self.signal_step)),
            end: channel.busy_until(),
            in_header: channel.is_in_header(),
        }
    }

    /// The step of the front end's gain that the driver is to set.
    pub fn gain_step(&self) -> u8 {
        self.gain.step()
    }

    /// Counts the error vector magnitude of a frame.
    pub(super) fn average_evm(&mut self, evm: f32) {
        let part = 1.0 / (1_u32 << self.evm_smoothing) as f32;
        self.evm = Some(self.evm.map_or(evm, |average| average + part * (evm - average)));
    }

    /// The noise that is known is that of samples at step `before`; from now on they come at the step in force.
    pub(super) fn follow_gain(&mut self, before: u8) {
        let steps = f32::from(self.gain.step()) - f32::from(before);
        if steps != 0.0 {
            self.receiver.scale_noise(db_to_power(steps * f32::from(self.config.front_end.step_db)));
        }
    }

    /// Level on the line of a power that samples at a step of the gain had.
    fn level_dbuv(&self, power: f32, step: u8) -> f32 {
        let front_end = &self.config.front_end;
        let gain_db = f32::from(step) * f32::from(front_end.step_db);
        front_end.full_scale_dbuv + power_to_db(power) - gain_db
    }

    fn test(&mut self, now: Instant, test: Option<TestMode>) -> bool {
        if self.mode == Mode::Asleep || test.is_some_and(|test| test.scheme.is_robust()) {
            return false;
        }
        self.cancel(now);
        self.mode = test.map_or(Mode::Awake, Mode::Test);
        true
    }

    /// Drops the frame that waits or is on the air.
    pub(super) fn cancel(&mut self, now: Instant) {
        if self.transmitter.is_busy() {
            self.transmitter.cancel();
            self.on_air.end = self.transmit_position.clamp(self.on_air.start, self.on_air.end);
            self.senses = None;
            if !matches!(self.mode, Mode::Test(_)) {
                self.confirm(now, TransmitResult::Cancelled);
            }
        }
    }
}
