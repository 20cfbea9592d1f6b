//! Frame security: CCM*, replay protection, the outgoing frame counter (digest 1.4).

mod ccm_star;
mod frame_counter;
mod replay;

pub use ccm_star::{CcmError, Gmk, MIC_LEN, NONCE_LEN, NonceForm, nonce, open, seal};
pub use frame_counter::{CounterError, FRAME_COUNTER_RECORD, FrameCounter, RESERVATION};
pub use replay::{DEVICE_TABLE_LEN, DeviceTable, ReplayError};
