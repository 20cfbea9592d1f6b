//! Addresses of IEEE 802.15.4, which G.9903 uses as they are.

use core::fmt;

/// Personal area network identifier: one per concentrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PanId(pub u16);

impl PanId {
    /// Every PAN; also the value before a PAN is joined.
    pub const BROADCAST: Self = Self(0xFFFF);
}

/// 16-bit address inside a PAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ShortAddress(pub u16);

impl ShortAddress {
    /// The PAN coordinator.
    pub const COORDINATOR: Self = Self(0x0000);
    /// Every node; as a node's own address it means "not assigned".
    pub const BROADCAST: Self = Self(0xFFFF);
}

/// EUI-64, most significant octet first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExtendedAddress(pub [u8; 8]);

/// An address as a MAC header carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Address {
    /// 16-bit address.
    Short(ShortAddress),
    /// 64-bit address.
    Extended(ExtendedAddress),
}

impl fmt::Display for PanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl fmt::Display for ShortAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl fmt::Display for ExtendedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, octet) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { ":" };
            write!(f, "{separator}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(address) => address.fmt(f),
            Self::Extended(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn addresses_print_as_network_tools_print_them() {
        assert_eq!(PanId(0x781D).to_string(), "781d");
        assert_eq!(Address::Short(ShortAddress(7)).to_string(), "0007");
        assert_eq!(ExtendedAddress([0, 0x80, 0xE1, 0, 0, 0, 0, 9]).to_string(), "00:80:e1:00:00:00:00:09");
    }
}
