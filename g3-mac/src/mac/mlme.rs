//! MLME-GET and MLME-SET (digest 4.1, 4.3). They act at once, so they are methods and no events.

use super::contention::period_slots;
use super::{Gmk, Mac, MacStatus, PibId, PibValue};
use crate::frame::KeyIndex;
use heapless::Vec;
use plc_core::address::{PanId, ShortAddress};

impl Mac {
    /// MLME-GET: the value of an attribute; `index` counts entries of tables and is 0 elsewhere.
    ///
    /// # Errors
    /// [`MacStatus::UnsupportedAttribute`] and [`MacStatus::InvalidIndex`]. Keys cannot be read.
    pub fn mlme_get(&self, id: PibId, index: u16) -> Result<PibValue, MacStatus> {
        if id == PibId::DEVICE_TABLE {
            let entry = self.devices.entry(index.into()).ok_or(MacStatus::InvalidIndex)?;
            return Ok(PibValue::Device(entry.0, entry.1));
        }
        if index != 0 {
            return Err(MacStatus::InvalidIndex);
        }
        let value = match id {
            PibId::ACK_WAIT_DURATION => {
                let symbol = g3_phy::timing::symbols(&self.plan, 1).as_ticks().max(1);
                PibValue::Unsigned((self.carrier.spaces().ack_wait.as_ticks().div_ceil(symbol)) as u32)
            }
            PibId::DSN => PibValue::Unsigned(self.dsn.unwrap_or_default().into()),
            PibId::PAN_ID => PibValue::Unsigned(self.pan_id.0.into()),
            PibId::SHORT_ADDRESS => PibValue::Unsigned(self.short_address.0.into()),
            PibId::TIMESTAMP_SUPPORTED | PibId::SECURITY_ENABLED => PibValue::Flag(true),
            PibId::FRAME_COUNTER => PibValue::Unsigned(self.frame_counter.next().unwrap_or_default()),
            PibId::TONE_MASK => {
                let carriers = self.plan.unmasked(self.mask).0.to_le_bytes();
                let octets = carriers.get(..TONE_MASK_LEN).unwrap_or_default();
                PibValue::Octets(Vec::from_slice(octets).unwrap_or_default())
            }
            PibId::PREAMBLE_LENGTH => PibValue::Unsigned(g3_phy::band::SYNCP_SYMBOLS as u32),
            _ => {
                self.pib.read(id).or_else(|| self.counters.read(id)).ok_or(MacStatus::UnsupportedAttribute)?
            }
        };
        Ok(value)
    }

    /// MLME-SET: writes an attribute; `index` is the slot of a key and 0 elsewhere.
    ///
    /// # Errors
    /// [`MacStatus::UnsupportedAttribute`], [`MacStatus::ReadOnly`], [`MacStatus::InvalidIndex`], and
    /// [`MacStatus::InvalidParameter`] for a value out of its range.
    pub fn mlme_set(&mut self, id: PibId, index: u16, value: &PibValue) -> Result<(), MacStatus> {
        if id == PibId::KEY_TABLE {
            return self.set_key(index, value);
        }
        if index != 0 {
            return Err(MacStatus::InvalidIndex);
        }
        match id {
            PibId::PAN_ID => self.pan_id = PanId(number(value)?),
            PibId::SHORT_ADDRESS => self.short_address = ShortAddress(number(value)?),
            PibId::DSN => {
                let dsn: u16 = number(value)?;
                self.dsn = Some(u8::try_from(dsn).map_err(|_| MacStatus::InvalidParameter)?);
            }
            _ => match self.pib.write(id, value) {
                Err(MacStatus::UnsupportedAttribute) if self.mlme_get(id, 0).is_ok() => {
                    return Err(MacStatus::ReadOnly);
                }
                written => written?,
            },
        }
        if id == PibId::TRANSMIT_ATTEN {
            self.attenuation_told = false;
        }
        self.carrier.set_period_slots(period_slots(&self.pib));
        Ok(())
    }

    fn set_key(&mut self, index: u16, value: &PibValue) -> Result<(), MacStatus> {
        let index = u8::try_from(index).ok().and_then(KeyIndex::of).ok_or(MacStatus::InvalidIndex)?;
        let PibValue::Octets(octets) = value else { return Err(MacStatus::InvalidParameter) };
        let key: [u8; 16] = octets.as_slice().try_into().map_err(|_| MacStatus::InvalidParameter)?;
        let [zero, one] = &mut self.keys;
        match index {
            KeyIndex::Zero => *zero = Some(Gmk(key)),
            KeyIndex::One => *one = Some(Gmk(key)),
        }
        Ok(())
    }
}

fn number(value: &PibValue) -> Result<u16, MacStatus> {
    match *value {
        PibValue::Unsigned(number) => u16::try_from(number).map_err(|_| MacStatus::InvalidParameter),
        _ => Err(MacStatus::InvalidParameter),
    }
}

/// Octets of macToneMask.
const TONE_MASK_LEN: usize = 9;
