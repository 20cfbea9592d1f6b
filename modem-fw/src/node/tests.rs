use super::*;
use g3_mac::adaptation::AdpStatus;
use g3_mac::mac::Gmk;
use g3_mac::udp::Datagram;
use plc_core::address::{PanId, ShortAddress};
use plc_core::testkit::TestEnvironment;
use proptest::prelude::*;
use std::vec::Vec;

const PAN: PanId = PanId(0x781D);

/// Sends one packet at a time of its own, and keeps what it is told.
#[derive(Default)]
struct Sender {
    send_at: Option<Instant>,
    confirms: Vec<AdpStatus>,
    received: Vec<Vec<u8>>,
}

impl Machine for Sender {
    type Event<'a> = AdaptationEvent<'a>;
    type Action = AdpdDataRequest;

    fn handle(&mut self, _now: Instant, _env: &mut dyn Environment, event: AdaptationEvent<'_>) {
        match event {
            AdaptationEvent::Confirm(confirm) => self.confirms.push(confirm.status),
            AdaptationEvent::Indication(indication) => self.received.push(indication.nsdu.to_vec()),
        }
    }

    fn poll(&mut self, now: Instant, _env: &mut dyn Environment) -> Step<AdpdDataRequest> {
        match self.send_at {
            Some(at) if at <= now => {
                self.send_at = None;
                let datagram =
                    Datagram::link_local(PAN, ShortAddress(0), ShortAddress(1), 7, 7, b"are you there?");
                Step::Do(AdpdDataRequest::new(9, datagram.emit().unwrap()))
            }
            at => Step::Idle(at),
        }
    }
}

fn node(short: u16, application: Sender) -> Node<Sender, TestEnvironment> {
    let config = StackConfig::cenelec_a(PAN, ShortAddress(short), Gmk([5; 16]));
    Node::new(config, application, TestEnvironment::new(u64::from(short))).unwrap()
}

/// What a node that nobody answers sends in a second, in blocks whose lengths go round.
fn sent_alone(blocks: &[usize]) -> (Vec<f32>, Vec<AdpStatus>) {
    let send_at = SampleClock::KHZ_400.instant(12_345);
    let mut node = node(0, Sender { send_at: Some(send_at), ..Sender::default() });
    let mut sent = Vec::new();
    for &length in blocks.iter().cycle() {
        let from = sent.len();
        sent.resize(from + length, 0.0);
        if !node.transmit(from as u64, &mut sent[from..]) {
            let silence = std::vec![0.0; length];
            node.receive(from as u64, &silence);
        }
        if sent.len() >= 1_200_000 {
            break;
        }
    }
    sent.truncate(1_200_000);
    (sent, node.application.confirms.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Deadlines inside a block are met at their instants: on a silent line every sample is the same.
    #[test]
    fn how_time_is_cut_does_not_change_what_is_sent(blocks in proptest::collection::vec(1_usize..2_000, 1..6)) {
        let (sent, confirms) = sent_alone(&blocks);
        let (reference, reference_confirms) = sent_alone(&[500]);
        prop_assert_eq!(confirms, reference_confirms);
        let different = sent.iter().zip(&reference).position(|(a, b)| a != b);
        prop_assert_eq!(different, None);
    }
}

#[test]
fn a_packet_nobody_acknowledges_is_repeated_and_then_given_up() {
    let (sent, confirms) = sent_alone(&[512]);
    let on_air: Vec<_> = sent.chunks(512).map(|block| block.iter().any(|&sample| sample != 0.0)).collect();
    let frames = on_air.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    assert_eq!(frames, 6, "the first and macMaxFrameRetries more");
    assert!(matches!(confirms[..], [AdpStatus::Mac(_)]), "{confirms:?}");
}

#[test]
fn a_packet_reaches_the_other_node_and_is_confirmed() {
    let mut sender = node(0, Sender { send_at: Some(Instant::from_ticks(0)), ..Sender::default() });
    let mut receiver = node(1, Sender::default());
    for block in 0..1_000 {
        let (from, mut down, mut up) = (block * 512, [0.0; 512], [0.0; 512]);
        sender.transmit(from, &mut down);
        receiver.transmit(from, &mut up);
        receiver.receive(from, &down);
        sender.receive(from, &up);
    }
    assert_eq!(sender.application.confirms, [AdpStatus::Success]);
    assert_eq!(receiver.application.received.len(), 1);
    let (sent, heard) = (*sender.statistics(), *receiver.statistics());
    assert_eq!((sent.sent, sent.acknowledgements), (1, 1));
    assert_eq!((heard.data_frames, heard.sent, heard.headers_failed), (1, 1, 0));
    assert!(heard.last_lqi.is_some());
}
