//! CCM* at security level 5 (ENC-MIC-32): AES-128 in CCM with a MIC of four octets (digest 1.4).

use aes::Aes128;
use ccm::aead::{AeadInOut, KeyInit};
use ccm::consts::{U4, U13};
use ccm::{Ccm, Nonce, Tag};
use core::fmt;
use heapless::Vec;
use plc_core::address::{PanId, ShortAddress};
use thiserror::Error;

/// Octets of the message integrity code.
pub const MIC_LEN: usize = 4;
/// Octets of the nonce.
pub const NONCE_LEN: usize = 13;

/// Group master key.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Gmk(pub [u8; 16]);

/// Which nonce a network uses. No frame recorded from a line has settled it (digest 13 and 14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum NonceForm {
    /// PAN id and short address, twice: the table of the Recommendation as a protocol analyser cites it.
    #[default]
    AddressTwice,
    /// `PAN:00FF:FE00:short`, the interface identifier: a widespread belief.
    InterfaceIdentifier,
}

/// Why a frame could not be enciphered or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CcmError {
    /// The message has no room for the integrity code, or is longer than CCM allows.
    #[error("a message of {0} octets leaves no room for its integrity code")]
    TooLong(usize),
    /// The message is shorter than an integrity code.
    #[error("a secured message of {0} octets holds no integrity code")]
    TooShort(usize),
    /// The integrity code does not match: other key, other nonce, or altered.
    #[error("the integrity code does not match")]
    Integrity,
}

/// The nonce of a frame by its sender and frame counter.
pub fn nonce(form: NonceForm, pan_id: PanId, source: ShortAddress, frame_counter: u32) -> [u8; NONCE_LEN] {
    let [p1, p0] = pan_id.0.to_be_bytes();
    let [s1, s0] = source.0.to_be_bytes();
    let [c3, c2, c1, c0] = frame_counter.to_be_bytes();
    let middle = match form {
        NonceForm::AddressTwice => [s1, s0, p1, p0],
        NonceForm::InterfaceIdentifier => [0x00, 0xFF, 0xFE, 0x00],
    };
    let [m0, m1, m2, m3] = middle;
    [p1, p0, m0, m1, m2, m3, s1, s0, c3, c2, c1, c0, LEVEL]
}

/// Enciphers `message` in place and appends its integrity code.
pub fn seal<const N: usize>(
    key: &Gmk,
    nonce: &[u8; NONCE_LEN],
    associated_data: &[u8],
    message: &mut Vec<u8, N>,
) -> Result<(), CcmError> {
    let length = message.len();
    if length + MIC_LEN > N {
        return Err(CcmError::TooLong(length));
    }
    let tag = cipher(key)
        .encrypt_inout_detached(&Nonce::from(*nonce), associated_data, message.as_mut_slice().into())
        .map_err(|_| CcmError::TooLong(length))?;
    message.extend_from_slice(&tag).map_err(|_| CcmError::TooLong(length))
}

/// Opens `message` in place and takes its integrity code off. On error the message is not to be used.
pub fn open<const N: usize>(
    key: &Gmk,
    nonce: &[u8; NONCE_LEN],
    associated_data: &[u8],
    message: &mut Vec<u8, N>,
) -> Result<(), CcmError> {
    let length = message.len();
    let text = length.checked_sub(MIC_LEN).ok_or(CcmError::TooShort(length))?;
    let (enciphered, mic) = message.split_at_mut_checked(text).ok_or(CcmError::TooShort(length))?;
    let mic: [u8; MIC_LEN] = (&*mic).try_into().map_err(|_| CcmError::TooShort(length))?;
    cipher(key)
        .decrypt_inout_detached(&Nonce::from(*nonce), associated_data, enciphered.into(), &Tag::from(mic))
        .map_err(|_| CcmError::Integrity)?;
    message.truncate(text);
    Ok(())
}

/// The key schedule is computed anew for each frame: a frame takes tens of milliseconds on the line, and RAM is dear.
fn cipher(key: &Gmk) -> Ccm<Aes128, U4, U13> {
    Ccm::new(&key.0.into())
}

impl fmt::Debug for Gmk {
    /// Keys do not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gmk(..)")
    }
}

/// Security level 5, last octet of the nonce.
const LEVEL: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::hex;
    use proptest::prelude::*;

    const PAN: PanId = PanId(0x781D);

    /// Digest 12.4.
    #[test]
    fn nonces_of_the_digest() {
        let unicast = nonce(NonceForm::AddressTwice, PAN, ShortAddress(1), 5);
        assert_eq!(unicast[..], hex("781D0001781D00010000000505"));
        let broadcast = nonce(NonceForm::AddressTwice, PAN, ShortAddress(0x25), 0x400);
        assert_eq!(broadcast[..], hex("781D0025781D00250000040005"));
        let believed = nonce(NonceForm::InterfaceIdentifier, PAN, ShortAddress(1), 5);
        assert_eq!(believed[..], hex("781D00FFFE0000010000000505"));
    }

    proptest! {
        #[test]
        fn messages_come_back_and_one_wrong_bit_is_noticed(
            key: [u8; 16], source: u16, counter: u32, associated in proptest::collection::vec(any::<u8>(), 0..30),
            text in proptest::collection::vec(any::<u8>(), 0..60), at: proptest::sample::Index, bit in 0..8_u8,
        ) {
            let key = Gmk(key);
            let nonce = nonce(NonceForm::AddressTwice, PAN, ShortAddress(source), counter);
            let mut message = Vec::<u8, 64>::from_slice(&text).unwrap();
            seal(&key, &nonce, &associated, &mut message)?;
            prop_assert_eq!(message.len(), text.len() + MIC_LEN);
            let mut altered = message.clone();
            let at = at.index(altered.len());
            altered[at] ^= 1 << bit;
            prop_assert_eq!(open(&key, &nonce, &associated, &mut altered), Err(CcmError::Integrity));
            open(&key, &nonce, &associated, &mut message)?;
            prop_assert_eq!(&message[..], &text[..]);
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_errors() {
        let nonce = [0; NONCE_LEN];
        let mut full = Vec::<u8, 8>::from_slice(&[0; 5]).unwrap();
        assert_eq!(seal(&Gmk([0; 16]), &nonce, &[], &mut full), Err(CcmError::TooLong(5)));
        let mut short = Vec::<u8, 8>::from_slice(&[0; 3]).unwrap();
        assert_eq!(open(&Gmk([0; 16]), &nonce, &[], &mut short), Err(CcmError::TooShort(3)));
    }
}
