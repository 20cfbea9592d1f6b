//! G3 frames in a capture: one interface a modem for raw PSDUs, and one for deciphered, reassembled MAC frames.

use super::RecordError;
use super::pcapng::{Direction, IEEE802_15_4_NOFCS, Interface, InterfaceId, Packet, PcapngWriter, USER0};
use crate::replay::mac::{MacReport, Reader};
use g3_mac::security::{Gmk, NonceForm};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// A capture being written.
#[derive(Debug)]
pub struct FrameFile {
    path: PathBuf,
    writer: PcapngWriter<BufWriter<File>>,
    packets: u64,
}

/// A modem's two interfaces, and the MSDUs that are incomplete at it.
#[derive(Debug)]
pub struct FramePort {
    raw: InterfaceId,
    deciphered: InterfaceId,
    reader: Reader,
}

impl FrameFile {
    /// Begins a capture; `comment` says of what.
    pub fn create(path: &Path, comment: &str) -> Result<Self, RecordError> {
        let file = File::create(path).map_err(RecordError::file(path))?;
        let writer = PcapngWriter::new(BufWriter::new(file), comment).map_err(RecordError::file(path))?;
        Ok(Self { path: path.to_path_buf(), writer, packets: 0 })
    }

    /// Adds a modem. With its network's key its frames are deciphered.
    pub fn port(&mut self, name: &str, key: Option<Gmk>) -> Result<FramePort, RecordError> {
        let mut interface = |link_type, name: &str, description: &str| {
            let interface = Interface { link_type, name, description };
            self.writer.interface(&interface).map_err(RecordError::file(&self.path))
        };
        let raw = interface(USER0, name, "G3-PLC PSDUs as they stand on the line")?;
        let deciphered = interface(
            IEEE802_15_4_NOFCS,
            &format!("{name} deciphered"),
            "the same as IEEE 802.15.4 MAC frames: segments reassembled, deciphered, without security and FCS",
        )?;
        Ok(FramePort { raw, deciphered, reader: Reader::new(key, NonceForm::AddressTwice) })
    }

    /// Adds a PSDU and, where it completes an MSDU that can be read, the MAC frame. Returns what was read.
    pub fn psdu(
        &mut self,
        port: &mut FramePort,
        unix_ns: u64,
        direction: Direction,
        psdu: &[u8],
        comment: &str,
    ) -> Result<MacReport, RecordError> {
        let report = port.reader.read(psdu);
        let mut packet = Packet { interface: port.raw, unix_ns, direction, octets: psdu, comment };
        self.writer.packet(&packet).map_err(RecordError::file(&self.path))?;
        self.packets += 1;
        if let Some(whole) = &report.whole {
            packet = Packet { interface: port.deciphered, octets: whole, ..packet };
            self.writer.packet(&packet).map_err(RecordError::file(&self.path))?;
            self.packets += 1;
        }
        Ok(report)
    }

    /// Hands what is buffered to the system.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.writer.flush().map_err(RecordError::file(&self.path))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Packets so far, raw and deciphered.
    pub fn packets(&self) -> u64 {
        self.packets
    }
}
