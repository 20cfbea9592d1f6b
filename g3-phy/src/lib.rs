//! G3-PLC (ITU-T G.9903) physical layer: OFDM transmitter and streaming receiver.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod primitives;

/// Payload modulation, differential (FCH field MOD, digest 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Modulation {
    /// DBPSK with every bit sent four times.
    Robust,
    /// One bit a carrier and symbol.
    Dbpsk,
    /// Two bits a carrier and symbol.
    Dqpsk,
    /// Three bits a carrier and symbol.
    D8psk,
}

/// Active groups of carriers: bit g is group g, the lowest frequencies first (digest 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ToneMap(pub u32);
