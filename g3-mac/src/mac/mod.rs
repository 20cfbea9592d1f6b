//! Medium access control of G.9903 (digest 1 to 4).

mod pib;
mod primitives;

pub use crate::security::Gmk;
pub use crate::status::MacStatus;
pub use pib::{Counters, Pib, PibId, PibValue};
pub use primitives::{
    MAX_MSDU, McpsDataConfirm, McpsDataIndication, McpsDataRequest, Msdu, QualityOfService,
};
