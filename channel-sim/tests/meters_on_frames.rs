//! The whole meter, with its COSEM server, on frames instead of samples.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed helper fails its test")]

use channel_sim::frames::domain::{Domain, FrameNode};
use channel_sim::frames::meter::Mailbox;
use channel_sim::frames::network::{NetworkPlan, Pattern, medium};
use channel_sim::frames::table::Table;
use channel_sim::scenario::Scenario;
use cosem::client::{Client, ClientConfig, ClientError, Query};
use cosem::security::{Keys, SystemTitle};
use cosem::{Data, classes};
use g3_mac::StackConfig;
use g3_mac::ipv6::LinkLocal;
use g3_mac::mac::Gmk;
use g3_phy::Modulation;
use g3_phy::primitives::{Event, Request};
use modem_fw::metering::MeteringConfig;
use modem_fw::node::Node;
use modem_fw::objects::{Identity, PublicAccess, SERIAL_NUMBER};
use modem_fw::reader::{Reader, ReaderConfig};
use modem_fw::{MeterConfig, MeterOf};
use plc_core::address::ShortAddress;
use plc_core::env::Environment;
use plc_core::testkit::TestEnvironment;
use plc_core::time::{Instant, seconds};

type ReaderNode = Node<Reader<2_000>, TestEnvironment, Mailbox>;
type MeterNode = MeterOf<TestEnvironment, 96, Mailbox>;

enum Modem {
    Reader(Box<ReaderNode>),
    Meter(Box<MeterNode>),
}

impl FrameNode for Modem {
    fn phy_event(&mut self, now: Instant, event: &Event) {
        match self {
            Self::Reader(node) => FrameNode::phy_event(node, now, event),
            Self::Meter(meter) => FrameNode::phy_event(meter, now, event),
        }
    }

    fn run(&mut self, now: Instant, requests: &mut Vec<Request>) -> Option<Instant> {
        match self {
            Self::Reader(node) => FrameNode::run(node, now, requests),
            Self::Meter(meter) => FrameNode::run(meter, now, requests),
        }
    }
}

fn stack(scenario: &Scenario, address: ShortAddress) -> StackConfig {
    StackConfig {
        modulation: Modulation::Dbpsk,
        ..StackConfig::cenelec_a(scenario.pan_id, address, Gmk(scenario.group_master_key()))
    }
}

/// The village's meters, and at its busbar a reader of one of them.
fn village(read: ShortAddress) -> Domain<Modem> {
    let scenario = Scenario::village(3);
    let own = LinkLocal::of(scenario.pan_id, ShortAddress::COORDINATOR);
    let config = ReaderConfig::new(own, LinkLocal::of(scenario.pan_id, read), ClientConfig::public());
    let reader = Node::with_phy(
        stack(&scenario, ShortAddress::COORDINATOR),
        Mailbox::default(),
        Reader::new(config),
        TestEnvironment::new(99),
    )
    .unwrap();
    let mut modems = vec![Modem::Reader(Box::new(reader))];
    for spec in scenario.meters() {
        let config = MeterConfig {
            stack: stack(&scenario, spec.short_address),
            metering: MeteringConfig::default(),
            identity: Identity {
                serial_number: spec.serial.as_str().try_into().unwrap(),
                logical_device_name: spec.logical_device_name.as_str().try_into().unwrap(),
            },
            public: PublicAccess::Identity,
            system_title: SystemTitle(spec.system_title),
            keys: Keys { encryption: spec.keys.encryption, authentication: spec.keys.authentication },
            port: g3_mac::udp::DLMS_PORT,
        };
        let environment = TestEnvironment::new(u64::from(spec.short_address.0));
        let meter = MeterNode::with_phy(config, Mailbox::default(), environment).unwrap();
        modems.push(Modem::Meter(Box::new(meter)));
    }
    let plan = NetworkPlan {
        modulation: Modulation::Dbpsk,
        octets: 40,
        load: 0.0,
        pattern: Pattern::Both,
        seed: 3,
        table: Table::built_in(),
    };
    medium(&scenario, modems, &plan).unwrap()
}

fn operate(
    domain: &mut Domain<Modem>,
    begin: impl FnOnce(&mut Client, &mut dyn Environment) -> Result<(), ClientError>,
) -> Vec<u8> {
    let Modem::Reader(node) = &mut domain.nodes_mut()[0] else { panic!("the reader comes first") };
    let (reader, environment) = node.application_mut();
    reader.start(environment, begin);
    domain.poke(0);
    for _ in 0..60 {
        domain.run_until(domain.now() + seconds(1));
        let Modem::Reader(node) = &mut domain.nodes_mut()[0] else { panic!("the reader comes first") };
        let (reader, _) = node.application_mut();
        if let Some(outcome) = reader.take_outcome() {
            outcome.unwrap();
            return node.application().value().to_vec();
        }
    }
    panic!("no answer within a minute of virtual time");
}

#[test]
fn a_client_associates_with_the_firmwares_meter_and_reads_its_serial_number() {
    let mut domain = village(ShortAddress(7));
    operate(&mut domain, |client, environment| client.associate(environment).map(|_| ()));
    let serial = Query::new(classes::DATA, SERIAL_NUMBER, 2);
    let value = operate(&mut domain, |client, environment| client.get(&serial, environment).map(|_| ()));
    assert_eq!(Data::parse(&value).unwrap().as_octets(), Some(&b"26000007"[..]));
    assert!(domain.counts().data_sent >= 4, "{:?}", domain.counts());
}
