//! Where a packet goes next. Routing replaces this module: whoever asks gets a next hop and the final destination,
//! and inserts a mesh header where they differ.

use crate::ipv6::interface_identifier;
use core::net::Ipv6Addr;
use plc_core::address::{PanId, ShortAddress};

/// The next hop to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NextHop {
    /// MAC destination.
    pub(super) hop: ShortAddress,
    /// Node whose packet it is.
    pub(super) destination: ShortAddress,
}

/// Every node of the own PAN is taken for a neighbour. `None` for other destinations, groups among them.
pub(super) fn next_hop(pan_id: PanId, destination: Ipv6Addr) -> Option<NextHop> {
    if destination.is_multicast() {
        return None;
    }
    let [.., high, low] = destination.octets();
    let short = ShortAddress(u16::from_be_bytes([high, low]));
    let own_pan = destination.octets().ends_with(&interface_identifier(pan_id, short));
    (own_pan && short.0 <= LAST_DEVICE).then_some(NextHop { hop: short, destination: short })
}

/// Short addresses of devices end here; those above name groups (digest 1.3).
const LAST_DEVICE: u16 = 0x7FFF;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipv6::LinkLocal;

    #[test]
    fn only_devices_of_the_own_pan_are_neighbours() {
        let pan = PanId(0x781D);
        let hop = |address| next_hop(pan, address).map(|next| next.hop);
        assert_eq!(hop(LinkLocal::of(pan, ShortAddress(7)).address()), Some(ShortAddress(7)));
        assert_eq!(hop("fd00::781d:ff:fe00:7".parse().unwrap()), Some(ShortAddress(7)), "any prefix");
        assert_eq!(hop(LinkLocal::of(PanId(0x781E), ShortAddress(7)).address()), None);
        assert_eq!(hop(LinkLocal::of(pan, ShortAddress(0x8001)).address()), None);
        assert_eq!(hop("ff02::1".parse().unwrap()), None);
        assert_eq!(hop("2001:db8::1".parse().unwrap()), None);
    }
}
