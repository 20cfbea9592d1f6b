//! Keys under a key: the AES key wrap of RFC 3394, which suite 0 transfers keys with (digest 1.7, class 64 method 2).

use aes_kw::KwAes128;
use aes_kw::cipher::KeyInit;
use thiserror::Error;

/// Octets of a wrapped key of suite 0.
pub const WRAPPED_LEN: usize = 24;

/// Why a key cannot be unwrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyWrapError {
    /// Suite 0 has keys of 16 octets and no others.
    #[error("a wrapped key of suite 0 has {WRAPPED_LEN} octets, this one has {0}")]
    Length(usize),
    /// It was wrapped under another key, or changed on its way.
    #[error("the wrapped key does not belong to this master key")]
    Integrity,
}

/// A key of suite 0, wrapped under the master key.
///
/// ```
/// use cosem::key_wrap::{unwrap, wrap};
/// let (master, key) = ([7; 16], [9; 16]);
/// assert_eq!(unwrap(&master, &wrap(&master, &key)), Ok(key));
/// ```
pub fn wrap(master_key: &[u8; 16], key: &[u8; 16]) -> [u8; WRAPPED_LEN] {
    let mut wrapped = [0; WRAPPED_LEN];
    // Both lengths are those of the algorithm.
    let _ = KwAes128::new(master_key.into()).wrap_key(key, &mut wrapped);
    wrapped
}

/// The key inside [`wrap`]'s octets.
///
/// # Errors
/// [`KeyWrapError`]: of another length, or not wrapped under `master_key`.
pub fn unwrap(master_key: &[u8; 16], wrapped: &[u8]) -> Result<[u8; 16], KeyWrapError> {
    if wrapped.len() != WRAPPED_LEN {
        return Err(KeyWrapError::Length(wrapped.len()));
    }
    let mut key = [0; 16];
    match KwAes128::new(master_key.into()).unwrap_key(wrapped, &mut key) {
        Ok(_) => Ok(key),
        Err(_) => Err(KeyWrapError::Integrity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 3394, 4.1; digest 1.10 A.
    #[test]
    fn a_key_is_wrapped_as_the_rfc_does() {
        let master: [u8; 16] = core::array::from_fn(|i| i as u8);
        let key: [u8; 16] = core::array::from_fn(|i| i as u8 * 0x11);
        let wrapped = [
            0x1F, 0xA6, 0x8B, 0x0A, 0x81, 0x12, 0xB4, 0x47, 0xAE, 0xF3, 0x4B, 0xD8, 0xFB, 0x5A, 0x7B, 0x82,
            0x9D, 0x3E, 0x86, 0x23, 0x71, 0xD2, 0xCF, 0xE5,
        ];
        assert_eq!(wrap(&master, &key), wrapped);
        assert_eq!(unwrap(&master, &wrapped), Ok(key));
        assert_eq!(unwrap(&master, &wrapped[1..]), Err(KeyWrapError::Length(23)));
        assert_eq!(unwrap(&key, &wrapped), Err(KeyWrapError::Integrity));
    }

    proptest! {
        #[test]
        fn a_changed_bit_is_noticed(master: [u8; 16], key: [u8; 16], bit in 0..8 * WRAPPED_LEN) {
            let mut wrapped = wrap(&master, &key);
            wrapped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(unwrap(&master, &wrapped), Err(KeyWrapError::Integrity));
        }

        #[test]
        fn any_octets_are_refused_or_unwrapped(master: [u8; 16], octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = unwrap(&master, &octets);
        }
    }
}
