//! Our client reads a server, and a client reads our server, that are both of another implementation: the crate
//! dlms-cosem-rs 0.1.0.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::meter::{ENERGY, LOAD_PROFILE, Load};
use common::{CLIENT_TITLE, METER_TITLE, Site, keys};
use cosem::client::results;
use cosem::{Client, ClientConfig, Data, Progress, Query, Selection};
use dlms_cosem_rs::acse::AuthMechanism;
use dlms_cosem_rs::axdr::Data as ForeignData;
use dlms_cosem_rs::client::{AssociationStep, BlockCollector, ClientSession, Response};
use dlms_cosem_rs::codec::{Encode, Writer};
use dlms_cosem_rs::cosem::AttributeAccess;
use dlms_cosem_rs::obis::Obis as ForeignObis;
use dlms_cosem_rs::security::{
    KeyRing, RandomSource, RustCryptoProvider, SecurityPolicy, SecuritySuite, SystemTitle,
};
use dlms_cosem_rs::server::{ObjectStore, Server, ServerConfig, StoreResult};
use dlms_cosem_rs::xdlms::{AttributeDescriptor, DataAccessResult, SelectiveAccess};
use plc_core::testkit::TestEnvironment;

const ROWS: u32 = 240;

/// Challenges need not be random here, but those of the two sides must differ.
struct Challenge(u8);

impl RandomSource for Challenge {
    fn fill(&self, out: &mut [u8]) -> dlms_cosem_rs::codec::Result<()> {
        (self.0..).zip(out).for_each(|(value, octet)| *octet = value);
        Ok(())
    }
}

fn provider(challenge: u8) -> RustCryptoProvider<Challenge> {
    let keys = keys();
    RustCryptoProvider::with_rng(KeyRing::new(keys.encryption, keys.authentication), Challenge(challenge))
}

/// A register and a profile of [`ROWS`] rows of two numbers.
struct Store;

impl ObjectStore for Store {
    fn get_attribute(
        &self,
        class_id: u16,
        name: ForeignObis,
        attribute: i8,
        access: Option<SelectiveAccess<'_>>,
        out: &mut dyn Writer,
    ) -> StoreResult<()> {
        let bad = |_| DataAccessResult::OtherReason;
        match (class_id, name.as_bytes(), attribute) {
            (3, name, 2) if *name == ENERGY.0 => {
                ForeignData::DoubleLongUnsigned(1_234_567).encode(out).map_err(bad)
            }
            (7, name, 2) if *name == LOAD_PROFILE.0 => {
                let rows = match access {
                    None => 0..ROWS,
                    Some(access) => {
                        let bound =
                            |index| access.parameters.field(index).map_err(bad).map(|data| data.as_u64());
                        let (Some(first), Some(last)) = (bound(0)?, bound(1)?) else {
                            return Err(DataAccessResult::TypeUnmatched);
                        };
                        first as u32 - 1..last as u32
                    }
                };
                out.write_u8(1).map_err(bad)?;
                out.write_length(rows.len()).map_err(bad)?;
                for row in rows {
                    out.write_bytes(&[2, 2]).map_err(bad)?;
                    ForeignData::DoubleLongUnsigned(row * 17).encode(out).map_err(bad)?;
                    ForeignData::LongUnsigned(row as u16).encode(out).map_err(bad)?;
                }
                Ok(())
            }
            _ => Err(DataAccessResult::ObjectUndefined),
        }
    }

    fn attribute_access(&self, _: u16, _: ForeignObis, _: i8) -> AttributeAccess {
        AttributeAccess::READ
    }
}

fn policy(secured: bool) -> SecurityPolicy {
    match secured {
        true => SecurityPolicy::authenticated_encrypted(SecuritySuite::Suite0),
        false => SecurityPolicy::NONE,
    }
}

fn mechanism(secured: bool) -> AuthMechanism {
    if secured { AuthMechanism::HighGmac } else { AuthMechanism::None }
}

/// Our client with a foreign server.
struct Reading {
    server: Server<Store, RustCryptoProvider<Challenge>, 8192>,
    client: Client<1024>,
    env: TestEnvironment,
    collected: Vec<u8>,
}

impl Reading {
    fn new(secured: bool, max_pdu: u16) -> Self {
        let server = Server::new(
            ServerConfig {
                system_title: Some(SystemTitle::new(METER_TITLE.0)),
                mechanism: mechanism(secured),
                security: policy(secured),
                max_pdu_size: 1024,
                ..ServerConfig::default()
            },
            Store,
            provider(0xB0),
        );
        let config = match secured {
            true => ClientConfig::management(CLIENT_TITLE, keys()),
            false => ClientConfig::public(),
        };
        let client = Client::new(ClientConfig { max_pdu, ..config });
        Self { server, client, env: TestEnvironment::new(5), collected: Vec::new() }
    }

    fn run(&mut self) -> Progress {
        loop {
            let mut room = [0; 2048];
            let length = self.server.handle(self.client.request(), &mut room).unwrap();
            match self.client.handle(&room[..length], &mut self.collected, &mut self.env).unwrap() {
                Progress::Send => {}
                done => return done,
            }
        }
    }

    fn get(&mut self, query: Query) -> Data<'_> {
        self.client.get(&query, &mut self.env).unwrap();
        assert_eq!(self.run(), Progress::Value);
        Data::parse(&self.collected).unwrap()
    }
}

#[test]
fn our_client_reads_a_foreign_server() {
    for (secured, max_pdu) in [(false, 1024), (false, 200), (true, 1024), (true, 200)] {
        let mut reading = Reading::new(secured, max_pdu);
        reading.client.associate(&mut reading.env).unwrap();
        assert_eq!(reading.run(), Progress::Associated);
        assert_eq!(reading.get(Query::new(3, ENERGY, 2)), Data::DoubleLongUnsigned(1_234_567));
        let profile = Query::new(7, LOAD_PROFILE, 2);
        let rows = reading.get(profile).elements().unwrap();
        assert_eq!(rows.len(), ROWS as usize);
        for (row, data) in (0..).zip(rows) {
            let wanted = [Data::DoubleLongUnsigned(row * 17), Data::LongUnsigned(row as u16)];
            assert_eq!(data.fields(), Some(wanted));
        }
        let some = reading.get(profile.selecting(Selection::Entries { first: 3, last: 7 }));
        assert_eq!(some.elements().unwrap().len(), 5);
        let list = [Query::new(3, ENERGY, 2), Query::new(3, LOAD_PROFILE, 9)];
        reading.client.get_with_list(&list, &mut reading.env).unwrap();
        assert_eq!(reading.run(), Progress::Value);
        let list: Vec<_> = results(&reading.collected).unwrap().map(Result::unwrap).collect();
        assert_eq!(list[0], Ok(Data::DoubleLongUnsigned(1_234_567)));
        assert!(list[1].is_err());
        reading.client.release().unwrap();
        assert_eq!(reading.run(), Progress::Released);
    }
}

#[test]
fn a_foreign_client_reads_our_server() {
    for (secured, max_pdu_size) in [(false, 1024), (false, 200), (true, 1024), (true, 200), (true, 65535)] {
        let mut site = Site::<1024>::new();
        let sap = if secured { 1 } else { 16 };
        let mut session: ClientSession<_> = ClientSession::new(
            dlms_cosem_rs::client::ClientConfig {
                client_sap: sap as u8,
                system_title: Some(SystemTitle::new(CLIENT_TITLE.0)),
                mechanism: mechanism(secured),
                security: policy(secured),
                max_pdu_size,
                ..Default::default()
            },
            provider(0xA0),
        );
        let mut room = [0; 1024];
        let length = session.associate_request(&mut room).unwrap();
        let mut step = session.handle_associate_response(&site.answer(sap, &room[..length])).unwrap();
        if step == AssociationStep::HlsReplyRequired {
            let length = session.hls_reply_request(&mut room).unwrap();
            step = session.handle_hls_reply_response(&site.answer(sap, &room[..length])).unwrap();
        }
        assert_eq!(step, AssociationStep::Established);

        let descriptor = |class, name: cosem::Obis| AttributeDescriptor::new(class, ForeignObis(name.0), 2);
        let mut plain = [0; 1024];
        let length = session.get_request(descriptor(3, ENERGY), None, &mut room).unwrap();
        let reply = site.answer(sap, &room[..length]);
        let Response::Data(value) = session.handle_response(&reply, &mut plain).unwrap() else {
            panic!("no value: {reply:02x?}")
        };
        assert_eq!(value.as_u64(), Some(1_234_567));

        let mut storage = [0; 8192];
        let mut blocks = BlockCollector::new(&mut storage);
        let mut length = session.get_request(descriptor(7, LOAD_PROFILE), None, &mut room).unwrap();
        loop {
            let reply = site.answer(sap, &room[..length]);
            let Response::Block { last, number, data } = session.handle_response(&reply, &mut plain).unwrap()
            else {
                panic!("no block: {reply:02x?}")
            };
            blocks.push(number, data).unwrap();
            if last {
                break;
            }
            length = session.get_next_block_request(number, &mut room).unwrap();
        }
        let buffer = blocks.value().unwrap();
        let rows = buffer.as_array().unwrap();
        assert_eq!(rows.len(), 96);
        for (row, data) in (0..).zip(rows.iter()) {
            assert_eq!(data.unwrap().field(1).unwrap().as_u64(), Some(u64::from(Load::energy_wh(row))));
        }
        let length = session.release_request(&mut room).unwrap();
        let reply = site.answer(sap, &room[..length]);
        assert!(matches!(session.handle_response(&reply, &mut plain), Ok(Response::Released)));
    }
}
