//! The COSEM server: whatever clients send, in whatever state of their associations, there is a reply.
//!
//! The input is a list of requests. Associations are opened by a true client, and plain requests of the fuzzer are
//! ciphered with the right keys, so that what lies behind both is reached.
#![no_main]

#[path = "../../cosem/tests/common/mod.rs"]
mod common;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::consts::U12;
use aes_gcm::{AesGcm, Key, Nonce};
use common::{CLIENT_TITLE, Site, keys};
use cosem::{Client, ClientConfig};
use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use plc_core::testkit::TestEnvironment;

/// Small, so that replies come in blocks.
const PDU: usize = 192;
const PUBLIC: u16 = 16;
const MANAGEMENT: u16 = 1;

fuzz_target!(|octets: &[u8]| {
    let mut input = Input::new(octets);
    let mut site = Site::<PDU>::new();
    let mut env = TestEnvironment::new(2);
    let mut management = Client::<PDU>::new(ClientConfig {
        max_pdu: PDU as u16,
        ..ClientConfig::management(CLIENT_TITLE, keys())
    });
    let mut counter = 0x1000;
    let mut last = Vec::new();
    for _ in 0..48 {
        if input.is_empty() {
            break;
        }
        let kind = input.u8();
        match kind % 8 {
            0 => last = ask(&mut site, input.u16(), input.field()),
            // Without a store nothing can be associated; that is said and tested below, in `ask`.
            1 | 2 if site.env.store.failing => {}
            1 => {
                let mut client =
                    Client::<PDU>::new(ClientConfig { max_pdu: PDU as u16, ..ClientConfig::public() });
                client.associate(&mut env).expect("a new client can ask");
                site.run(&mut client, &mut Vec::new(), &mut env).expect("the public association opens");
            }
            2 => {
                management.reset();
                management.raise_counter(counter + 1);
                management.associate(&mut env).expect("a new client can ask");
                site.run(&mut management, &mut Vec::new(), &mut env).expect("the association opens");
                counter += 4;
            }
            3 => {
                // GET, SET and ACTION that begin well.
                let service = [0xC0, 0xC1, 0xC3][usize::from(kind) / 8 % 3];
                let mut apdu = vec![service, 1 + kind / 64, 0xC1];
                apdu.extend_from_slice(input.field());
                last = ask(&mut site, PUBLIC, &apdu);
            }
            4 | 5 => {
                counter += 1;
                let apdu = sealed(counter, input.field());
                last = ask(&mut site, MANAGEMENT, &apdu);
            }
            6 => {
                // Again, as a client does whose reply was lost; a little changed, as a line does.
                let mut apdu = last.clone();
                let (place, change) = (usize::from(input.u8()), input.u8());
                if let Some(octet) = apdu.get_mut(place) {
                    *octet ^= change;
                }
                last = ask(&mut site, if kind < 128 { PUBLIC } else { MANAGEMENT }, &apdu);
            }
            _ => {
                let end = u64::from(input.u8());
                site.meter.load.rows = end.saturating_sub(u64::from(kind / 8))..end;
                site.env.store.failing = kind == 255;
            }
        }
    }
});

/// Gives the server a request and checks that it answers; returns the request.
fn ask(site: &mut Site<PDU>, client: u16, apdu: &[u8]) -> Vec<u8> {
    let mut reply = [0; PDU];
    match site.server.handle(client, apdu, &mut site.meter, &mut site.env, &mut reply) {
        Ok(length) => assert!((1..=PDU).contains(&length), "a reply of {length} octets"),
        Err(error) => assert!(site.env.store.failing, "{error}"),
    }
    apdu.to_vec()
}

/// A plain APDU ciphered as the management client does; `glo` tag of its service.
fn sealed(counter: u32, plain: &[u8]) -> Vec<u8> {
    let keys = keys();
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&CLIENT_TITLE.0);
    nonce[8..].copy_from_slice(&counter.to_be_bytes());
    let mut authenticated = vec![0x30];
    authenticated.extend_from_slice(&keys.authentication);
    let cipher = AesGcm::<Aes128, U12, U12>::new(&Key::<AesGcm<Aes128, U12, U12>>::from(keys.encryption));
    let mut body = plain.to_vec();
    let tag = cipher
        .encrypt_inout_detached(&Nonce::<U12>::from(nonce), &authenticated, body.as_mut_slice().into())
        .expect("short enough");
    let mut apdu = vec![plain.first().map_or(0xC8, |service| service | 8)];
    let length = body.len() + 17;
    if length < 128 {
        apdu.push(length as u8);
    } else {
        apdu.extend_from_slice(&[0x82, (length >> 8) as u8, length as u8]);
    }
    apdu.push(0x30);
    apdu.extend_from_slice(&counter.to_be_bytes());
    apdu.extend_from_slice(&body);
    apdu.extend_from_slice(&tag);
    apdu
}
