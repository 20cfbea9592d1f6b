//! The session of digest 1.10 B, recorded between gurux-dlms 1.0.203 and an independent server: our client says what
//! gurux said, our server what that server said.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{hex, keys, meter};
use cosem::axdr::{Data, Encoder};
use cosem::client::InvokeIds;
use cosem::model::{Object, ObjectModel};
use cosem::server::{SENT_RECORD, Server};
use cosem::wrapper;
use cosem::xdlms::{Conformance, DataAccessError, InitiateResponse};
use cosem::{Client, ClientConfig, Obis, Progress, Query, ServerConfig, SystemTitle};
use plc_core::env::{Environment, Store};
use plc_core::testkit::MemoryStore;
use rand_core::{Rng, TryRng};
use std::convert::Infallible;

const CLIENT: SystemTitle = SystemTitle(*b"MMM\0\0\0\0\x01");
const SERVER: SystemTitle = SystemTitle(*b"MMM\0\0\xBCaN");
const CTOS: &str = "4b35366956616759";
const STOC: &str = "503677524a3231465036775200000001";

/// Wrapper datagrams, client and server in turn.
const SESSION: [&str; 10] = [
    "0001 0001 0001 0057 6055a109060760857405080103a60a04084d4d4d00000000018a0207808b0760857405080205ac0a80084b35366956616759
     be230421211f30000000019945ab0e570975ccdf118385675fcd3c22209b0c3fb0e290cc9a",
    "0001 0001 0001 006b 6169a109060760857405080103a203020100a305a10302010ea40a04084d4d4d0000bc614e88020780890760857405080205
     aa128010503677524a3231465036775200000001be230421281f30000001010327d3603c55401db1c3bc088dc3ebb91f6d0f080a5912e0b2c6",
    "0001 0001 0001 0033 cb313000000003603876ab2931261f682cab4c405faa04ed038f35b4891141b72e125140021cf1e32c8014e9fe1ccac4b06132",
    "0001 0001 0001 002c cf2a300000010337dc7d6155eeed4e22ac99c170525829e0e969730e81a00a714d24fb26d2c36ab49ca71103",
    "0001 0001 0001 0020 c81e3000000004c0376965a6e4b79efb8d5539f25b18ea26b43225ccb7a52bdc",
    "0001 0001 0001 001d cc1b30000001045bf051a0b09c97cb476686be934a9ea6cc1095a61c13",
    "0001 0001 0001 0020 c81e3000000005bf31bd453839b5f831049d7c3a1c0659d1f6347c8083d0841c",
    "0001 0001 0001 001c cc1a30000001054eb6a8317993f34bf847b7b415ac5eeea398a12c91",
    "0001 0001 0001 0005 6203800100",
    "0001 0001 0001 0005 6303800100",
];
/// The second GET and its reply where general protection was granted.
const GENERAL: [&str; 2] = [
    "db 08 4d4d4d0000000001 1e 3000000004 c0376965a6e4b79efb8d5539f25b18ea26b43225ccb7a52bdc",
    "db 08 4d4d4d0000bc614e 1b 3000000104 5bf051a0b09c97cb476686be934a9ea6cc1095a61c13",
];

fn apdu(line: usize) -> Vec<u8> {
    let datagram = hex(SESSION[line]);
    let (header, apdu) = wrapper::parse_datagram(&datagram).unwrap();
    let mut again = vec![0; datagram.len()];
    wrapper::emit(header.source, header.destination, apdu, &mut again).unwrap();
    assert_eq!(again, datagram);
    apdu.to_vec()
}

/// Randomness that yields the challenges of the recording.
struct Recorded {
    challenge: Vec<u8>,
    store: MemoryStore,
}

impl Recorded {
    fn new(challenge: &str) -> Self {
        Self { challenge: hex(challenge), store: MemoryStore::default() }
    }
}

impl TryRng for Recorded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        into[..self.challenge.len()].copy_from_slice(&self.challenge);
        Ok(())
    }
}

impl Environment for Recorded {
    fn rng(&mut self) -> &mut dyn Rng {
        self
    }

    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }
}

/// The register of the recording: a double-long-unsigned of 1234567, in Wh.
struct Recording;

impl ObjectModel for Recording {
    fn object(&self, index: usize) -> Option<Object> {
        let object = Object {
            class_id: 3,
            version: 0,
            name: meter::ENERGY,
            attributes: &cosem::classes::Register::ATTRIBUTES,
            methods: &[],
        };
        (index == 0).then_some(object)
    }

    fn get(&self, _: &Object, attribute: i8, out: &mut Encoder<'_>) -> Result<(), DataAccessError> {
        use cosem::classes::{Number, Register, Unit};
        Register { value: Number::U32(1_234_567), scaler: 0, unit: Unit::WATT_HOUR }.get(attribute, out)
    }

    fn set(&mut self, _: &Object, _: i8, _: Data<'_>) -> Result<(), DataAccessError> {
        Err(DataAccessError::ReadWriteDenied)
    }

    fn action(
        &mut self,
        _: &Object,
        _: i8,
        _: Option<Data<'_>>,
        _: &mut Encoder<'_>,
    ) -> Result<(), DataAccessError> {
        Err(DataAccessError::ReadWriteDenied)
    }
}

#[test]
fn our_client_says_what_was_recorded() {
    let mut config = ClientConfig::management(CLIENT, keys());
    config.conformance = Conformance(0x40_1E5D);
    config.max_pdu = 0xFFFF;
    config.invoke_ids = InvokeIds::Always(1);
    if let Some(security) = &mut config.security {
        security.challenge_len = 8;
    }
    let mut client = Client::<1024>::new(config);
    let mut env = Recorded::new(CTOS);
    let mut collected = Vec::new();
    let energy = Obis::new(1, 0, 1, 8, 0, 255);

    assert_eq!(client.associate(&mut env).unwrap(), apdu(0));
    assert_eq!(client.handle(&apdu(1), &mut collected, &mut env), Ok(Progress::Send));
    assert_eq!(client.request(), apdu(2));
    assert_eq!(client.handle(&apdu(3), &mut collected, &mut env), Ok(Progress::Associated));
    assert_eq!(client.server_title(), SERVER);
    assert!(client.conformance().has(Conformance::GET.with(Conformance::BLOCK_GET)));
    assert_eq!(client.get(&Query::new(3, energy, 3), &mut env).unwrap(), apdu(4));
    assert_eq!(client.handle(&apdu(5), &mut collected, &mut env), Ok(Progress::Value));
    assert_eq!(collected, hex("02020f00161e"));
    assert_eq!(client.get(&Query::new(3, energy, 2), &mut env).unwrap(), apdu(6));
    assert_eq!(client.handle(&apdu(7), &mut collected, &mut env), Ok(Progress::Value));
    assert_eq!(Data::parse(&collected), Ok(Data::DoubleLongUnsigned(1_234_567)));
    assert_eq!(client.release().unwrap(), apdu(8));
    assert_eq!(client.handle(&apdu(9), &mut collected, &mut env), Ok(Progress::Released));
}

#[test]
fn our_server_says_what_was_recorded() {
    let (mut server, mut env) = recorded_server();
    let mut answer = |request: &[u8]| {
        let mut out = [0; 1024];
        let length = server.handle(1, request, &mut Recording, &mut env, &mut out).unwrap();
        out[..length].to_vec()
    };
    // The recorded server answers the whole of its conformance, ours what both have in common; so the encrypted
    // InitiateResponse differs, and nothing else of the AARE.
    let (ours, recorded) = (answer(&apdu(0)), apdu(1));
    let information = recorded.len() - 14 - 12;
    assert_eq!(ours[..information], recorded[..information]);
    assert_eq!(ours.len(), recorded.len());
    let decrypt = |aare: &[u8]| common::gcm::open(SERVER, 0x101, &aare[information..]).unwrap();
    assert_eq!(decrypt(&recorded), hex("0800065f1f0400007e1f04000007"));
    let ours = InitiateResponse::parse(&decrypt(&ours)).unwrap();
    assert_eq!((ours.version, ours.max_pdu), (6, 1024));
    assert_eq!(ours.conformance, Conformance(0x40_1E5D) & cosem::server::CONFORMANCE);
    for line in [2, 4, 6, 8] {
        assert_eq!(answer(&apdu(line)), apdu(line + 1), "answer to line {line}");
    }
}

#[test]
fn our_server_answers_general_protection_with_general_protection() {
    let (mut server, mut env) = recorded_server();
    let mut out = [0; 1024];
    for line in [0, 2] {
        server.handle(1, &apdu(line), &mut Recording, &mut env, &mut out).unwrap();
    }
    let length = server.handle(1, &hex(GENERAL[0]), &mut Recording, &mut env, &mut out).unwrap();
    assert_eq!(out[..length], hex(GENERAL[1]));
}

fn recorded_server() -> (Server, Recorded) {
    let mut env = Recorded::new(STOC);
    env.store.save(SENT_RECORD, &0x101_u32.to_be_bytes()).unwrap();
    (Server::new(ServerConfig::new(SERVER, b"MMM0000012345678", keys())), env)
}
