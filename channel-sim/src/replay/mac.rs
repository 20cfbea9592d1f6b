//! What stands in a PSDU: MAC frame, segments put together, security, and what [`super::network`] makes of the rest.

use super::network::{Network, NetworkReport};
use g3_mac::frame::{
    self, AuxiliarySecurity, Endpoint, Frame, FrameError, FrameType, Header, associated_data,
};
use g3_mac::security::{Gmk, MIC_LEN, NonceForm, nonce, open};
use plc_core::address::Address;
use plc_core::bytes::Writer;
use serde::Serialize;
use std::collections::HashMap;

/// Octets of the longest MSDU as it stands in segments, with its integrity code.
const MOST_OCTETS: usize = 400 + MIC_LEN;
/// Trains of segments followed at a time.
const MOST_TRAINS: usize = 256;
/// PSDUs after which a train that did not go on is given up: long before its source uses the sequence number again.
const MOST_AGE: u64 = 64;

/// Reads PSDUs one after the other, as they come.
#[derive(Debug)]
pub struct Reader {
    key: Option<Gmk>,
    nonce_form: NonceForm,
    trains: HashMap<(Endpoint, u8), Train>,
    psdus: u64,
    network: Network,
}

/// An MSDU of which segments are missing yet.
#[derive(Clone, Debug)]
struct Train {
    next: u8,
    /// Number of the PSDU that brought the last segment.
    last: u64,
    security: Option<AuxiliarySecurity>,
    octets: Vec<u8>,
}

/// What a PSDU holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MacReport {
    /// Frame check sequence as received.
    pub fcs: Option<u16>,
    /// Why the octets are no MAC frame, or its MSDU cannot be read.
    pub problem: Option<String>,
    /// The frame's fields.
    pub frame: Option<FrameReport>,
    /// What the MSDU holds, once its last segment is there and it could be deciphered.
    pub network: Option<NetworkReport>,
    /// The MAC frame with all of its MSDU, deciphered, as IEEE 802.15.4 without FCS: link type 230.
    #[serde(skip)]
    pub whole: Option<Vec<u8>>,
}

/// Fields of a MAC frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FrameReport {
    /// `data`, `beacon` or `command`.
    pub kind: &'static str,
    /// Sequence number.
    pub sequence: u8,
    /// Source as PAN and address.
    pub source: Option<String>,
    /// Destination as PAN and address.
    pub destination: Option<String>,
    /// Whether an acknowledgement is wanted.
    pub ack_request: bool,
    /// Segment count; 0 is the first.
    pub segment: u8,
    /// Whether this is the last segment.
    pub last_segment: bool,
    /// Octets of the MSDU in this segment.
    pub segment_octets: u16,
    /// Sent with high priority.
    pub high_priority: bool,
    /// A tone map response is asked for.
    pub tone_map_request: bool,
    /// Whether the MSDU is enciphered.
    pub secured: bool,
    /// Frame counter of the first segment of a secured MSDU.
    pub frame_counter: Option<u32>,
    /// Its key.
    pub key_index: Option<u8>,
    /// Octets of the MSDU so far, integrity code included.
    pub msdu_octets: usize,
}

impl Reader {
    /// A reader with the network's group master key, if it is known.
    pub fn new(key: Option<Gmk>, nonce_form: NonceForm) -> Self {
        Self { key, nonce_form, trains: HashMap::new(), psdus: 0, network: Network::default() }
    }

    /// Reads a PSDU.
    pub fn read(&mut self, psdu: &[u8]) -> MacReport {
        self.psdus += 1;
        let oldest = self.psdus.saturating_sub(MOST_AGE + 1);
        self.trains.retain(|_, train| train.last >= oldest);
        let mut report = MacReport::default();
        let body = match frame::check_fcs(psdu) {
            Ok((body, fcs)) => {
                report.fcs = Some(fcs);
                body
            }
            Err(error) => {
                if let FrameError::Fcs { received, .. } = error {
                    report.fcs = Some(received);
                }
                report.problem = Some(error.to_string());
                // The fields may still tell whose frame it was, but nothing in them is to be relied on.
                if let Ok(frame) =
                    frame::split_fcs(psdu).map_err(FrameError::from).and_then(|(body, _)| Frame::parse(body))
                {
                    report.frame = Some(FrameReport::new(&frame));
                }
                return report;
            }
        };
        let frame = match Frame::parse(body) {
            Ok(frame) => frame,
            Err(error) => {
                report.problem = Some(error.to_string());
                return report;
            }
        };
        let mut fields = FrameReport::new(&frame);
        match self.take(&frame) {
            Ok(Taken::Partly(octets)) => fields.msdu_octets = octets,
            Ok(Taken::Whole(train)) => {
                fields.msdu_octets = train.octets.len();
                fields.frame_counter = train.security.map(|security| security.frame_counter);
                fields.key_index = train.security.map(|security| security.key_index.number());
                self.finish(&frame.header, train, &mut report);
            }
            Err(problem) => report.problem = Some(problem),
        }
        report.frame = Some(fields);
        report
    }

    fn take(&mut self, frame: &Frame<'_>) -> Result<Taken, String> {
        let count = frame.segment.count;
        let mut train = if count == 0 {
            Train { next: 0, last: 0, security: frame.security, octets: Vec::new() }
        } else {
            let key = frame.header.source_endpoint().map(|source| (source, frame.header.sequence));
            let known = key.and_then(|key| self.trains.remove(&key));
            known.ok_or_else(|| format!("segment {count} of an MSDU whose beginning was not heard"))?
        };
        if count < train.next {
            let octets = train.octets.len();
            self.keep(frame, train);
            return Ok(Taken::Partly(octets));
        }
        if count > train.next {
            return Err(format!("segment {count} where {} should follow", train.next));
        }
        if train.octets.len() + frame.payload.len() > MOST_OCTETS {
            return Err(format!("an MSDU of more than {MOST_OCTETS} octets"));
        }
        train.octets.extend(frame.payload);
        train.next = train.next.saturating_add(1);
        if frame.segment.last {
            return Ok(Taken::Whole(train));
        }
        let octets = train.octets.len();
        self.keep(frame, train);
        Ok(Taken::Partly(octets))
    }

    fn keep(&mut self, frame: &Frame<'_>, mut train: Train) {
        train.last = self.psdus;
        if self.trains.len() >= MOST_TRAINS {
            let oldest = self.trains.iter().min_by_key(|(_, train)| train.last).map(|(key, _)| *key);
            oldest.and_then(|key| self.trains.remove(&key));
        }
        if let Some(source) = frame.header.source_endpoint() {
            self.trains.insert((source, frame.header.sequence), train);
        }
    }

    /// Deciphers a whole MSDU and reads it.
    fn finish(&mut self, header: &Header, train: Train, report: &mut MacReport) {
        let msdu = match (header.secured, train.security) {
            (false, _) => Ok(train.octets),
            (true, None) => Err("secured, but without auxiliary security header".to_string()),
            (true, Some(security)) => self.decipher(header, &security, &train.octets),
        };
        let msdu = match msdu {
            Ok(msdu) => msdu,
            Err(problem) => {
                report.problem = Some(problem);
                return;
            }
        };
        report.whole = without_security(header, &msdu);
        if header.frame_type == FrameType::Data {
            report.network = Some(self.network.read(header, &msdu));
        }
    }

    fn decipher(
        &self,
        header: &Header,
        security: &AuxiliarySecurity,
        octets: &[u8],
    ) -> Result<Vec<u8>, String> {
        let Some(key) = self.key else {
            return Err("enciphered; give the group master key with --key".to_string());
        };
        let Some(Endpoint { pan_id, address: Address::Short(source) }) = header.source_endpoint() else {
            return Err("enciphered by a node without short address".to_string());
        };
        let associated = associated_data(header, security).map_err(|error| error.to_string())?;
        let nonce = nonce(self.nonce_form, pan_id, source, security.frame_counter);
        let mut message = heapless::Vec::<u8, MOST_OCTETS>::from_slice(octets)
            .map_err(|_| format!("an MSDU of {} octets", octets.len()))?;
        open(&key, &nonce, &associated, &mut message)
            .map_err(|error| format!("not deciphered: {error}; is it another network's key?"))?;
        Ok(message.to_vec())
    }
}

impl MacReport {
    /// Adds the explanation, a line a layer.
    pub fn lines(&self, lines: &mut Vec<String>) {
        let fcs = self.fcs.map_or_else(String::new, |fcs| format!("; FCS {fcs:#06x}"));
        if let Some(frame) = &self.frame {
            let none = "nobody";
            lines.push(format!(
                "MAC: {} from {} to {}, sequence {}, segment {}{}, {} octets{}{}{fcs}",
                frame.kind,
                frame.source.as_deref().unwrap_or(none),
                frame.destination.as_deref().unwrap_or(none),
                frame.sequence,
                frame.segment,
                if frame.last_segment { " (last)" } else { "" },
                frame.segment_octets,
                if frame.ack_request { ", acknowledgement wanted" } else { "" },
                if frame.high_priority { ", high priority" } else { "" },
            ));
            if frame.secured {
                let counter = frame.frame_counter.map_or_else(
                    || "as in the first segment".to_string(),
                    |counter| format!("frame counter {counter}, key {}", frame.key_index.unwrap_or_default()),
                );
                let state = if self.whole.is_some() { ", deciphered" } else { "" };
                lines.push(format!("security: {counter}{state}"));
            }
        }
        if let Some(network) = &self.network {
            network.lines(lines);
        }
        if let Some(problem) = &self.problem {
            lines.push(format!("not read: {problem}"));
        }
    }
}

enum Taken {
    Partly(usize),
    Whole(Train),
}

impl FrameReport {
    fn new(frame: &Frame<'_>) -> Self {
        let Frame { segment, header, security, payload } = frame;
        Self {
            kind: match header.frame_type {
                FrameType::Beacon => "beacon",
                FrameType::Data => "data",
                FrameType::Command => "command",
            },
            sequence: header.sequence,
            source: header.source_endpoint().map(|source| endpoint(&source)),
            destination: header.destination.as_ref().map(endpoint),
            ack_request: header.ack_request,
            segment: segment.count,
            last_segment: segment.last,
            segment_octets: segment.length,
            high_priority: segment.high_priority,
            tone_map_request: segment.tone_map_request,
            secured: header.secured,
            frame_counter: security.map(|security| security.frame_counter),
            key_index: security.map(|security| security.key_index.number()),
            msdu_octets: payload.len(),
        }
    }
}

/// PAN and address: `781d:0001`.
fn endpoint(endpoint: &Endpoint) -> String {
    let pan = endpoint.pan_id.0;
    match endpoint.address {
        Address::Short(short) => format!("{pan:04x}:{:04x}", short.0),
        Address::Extended(extended) => {
            let octets: String = extended.0.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("{pan:04x}:{octets}")
        }
    }
}

/// The frame as it would be without security and in one segment.
fn without_security(header: &Header, msdu: &[u8]) -> Option<Vec<u8>> {
    let mut room = [0; 32];
    let mut writer = Writer::new(&mut room);
    Header { secured: false, ..*header }.emit(&mut writer).ok()?;
    Some([writer.written(), msdu].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use g3_mac::frame::{KeyIndex, SegmentControl, Source};
    use g3_mac::security::seal;
    use g3_phy::primitives::Psdu;
    use plc_core::address::{PanId, ShortAddress};
    use proptest::prelude::*;

    const KEY: Gmk = Gmk([9; 16]);

    fn header() -> Header {
        let node = |short| Endpoint { pan_id: PanId(0x781D), address: Address::Short(ShortAddress(short)) };
        Header {
            frame_type: FrameType::Data,
            secured: true,
            ack_request: true,
            sequence: 7,
            destination: Some(node(0)),
            source: Source::SamePan(node(3).address),
        }
    }

    /// The PSDUs of an MSDU in segments of `length` octets.
    fn psdus(msdu: &[u8], length: usize) -> Vec<Psdu> {
        let security = AuxiliarySecurity { frame_counter: 77, key_index: KeyIndex::Zero };
        let associated = associated_data(&header(), &security).unwrap();
        let mut message = heapless::Vec::<u8, MOST_OCTETS>::from_slice(msdu).unwrap();
        let nonce = nonce(NonceForm::AddressTwice, PanId(0x781D), ShortAddress(3), 77);
        seal(&KEY, &nonce, &associated, &mut message).unwrap();
        let pieces: Vec<&[u8]> = message.chunks(length).collect();
        let psdu = |(count, piece): (usize, &&[u8])| {
            let last = count + 1 == pieces.len();
            let segment = SegmentControl { count: count as u8, last, ..SegmentControl::only(0) };
            let security = (count == 0).then_some(security);
            let mut psdu = Psdu::new();
            Frame { segment, header: header(), security, payload: piece }.emit(0, &mut psdu).unwrap();
            psdu
        };
        pieces.iter().enumerate().map(psdu).collect()
    }

    #[test]
    fn segments_are_put_together_and_deciphered() {
        // A command of the adaptation layer: bootstrapping.
        let msdu = [&[0x40, 2][..], &[5; 150]].concat();
        let mut reader = Reader::new(Some(KEY), NonceForm::AddressTwice);
        let psdus = psdus(&msdu, 60);
        assert_eq!(psdus.len(), 3);
        assert!(reader.read(&psdus[0]).whole.is_none());
        assert!(reader.read(&psdus[1]).whole.is_none());
        assert_eq!(reader.read(&psdus[1]).problem, None, "repeated on the line");
        let report = reader.read(&psdus[2]);
        assert_eq!(report.whole.as_deref().map(|whole| &whole[whole.len() - 152..]), Some(&msdu[..]));
        let frame = report.frame.unwrap();
        assert_eq!(
            (frame.source.as_deref(), frame.destination.as_deref()),
            (Some("781d:0003"), Some("781d:0000"))
        );
        assert_eq!((frame.frame_counter, frame.msdu_octets), (Some(77), 156));
        assert_eq!(report.network.unwrap().body, "bootstrapping");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let psdus = psdus(&[5; 150], 60);
        let problem = |reader: &mut Reader, psdu: &[u8]| reader.read(psdu).problem.unwrap();
        let mut reader = Reader::new(None, NonceForm::AddressTwice);
        assert!(problem(&mut reader, &psdus[1]).contains("beginning was not heard"));
        reader.read(&psdus[0]);
        assert!(problem(&mut reader, &psdus[2]).contains("segment 2 where 1 should follow"));
        psdus[..2].iter().for_each(|psdu| drop(reader.read(psdu)));
        assert!(problem(&mut reader, &psdus[2]).contains("--key"));
        let mut damaged = psdus[0].clone();
        damaged[20] ^= 1;
        assert!(problem(&mut reader, &damaged).contains("frame check sequence"));
        let mut stranger = Reader::new(Some(Gmk([1; 16])), NonceForm::AddressTwice);
        psdus[..2].iter().for_each(|psdu| drop(stranger.read(psdu)));
        assert!(problem(&mut stranger, &psdus[2]).contains("integrity code"));
    }

    #[test]
    fn a_train_that_stopped_is_not_joined_to_another_that_uses_its_number_again() {
        let psdus = psdus(&[5; 150], 60);
        let mut reader = Reader::new(Some(KEY), NonceForm::AddressTwice);
        reader.read(&psdus[0]);
        (0..MOST_AGE).for_each(|_| drop(reader.read(&[0; 9])));
        assert_eq!(reader.read(&psdus[1]).problem, None, "not too old yet");
        (0..=MOST_AGE).for_each(|_| drop(reader.read(&[0; 9])));
        assert!(reader.read(&psdus[2]).problem.unwrap().contains("beginning was not heard"));
    }

    proptest! {
        #[test]
        fn any_octets_are_answered(
            octets in proptest::collection::vec(any::<u8>(), 0..60),
            msdu in proptest::collection::vec(any::<u8>(), 1..100),
        ) {
            let mut reader = Reader::new(Some(KEY), NonceForm::AddressTwice);
            let report = reader.read(&octets);
            prop_assert!(report.problem.is_some() || report.frame.is_some());
            psdus(&msdu, 40).iter().for_each(|psdu| drop(reader.read(psdu)));
        }
    }
}
