use super::*;
use crate::metering::MeteringConfig;
use crate::objects::{IMPORTED_ENERGY, SERIAL_NUMBER};
use cosem::Data;
use cosem::classes::{DATA, REGISTER};
use cosem::client::{Client, ClientConfig, ClientError, Progress, Query};
use cosem::security::{Keys, SystemTitle};
use cosem::server::ServerConfig;
use g3_mac::adaptation::AdpdDataIndication;
use g3_mac::udp::DLMS_PORT;
use plc_core::address::{PanId, ShortAddress};
use plc_core::testkit::{MemoryStore, TestEnvironment, check_contract};
use proptest::prelude::*;
use std::vec::Vec;

const PAN: PanId = PanId(0x781D);
const METER: LinkLocal = LinkLocal::of(PAN, ShortAddress(1));
const CONCENTRATOR: LinkLocal = LinkLocal::of(PAN, ShortAddress(0));
const PORT_OF_CLIENT: u16 = 50_000;
const SERIAL_QUERY: Query = Query::new(DATA, SERIAL_NUMBER, 2);
const ENERGY_QUERY: Query = Query::new(REGISTER, IMPORTED_ENERGY, 2);

type TestApplication = MeterApplication<10>;

fn keys() -> Keys {
    Keys { encryption: [1; 16], authentication: [2; 16] }
}

fn management() -> ClientConfig {
    ClientConfig::management(SystemTitle(*b"BSBDC\0\0\x01"), keys())
}

/// A meter, and the clients' side of its packets.
struct Bench {
    application: TestApplication,
    environment: TestEnvironment,
    clients: TestEnvironment,
}

impl Bench {
    fn new(store: MemoryStore) -> Self {
        let mut environment = TestEnvironment::new(1);
        environment.store = store;
        let config = MeteringConfig { time: Utc::from_unix_s(0), ..MeteringConfig::default() };
        let server = ServerConfig::new(SystemTitle(*b"BSB\0\0\0\0\x01"), b"BSB1", keys());
        let identity = Identity {
            serial_number: "1".try_into().unwrap(),
            logical_device_name: "BSB1".try_into().unwrap(),
        };
        let metering = Metering::new(&config, &mut environment.store);
        let application = MeterApplication::new(
            metering,
            Server::new(server),
            identity,
            PublicAccess::Identity,
            METER,
            DLMS_PORT,
        );
        Self { application, environment, clients: TestEnvironment::new(2) }
    }

    /// Hands a packet to the meter and returns its answer.
    fn packet(&mut self, packet: &[u8]) -> Option<Packet> {
        let nsdu = Packet::from_slice(packet).unwrap();
        let indication = AdpdDataIndication { nsdu, source: ShortAddress(0), lqi: 100 };
        let now = Instant::from_ticks(600);
        self.application.handle(now, &mut self.environment, AdaptationEvent::Indication(&indication));
        let (mut requests, until) = check_contract(&mut self.application, now, &mut self.environment);
        assert_eq!(until, None);
        assert!(requests.len() <= 1);
        requests.pop().map(|request| request.nsdu)
    }

    /// Sends what the client wants to send, and hands it the answer.
    fn exchange<const PDU: usize>(
        &mut self,
        client: &mut Client<PDU>,
        value: &mut Vec<u8>,
    ) -> Result<Progress, ClientError> {
        let mut wrapped = [0; 1_100];
        let length = wrapper::emit(
            client.config().client_sap,
            client.config().server_sap,
            client.request(),
            &mut wrapped,
        )
        .unwrap();
        let reply = self.packet(&request_packet(&wrapped[..length])).unwrap();
        let reply = Datagram::parse(&reply).unwrap();
        assert_eq!((reply.source, reply.destination), (METER.address(), CONCENTRATOR.address()));
        assert_eq!((reply.source_port, reply.destination_port), (DLMS_PORT, PORT_OF_CLIENT));
        let (header, apdu) = wrapper::parse_datagram(reply.payload).unwrap();
        assert_eq!((header.source, header.destination), (1, client.config().client_sap));
        client.handle(apdu, value, &mut self.clients)
    }

    fn associate(&mut self, client: &mut Client) {
        client.associate(&mut self.clients).unwrap();
        let mut value = Vec::new();
        let mut progress = self.exchange(client, &mut value).unwrap();
        while progress == Progress::Send {
            progress = self.exchange(client, &mut value).unwrap();
        }
        assert_eq!(progress, Progress::Associated);
    }

    fn get(&mut self, client: &mut Client, query: &Query) -> Result<Vec<u8>, ClientError> {
        client.get(query, &mut self.clients)?;
        let mut value = Vec::new();
        while self.exchange(client, &mut value)? == Progress::Send {}
        Ok(value)
    }

    /// The invocation counter of the meter's answer to a ciphered request.
    fn counter_of_answer(&mut self, client: &mut Client) -> u32 {
        client.get(&SERIAL_QUERY, &mut self.clients).unwrap();
        let mut wrapped = [0; 1_100];
        let length = wrapper::emit(1, 1, client.request(), &mut wrapped).unwrap();
        let reply = self.packet(&request_packet(&wrapped[..length])).unwrap();
        let apdu = Datagram::parse(&reply).unwrap().payload[wrapper::HEADER_LEN..].to_vec();
        client.handle(&apdu, &mut Vec::new(), &mut self.clients).unwrap();
        // glo-get-response, length, security control, invocation counter (digest 1.7).
        assert_eq!((apdu[0], apdu[2]), (0xCC, 0x30));
        u32::from_be_bytes([apdu[3], apdu[4], apdu[5], apdu[6]])
    }
}

fn request_packet(payload: &[u8]) -> Packet {
    Datagram { source_port: PORT_OF_CLIENT, ..datagram(payload) }.emit().unwrap()
}

fn datagram(payload: &[u8]) -> Datagram<'_> {
    Datagram::link_local(PAN, ShortAddress(0), ShortAddress(1), DLMS_PORT, DLMS_PORT, payload)
}

/// An AARQ of the public client without security (digest 1.10).
const AARQ: [u8; 31] = [
    0x60, 0x1D, 0xA1, 0x09, 0x06, 0x07, 0x60, 0x85, 0x74, 0x05, 0x08, 0x01, 0x01, 0xBE, 0x10, 0x04, 0x0E,
    0x01, 0x00, 0x00, 0x00, 0x06, 0x5F, 0x1F, 0x04, 0x00, 0x00, 0x7E, 0x1F, 0x04, 0xB0,
];

fn wrapped_aarq(server: u16) -> Vec<u8> {
    let mut wrapped = [0; 64];
    let length = wrapper::emit(16, server, &AARQ, &mut wrapped).unwrap();
    wrapped[..length].to_vec()
}

#[test]
fn a_request_is_answered_to_the_port_it_came_from() {
    let mut bench = Bench::new(MemoryStore::default());
    let reply = bench.packet(&request_packet(&wrapped_aarq(1))).unwrap();
    let reply = Datagram::parse(&reply).unwrap();
    assert_eq!((reply.source_port, reply.destination_port), (DLMS_PORT, PORT_OF_CLIENT));
    assert_eq!(reply.payload[wrapper::HEADER_LEN], 0x61, "AARE");
    assert_eq!(*bench.application.counters(), ApplicationCounters { answered: 1, ..Default::default() });
}

#[test]
fn what_is_not_for_the_server_is_not_answered() {
    let mut bench = Bench::new(MemoryStore::default());
    let aarq = wrapped_aarq(1);
    let other_port = Datagram { destination_port: 4_060, ..datagram(&aarq) };
    let other_meter =
        Datagram { destination: LinkLocal::of(PAN, ShortAddress(2)).address(), ..datagram(&aarq) };
    let other_device = wrapped_aarq(2);
    let truncated = datagram(&aarq[..20]);
    for (number, packet) in [other_port, other_meter, datagram(&other_device), truncated].iter().enumerate() {
        assert_eq!(bench.packet(&packet.emit().unwrap()), None);
        assert_eq!(bench.application.counters().ignored as usize, number + 1);
    }
    assert_eq!(bench.application.counters().answered, 0);
}

#[test]
fn two_clients_are_served_in_turn() {
    let mut bench = Bench::new(MemoryStore::default());
    let (mut public, mut management) = (Client::new(ClientConfig::public()), Client::new(management()));
    bench.associate(&mut public);
    bench.associate(&mut management);
    for _ in 0..3 {
        let serial = bench.get(&mut public, &SERIAL_QUERY).unwrap();
        assert_eq!(Data::parse(&serial).unwrap().as_octets(), Some(b"1".as_slice()));
        let energy = bench.get(&mut management, &ENERGY_QUERY).unwrap();
        assert_eq!(Data::parse(&energy).unwrap().as_i64(), Some(0));
        assert!(matches!(bench.get(&mut public, &ENERGY_QUERY), Err(ClientError::DataAccess(_))));
    }
}

#[test]
fn a_failing_store_stops_the_answers_before_a_counter_repeats() {
    let mut bench = Bench::new(MemoryStore::default());
    let mut client = Client::new(management());
    bench.associate(&mut client);
    bench.environment.store.failing = true;
    let mut last = None;
    for _ in 0..2_000 {
        client.get(&SERIAL_QUERY, &mut bench.clients).unwrap();
        let mut wrapped = [0; 1_100];
        let length = wrapper::emit(1, 1, client.request(), &mut wrapped).unwrap();
        let Some(reply) = bench.packet(&request_packet(&wrapped[..length])) else { break };
        let reply = Datagram::parse(&reply).unwrap();
        let apdu = &reply.payload[wrapper::HEADER_LEN..];
        client.handle(apdu, &mut Vec::new(), &mut bench.clients).unwrap();
        last = Some(u32::from_be_bytes(apdu[3..7].try_into().unwrap()));
    }
    assert_eq!(bench.application.counters().failed, 1);
    let mut store = bench.environment.store.clone();
    store.failing = false;
    let mut restarted = Bench { clients: bench.clients, ..Bench::new(store) };
    client.abandon();
    restarted.associate(&mut client);
    assert!(Some(restarted.counter_of_answer(&mut client)) > last);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The power fails after any number of answers, again and again.
    #[test]
    fn no_invocation_counter_is_used_twice_over_power_failures(runs in proptest::collection::vec(1_usize..40, 1..8)) {
        let mut bench = Bench::new(MemoryStore::default());
        let mut client = Client::new(management());
        let mut last = 0;
        for answers in runs {
            bench.associate(&mut client);
            for _ in 0..answers {
                let counter = bench.counter_of_answer(&mut client);
                prop_assert!(counter > last, "{} after {}", counter, last);
                last = counter;
            }
            let store = bench.environment.store.clone();
            bench = Bench { clients: bench.clients, ..Bench::new(store) };
        }
    }

    #[test]
    fn packets_of_any_octets_never_panic(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
        Bench::new(MemoryStore::default()).packet(&packet);
    }

    #[test]
    fn apdus_of_any_octets_are_answered(apdu in proptest::collection::vec(any::<u8>(), 0..200), client in prop_oneof![Just(1_u16), Just(16), any::<u16>()]) {
        let mut bench = Bench::new(MemoryStore::default());
        let mut wrapped = [0; 300];
        let length = wrapper::emit(client, 1, &apdu, &mut wrapped).unwrap();
        prop_assert!(bench.packet(&request_packet(&wrapped[..length])).is_some());
    }
}
