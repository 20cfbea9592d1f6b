//! Client and server of this crate with each other.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::meter::{CLOCK, ENERGY, LABEL, LOAD_PROFILE, Load, MIDNIGHT};
use common::{CLIENT_TITLE, Site, keys};
use cosem::axdr::{Data, Encoder};
use cosem::client::{ClientError, results};
use cosem::model::Role;
use cosem::server::{CURRENT_ASSOCIATION, INVOCATION_COUNTER};
use cosem::xdlms::{AttributeDescriptor, Conformance, DataAccessError, MethodDescriptor, ServiceException};
use cosem::{Client, ClientConfig, DateTime, Obis, Progress, Query, Selection};
use plc_core::testkit::TestEnvironment;
use proptest::prelude::*;
use std::collections::BTreeSet;

const ENERGY_VALUE: Query = Query::new(3, ENERGY, 2);
const LOAD_BUFFER: Query = Query::new(7, LOAD_PROFILE, 2);
const OBJECT_LIST: Query = Query::new(15, CURRENT_ASSOCIATION, 2);

struct Session<const PDU: usize, const CLIENT_PDU: usize> {
    site: Site<PDU>,
    client: Client<CLIENT_PDU>,
    env: TestEnvironment,
    collected: Vec<u8>,
}

impl<const PDU: usize, const CLIENT_PDU: usize> Session<PDU, CLIENT_PDU> {
    fn open(config: ClientConfig) -> Self {
        let mut session = Self {
            site: Site::new(),
            client: Client::new(config),
            env: TestEnvironment::new(2),
            collected: Vec::new(),
        };
        session.client.associate(&mut session.env).unwrap();
        assert_eq!(session.run(), Ok(Progress::Associated));
        // What comes before is not bounded by what is agreed there.
        session.site.longest = 0;
        session
    }

    fn public(max_pdu: u16) -> Self {
        Self::open(ClientConfig { max_pdu, ..ClientConfig::public() })
    }

    fn management(max_pdu: u16) -> Self {
        Self::open(ClientConfig { max_pdu, ..ClientConfig::management(CLIENT_TITLE, keys()) })
    }

    fn run(&mut self) -> Result<Progress, ClientError> {
        self.site.run(&mut self.client, &mut self.collected, &mut self.env)
    }

    fn get(&mut self, query: Query) -> Result<Data<'_>, ClientError> {
        self.client.get(&query, &mut self.env)?;
        assert_eq!(self.run()?, Progress::Value);
        Ok(Data::parse(&self.collected)?)
    }
}

#[test]
fn the_public_client_reads_but_does_not_write() {
    let mut session = Session::<1024, 1024>::public(1024);
    assert_eq!(session.get(ENERGY_VALUE), Ok(Data::DoubleLongUnsigned(1_234_567)));
    let time = session.get(Query::new(8, CLOCK, 2)).unwrap().as_date_time().unwrap();
    assert_eq!((time.hour, time.deviation_min), (18, -60));
    let label = AttributeDescriptor::new(1, LABEL, 2);
    session.client.set(&label, &Data::OctetString(b"x"), &mut session.env).unwrap();
    assert_eq!(session.run(), Err(ClientError::DataAccess(DataAccessError::ReadWriteDenied)));
    let shift = MethodDescriptor::new(8, CLOCK, 6);
    session.client.action(&shift, Some(&Data::Long(5)), &mut session.env).unwrap();
    assert_eq!(session.run(), Err(ClientError::DataAccess(DataAccessError::ReadWriteDenied)));
    let denied = Err(ClientError::DataAccess(DataAccessError::ReadWriteDenied));
    assert_eq!(session.get(Query::new(64, Obis::new(0, 0, 43, 0, 0, 255), 2)), denied);
    session.client.release().unwrap();
    assert_eq!(session.run(), Ok(Progress::Released));
    assert!(!session.site.server.is_open(Role::Public));
}

#[test]
fn management_reads_writes_and_calls() {
    let mut session = Session::<1024, 1024>::management(1024);
    assert_eq!(session.get(ENERGY_VALUE), Ok(Data::DoubleLongUnsigned(1_234_567)));
    let label = AttributeDescriptor::new(1, LABEL, 2);
    session.client.set(&label, &Data::OctetString(b"cellar"), &mut session.env).unwrap();
    assert_eq!(session.run(), Ok(Progress::Written));
    assert_eq!(session.site.meter.label, b"cellar");
    let before = session.site.meter.now;
    let shift = MethodDescriptor::new(8, CLOCK, 6);
    session.client.action(&shift, Some(&Data::Long(-30)), &mut session.env).unwrap();
    assert_eq!(session.run(), Ok(Progress::Called));
    assert_eq!(session.site.meter.now, before - 30);
    session.client.release().unwrap();
    assert_eq!(session.run(), Ok(Progress::Released));
}

#[test]
fn both_associations_are_open_at_once() {
    let mut session = Session::<1024, 1024>::management(1024);
    let mut public = Client::<1024>::new(ClientConfig::public());
    let mut env = TestEnvironment::new(3);
    let mut collected = Vec::new();
    public.associate(&mut env).unwrap();
    assert_eq!(session.site.run(&mut public, &mut collected, &mut env), Ok(Progress::Associated));
    public.get(&Query::new(1, INVOCATION_COUNTER, 2), &mut env).unwrap();
    assert_eq!(session.site.run(&mut public, &mut collected, &mut env), Ok(Progress::Value));
    let counter = Data::parse(&collected).unwrap().as_i64().unwrap();
    assert!(counter >= 3, "AARQ, challenge and action were numbers 1 to 3, the meter says {counter}");
    assert_eq!(session.get(ENERGY_VALUE), Ok(Data::DoubleLongUnsigned(1_234_567)));
}

#[test]
fn a_load_profile_comes_in_blocks_of_any_size() {
    // 0 and 65535: no limit but the server's own.
    for max_pdu in [0, 64, 65, 77, 128, 300, 1024, 65535] {
        for mut session in [Session::<1024, 1024>::public(max_pdu), Session::management(max_pdu)] {
            let load = session.get(LOAD_BUFFER).unwrap();
            let rows = load.elements().unwrap();
            assert_eq!(rows.len(), 96);
            for (row, data) in rows.iter().enumerate() {
                let [time, energy, status] = data.fields().unwrap();
                let captured = time.as_date_time().unwrap().to_unix(0);
                assert_eq!(captured, Some(MIDNIGHT + row as i64 * 900));
                assert_eq!(energy, Data::DoubleLongUnsigned(Load::energy_wh(row as u64)));
                assert_eq!(status, Data::Unsigned(0));
            }
            let limit = if max_pdu == 0 { 1024 } else { usize::from(max_pdu).min(1024) };
            assert!(session.site.longest <= limit, "{} of {limit}", session.site.longest);
        }
    }
}

#[test]
fn a_range_of_the_load_profile_is_selected() {
    let mut session = Session::<1024, 1024>::management(200);
    let at = |minutes: i64| DateTime::from_unix(MIDNIGHT + minutes * 60, -60, false);
    let load = session.get(LOAD_BUFFER.selecting(Selection::Range { from: at(60), to: at(180) })).unwrap();
    let rows = load.elements().unwrap();
    assert_eq!(rows.len(), 9);
    let [_, first, _] = rows.get(0).unwrap().fields().unwrap();
    assert_eq!(first, Data::DoubleLongUnsigned(Load::energy_wh(4)));
    let entries = Selection::Entries { first: 96, last: 0 };
    assert_eq!(session.get(LOAD_BUFFER.selecting(entries)).unwrap().elements().unwrap().len(), 1);
    let refused = session.get(ENERGY_VALUE.selecting(entries));
    assert_eq!(refused, Err(ClientError::DataAccess(DataAccessError::ScopeOfAccessViolated)));
}

#[test]
fn rows_captured_or_forgotten_during_a_transfer_do_no_harm() {
    let mut session = Session::<1024, 1024>::public(128);
    session.client.get(&LOAD_BUFFER, &mut session.env).unwrap();
    let mut reply = session.site.answer(16, session.client.request());
    session.site.meter.load.rows = 1..97;
    while session.client.handle(&reply, &mut session.collected, &mut session.env) == Ok(Progress::Send) {
        reply = session.site.answer(16, session.client.request());
    }
    assert_eq!(Data::parse(&session.collected).unwrap().elements().unwrap().len(), 96);

    session.client.get(&LOAD_BUFFER, &mut session.env).unwrap();
    let reply = session.site.answer(16, session.client.request());
    session.site.meter.load.rows = 90..180;
    assert_eq!(session.client.handle(&reply, &mut session.collected, &mut session.env), Ok(Progress::Send));
    let aborted = ClientError::DataAccess(DataAccessError::LongGetAborted);
    assert_eq!(session.run(), Err(aborted));
}

#[test]
fn the_object_list_shows_what_a_role_may_do() {
    let mut public = Session::<1024, 1024>::public(65535);
    let names = |data: Data<'_>| -> Vec<Obis> {
        let objects = data.elements().unwrap();
        objects.iter().map(|object| object.fields::<4>().unwrap()[2].as_obis().unwrap()).collect()
    };
    let seen = names(public.get(OBJECT_LIST).unwrap());
    let mut management = Session::<1024, 1024>::management(65535);
    let all = names(management.get(OBJECT_LIST).unwrap());
    assert_eq!(all.len(), 12);
    let hidden: Vec<_> = all.iter().filter(|name| !seen.contains(name)).collect();
    assert_eq!(hidden, [&Obis::new(0, 0, 40, 0, 2, 255), &Obis::new(0, 0, 43, 0, 0, 255)]);
    assert!(seen.contains(&LOAD_PROFILE) && management.site.replies > 2);
    // Of the label, the public client may read attribute 2, management also write it.
    for (session, mode) in [(&mut public, 1), (&mut management, 3)] {
        let list = session.get(OBJECT_LIST).unwrap().elements().unwrap();
        let label = list.iter().find(|object| object.fields::<4>().unwrap()[2].as_obis() == Some(LABEL));
        let [.., rights] = label.unwrap().fields::<4>().unwrap();
        let [attributes, _] = rights.fields().unwrap();
        let [id, access, _] = attributes.elements().unwrap().get(1).unwrap().fields().unwrap();
        assert_eq!((id, access), (Data::Integer(2), Data::Enum(mode)));
    }
}

#[test]
fn a_list_has_a_result_for_each_attribute() {
    let queries = [
        ENERGY_VALUE,
        Query::new(3, Obis::new(1, 0, 9, 9, 9, 255), 2),
        Query::new(4, ENERGY, 2),
        LOAD_BUFFER.selecting(Selection::Entries { first: 1, last: 20 }),
        Query::new(8, CLOCK, 3),
    ];
    for max_pdu in [64, 150, 1024] {
        let mut session = Session::<1024, 1024>::public(max_pdu);
        // With the client's requests as long as that.
        session.client.get_with_list(&queries, &mut session.env).unwrap();
        assert_eq!(session.run(), Ok(Progress::Value));
        let results: Vec<_> = results(&session.collected).unwrap().map(Result::unwrap).collect();
        assert_eq!(results.len(), 5);
        assert_eq!(results[0], Ok(Data::DoubleLongUnsigned(1_234_567)));
        assert_eq!(results[1], Err(DataAccessError::ObjectUndefined));
        assert_eq!(results[2], Err(DataAccessError::ObjectClassInconsistent));
        assert_eq!(results[3].unwrap().elements().unwrap().len(), 20);
        assert_eq!(results[4], Ok(Data::Long(-60)));
    }
}

#[test]
fn a_lost_reply_comes_again_for_the_same_request() {
    for mut session in [Session::<1024, 1024>::public(128), Session::management(128)] {
        let sap = session.client.config().client_sap;
        session.client.get(&LOAD_BUFFER, &mut session.env).unwrap();
        loop {
            let request = session.client.request().to_vec();
            let lost = session.site.answer(sap, &request);
            let reply = session.site.answer(sap, &request);
            // A plain GET begins again, which gives the same block.
            assert_eq!(lost, reply);
            let progress = session.client.handle(&reply, &mut session.collected, &mut session.env).unwrap();
            if progress == Progress::Value {
                break;
            }
            // The first reply was only late.
            assert_eq!(
                session.client.handle(&lost, &mut session.collected, &mut session.env),
                Ok(Progress::Ignored)
            );
        }
        assert_eq!(Data::parse(&session.collected).unwrap().elements().unwrap().len(), 96);
    }
}

#[test]
fn replayed_requests_are_refused_with_the_counter_that_is_expected() {
    let mut session = Session::<1024, 1024>::management(1024);
    session.client.get(&ENERGY_VALUE, &mut session.env).unwrap();
    let recorded = session.client.request().to_vec();
    assert_eq!(session.run(), Ok(Progress::Value));
    session.get(ENERGY_VALUE).unwrap();
    let refused = session.site.answer(1, &recorded);
    let exception = ServiceException::parse(&refused).unwrap();
    assert_eq!(exception, ServiceException::InvocationCounter(6));
    assert_eq!(session.get(ENERGY_VALUE), Ok(Data::DoubleLongUnsigned(1_234_567)));
}

#[test]
fn a_client_that_lost_its_counter_catches_up() {
    let mut session = Session::<1024, 1024>::management(1024);
    for _ in 0..10 {
        session.get(ENERGY_VALUE).unwrap();
    }
    let mut forgetful = Client::<1024>::new(session.client.config().clone());
    let mut env = TestEnvironment::new(9);
    forgetful.associate(&mut env).unwrap();
    let refused = session.site.run(&mut forgetful, &mut session.collected, &mut env);
    assert_eq!(refused, Err(ClientError::Exception(ServiceException::InvocationCounter(14))));
    assert!(session.site.server.is_open(Role::Management), "the first client is still served");
    forgetful.associate(&mut env).unwrap();
    assert_eq!(session.site.run(&mut forgetful, &mut session.collected, &mut env), Ok(Progress::Associated));
}

#[test]
fn what_was_not_agreed_on_is_not_supported() {
    let config = ClientConfig::management(CLIENT_TITLE, keys());
    let mut session = Session::<1024, 1024>::open(ClientConfig { conformance: Conformance::GET, ..config });
    assert_eq!(session.client.conformance(), Conformance::GET);
    let refused = Err(ClientError::Exception(ServiceException::NotSupported));
    let label = AttributeDescriptor::new(1, LABEL, 2);
    session.client.set(&label, &Data::OctetString(b"x"), &mut session.env).unwrap();
    assert_eq!(session.run(), refused);
    session.client.get_with_list(&[ENERGY_VALUE], &mut session.env).unwrap();
    assert_eq!(session.run(), refused);
    let shift = MethodDescriptor::new(8, CLOCK, 6);
    session.client.action(&shift, Some(&Data::Long(1)), &mut session.env).unwrap();
    assert_eq!(session.run(), refused);
    let first = Selection::Entries { first: 1, last: 1 };
    session.client.get(&LOAD_BUFFER.selecting(first), &mut session.env).unwrap();
    assert_eq!(session.run(), refused);
    // 96 rows do not fit, and blocks were not agreed on either.
    let unavailable = ClientError::DataAccess(DataAccessError::DataBlockUnavailable);
    assert_eq!(session.get(LOAD_BUFFER), Err(unavailable));
    assert_eq!(session.get(ENERGY_VALUE), Ok(Data::DoubleLongUnsigned(1_234_567)));
}

#[test]
fn plain_requests_and_wrong_keys_get_nowhere() {
    let mut session = Session::<1024, 1024>::management(1024);
    let plain = common::hex("c001c100030100010800ff0200");
    let refused = ServiceException::parse(&session.site.answer(1, &plain));
    assert_eq!(refused, Ok(ServiceException::Deciphering));

    let mut wrong = keys();
    wrong.authentication[0] ^= 1;
    let mut intruder = Client::<1024>::new(ClientConfig::management(CLIENT_TITLE, wrong));
    let mut env = TestEnvironment::new(4);
    intruder.associate(&mut env).unwrap();
    let rejected = session.site.run(&mut intruder, &mut session.collected, &mut env);
    assert!(matches!(rejected, Err(ClientError::Rejected { .. })), "{rejected:?}");
    assert_eq!(session.get(ENERGY_VALUE), Ok(Data::DoubleLongUnsigned(1_234_567)));
}

#[test]
fn nothing_but_the_answer_to_the_challenge_opens_an_association() {
    let mut site = Site::<1024>::new();
    let mut env = TestEnvironment::new(2);
    let mut client = Client::<1024>::new(ClientConfig::management(CLIENT_TITLE, keys()));
    let mut collected = Vec::new();
    client.associate(&mut env).unwrap();
    let recorded = client.request().to_vec();
    let aare = site.answer(1, &recorded);
    assert_eq!(client.handle(&aare, &mut collected, &mut env), Ok(Progress::Send));
    let answer = client.request().to_vec();
    // The recorded AARQ gets the recorded AARE while it is the last one; later it is a replay.
    assert_eq!(site.answer(1, &recorded), aare);
    let reply = site.answer(1, &answer);
    assert_eq!(client.handle(&reply, &mut collected, &mut env), Ok(Progress::Associated));
    let refused = ServiceException::parse(&site.answer(1, &recorded));
    assert_eq!(refused, Ok(ServiceException::InvocationCounter(4)));
    assert!(site.server.is_open(Role::Management));
}

#[test]
fn an_older_request_that_comes_twice_disturbs_nothing() {
    let mut session = Session::<1024, 1024>::management(1024);
    session.client.get(&ENERGY_VALUE, &mut session.env).unwrap();
    let older = session.client.request().to_vec();
    assert_eq!(session.run(), Ok(Progress::Value));
    session.get(Query::new(8, CLOCK, 2)).unwrap();
    let refused = session.site.answer(1, &older);
    session.client.get(&ENERGY_VALUE, &mut session.env).unwrap();
    let progress = session.client.handle(&refused, &mut session.collected, &mut session.env);
    assert_eq!(progress, Ok(Progress::Ignored));
    assert_eq!(session.run(), Ok(Progress::Value));
}

proptest! {
    #[test]
    fn no_counter_is_on_the_wire_twice_however_often_both_sides_crash(
        crashes in proptest::collection::vec((any::<bool>(), any::<bool>(), 0_usize..400), 1..6),
    ) {
        let mut session = Session::<1024, 1024>::management(1024);
        let mut seen = BTreeSet::new();
        for (server_crashes, client_crashes, reads) in crashes {
            for _ in 0..reads {
                session.client.get(&ENERGY_VALUE, &mut session.env).unwrap();
                let request = session.client.request().to_vec();
                let reply = session.site.answer(1, &request);
                for (from_client, apdu) in [(true, request), (false, reply.clone())] {
                    // Tag, length, security control, counter.
                    prop_assert_eq!(apdu[2], 0x30);
                    prop_assert!(seen.insert((from_client, <[u8; 4]>::try_from(&apdu[3..7]).unwrap())));
                }
                prop_assert_eq!(session.client.handle(&reply, &mut session.collected, &mut session.env), Ok(Progress::Value));
            }
            if server_crashes {
                session.site.server = Site::<1024>::new().server;
            }
            if client_crashes {
                session.client = Client::new(session.client.config().clone());
            }
            session.client.associate(&mut session.env).unwrap();
            prop_assert_eq!(session.run(), Ok(Progress::Associated));
        }
    }
}

#[test]
fn counters_go_on_after_a_crash_of_either_side() {
    let mut session = Session::<1024, 1024>::management(1024);
    session.get(ENERGY_VALUE).unwrap();
    for _ in 0..5 {
        session.site.server = Site::<1024>::new().server;
        session.client = Client::new(session.client.config().clone());
        session.client.associate(&mut session.env).unwrap();
        assert_eq!(session.run(), Ok(Progress::Associated));
        assert_eq!(session.get(ENERGY_VALUE), Ok(Data::DoubleLongUnsigned(1_234_567)));
    }
}

#[test]
fn long_values_are_set_in_blocks() {
    let mut site = Site::<1024>::new();
    site.answer(16, &common::hex("601DA109060760857405080101BE10040E01000000065F1F0400FFFFFF04B0"));
    let denied = site.answer(16, &common::hex("c102c1 0001 0000600101ff 02 00 00 00000001 04 09066162"));
    assert_eq!(denied, common::hex("c503c1 03 00000001"));
    let nothing = site.answer(16, &common::hex("c103c1 01 00000002 02 6364"));
    assert_eq!(nothing, common::hex("c503c1 12 00000002"));

    // Ciphered by hand: this client does not send blocks.
    let config = ClientConfig::management(CLIENT_TITLE, keys());
    let conformance = config.conformance.with(Conformance::BLOCK_SET);
    let mut session = Session::<1024, 1024>::open(ClientConfig { conformance, ..config });
    let mut blocks = cosem_blocks(&mut session, &common::hex("09040a0b0c0d"));
    let last = blocks.pop().unwrap();
    assert_eq!(last, common::hex("c503c1 00 00000003"));
    assert_eq!(session.site.meter.label, common::hex("0a0b0c0d"));
}

/// Sends a value to the label in blocks of two octets, as an expert with the keys would.
fn cosem_blocks(session: &mut Session<1024, 1024>, value: &[u8]) -> Vec<Vec<u8>> {
    let mut replies = Vec::new();
    let count = value.len() / 2;
    for (index, octets) in value.chunks(2).enumerate() {
        let mut room = [0; 64];
        let mut out = Encoder::new(&mut room);
        if index == 0 {
            out.raw(&common::hex("c102c1 0001 0000600101ff 02 00")).unwrap();
        } else {
            out.raw(&[0xC1, 3, 0xC1]).unwrap();
        }
        out.raw(&[u8::from(index + 1 == count)]).unwrap();
        out.raw(&(index as u32 + 1).to_be_bytes()).unwrap();
        out.raw(&[octets.len() as u8]).unwrap();
        out.raw(octets).unwrap();
        replies.push(common::gcm::exchange(&mut session.site, 100 + index as u32, out.written()));
    }
    replies
}
