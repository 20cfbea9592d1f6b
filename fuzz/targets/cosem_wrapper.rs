//! The DLMS wrapper: any octets are PDUs or an error, however the stream is cut.
#![no_main]

use cosem::wrapper::{Header, Reassembler, emit, parse_datagram};
use fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok((Header { source, destination, length }, apdu)) = parse_datagram(octets) {
        assert_eq!(usize::from(length), apdu.len());
        let mut room = vec![0; octets.len()];
        assert_eq!(emit(source, destination, apdu, &mut room), Ok(octets.len()));
        assert_eq!(room, octets);
    }
    let mut input = Input::new(octets);
    let cut = usize::from(input.u8()).max(1);
    let stream = input.rest();
    assert_eq!(pdus(stream.chunks(cut)), pdus([stream].into_iter()));
});

/// The PDUs of a stream that comes in pieces, and whether it lost its framing.
fn pdus<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<(Header, Vec<u8>)>, bool) {
    let mut reassembler = Reassembler::<256>::new();
    let mut complete = Vec::new();
    for mut piece in pieces {
        loop {
            match reassembler.push(&mut piece) {
                Ok(Some((header, apdu))) => complete.push((header, apdu.to_vec())),
                Ok(None) => break,
                Err(_) => return (complete, true),
            }
        }
        assert!(piece.is_empty(), "octets were left behind");
    }
    (complete, false)
}
