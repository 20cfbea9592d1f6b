//! Whatever comes from the line: an answer from the server, a named error from the client, never a panic; and who is
//! served goes on being served.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::meter::{CLOCK, ENERGY, LABEL, LOAD_PROFILE};
use common::{CLIENT_TITLE, METER_TITLE, Site, gcm, hex, keys};
use cosem::client::InvokeIds;
use cosem::model::Role;
use cosem::xdlms::{AttributeDescriptor, MethodDescriptor, glo_of};
use cosem::{Client, ClientConfig, Data, DateTime, Progress, Query, Selection};
use plc_core::testkit::TestEnvironment;
use proptest::prelude::*;
use proptest::sample::Index;

const PDU: usize = 256;

/// Plain requests of every kind the server knows, and some it does not.
fn requests() -> Vec<Vec<u8>> {
    [
        "c001c1 0003 0100010800ff 02 00",
        "c001c1 0007 0100630100ff 02 00",
        "c001c1 0007 0100630100ff 02 01 01 0204 0204 120008 09060000010000ff 0f02 120000 090c07ea010f0401000000ffc400 090c07ea010f0403000000ffc400 0100",
        "c001c1 0007 0100630100ff 02 01 02 0204 0600000002 0600000004 120001 120000",
        "c001c1 000f 0000280000ff 02 00",
        "c002c1 00000001",
        "c003c1 02 0003 0100010800ff 02 00 0007 0100630100ff 02 00",
        "c101c1 0001 0000600101ff 02 00 09036b6579",
        "c102c1 0001 0000600101ff 02 00 00 00000001 04 09066162",
        "c103c1 01 00000002 04 63646566",
        "c101c1 0008 0000010000ff 02 00 090c07ea010f0412000000ffc400",
        "c301c1 0008 0000010000ff 06 01 10fff0",
        "c301c1 000f 0000280000ff 01 01 091110000000010102030405060708090a0b0c",
        "d900000000 00 00 00",
        "c203c1",
    ]
    .iter()
    .map(|text| hex(text))
    .collect()
}

#[derive(Clone, Debug)]
enum Mangling {
    Nothing,
    Cut(Index),
    Flip(Index),
    Replace(Index, u8),
    Append(Vec<u8>),
    Random(Vec<u8>),
}

impl Mangling {
    fn apply(&self, mut octets: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Nothing => {}
            Self::Cut(at) => octets.truncate(at.index(octets.len())),
            Self::Flip(bit) => {
                let bit = bit.index(octets.len() * 8);
                octets[bit / 8] ^= 1 << (bit % 8);
            }
            Self::Replace(at, value) => {
                let at = at.index(octets.len());
                octets[at] = *value;
            }
            Self::Append(more) => octets.extend(more),
            Self::Random(other) => octets.clone_from(other),
        }
        octets
    }
}

fn mangling() -> impl Strategy<Value = Mangling> {
    let random = || proptest::collection::vec(any::<u8>(), 0..PDU + 10);
    prop_oneof![
        1 => Just(Mangling::Nothing),
        2 => any::<Index>().prop_map(Mangling::Cut),
        3 => any::<Index>().prop_map(Mangling::Flip),
        3 => (any::<Index>(), any::<u8>()).prop_map(|(at, value)| Mangling::Replace(at, value)),
        1 => random().prop_map(Mangling::Append),
        1 => random().prop_map(Mangling::Random),
    ]
}

fn manglings() -> impl Strategy<Value = Vec<(Index, Mangling)>> {
    proptest::collection::vec((any::<Index>(), mangling()), 1..30)
}

fn client(config: ClientConfig) -> (Client<PDU>, TestEnvironment) {
    (Client::new(ClientConfig { max_pdu: 150, ..config }), TestEnvironment::new(8))
}

/// Brings the management client into its association and reads the energy.
fn is_served(site: &mut Site<PDU>) {
    for config in [ClientConfig::public(), ClientConfig::management(CLIENT_TITLE, keys())] {
        let (mut client, mut env) = client(config);
        // Beyond all counters these tests use.
        client.raise_counter(1_000_000);
        let mut collected = Vec::new();
        client.associate(&mut env).unwrap();
        assert_eq!(site.run(&mut client, &mut collected, &mut env), Ok(Progress::Associated));
        client.get(&Query::new(3, ENERGY, 2), &mut env).unwrap();
        assert_eq!(site.run(&mut client, &mut collected, &mut env), Ok(Progress::Value));
        assert_eq!(Data::parse(&collected), Ok(Data::DoubleLongUnsigned(1_234_567)));
    }
}

fn open(site: &mut Site<PDU>, config: ClientConfig) {
    let (mut client, mut env) = client(config);
    client.associate(&mut env).unwrap();
    let mut collected = Vec::new();
    assert_eq!(site.run(&mut client, &mut collected, &mut env), Ok(Progress::Associated));
}

proptest! {
    #[test]
    fn the_server_without_association_answers_anything(sap in prop_oneof![Just(1_u16), Just(16), any::<u16>()], list in manglings()) {
        let (mut management, mut env) = client(ClientConfig::management(CLIENT_TITLE, keys()));
        let (mut public, _) = client(ClientConfig::public());
        let mut valid = requests();
        valid.push(management.associate(&mut env).unwrap().to_vec());
        valid.push(public.associate(&mut env).unwrap().to_vec());
        valid.push(hex("6203800100"));
        let mut site = Site::<PDU>::new();
        for (which, mangling) in list {
            let reply = site.answer(sap, &mangling.apply(which.get(&valid).clone()));
            prop_assert!(!reply.is_empty());
        }
        is_served(&mut site);
    }

    #[test]
    fn the_server_answers_any_plain_request(list in manglings()) {
        let mut site = Site::<PDU>::new();
        open(&mut site, ClientConfig::public());
        for (which, mangling) in list {
            let reply = site.answer(16, &mangling.apply(which.get(&requests()).clone()));
            prop_assert!(!reply.is_empty() && reply.len() <= 150);
        }
        is_served(&mut site);
    }

    #[test]
    fn the_server_answers_any_request_of_who_has_the_keys(list in manglings()) {
        let mut site = Site::<PDU>::new();
        open(&mut site, ClientConfig::management(CLIENT_TITLE, keys()));
        for (counter, (which, mangling)) in (100..).zip(list) {
            let mut plain = mangling.apply(which.get(&requests()).clone());
            plain.truncate(120);
            let reply = site.answer(1, &gcm::seal(CLIENT_TITLE, counter, 0xC8, &plain));
            prop_assert!(!reply.is_empty() && reply.len() <= 150, "{}", reply.len());
        }
        prop_assert!(site.server.is_open(Role::Management));
        is_served(&mut site);
    }

    #[test]
    fn mangled_ciphered_requests_change_nothing(list in manglings()) {
        let valid = requests();
        let mut site = Site::<PDU>::new();
        open(&mut site, ClientConfig::management(CLIENT_TITLE, keys()));
        for (counter, (which, mangling)) in (100..).zip(list) {
            let request: &Vec<u8> = which.get(&valid);
            let sealed = gcm::seal(CLIENT_TITLE, counter, 0xC9, request);
            let mangled = mangling.apply(sealed.clone());
            let label = site.meter.label.clone();
            let reply = site.answer(1, &mangled);
            prop_assert!(!reply.is_empty());
            // The tag of the envelope is not protected, all else is; RLRQ and AARQ stand for themselves.
            if mangled.get(1..) != sealed.get(1..) {
                prop_assert_eq!(&site.meter.label, &label);
                prop_assert!(matches!(reply[0], 0xD8 | 0x61 | 0x63), "{:02x?}", reply);
            }
        }
        is_served(&mut site);
    }

    #[test]
    fn a_challenge_is_answered_by_nothing_mangled(list in manglings()) {
        for (which, mangling) in list {
            let mut site = Site::<PDU>::new();
            let (mut client, mut env) = client(ClientConfig::management(CLIENT_TITLE, keys()));
            let mut collected = Vec::new();
            let aare = site.answer(1, client.associate(&mut env).unwrap());
            client.handle(&aare, &mut collected, &mut env).unwrap();
            let answer = client.request().to_vec();
            let mangled = mangling.apply(answer.clone());
            let sealed = gcm::seal(CLIENT_TITLE, 50, 0xCB, &mangling.apply(which.get(&requests()).clone())[..]);
            site.answer(1, &mangled);
            let same = mangled == answer || mangled.get(1..) == answer.get(1..);
            prop_assert!(!site.server.is_open(Role::Management) || same);
            if sealed.len() <= PDU && !site.server.is_open(Role::Management) {
                site.answer(1, &sealed);
                prop_assert!(!site.server.is_open(Role::Management));
            }
        }
    }

    #[test]
    fn the_client_survives_any_reply(secured: bool, operation in 0_usize..6, list in manglings()) {
        let config = match secured {
            true => ClientConfig::management(CLIENT_TITLE, keys()),
            false => ClientConfig::public(),
        };
        let config = ClientConfig { invoke_ids: InvokeIds::Always(1), ..config };
        let sap = config.client_sap;
        let replies = [
            "c401c1 00 060012d687", "c401c1 01 04", "c402c1 00 00000001 00 04 01020304", "c402c1 01 00000001 00 02 1105",
            "c402c1 01 00000001 01 13", "c403c1 02 00 1105 01 04", "c501c1 00", "c501c1 03", "c701c1 00 00",
            "c701c1 00 01 00 1105", "c701c1 03 00", "d80101", "d8010600000200", "0e010601", "6303800100",
        ].map(hex);
        for (counter, (which, mangling)) in (5000..).zip(list) {
            let mut site = Site::<PDU>::new();
            let (mut client, mut env) = client(config.clone());
            let mut collected = Vec::new();
            client.associate(&mut env).unwrap();
            if operation > 0 {
                assert_eq!(site.run(&mut client, &mut collected, &mut env), Ok(Progress::Associated));
            }
            let now = DateTime::UNSPECIFIED;
            match operation {
                0 => Ok(client.request()),
                1 => client.get(&Query::new(3, ENERGY, 2), &mut env),
                2 => client.get(
                    &Query::new(7, LOAD_PROFILE, 2).selecting(Selection::Range { from: now, to: now }),
                    &mut env,
                ),
                3 => client.get_with_list(&[Query::new(3, ENERGY, 2), Query::new(8, CLOCK, 2)], &mut env),
                4 => client.set(&AttributeDescriptor::new(1, LABEL, 2), &Data::OctetString(b"x"), &mut env),
                _ => client.action(&MethodDescriptor::new(8, CLOCK, 6), Some(&Data::Long(1)), &mut env),
            }.unwrap();
            let genuine = site.answer(sap, client.request());
            let _ = client.handle(&mangling.apply(genuine), &mut collected, &mut env);
            let crafted = mangling.apply(which.get(&replies).clone());
            let crafted = if secured && operation > 0 && crafted.len() < 200 {
                let tag = crafted.first().and_then(|tag| glo_of(*tag)).unwrap_or(0xCC);
                gcm::seal(METER_TITLE, counter, tag, &crafted)
            } else {
                crafted
            };
            let _ = client.handle(&crafted, &mut collected, &mut env);
            // It can always begin anew.
            client.reset();
            client.raise_counter(2_000_000);
            client.associate(&mut env).unwrap();
            prop_assert_eq!(site.run(&mut client, &mut collected, &mut env), Ok(Progress::Associated));
        }
    }
}
