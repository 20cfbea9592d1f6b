//! Ciphering of single APDUs, independent of the crate's own.

use super::{CLIENT_TITLE, METER_TITLE, Site, keys};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::consts::U12;
use aes_gcm::{AesGcm, Key, Nonce, Tag};
use cosem::SystemTitle;

type Gcm = AesGcm<Aes128, U12, U12>;

fn gcm() -> (Gcm, [u8; 17]) {
    let keys = keys();
    let mut aad = [0x30; 17];
    aad[1..].copy_from_slice(&keys.authentication);
    (Gcm::new(&Key::<Gcm>::from(keys.encryption)), aad)
}

fn nonce(title: [u8; 8], counter: [u8; 4]) -> Nonce<U12> {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&title);
    nonce[8..].copy_from_slice(&counter);
    Nonce::from(nonce)
}

/// Ciphers a plain APDU of at most 200 octets into an APDU with `tag`.
pub fn seal(origin: SystemTitle, counter: u32, tag: u8, apdu: &[u8]) -> Vec<u8> {
    let (gcm, aad) = gcm();
    let mut body = apdu.to_vec();
    let nonce = nonce(origin.0, counter.to_be_bytes());
    let mac = gcm.encrypt_inout_detached(&nonce, &aad, body.as_mut_slice().into()).unwrap();
    let length = body.len() + 17;
    let mut sealed = vec![tag];
    if length >= 0x80 {
        sealed.push(0x81);
    }
    sealed.extend([length as u8, 0x30]);
    sealed.extend(counter.to_be_bytes());
    sealed.extend(body);
    sealed.extend(mac);
    sealed
}

/// Sends a plain APDU glo-ciphered with an invocation counter and returns the plain reply.
pub fn exchange<const PDU: usize>(site: &mut Site<PDU>, counter: u32, apdu: &[u8]) -> Vec<u8> {
    let reply = site.answer(1, &seal(CLIENT_TITLE, counter, apdu[0] | 8, apdu));
    let counter = u32::from_be_bytes(reply[3..7].try_into().unwrap());
    open(METER_TITLE, counter, &reply[7..]).unwrap()
}

/// Deciphers text and tag; `None` where the tag is wrong.
pub fn open(origin: SystemTitle, counter: u32, body: &[u8]) -> Option<Vec<u8>> {
    let (gcm, aad) = gcm();
    let (text, tag) = body.split_at(body.len() - 12);
    let mut text = text.to_vec();
    let tag = Tag::<U12>::try_from(tag).ok()?;
    let nonce = nonce(origin.0, counter.to_be_bytes());
    gcm.decrypt_inout_detached(&nonce, &aad, text.as_mut_slice().into(), &tag).ok()?;
    Some(text)
}
