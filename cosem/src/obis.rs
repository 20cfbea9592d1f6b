//! Logical names (OBIS codes, IEC 62056-6-1).

use core::fmt;
use core::str::FromStr;
use thiserror::Error;

/// A logical name: the six value groups A to F.
///
/// ```
/// use cosem::Obis;
/// let import: Obis = "1.0.1.8.0.255".parse()?;
/// assert_eq!(import, Obis::new(1, 0, 1, 8, 0, 255));
/// # Ok::<(), cosem::obis::ObisError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Obis(pub [u8; 6]);

impl Obis {
    /// The code A-B:C.D.E.F.
    pub const fn new(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8) -> Self {
        Self([a, b, c, d, e, f])
    }
}

impl fmt::Display for Obis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a}.{b}.{c}.{d}.{e}.{g}")
    }
}

/// Text that is no OBIS code: six decimal octets with dots between them were wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("value group {group} of the OBIS code is missing, no octet or one too many")]
pub struct ObisError {
    /// The offending group, A is 0.
    pub group: usize,
}

impl FromStr for Obis {
    type Err = ObisError;

    fn from_str(text: &str) -> Result<Self, ObisError> {
        let mut groups = text.split('.');
        let mut code = [0; 6];
        for (group, octet) in code.iter_mut().enumerate() {
            *octet = groups.next().and_then(|part| part.parse().ok()).ok_or(ObisError { group })?;
        }
        if groups.next().is_some() { Err(ObisError { group: 6 }) } else { Ok(Self(code)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    proptest! {
        #[test]
        fn a_code_survives_its_text(code: [u8; 6]) {
            prop_assert_eq!(Obis(code).to_string().parse(), Ok(Obis(code)));
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        assert_eq!("1.0.1.8.0".parse::<Obis>(), Err(ObisError { group: 5 }));
        assert_eq!("1.0.256.8.0.255".parse::<Obis>(), Err(ObisError { group: 2 }));
        assert_eq!("1.0.1.8.0.255.1".parse::<Obis>(), Err(ObisError { group: 6 }));
    }
}
