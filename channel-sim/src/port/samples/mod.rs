//! Modems in other processes: they join the line over TCP with blocks of samples, in lock-step with virtual time.
//!
//! The door by which a firmware image under emulation, or any program that can open a socket, becomes a modem of the
//! line. `docs/recordings.md` describes the octets; a client in Python needs nothing but its standard library.
//!
//! ```text
//! modem                                   line
//!   JOIN name  ------------------------->
//!              <-------------------------  JOINED (JSON: rate, full scale, addresses)
//!              <-------------------------  MEASURED power, span        (a meter's household; no answer)
//!              <-------------------------  STEP what was heard, which samples are wanted
//!   SENT samples, or none -------------->                              and so on, block after block
//! ```
//!
//! The line waits for each SENT, up to its patience; a modem that is silent for longer, or goes, is off the line like
//! a meter without supply, and may join again.

mod client;
mod message;
mod outside;

pub use client::{SampleClient, SampleClientError};
pub use message::{MAX_MESSAGE, MAX_SAMPLES, Message, MessageError, VERSION, read_message, write_message};
pub use outside::{Door, DoorEvent, Outside, Patience};
