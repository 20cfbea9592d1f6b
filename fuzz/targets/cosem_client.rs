//! The COSEM client: whatever it gets for replies, an operation goes on, ends or fails by name.
//!
//! The input is a list of operations and replies; replies are the fuzzer's own, or a true server's with changes.
#![no_main]

#[path = "../../cosem/tests/common/mod.rs"]
mod common;

use common::{CLIENT_TITLE, Site, keys, meter};
use cosem::xdlms::{AttributeDescriptor, MethodDescriptor};
use cosem::{Client, ClientConfig, Data, Progress, Query, Selection, classes};
use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use plc_core::testkit::TestEnvironment;

const PDU: usize = 192;

fuzz_target!(|octets: &[u8]| {
    let mut input = Input::new(octets);
    let mut site = Site::<PDU>::new();
    let mut env = TestEnvironment::new(2);
    let config = if input.u8() & 1 == 0 {
        ClientConfig::public()
    } else {
        ClientConfig::management(CLIENT_TITLE, keys())
    };
    let mut client = Client::<PDU>::new(ClientConfig { max_pdu: PDU as u16, ..config });
    let mut collected = heapless::Vec::<u8, 1024>::new();
    let profile = Query::new(classes::PROFILE_GENERIC, meter::LOAD_PROFILE, 2);
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        let kind = input.u8();
        let _ = match kind % 9 {
            0 => client.associate(&mut env),
            1 => client.get(&Query::new(classes::REGISTER, meter::ENERGY, kind as i8 >> 4), &mut env),
            2 => client.get(
                &profile.selecting(Selection::Entries { first: input.u8().into(), last: input.u8().into() }),
                &mut env,
            ),
            3 => client.get_with_list(&[Query::new(classes::CLOCK, meter::CLOCK, 2), profile], &mut env),
            4 => match Data::parse(input.field()) {
                Ok(value) => {
                    client.set(&AttributeDescriptor::new(classes::DATA, meter::LABEL, 2), &value, &mut env)
                }
                Err(_) => continue,
            },
            5 => client.action(
                &MethodDescriptor::new(classes::CLOCK, meter::CLOCK, kind as i8 >> 4),
                None,
                &mut env,
            ),
            6 => client.release(),
            7 => {
                reply(&mut client, input.field(), &mut collected, &mut env);
                continue;
            }
            _ => {
                let sap = client.config().client_sap;
                let mut apdu = site.answer(sap, client.request());
                let (place, change) = (usize::from(input.u8()), input.u8());
                if let Some(octet) = apdu.get_mut(place) {
                    *octet ^= change;
                }
                reply(&mut client, &apdu, &mut collected, &mut env);
                continue;
            }
        };
        if kind & 0x80 != 0 {
            client.abandon();
        }
    }
});

fn reply(
    client: &mut Client<PDU>,
    apdu: &[u8],
    collected: &mut heapless::Vec<u8, 1024>,
    env: &mut TestEnvironment,
) {
    match client.handle(apdu, collected, env) {
        Ok(Progress::Send) => assert!(!client.request().is_empty() && client.is_waiting()),
        Ok(Progress::Ignored) => {}
        Ok(Progress::Associated) => assert!(client.is_associated() && !client.is_waiting()),
        Ok(Progress::Value | Progress::Called | Progress::Written | Progress::Released) => {
            assert!(!client.is_waiting());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
