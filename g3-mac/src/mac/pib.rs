//! The MAC's PAN information base: identifiers, defaults and ranges (digest 4.1).

use super::MacStatus;
use heapless::Vec;
use plc_core::address::ShortAddress;

/// Attributes that a user may write, with the standard's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pib {
    /// macMaxBE: exponent of the largest contention window.
    pub max_be: u8,
    /// macMinBE: exponent of the smallest contention window.
    pub min_be: u8,
    /// macMaxCSMABackoffs: busy channels until a frame is given up.
    pub max_csma_backoffs: u8,
    /// macMaxFrameRetries: transmissions of an MSDU or segment after the first.
    pub max_frame_retries: u8,
    /// macHighPriorityWindowSize, in slots.
    pub high_priority_window_size: u8,
    /// macCSMAFairnessLimit: failed attempts from which on the window shrinks now and then.
    pub csma_fairness_limit: u8,
    /// macA: by how many smallest windows a window shrinks.
    pub a: u8,
    /// macK: how often a failed attempt shrinks the window beyond the fairness limit.
    pub k: u8,
    /// macMinCWAttempts: draws from the smallest window after which the largest is taken.
    pub min_cw_attempts: u8,
    /// macBroadcastMaxCWEnable: broadcasts draw from the largest window.
    pub broadcast_max_cw_enable: bool,
    /// macDuplicateDetectionTTL, in seconds.
    pub duplicate_detection_ttl_s: u8,
    /// macTransmitAtten, in dB.
    pub transmit_attenuation_db: u8,
}

impl Default for Pib {
    fn default() -> Self {
        Self {
            max_be: 8,
            min_be: 3,
            max_csma_backoffs: 50,
            max_frame_retries: 5,
            high_priority_window_size: 7,
            csma_fairness_limit: 25,
            a: 8,
            k: 5,
            min_cw_attempts: 255,
            broadcast_max_cw_enable: false,
            duplicate_detection_ttl_s: 3,
            transmit_attenuation_db: 0,
        }
    }
}

/// Identifier of an attribute, as management interfaces number them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PibId(pub u16);

#[allow(missing_docs, reason = "the names are the standard's; digest 4.1 is the table")]
impl PibId {
    pub const ACK_WAIT_DURATION: Self = Self(0x40);
    pub const MAX_BE: Self = Self(0x47);
    pub const DSN: Self = Self(0x4C);
    pub const MAX_CSMA_BACKOFFS: Self = Self(0x4E);
    pub const MIN_BE: Self = Self(0x4F);
    pub const PAN_ID: Self = Self(0x50);
    pub const SHORT_ADDRESS: Self = Self(0x53);
    pub const MAX_FRAME_RETRIES: Self = Self(0x59);
    pub const TIMESTAMP_SUPPORTED: Self = Self(0x5C);
    pub const SECURITY_ENABLED: Self = Self(0x5D);
    pub const KEY_TABLE: Self = Self(0x71);
    pub const DEVICE_TABLE: Self = Self(0x73);
    pub const FRAME_COUNTER: Self = Self(0x77);
    pub const DUPLICATE_DETECTION_TTL: Self = Self(0x78);
    pub const HIGH_PRIORITY_WINDOW_SIZE: Self = Self(0x100);
    pub const TX_DATA_PACKET_COUNT: Self = Self(0x101);
    pub const RX_DATA_PACKET_COUNT: Self = Self(0x102);
    pub const TX_CMD_PACKET_COUNT: Self = Self(0x103);
    pub const RX_CMD_PACKET_COUNT: Self = Self(0x104);
    pub const CSMA_FAIL_COUNT: Self = Self(0x105);
    pub const CSMA_NO_ACK_COUNT: Self = Self(0x106);
    pub const RX_DATA_BROADCAST_COUNT: Self = Self(0x107);
    pub const TX_DATA_BROADCAST_COUNT: Self = Self(0x108);
    pub const BAD_CRC_COUNT: Self = Self(0x109);
    pub const CSMA_FAIRNESS_LIMIT: Self = Self(0x10C);
    pub const TONE_MASK: Self = Self(0x110);
    pub const A: Self = Self(0x112);
    pub const K: Self = Self(0x113);
    pub const MIN_CW_ATTEMPTS: Self = Self(0x114);
    pub const BROADCAST_MAX_CW_ENABLE: Self = Self(0x11E);
    pub const TRANSMIT_ATTEN: Self = Self(0x11F);
    pub const PREAMBLE_LENGTH: Self = Self(0x124);
}

/// Value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PibValue {
    /// A number.
    Unsigned(u32),
    /// A flag.
    Flag(bool),
    /// Octets, in the order of the line.
    Octets(Vec<u8, 16>),
    /// An entry of macDeviceTable: sender and its highest frame counter.
    Device(ShortAddress, u32),
}

/// Counters of the MAC, 0x101 to 0x109; they wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Unicast data MSDUs acknowledged, or sent where none was asked for.
    pub tx_data_packets: u32,
    /// Unicast data MSDUs received.
    pub rx_data_packets: u32,
    /// MAC commands sent.
    pub tx_commands: u32,
    /// MAC commands received.
    pub rx_commands: u32,
    /// MSDUs given up because the channel stayed busy.
    pub csma_failures: u32,
    /// Acknowledgements that did not come.
    pub csma_no_acks: u32,
    /// Broadcast data MSDUs received.
    pub rx_data_broadcasts: u32,
    /// Broadcast data MSDUs sent.
    pub tx_data_broadcasts: u32,
    /// Frames received with a wrong FCS.
    pub bad_crcs: u32,
}

impl Pib {
    /// Reads one of the attributes of this structure.
    pub(super) fn read(&self, id: PibId) -> Option<PibValue> {
        let number = match id {
            PibId::MAX_BE => self.max_be,
            PibId::MIN_BE => self.min_be,
            PibId::MAX_CSMA_BACKOFFS => self.max_csma_backoffs,
            PibId::MAX_FRAME_RETRIES => self.max_frame_retries,
            PibId::HIGH_PRIORITY_WINDOW_SIZE => self.high_priority_window_size,
            PibId::CSMA_FAIRNESS_LIMIT => self.csma_fairness_limit,
            PibId::A => self.a,
            PibId::K => self.k,
            PibId::MIN_CW_ATTEMPTS => self.min_cw_attempts,
            PibId::BROADCAST_MAX_CW_ENABLE => return Some(PibValue::Flag(self.broadcast_max_cw_enable)),
            PibId::DUPLICATE_DETECTION_TTL => self.duplicate_detection_ttl_s,
            PibId::TRANSMIT_ATTEN => self.transmit_attenuation_db,
            _ => return None,
        };
        Some(PibValue::Unsigned(number.into()))
    }

    /// Writes one of the attributes of this structure, where it and what it must fit with allow the value.
    pub(super) fn write(&mut self, id: PibId, value: &PibValue) -> Result<(), MacStatus> {
        let mut changed = self.clone();
        if id == PibId::BROADCAST_MAX_CW_ENABLE {
            let PibValue::Flag(flag) = *value else { return Err(MacStatus::InvalidParameter) };
            changed.broadcast_max_cw_enable = flag;
        } else {
            let field = changed.number(id).ok_or(MacStatus::UnsupportedAttribute)?;
            let PibValue::Unsigned(number) = *value else { return Err(MacStatus::InvalidParameter) };
            *field = u8::try_from(number).map_err(|_| MacStatus::InvalidParameter)?;
        }
        changed.check()?;
        *self = changed;
        Ok(())
    }

    /// Ranges of digest 2.3 and 4.1.
    pub(super) fn check(&self) -> Result<(), MacStatus> {
        let exponents = self.min_be < self.max_be && self.max_be <= MOST_BE;
        let fairness =
            u16::from(self.csma_fairness_limit) >= 2 * u16::from(self.max_be.saturating_sub(self.min_be));
        let k = (1..=self.csma_fairness_limit).contains(&self.k);
        let a = (3..=20).contains(&self.a);
        let window = (1..=7).contains(&self.high_priority_window_size);
        let attenuation = self.transmit_attenuation_db <= 25;
        if exponents && fairness && k && a && window && attenuation {
            Ok(())
        } else {
            Err(MacStatus::InvalidParameter)
        }
    }

    fn number(&mut self, id: PibId) -> Option<&mut u8> {
        Some(match id {
            PibId::MAX_BE => &mut self.max_be,
            PibId::MIN_BE => &mut self.min_be,
            PibId::MAX_CSMA_BACKOFFS => &mut self.max_csma_backoffs,
            PibId::MAX_FRAME_RETRIES => &mut self.max_frame_retries,
            PibId::HIGH_PRIORITY_WINDOW_SIZE => &mut self.high_priority_window_size,
            PibId::CSMA_FAIRNESS_LIMIT => &mut self.csma_fairness_limit,
            PibId::A => &mut self.a,
            PibId::K => &mut self.k,
            PibId::MIN_CW_ATTEMPTS => &mut self.min_cw_attempts,
            PibId::DUPLICATE_DETECTION_TTL => &mut self.duplicate_detection_ttl_s,
            PibId::TRANSMIT_ATTEN => &mut self.transmit_attenuation_db,
            _ => return None,
        })
    }
}

impl Counters {
    /// Reads the counter of an identifier.
    pub(super) fn read(&self, id: PibId) -> Option<PibValue> {
        let count = match id {
            PibId::TX_DATA_PACKET_COUNT => self.tx_data_packets,
            PibId::RX_DATA_PACKET_COUNT => self.rx_data_packets,
            PibId::TX_CMD_PACKET_COUNT => self.tx_commands,
            PibId::RX_CMD_PACKET_COUNT => self.rx_commands,
            PibId::CSMA_FAIL_COUNT => self.csma_failures,
            PibId::CSMA_NO_ACK_COUNT => self.csma_no_acks,
            PibId::RX_DATA_BROADCAST_COUNT => self.rx_data_broadcasts,
            PibId::TX_DATA_BROADCAST_COUNT => self.tx_data_broadcasts,
            PibId::BAD_CRC_COUNT => self.bad_crcs,
            _ => return None,
        };
        Some(PibValue::Unsigned(count))
    }
}

/// Largest macMaxBE (digest 4.1).
const MOST_BE: u8 = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_written_within_their_ranges() {
        let mut pib = Pib::default();
        assert_eq!(pib.check(), Ok(()));
        for (id, good, bad) in [
            (PibId::MAX_BE, 9, 3),
            (PibId::MIN_BE, 2, 12),
            (PibId::A, 20, 21),
            (PibId::K, 25, 0),
            (PibId::HIGH_PRIORITY_WINDOW_SIZE, 1, 8),
            (PibId::TRANSMIT_ATTEN, 25, 26),
            (PibId::CSMA_FAIRNESS_LIMIT, 30, 13),
            (PibId::MAX_FRAME_RETRIES, 0, 256),
        ] {
            assert_eq!(pib.write(id, &PibValue::Unsigned(bad)), Err(MacStatus::InvalidParameter), "{id:?}");
            assert_eq!(pib.write(id, &PibValue::Flag(true)), Err(MacStatus::InvalidParameter), "{id:?}");
            assert_eq!(pib.write(id, &PibValue::Unsigned(good)), Ok(()), "{id:?}");
            assert_eq!(pib.read(id), Some(PibValue::Unsigned(good)));
        }
        assert_eq!(pib.write(PibId::BROADCAST_MAX_CW_ENABLE, &PibValue::Flag(true)), Ok(()));
        assert!(pib.broadcast_max_cw_enable);
        assert_eq!(
            pib.write(PibId::BAD_CRC_COUNT, &PibValue::Unsigned(0)),
            Err(MacStatus::UnsupportedAttribute)
        );
    }
}
