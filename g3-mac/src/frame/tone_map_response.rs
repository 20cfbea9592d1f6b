//! Tone map response, a MAC command: what a receiver recommends to a sender (digest 1.8).
//!
//! ```text
//! CENELEC    | 0A | TXRES 1, TXGAIN 4, MOD 2, scheme 1      | tone map 1           | LQI 1 | TXCOEF 6 x 4 bits  | reserved 1         |
//! FCC, ARIB  | 0A | TXRES 1, TXGAIN 4, MOD 3                | tone map 3, LE       | LQI 1 | TXCOEF 24 x 2 bits | scheme 1, reserved |
//! ```
//!
//! TXGAIN is a sign and a magnitude, a TXCOEF is in two's complement, both in steps of TXRES.

use g3_phy::adaptation::Recommendation;
use g3_phy::header::HeaderFormat;
use g3_phy::pre_emphasis::{PreEmphasis, Resolution};
use g3_phy::{BandPlan, Modulation, Scheme, ToneMap};
use plc_core::bits::{BitReader, BitWriter};
use plc_core::bytes::{Full, Truncated};
use thiserror::Error;

/// Command identifier.
pub const COMMAND: u8 = 0x0A;
/// Octets of the longest response, with its command identifier.
pub const MAX_LEN: usize = 13;

/// What a receiver recommends.
///
/// ```
/// use g3_mac::frame::ToneMapResponse;
/// use g3_phy::{BandPlan, adaptation};
/// let (plan, mask) = (BandPlan::CENELEC_A, g3_phy::ToneMask::ALL);
/// let snr = [16.0; 36].into_iter();
/// let recommended = adaptation::recommend(&plan, mask, snr, &adaptation::Target::default()).ok_or("no carrier")?;
/// let response = ToneMapResponse::of(&recommended, 0x58);
/// let octets = response.emit(&plan)?;
/// assert_eq!(octets.as_slice(), [0x0A, 0x86, 0x3F, 0x58, 0, 0, 0, 0], "D8PSK on all carriers, no gain");
/// assert_eq!(ToneMapResponse::parse(&octets, &plan)?, response);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToneMapResponse {
    /// Modulation and its scheme.
    pub modulation: Modulation,
    /// Groups of carriers.
    pub tone_map: ToneMap,
    /// Link quality.
    pub lqi: u8,
    /// TXRES, TXGAIN and TXCOEF.
    pub emphasis: PreEmphasis,
}

/// Why octets are no tone map response, or a response cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ToneMapResponseError {
    /// The octets end inside it.
    #[error("tone map response: {0}")]
    Truncated(#[from] Truncated),
    /// It does not fit.
    #[error("tone map response: {0}")]
    Full(#[from] Full),
    /// The command identifier is another.
    #[error("MAC command {0:#04x} is not a tone map response")]
    Command(u8),
    /// A modulation that there is not, or not in this band.
    #[error("no modulation {code} that is {scheme:?} in this band")]
    Modulation {
        /// MOD.
        code: u8,
        /// PAY_MOD_SCHEME.
        scheme: Scheme,
    },
    /// The tone map has groups that the band has not.
    #[error("tone map {0:#x} has groups beyond the band's")]
    ToneMap(u32),
    /// TXGAIN is beyond its three bits.
    #[error("TXGAIN {0} is not within -7 and 7")]
    Gain(i8),
    /// A TXCOEF is beyond its bits or of a group that the band has not.
    #[error("TXCOEF {value} of group {group} does not fit")]
    Coefficient {
        /// Number of the group, from 0.
        group: usize,
        /// In steps.
        value: i8,
    },
}

impl ToneMapResponse {
    /// What a PHY recommends, with the link's quality.
    pub const fn of(recommended: &Recommendation, lqi: u8) -> Self {
        let &Recommendation { modulation, tone_map, emphasis, .. } = recommended;
        Self { modulation, tone_map, lqi, emphasis }
    }

    /// Reads a MAC command. Reserved bits and groups that the band has not are ignored, and so is what follows.
    ///
    /// # Errors
    /// It is another command, too short, or names no modulation of the band.
    pub fn parse(octets: &[u8], plan: &BandPlan) -> Result<Self, ToneMapResponseError> {
        let shape = Shape::of(plan);
        let mut bits = BitReader::new(octets);
        let command = bits.take(8)? as u8;
        if command != COMMAND {
            return Err(ToneMapResponseError::Command(command));
        }
        let resolution = if bits.take(1)? == 1 { Resolution::ThreeDb } else { Resolution::SixDb };
        let is_negative = bits.take(1)? == 1;
        let magnitude = bits.take(3)? as i8;
        let gain = if is_negative { -magnitude } else { magnitude };
        let code = bits.take(shape.modulation_bits)? as u8;
        let mut coherent = shape.is_cenelec && bits.take(1)? == 1;
        let mut tone_map = 0;
        for octet in 0..shape.map_octets {
            tone_map |= bits.take(8)? << (8 * octet);
        }
        let lqi = bits.take(8)? as u8;
        let mut emphasis = PreEmphasis { resolution, gain, ..PreEmphasis::default() };
        for group in 0..shape.coefficients {
            let raw = bits.take(shape.coefficient_bits)? as i8;
            // Two's complement.
            let value = if raw >= shape.half() { raw - 2 * shape.half() } else { raw };
            if let (true, Some(coefficient)) =
                (group < usize::from(plan.groups), emphasis.coefficients.get_mut(group))
            {
                *coefficient = value;
            }
        }
        let last = bits.take(8)?;
        coherent |= !shape.is_cenelec && last & 0x80 != 0;
        let scheme = if coherent { Scheme::Coherent } else { Scheme::Differential };
        let modulation =
            Modulation::from_code(code, scheme).ok_or(ToneMapResponseError::Modulation { code, scheme })?;
        Ok(Self { modulation, tone_map: ToneMap(tone_map & shape.groups), lqi, emphasis })
    }

    /// Writes the MAC command, its identifier first.
    ///
    /// # Errors
    /// A value is beyond its bits or the band.
    pub fn emit(&self, plan: &BandPlan) -> Result<heapless::Vec<u8, MAX_LEN>, ToneMapResponseError> {
        let shape = Shape::of(plan);
        let Self { modulation, tone_map, lqi, emphasis } = *self;
        let (code, scheme) = (modulation.code(), modulation.scheme());
        if u32::from(code) >> shape.modulation_bits != 0 {
            return Err(ToneMapResponseError::Modulation { code, scheme });
        }
        if tone_map.0 & !shape.groups != 0 {
            return Err(ToneMapResponseError::ToneMap(tone_map.0));
        }
        if emphasis.gain.unsigned_abs() > 7 {
            return Err(ToneMapResponseError::Gain(emphasis.gain));
        }
        let coherent = u32::from(modulation.is_coherent());
        let mut octets = heapless::Vec::new();
        // The capacity is that of the longest.
        octets.resize_default(shape.len()).map_err(|_| Full { at: 0, needed: shape.len(), left: MAX_LEN })?;
        let mut bits = BitWriter::new(&mut octets);
        bits.put(COMMAND.into(), 8)?;
        bits.put(u32::from(emphasis.resolution == Resolution::ThreeDb), 1)?;
        bits.put(u32::from(emphasis.gain < 0), 1)?;
        bits.put(emphasis.gain.unsigned_abs().into(), 3)?;
        bits.put(code.into(), shape.modulation_bits)?;
        if shape.is_cenelec {
            bits.put(coherent, 1)?;
        }
        for octet in 0..shape.map_octets {
            bits.put(tone_map.0 >> (8 * octet) & 0xFF, 8)?;
        }
        bits.put(lqi.into(), 8)?;
        for (group, &value) in emphasis.coefficients.iter().enumerate() {
            let fits = (-shape.half()..shape.half()).contains(&value);
            if !fits || group >= usize::from(plan.groups) && value != 0 {
                return Err(ToneMapResponseError::Coefficient { group, value });
            }
            if group < shape.coefficients {
                bits.put(
                    u32::from(value as u8) & ((1 << shape.coefficient_bits) - 1),
                    shape.coefficient_bits,
                )?;
            }
        }
        bits.put(if shape.is_cenelec { 0 } else { coherent << 7 }, 8)?;
        Ok(octets)
    }
}

/// Sizes of the fields in a band.
#[derive(Clone, Copy)]
struct Shape {
    is_cenelec: bool,
    modulation_bits: usize,
    map_octets: usize,
    coefficients: usize,
    coefficient_bits: usize,
    /// The band's groups as a tone map.
    groups: u32,
}

impl Shape {
    fn of(plan: &BandPlan) -> Self {
        let is_cenelec = plan.header == HeaderFormat::Cenelec;
        let groups = 1_u32.checked_shl(plan.groups.into()).map_or(u32::MAX, |bit| bit - 1);
        match is_cenelec {
            true => Self {
                is_cenelec,
                modulation_bits: 2,
                map_octets: 1,
                coefficients: 6,
                coefficient_bits: 4,
                groups,
            },
            false => Self {
                is_cenelec,
                modulation_bits: 3,
                map_octets: 3,
                coefficients: 24,
                coefficient_bits: 2,
                groups,
            },
        }
    }

    /// Half as many as a coefficient has values.
    const fn half(self) -> i8 {
        1 << (self.coefficient_bits - 1)
    }

    const fn len(self) -> usize {
        if self.is_cenelec { 8 } else { MAX_LEN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Digest 12.1.
    #[test]
    fn the_digests_cenelec_response_is_read_and_written() {
        let octets = [0x0A, 0x04, 0x3F, 0x78, 0, 0, 0, 0];
        let resolution = Resolution::SixDb;
        let response = ToneMapResponse {
            modulation: Modulation::Dqpsk,
            tone_map: ToneMap(0x3F),
            lqi: 0x78,
            emphasis: PreEmphasis { resolution, ..PreEmphasis::default() },
        };
        assert_eq!(ToneMapResponse::parse(&octets, &BandPlan::CENELEC_A), Ok(response));
        assert_eq!(response.emit(&BandPlan::CENELEC_A).unwrap(), octets);
    }

    /// Bit by bit from the table of digest 1.8: TXRES, four bits of TXGAIN, then MOD and in CENELEC the scheme.
    #[test]
    fn every_field_stands_where_the_digests_table_has_it() {
        let mut emphasis = PreEmphasis { gain: -5, ..PreEmphasis::default() };
        emphasis.coefficients[..3].copy_from_slice(&[7, -8, 1]);
        emphasis.coefficients[5] = -1;
        let cenelec =
            ToneMapResponse { modulation: Modulation::Psk8, tone_map: ToneMap(0b10_0101), lqi: 9, emphasis };
        assert_eq!(
            cenelec.emit(&BandPlan::CENELEC_A).unwrap(),
            [0x0A, 0b1110_1111, 0x25, 9, 0x78, 0x10, 0x0F, 0]
        );
        let mut emphasis = PreEmphasis { gain: 3, resolution: Resolution::SixDb, ..PreEmphasis::default() };
        (emphasis.coefficients[0], emphasis.coefficients[23]) = (1, -2);
        let fcc = ToneMapResponse {
            modulation: Modulation::Qam16,
            tone_map: ToneMap(0x80_1201),
            lqi: 255,
            emphasis,
        };
        let octets = [0x0A, 0b0001_1100, 0x01, 0x12, 0x80, 255, 0x40, 0, 0, 0, 0, 0x02, 0x80];
        assert_eq!(fcc.emit(&BandPlan::FCC_1).unwrap(), octets);
        assert_eq!(ToneMapResponse::parse(&octets, &BandPlan::FCC_1), Ok(fcc));
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_value() {
        let plan = BandPlan::CENELEC_A;
        let fine = ToneMapResponse::parse(&[0x0A, 0x04, 0x3F, 0x78, 0, 0, 0, 0], &plan).unwrap();
        let with = |change: &dyn Fn(&mut ToneMapResponse)| {
            let mut response = fine;
            change(&mut response);
            response.emit(&plan).unwrap_err()
        };
        use ToneMapResponseError as Error;
        assert_eq!(with(&|response| response.tone_map.0 = 0x40), Error::ToneMap(0x40));
        assert_eq!(with(&|response| response.emphasis.gain = -8), Error::Gain(-8));
        let coefficient = |group, value| Error::Coefficient { group, value };
        assert_eq!(with(&|response| response.emphasis.coefficients[3] = 8), coefficient(3, 8));
        assert_eq!(with(&|response| response.emphasis.coefficients[6] = 1), coefficient(6, 1));
        let qam = Error::Modulation { code: 4, scheme: Scheme::Coherent };
        assert_eq!(with(&|response| response.modulation = Modulation::Qam16), qam);
        assert_eq!(ToneMapResponse::parse(&[7], &plan), Err(Error::Command(7)));
        let fcc = [0x0A, 0x04, 1, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0];
        let differential = Error::Modulation { code: 4, scheme: Scheme::Differential };
        assert_eq!(ToneMapResponse::parse(&fcc, &BandPlan::FCC_1), Err(differential));
    }

    fn plans() -> impl Strategy<Value = BandPlan> {
        (0..BandPlan::ALL.len()).prop_map(|index| BandPlan::ALL[index])
    }

    proptest! {
        #[test]
        fn what_was_read_is_written_and_read_again(
            plan in plans(),
            mut octets in proptest::collection::vec(any::<u8>(), 0..16),
        ) {
            if let Some(command) = octets.first_mut() {
                *command = COMMAND;
            }
            let needed = if plan.header == HeaderFormat::Cenelec { 8 } else { MAX_LEN };
            match ToneMapResponse::parse(&octets, &plan) {
                Ok(response) => {
                    prop_assert!(octets.len() >= needed);
                    let written = response.emit(&plan)?;
                    prop_assert_eq!(written.len(), needed);
                    prop_assert_eq!(ToneMapResponse::parse(&written, &plan), Ok(response));
                }
                Err(ToneMapResponseError::Truncated(_)) => prop_assert!(octets.len() < needed),
                Err(ToneMapResponseError::Modulation { .. }) => prop_assert!(plan.header != HeaderFormat::Cenelec),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}
