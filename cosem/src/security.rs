//! Security suite 0: AES-GCM-128 with tags of twelve octets (digest 1.7).

use crate::axdr::{length_of_length, write_length};
use crate::slices::{copied, shift};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::consts::U12;
use aes_gcm::{AesGcm, Key, Nonce, Tag};
use core::fmt;
use plc_core::bytes::{Full, Reader, Writer};
use thiserror::Error;

type Gcm = AesGcm<Aes128, U12, U12>;

/// Octets of an authentication tag.
pub const TAG_LEN: usize = 12;
/// Octets that ciphering adds in front of the ciphertext: security control and invocation counter.
pub const SECURITY_HEADER_LEN: usize = 5;
/// Longest APDU that can be authenticated without being encrypted; a stack buffer has to hold it.
pub const MAX_AUTHENTICATED_ONLY: usize = 1280;

/// System title: three letters of the manufacturer and five octets that are unique with him.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemTitle(pub [u8; 8]);

/// The two global keys of an association.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Global unicast encryption key (EK).
    pub encryption: [u8; 16],
    /// Authentication key (AK).
    pub authentication: [u8; 16],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys { .. }")
    }
}

/// What is done to an APDU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// A tag proves sender and content.
    pub authenticated: bool,
    /// The content is secret.
    pub encrypted: bool,
}

impl Protection {
    /// Neither.
    pub const NONE: Self = Self { authenticated: false, encrypted: false };
    /// Both.
    pub const AUTHENTICATED_ENCRYPTED: Self = Self { authenticated: true, encrypted: true };

    /// The security control octet of suite 0.
    pub const fn control(self) -> u8 {
        (self.authenticated as u8) << 4 | (self.encrypted as u8) << 5
    }

    /// Octets that protection adds to an APDU, without tag and length.
    pub const fn overhead(self) -> usize {
        SECURITY_HEADER_LEN + if self.authenticated { TAG_LEN } else { 0 }
    }

    /// Whether this is at least `other`.
    pub const fn covers(self, other: Self) -> bool {
        (self.authenticated || !other.authenticated) && (self.encrypted || !other.encrypted)
    }

    /// Reads a security control octet. Other suites, the broadcast key and compression are refused.
    pub const fn from_control(control: u8) -> Result<Self, SecurityError> {
        if control & !0x30 != 0 || control == 0 {
            return Err(SecurityError::Control(control));
        }
        Ok(Self { authenticated: control & 0x10 != 0, encrypted: control & 0x20 != 0 })
    }
}

/// Why an APDU could not be protected or its protection not be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SecurityError {
    /// Suite, key set or compression that is not supported, or no protection at all.
    #[error("security control {0:#04x} is not supported")]
    Control(u8),
    /// Less protection than the policy asks for.
    #[error("security control {0:#04x} protects less than the policy wants")]
    Policy(u8),
    /// The ciphered APDU is shorter than its header and tag, or its length field wrong.
    #[error("ciphered APDU of {0} octets is malformed")]
    Malformed(usize),
    /// The tag is wrong: other keys, or not what was sent.
    #[error("authentication tag does not match")]
    Tag,
    /// No room for the protected APDU.
    #[error(transparent)]
    Full(#[from] Full),
}

/// AES-GCM with the keys of one association.
pub(crate) struct Cipher<'a> {
    keys: &'a Keys,
    gcm: Gcm,
}

impl<'a> Cipher<'a> {
    pub(crate) fn new(keys: &'a Keys) -> Self {
        Self { keys, gcm: Gcm::new(&Key::<Gcm>::from(keys.encryption)) }
    }

    /// Protects what `out` has from octet `at` on, in place: puts security control and invocation counter in front
    /// and the tag behind. `out` needs [`Protection::overhead`] octets more than `plain_len`; returns the new length.
    pub(crate) fn protect(
        &self,
        protection: Protection,
        origin: SystemTitle,
        counter: u32,
        out: &mut [u8],
        plain_len: usize,
    ) -> Result<usize, SecurityError> {
        let total = plain_len + protection.overhead();
        let full = Full { at: 0, needed: total, left: out.len() };
        let out = out.get_mut(..total).ok_or(full)?;
        shift(out, 0, plain_len, SECURITY_HEADER_LEN)?;
        let control = protection.control();
        let mut header = Writer::new(out);
        header.u8(control)?;
        header.u32_be(counter)?;
        let body = out.get_mut(SECURITY_HEADER_LEN..).ok_or(full)?;
        let (text, tag_room) = body.split_at_mut_checked(plain_len).ok_or(full)?;
        let tag = self.seal(protection, control, &nonce(origin, counter), text)?;
        if protection.authenticated {
            copied(&tag, tag_room)?;
        }
        Ok(total)
    }

    /// Removes protection in place. `body` begins with the security control octet; returns the control, the counter
    /// and where in `body` the plain APDU lies.
    pub(crate) fn unprotect(
        &self,
        wanted: Protection,
        origin: SystemTitle,
        body: &mut [u8],
    ) -> Result<(u32, core::ops::Range<usize>), SecurityError> {
        let malformed = SecurityError::Malformed(body.len());
        let mut reader = Reader::new(body);
        let control = reader.u8().map_err(|_| malformed)?;
        let counter = reader.u32_be().map_err(|_| malformed)?;
        let protection = Protection::from_control(control)?;
        if !protection.covers(wanted) {
            return Err(SecurityError::Policy(control));
        }
        let end = body.len().checked_sub(if protection.authenticated { TAG_LEN } else { 0 });
        let end = end.filter(|&end| end >= SECURITY_HEADER_LEN).ok_or(malformed)?;
        let (front, tag) = body.split_at_mut_checked(end).ok_or(malformed)?;
        let text = front.get_mut(SECURITY_HEADER_LEN..).ok_or(malformed)?;
        let tag = Tag::<U12>::try_from(&*tag).ok().filter(|_| protection.authenticated);
        self.open(protection, control, &nonce(origin, counter), text, tag)?;
        Ok((counter, SECURITY_HEADER_LEN..end))
    }

    /// The tag of HLS mechanism 5 over a challenge.
    pub(crate) fn challenge_tag(
        &self,
        origin: SystemTitle,
        counter: u32,
        challenge: &[u8],
    ) -> Result<[u8; TAG_LEN], SecurityError> {
        let control = 0x10;
        let tag = self.tag_over(control, &nonce(origin, counter), challenge)?;
        Ok(tag.into())
    }

    /// Checks the answer to a challenge, security control, invocation counter and tag, and returns the counter.
    pub(crate) fn verify_challenge(
        &self,
        origin: SystemTitle,
        answer: &[u8],
        challenge: &[u8],
    ) -> Result<u32, SecurityError> {
        let malformed = SecurityError::Malformed(answer.len());
        let mut reader = Reader::new(answer);
        let control = reader.u8().map_err(|_| malformed)?;
        let counter = reader.u32_be().map_err(|_| malformed)?;
        let tag = Tag::<U12>::try_from(reader.rest()).map_err(|_| malformed)?;
        let protection = Protection { authenticated: true, encrypted: false };
        if control != protection.control() {
            return Err(SecurityError::Control(control));
        }
        let mut text = [0; crate::acse::MAX_CHALLENGE_LEN];
        let text = copied(challenge, &mut text)?;
        self.open(protection, control, &nonce(origin, counter), text, Some(tag))?;
        Ok(counter)
    }

    fn seal(
        &self,
        protection: Protection,
        control: u8,
        nonce: &[u8; 12],
        text: &mut [u8],
    ) -> Result<Tag<U12>, SecurityError> {
        if !protection.encrypted {
            return self.tag_over(control, nonce, text);
        }
        let aad = self.aad(control);
        let aad = if protection.authenticated { &aad[..] } else { &[] };
        self.gcm
            .encrypt_inout_detached(&Nonce::from(*nonce), aad, text.into())
            .map_err(|_| SecurityError::Malformed(0))
    }

    fn open(
        &self,
        protection: Protection,
        control: u8,
        nonce: &[u8; 12],
        text: &mut [u8],
        tag: Option<Tag<U12>>,
    ) -> Result<(), SecurityError> {
        let gcm_nonce = Nonce::from(*nonce);
        match (protection.encrypted, tag) {
            (true, Some(tag)) => self
                .gcm
                .decrypt_inout_detached(&gcm_nonce, &self.aad(control), text.into(), &tag)
                .map_err(|_| SecurityError::Tag),
            // Counter mode is its own inverse; there is no tag to check.
            (true, None) => self.seal(protection, control, nonce, text).map(|_| ()),
            (false, Some(tag)) => self.with_aad(control, text, |aad| {
                self.gcm
                    .decrypt_inout_detached(&gcm_nonce, aad, (&mut [][..]).into(), &tag)
                    .map_err(|_| SecurityError::Tag)
            }),
            (false, None) => Err(SecurityError::Control(control)),
        }
    }

    fn tag_over(&self, control: u8, nonce: &[u8; 12], text: &[u8]) -> Result<Tag<U12>, SecurityError> {
        self.with_aad(control, text, |aad| {
            self.gcm
                .encrypt_inout_detached(&Nonce::from(*nonce), aad, (&mut [][..]).into())
                .map_err(|_| SecurityError::Malformed(aad.len()))
        })
    }

    fn with_aad<T>(
        &self,
        control: u8,
        text: &[u8],
        use_it: impl FnOnce(&[u8]) -> Result<T, SecurityError>,
    ) -> Result<T, SecurityError> {
        let mut room = [0; 17 + MAX_AUTHENTICATED_ONLY];
        let mut writer = Writer::new(&mut room);
        writer.put(&self.aad(control))?;
        writer.put(text)?;
        use_it(writer.written())
    }

    fn aad(&self, control: u8) -> [u8; 17] {
        let mut aad = [control; 17];
        aad[1..].copy_from_slice(&self.keys.authentication);
        aad
    }
}

/// Initialisation vector: system title of the originator and invocation counter.
fn nonce(origin: SystemTitle, counter: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&origin.0);
    nonce[8..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

/// How a ciphered APDU is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// The tag says which service is inside.
    ServiceSpecific(u8),
    /// general-glo-ciphering: the system title is carried along.
    General,
}

/// general-glo-ciphering.
pub(crate) const GENERAL_GLO: u8 = 0xDB;

impl Envelope {
    /// Octets of tag, title and length in front of a ciphered body.
    pub(crate) const fn header_len(self, body_len: usize) -> usize {
        let title = match self {
            Self::ServiceSpecific(_) => 0,
            Self::General => 9,
        };
        1 + title + length_of_length(body_len)
    }

    /// Moves the body at the start of `out` behind its header; returns the total length.
    pub(crate) fn wrap(self, origin: SystemTitle, out: &mut [u8], body_len: usize) -> Result<usize, Full> {
        let header = self.header_len(body_len);
        let total = header + body_len;
        if total > out.len() {
            return Err(Full { at: 0, needed: total, left: out.len() });
        }
        shift(out, 0, body_len, header)?;
        let mut writer = Writer::new(out);
        match self {
            Self::ServiceSpecific(tag) => writer.u8(tag)?,
            Self::General => {
                writer.put(&[GENERAL_GLO, 8])?;
                writer.put(&origin.0)?;
            }
        }
        write_length(&mut writer, body_len)?;
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hex, keys};
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    const SERVER: SystemTitle = SystemTitle(*b"MMM\0\0\xBCaN");
    const COUNTER: u32 = 0x0123_4567;
    const AUTHENTICATED: Protection = Protection { authenticated: true, encrypted: false };
    const ENCRYPTED: Protection = Protection { authenticated: false, encrypted: true };
    const BOTH: Protection = Protection::AUTHENTICATED_ENCRYPTED;

    fn protected(protection: Protection, plain: &[u8]) -> Vec<u8> {
        let keys = keys();
        let mut out = plain.to_vec();
        out.resize(plain.len() + protection.overhead(), 0);
        let length = Cipher::new(&keys).protect(protection, SERVER, COUNTER, &mut out, plain.len()).unwrap();
        assert_eq!(length, out.len());
        out
    }

    /// Digest 1.10 A.
    #[test]
    fn green_book_get_request() {
        let apdu = hex("C0010000080000010000FF0200");
        let header = |control: &str| hex(&std::format!("{control}01234567"));
        let ciphertext = hex("411312FF935A47566827C467BC");
        assert_eq!(
            protected(AUTHENTICATED, &apdu),
            [header("10"), apdu.clone(), hex("06725D910F9221D263877516")].concat()
        );
        assert_eq!(protected(ENCRYPTED, &apdu), [header("20"), ciphertext.clone()].concat());
        assert_eq!(
            protected(BOTH, &apdu),
            [header("30"), ciphertext, hex("7D825C3BE4A77C3FCC056B6B")].concat()
        );
    }

    #[test]
    fn green_book_initiate() {
        let request = hex("01011000112233445566778899AABBCCDDEEFF0000065F1F0400007E1F04B0");
        let mut out = protected(BOTH, &request);
        out.resize(80, 0);
        let length =
            Envelope::ServiceSpecific(0x21).wrap(SERVER, &mut out, request.len() + BOTH.overhead()).unwrap();
        assert_eq!(
            out[..length],
            hex(
                "21303001234567801302FF8A7874133D414CED25B42534D28DB0047720606B175BD52211BE6841DB204D39EE6FDB8E356855"
            )
        );
        let response = hex("0800065F1F0400007C1F04000007");
        assert_eq!(
            protected(BOTH, &response)[5..],
            hex("891214A0845E475714383F65BC19745CA235906525E4F3E1C893")
        );
    }

    #[test]
    fn green_book_hls5() {
        let keys = keys();
        let cipher = Cipher::new(&keys);
        let client = SystemTitle(*b"MMM\0\0\0\0\x01");
        assert_eq!(
            cipher.challenge_tag(client, 1, b"P6wRJ21F").unwrap()[..],
            hex("1A52FE7DD3E72748973C1E28")
        );
        assert_eq!(
            cipher.challenge_tag(SERVER, COUNTER, b"K56iVagY").unwrap()[..],
            hex("FE1466AFB3DBCD4F9389E2B7")
        );
    }

    proptest! {
        #[test]
        fn protection_comes_off_again(plain in proptest::collection::vec(any::<u8>(), 0..200), which in 0..3_usize) {
            let protection = [AUTHENTICATED, ENCRYPTED, BOTH][which];
            let mut body = protected(protection, &plain);
            let keys = keys();
            let (counter, range) = Cipher::new(&keys).unprotect(protection, SERVER, &mut body)?;
            prop_assert_eq!((counter, &body[range]), (COUNTER, &plain[..]));
        }

        #[test]
        fn a_flipped_bit_is_noticed(plain in proptest::collection::vec(any::<u8>(), 1..60), bit: usize) {
            let keys = keys();
            for protection in [AUTHENTICATED, BOTH] {
                let mut body = protected(protection, &plain);
                let bit = bit % (body.len() * 8);
                body[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(Cipher::new(&keys).unprotect(protection, SERVER, &mut body).is_err());
            }
        }

        #[test]
        fn any_octets_are_refused(mut octets in proptest::collection::vec(any::<u8>(), 0..60)) {
            let keys = keys();
            prop_assert!(Cipher::new(&keys).unprotect(BOTH, SERVER, &mut octets).is_err());
        }
    }

    #[test]
    fn less_protection_than_wanted_is_refused() {
        let keys = keys();
        let mut body = protected(ENCRYPTED, &[1, 2, 3]);
        assert_eq!(Cipher::new(&keys).unprotect(BOTH, SERVER, &mut body), Err(SecurityError::Policy(0x20)));
        for control in [0x00, 0x31, 0x70, 0xB0] {
            let mut body = vec![control; 20];
            let refused = Cipher::new(&keys).unprotect(BOTH, SERVER, &mut body);
            assert_eq!(refused, Err(SecurityError::Control(control)));
        }
    }
}
