//! Cyclic redundancy checks, most significant bit first, of any width from 1 to 32 bits.
//!
//! A [`Crc`] is a value: the constants of this module are those of G.9903 and PRIME, others are made by
//! [`Crc::new`]. The register holds the remainder right-aligned; the result of [`Crc::of_bits`] is the value that
//! the standards print. No reflected CRC is used on either line, so none is offered.
//!
//! ```
//! use dsp::crc::{CRC5_FCH, CRC16_XMODEM};
//! assert_eq!(CRC16_XMODEM.of_bytes(b"123456789"), 0x31C3);
//! // The check sequence of a frame control header covers its first 28 bits (g3-phy.md 3.1).
//! assert_eq!(CRC5_FCH.of_bits(&[0x00, 0x05, 0x3F, 0x00], 28), 0x07);
//! ```
//!
//! A check over several pieces, as PRIME's over the subnetwork address and then the PDU, goes through a [`Digest`]:
//!
//! ```
//! use dsp::crc::CRC32_PRIME;
//! let mut digest = CRC32_PRIME.digest();
//! digest.bytes(b"1234");
//! digest.bytes(b"56789");
//! assert_eq!(digest.finish(), CRC32_PRIME.of_bytes(b"123456789"));
//! ```

/// FCCS of a CENELEC frame control header: x^5+x^2+1, preset to ones, complemented (g3-phy.md 3.1).
pub const CRC5_FCH: Crc = Crc::new(5, 0x05, 0x1F, 0x1F);
/// FCCS of an FCC or ARIB frame control header: x^8+x^2+x+1, preset to ones, complemented (g3-phy.md 3.2).
pub const CRC8_FCH: Crc = Crc::new(8, 0x07, 0xFF, 0xFF);
/// FCS of a G3 MAC frame: x^16+x^12+x^5+1, register starts at zero (g3-phy.md 2).
pub const CRC16_XMODEM: Crc = Crc::new(16, 0x1021, 0, 0);
/// Header check of PRIME type A and the HCS of its MAC: x^8+x^2+x+1, register starts at zero (prime.md 3.2, 5).
pub const CRC8_PRIME: Crc = Crc::new(8, 0x07, 0, 0);
/// Header check of PRIME type B: x^12+x^11+x^3+x^2+x+1, register starts at zero (prime.md 4).
pub const CRC12_PRIME: Crc = Crc::new(12, 0x80F, 0, 0);
/// Check of PRIME MAC PDUs and firmware images: 0x04C11DB7, register starts at zero, no final complement (prime.md 6.3).
pub const CRC32_PRIME: Crc = Crc::new(32, 0x04C1_1DB7, 0, 0);

/// The parameters of one cyclic redundancy check and its table of 16 steps (64 octets, fit for a microcontroller).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crc {
    width: u32,
    /// All of these are left-aligned in 32 bits, so that one shift serves every width.
    polynomial: u32,
    initial: u32,
    final_xor: u32,
    /// The register's change for each value of its four leading bits.
    nibbles: [u32; 16],
}

impl Crc {
    /// Makes a check of `width` bits (1..=32; other widths are brought into that range): `polynomial` without its
    /// leading term, the register's `initial` value, and what is exclusive-ored to the result.
    pub const fn new(width: u32, polynomial: u32, initial: u32, final_xor: u32) -> Self {
        let width = if width < 1 {
            1
        } else if width > 32 {
            32
        } else {
            width
        };
        let shift = 32 - width;
        let polynomial = polynomial << shift;
        let mut nibbles = [0; 16];
        let mut value = 0;
        while value < 16 {
            let mut register = (value as u32) << 28;
            let mut step = 0;
            while step < 4 {
                register = shift_once(register, polynomial);
                step += 1;
            }
            nibbles[value] = register;
            value += 1;
        }
        Self { width, polynomial, initial: initial << shift, final_xor, nibbles }
    }

    /// The check over whole octets.
    pub fn of_bytes(&self, bytes: &[u8]) -> u32 {
        let mut digest = self.digest();
        digest.bytes(bytes);
        digest.finish()
    }

    /// The check over the first `bit_count` bits of `bytes`, most significant bit of the first octet first; over all
    /// of them if there are fewer.
    pub fn of_bits(&self, bytes: &[u8], bit_count: usize) -> u32 {
        let mut digest = self.digest();
        digest.bits(bytes, bit_count);
        digest.finish()
    }

    /// Starts a check over several pieces.
    pub const fn digest(&self) -> Digest<'_> {
        Digest { crc: self, register: self.initial }
    }

    /// Number of bits of the result.
    pub const fn width(&self) -> u32 {
        self.width
    }
}

/// A check under way over several pieces of data.
#[derive(Clone, Debug)]
pub struct Digest<'a> {
    crc: &'a Crc,
    register: u32,
}

impl Digest<'_> {
    /// Continues over whole octets.
    pub fn bytes(&mut self, bytes: &[u8]) {
        #[cfg(feature = "std")]
        let bytes = if self.crc.polynomial == CRC16_XMODEM.polynomial {
            let (eights, rest) = bytes.as_chunks();
            self.register = eights.iter().fold(self.register, eight_octets);
            rest
        } else {
            bytes
        };
        let table = &self.crc.nibbles;
        for &byte in bytes {
            self.register ^= u32::from(byte) << 24;
            self.register = self.register << 4 ^ table[(self.register >> 28) as usize];
            self.register = self.register << 4 ^ table[(self.register >> 28) as usize];
        }
    }

    /// Continues over the first `bit_count` bits of `bytes`; over all of them if there are fewer.
    pub fn bits(&mut self, bytes: &[u8], bit_count: usize) {
        let whole = (bit_count / 8).min(bytes.len());
        let (octets, rest) = bytes.split_at(whole);
        self.bytes(octets);
        if let Some(&last) = rest.first() {
            for index in 0..(bit_count - 8 * whole).min(8) {
                self.register ^= u32::from(last << index & 0x80) << 24;
                self.register = shift_once(self.register, self.crc.polynomial);
            }
        }
    }

    /// The result, right-aligned.
    pub const fn finish(&self) -> u32 {
        self.register >> (32 - self.crc.width) ^ self.crc.final_xor
    }
}

/// Tables for the FCS eight octets at a time: entry (k, value) is the register after `value` and k octets of zeros.
/// A server that simulates thousands of nodes checks every frame for each of them; 8 KiB are nothing there.
#[cfg(feature = "std")]
static FCS_TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut value = 0;
    while value < 256 {
        let mut register = (value as u32) << 24;
        let mut octet = 0;
        while octet < 8 {
            let mut step = 0;
            while step < 8 {
                register = shift_once(register, CRC16_XMODEM.polynomial);
                step += 1;
            }
            tables[octet][value] = register;
            octet += 1;
        }
        value += 1;
    }
    tables
};

/// The register of the FCS after eight octets more.
#[cfg(feature = "std")]
fn eight_octets(register: u32, octets: &[u8; 8]) -> u32 {
    let [a, b, c, d] = register.to_be_bytes();
    let [o0, o1, o2, o3, o4, o5, o6, o7] = *octets;
    let table = |zeros: usize, value: u8| FCS_TABLES[zeros][usize::from(value)];
    table(7, a ^ o0)
        ^ table(6, b ^ o1)
        ^ table(5, c ^ o2)
        ^ table(4, d ^ o3)
        ^ table(3, o4)
        ^ table(2, o5)
        ^ table(1, o6)
        ^ table(0, o7)
}

const fn shift_once(register: u32, polynomial: u32) -> u32 {
    if register >> 31 != 0 { register << 1 ^ polynomial } else { register << 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Long division of the message polynomial by the generator, from the definition.
    fn divide(width: u32, polynomial: u32, initial: u32, bits: &[bool]) -> u32 {
        let mut register: u64 = u64::from(initial);
        for &bit in bits {
            let feedback = (register >> (width - 1) & 1 == 1) != bit;
            register = register << 1 & ((1 << width) - 1);
            if feedback {
                register ^= u64::from(polynomial);
            }
        }
        register as u32
    }

    fn unpack(bytes: &[u8]) -> std::vec::Vec<bool> {
        bytes.iter().flat_map(|byte| (0..8).map(move |index| byte >> (7 - index) & 1 == 1)).collect()
    }

    #[test]
    fn frame_control_headers_of_the_digest_check() {
        // g3-phy.md 3.6: octets, then the check sequence.
        let cenelec: [([u8; 4], u32); 3] = [
            ([0x00, 0x05, 0x3F, 0x07], 0x07),
            ([0x55, 0x43, 0x3F, 0x12], 0x12),
            ([0xA7, 0x8E, 0x2B, 0x0B], 0x0B),
        ];
        for (octets, fccs) in cenelec {
            assert_eq!(CRC5_FCH.of_bits(&octets, 28), fccs, "{octets:02X?}");
        }
        assert_eq!(CRC8_FCH.of_bits(&[0, 0, 0x14, 0xFF, 0xFF, 0xFF, 0x10, 0x18], 58), 0x61);
        assert_eq!(CRC8_FCH.of_bits(&[0x55, 0x22, 0x39, 0xFF, 0xFF, 0xFF, 0x10, 0x1F], 58), 0x7C);
    }

    #[test]
    fn prime_examples_of_the_annex_check() {
        // prime.md 10.1.
        let rows: [(&[u8], u32, u32); 6] = [
            (b"T", 0xAB, 0x6B93_DDDB),
            (b"THE", 0xA0, 0x848E_6FAE),
            (&[0x03, 0x73], 0x61, 0x9F1C_64ED),
            (&[0x01, 0x3F], 0xA8, 0x3E64_11F1),
            (b"123456789", 0xF4, 0x89A1_897F),
            (&[0x40, 0x40, 0x22, 0x01, 0xC7, 0x9A], 0x7E, 0x7FF6_F5A5),
        ];
        for (input, crc8, crc32) in rows {
            assert_eq!(CRC8_PRIME.of_bytes(input), crc8, "{input:02X?}");
            assert_eq!(CRC32_PRIME.of_bytes(input), crc32, "{input:02X?}");
        }
    }

    #[test]
    fn captured_prime_frame_checks_over_address_and_pdu() {
        // prime.md 10.2, REG_RSP_direct: header check over subnetwork address and two octets, CRC-32 over all.
        let sna = [0x40, 0x40, 0x22, 0x01, 0xC7, 0x9A];
        let pdu = [
            0x00, 0x40, 0xB3, 0x06, 0x01, 0x00, 0xE3, 0x18, 0x08, 0x02, 0x38, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE,
            0x01, 0x40, 0xC8, 0x88, 0x8D,
        ];
        let mut digest = CRC8_PRIME.digest();
        digest.bytes(&sna);
        digest.bytes(&pdu[..2]);
        assert_eq!(digest.finish(), 0xB3);
        let mut digest = CRC32_PRIME.digest();
        digest.bytes(&sna);
        digest.bytes(&pdu[..17]);
        assert_eq!(digest.finish(), 0x40C8_888D);
    }

    proptest! {
        #[test]
        fn the_fcs_equals_long_division_whatever_the_length(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            split in 0_usize..60,
        ) {
            let expected = divide(16, 0x1021, 0, &unpack(&bytes));
            prop_assert_eq!(CRC16_XMODEM.of_bytes(&bytes), expected);
            let (first, second) = bytes.split_at(split.min(bytes.len()));
            let mut digest = CRC16_XMODEM.digest();
            digest.bytes(first);
            digest.bytes(second);
            prop_assert_eq!(digest.finish(), expected);
        }

        #[test]
        fn equals_long_division(
            width in 1_u32..=32,
            polynomial: u32,
            initial: u32,
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            short in 0_usize..16,
        ) {
            let mask = (u64::from(u32::MAX) >> (32 - width)) as u32;
            let crc = Crc::new(width, polynomial & mask, initial & mask, 0);
            let bits = unpack(&bytes);
            let count = bits.len().saturating_sub(short);
            prop_assert_eq!(
                crc.of_bits(&bytes, count),
                divide(width, polynomial & mask, initial & mask, &bits[..count])
            );
            prop_assert_eq!(crc.of_bytes(&bytes), crc.of_bits(&bytes, bits.len() + short));
        }

        #[test]
        fn one_flipped_bit_is_seen(bytes in proptest::collection::vec(any::<u8>(), 1..40), at: usize) {
            let mut bad = bytes.clone();
            bad[at / 8 % bytes.len()] ^= 1 << (at % 8);
            for crc in [CRC5_FCH, CRC8_FCH, CRC16_XMODEM, CRC12_PRIME, CRC32_PRIME] {
                prop_assert_ne!(crc.of_bytes(&bytes), crc.of_bytes(&bad));
            }
        }
    }
}
