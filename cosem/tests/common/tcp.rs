//! The server on TCP.

use super::Site;
use cosem::wrapper::{self, Reassembler};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Longest APDU of the server.
pub const PDU: usize = 1024;

/// Serves one connection after another, for ever.
pub fn serve(listener: &TcpListener) -> std::io::Result<()> {
    let mut site = Site::<PDU>::new();
    for stream in listener.incoming() {
        if let Err(error) = serve_connection(&mut stream?, &mut site) {
            println!("connection closed: {error}");
        }
        site.server.reset();
    }
    Ok(())
}

fn serve_connection(stream: &mut TcpStream, site: &mut Site<PDU>) -> std::io::Result<()> {
    let mut reassembler = Reassembler::<{ PDU + wrapper::HEADER_LEN }>::new();
    let mut room = [0; 512];
    loop {
        let received = stream.read(&mut room)?;
        if received == 0 {
            return Ok(());
        }
        let mut pieces = &room[..received];
        while let Some((header, apdu)) = reassembler.push(&mut pieces).map_err(std::io::Error::other)? {
            let reply = site.answer(header.source, apdu);
            let mut framed = vec![0; reply.len() + wrapper::HEADER_LEN];
            wrapper::emit(header.destination, header.source, &reply, &mut framed)
                .map_err(std::io::Error::other)?;
            stream.write_all(&framed)?;
        }
    }
}
