//! What the reference chain sends and how it detects it, and its name.

use std::fmt;
use std::str::FromStr;

/// Metrics of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detection {
    /// The best point with a zero against the best with a one, of the received value (coherent) or of its product with
    /// the one before (differential).
    Simple,
    /// Log-likelihood ratios: sums over all points, of the received value, or of two neighbours as one whose phase is
    /// unknown.
    Exact,
}

/// A chain: modulation, detection and codes.
///
/// `fch-` before the rest: a frame is right when G3's header of 33 bits before it is right as well, six copies of which are sent
/// in DBPSK (g3-phy digest 3) and detected with simple metrics.
///
/// Its name says all: `bpsk`, `qpsk`, `8psk`, `16qam` are coherent, `dbpsk`, `dqpsk`, `d8psk` differential; then, in this order
/// and only where they are so, `x4` (copies of each coded bit), `exact`, `rs16` (octets of Reed-Solomon parity), `c36x4` (G3's
/// interleaver over 36 carriers and a multiple of 4 symbols, and not a random one) and `uncoded`.
///
/// ```
/// use channel_sim::reference::{Detection, Scheme};
/// let scheme: Scheme = "dqpsk-x4-exact".parse()?;
/// assert_eq!((scheme.bits, scheme.copies, scheme.detection), (2, 4, Detection::Exact));
/// assert_eq!(scheme.to_string(), "dqpsk-x4-exact");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scheme {
    /// Bits a carrier, 1 to 3, or 4 of 16-QAM, which is coherent.
    pub bits: usize,
    /// Whether phases step from one value to the next.
    pub differential: bool,
    /// How often each coded bit is sent.
    pub copies: usize,
    /// Metrics.
    pub detection: Detection,
    /// Octets of Reed-Solomon parity, 0, 8 or 16.
    pub parity_octets: usize,
    /// Whether there is the convolutional code.
    pub coded: bool,
    /// G3's interleaver (g3-phy digest 8), of coherent modulations: its columns, and the number of symbols of which a frame
    /// has a multiple. `None` where it is a random one, new with each stream.
    pub carriers: Option<(u16, u16)>,
    /// Whether G3's header goes before.
    pub header: bool,
}

/// What stands before the name of a chain with G3's header.
const HEADER: &str = "fch-";

/// Most carriers of G3's interleaver, and the largest unit of symbols.
const MOST_CARRIERS: (u16, u16) = (72, 4);

impl Scheme {
    /// Information bits of the convolutional code a value on the air, for Eb/N0 from Es/N0.
    pub fn information_bits(&self) -> f64 {
        let rate = if self.coded { 0.5 } else { 1.0 };
        self.bits as f64 * rate / self.copies as f64
    }

    /// Eb/N0 in dB of Es/N0 in dB; parity octets count as information.
    pub fn eb_n0_db(&self, es_n0_db: f64) -> f64 {
        es_n0_db - 10.0 * libm::log10(self.information_bits())
    }
}

const MODULATIONS: [(&str, usize, bool); 7] = [
    ("bpsk", 1, false),
    ("qpsk", 2, false),
    ("8psk", 3, false),
    ("16qam", 4, false),
    ("dbpsk", 1, true),
    ("dqpsk", 2, true),
    ("d8psk", 3, true),
];

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "unknown reference scheme {text:?}; use (behind fch- with G3's header) bpsk, qpsk, 8psk, 16qam, dbpsk, dqpsk or d8psk, then -x2 to -x8 \
                 (copies), -exact, -rs8 or -rs16, of coherent ones -c36x4 (G3's interleaver over 1 to 72 carriers \
                 and a multiple of 1 to 4 symbols), -uncoded as wanted: dbpsk-x4-rs8"
            )
        };
        let lower = text.to_lowercase();
        let (header, rest) = lower.strip_prefix(HEADER).map_or((false, lower.as_str()), |rest| (true, rest));
        let mut words = rest.split('-');
        let name = words.next().unwrap_or_default();
        let &(_, bits, differential) =
            MODULATIONS.iter().find(|modulation| modulation.0 == name).ok_or_else(unknown)?;
        let mut scheme = Self {
            bits,
            differential,
            copies: 1,
            detection: Detection::Simple,
            parity_octets: 0,
            coded: true,
            carriers: None,
            header,
        };
        for word in words {
            match word {
                "exact" => scheme.detection = Detection::Exact,
                "rs8" => scheme.parity_octets = 8,
                "rs16" => scheme.parity_octets = 16,
                "uncoded" => scheme.coded = false,
                _ if word.starts_with('c') => {
                    let matrix = word.strip_prefix('c').and_then(|sizes| sizes.split_once('x'));
                    let sizes = matrix
                        .and_then(|(carriers, unit)| Some((carriers.parse().ok()?, unit.parse().ok()?)));
                    let fits = |&(carriers, unit): &(u16, u16)| {
                        !differential
                            && (1..=MOST_CARRIERS.0).contains(&carriers)
                            && (1..=MOST_CARRIERS.1).contains(&unit)
                    };
                    scheme.carriers = Some(sizes.filter(fits).ok_or_else(unknown)?);
                }
                _ => {
                    let copies = word.strip_prefix('x').and_then(|copies| copies.parse().ok());
                    scheme.copies = copies.filter(|copies| (2..=8).contains(copies)).ok_or_else(unknown)?;
                }
            }
        }
        let coded_alone =
            scheme.copies > 1 || scheme.detection == Detection::Exact || scheme.carriers.is_some();
        if !scheme.coded && coded_alone {
            return Err(format!(
                "{text:?}: without code there are no copies, no exact metrics and no interleaver; leave them out"
            ));
        }
        if scheme.bits == 4 && scheme.detection == Detection::Exact {
            return Err(format!("{text:?}: 16-QAM has simple metrics alone; leave -exact out"));
        }
        Ok(scheme)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |modulation: &&(&str, usize, bool)| {
            (modulation.1, modulation.2) == (self.bits, self.differential)
        };
        if self.header {
            f.write_str(HEADER)?;
        }
        f.write_str(MODULATIONS.iter().find(of).map_or("?", |modulation| modulation.0))?;
        if self.copies > 1 {
            write!(f, "-x{}", self.copies)?;
        }
        if self.detection == Detection::Exact {
            f.write_str("-exact")?;
        }
        if self.parity_octets > 0 {
            write!(f, "-rs{}", self.parity_octets)?;
        }
        if let Some((carriers, unit)) = self.carriers {
            write!(f, "-c{carriers}x{unit}")?;
        }
        if !self.coded {
            f.write_str("-uncoded")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for name in [
            "bpsk",
            "8psk-exact",
            "dbpsk-x4-rs8",
            "dqpsk-x4",
            "d8psk-exact-rs16",
            "16qam-rs16",
            "bpsk-x4-rs8-c36x4",
            "fch-bpsk-x4-rs8-c10x4",
            "qpsk-uncoded",
        ] {
            assert_eq!(name.parse::<Scheme>().unwrap().to_string(), name);
        }
        assert_eq!("DBPSK-RS8-X4".parse::<Scheme>().unwrap().to_string(), "dbpsk-x4-rs8");
    }

    #[test]
    fn nonsense_is_named() {
        for name in [
            "",
            "64qam",
            "16qam-exact",
            "dbpsk-x1",
            "dbpsk-x9",
            "dbpsk-rs7",
            "bpsk-x4-uncoded",
            "bpsk-",
            "dbpsk-c36x4",
            "bpsk-c73x1",
            "bpsk-c36x5",
            "bpsk-c36",
            "bpsk-c0x1",
            "bpsk-c8x1-uncoded",
        ] {
            let error = name.parse::<Scheme>().unwrap_err();
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
    }

    #[test]
    fn energy_a_bit_is_the_digests() {
        // Digest 0.1: for DBPSK with rate 1/2, Eb/N0 is Es/N0 + 3.01 dB.
        let eb = |name: &str| name.parse::<Scheme>().unwrap().eb_n0_db(0.0);
        assert!((eb("dbpsk") - 3.0103).abs() < 1e-4);
        assert!((eb("dqpsk")).abs() < 1e-9);
        assert!((eb("dbpsk-x4") - 9.0309).abs() < 1e-4);
        assert!((eb("d8psk-uncoded") + 4.7712).abs() < 1e-4);
    }
}
