//! What stands at both ends of the line: standard, band, mode and options, and its name.

use super::variant::Variant;
use crate::reference;
use g3_phy::header::HeaderFormat;
use g3_phy::layout::PayloadLayout;
use g3_phy::{BandPlan, Modulation, timing};
use plc_core::time::Duration;
use prime_phy::{Channel, FrameType, Scheme};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// G3-PLC.
    G3,
    /// PRIME, v1.3.6 and v1.4.
    Prime,
    /// The reference chain.
    Reference,
}

impl Standard {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::G3, Self::Prime, Self::Reference];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::G3 => "g3",
            Self::Prime => "prime",
            Self::Reference => "reference",
        }
    }
}

impl FromStr for Standard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        find(&Self::ALL, text, |standard| standard.name().to_string())
            .ok_or_else(|| format!("unknown standard {text:?}; use g3, prime or reference"))
    }
}

/// A modem on both ends, or the reference chain.
///
/// Its name is `standard/band/mode/options`: `g3/cenelec-a/dbpsk/default`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum System {
    /// G3-PLC.
    G3 {
        /// Band.
        plan: BandPlan,
        /// Payload modulation.
        modulation: Modulation,
        /// Options of both modems.
        variant: Variant,
    },
    /// PRIME.
    Prime {
        /// Channel.
        channel: Channel,
        /// Payload scheme.
        scheme: Scheme,
        /// Options of both modems.
        variant: Variant,
    },
    /// The reference chain.
    Reference {
        /// Modulation, codes and metrics.
        scheme: reference::Scheme,
    },
}

/// Bands of a standard, by name. The reference chain knows no band.
pub fn bands(standard: Standard) -> Vec<String> {
    match standard {
        Standard::G3 => BandPlan::ALL.iter().map(band_name).collect(),
        Standard::Prime => channels().iter().map(channel_name).collect(),
        Standard::Reference => vec!["none".to_string()],
    }
}

/// Modes of a standard that are measured where none is named: all but G3's coherent ones.
pub fn usual_modes(standard: Standard) -> Vec<String> {
    match standard {
        Standard::G3 => Modulation::ALL.iter().map(|&modulation| modulation_name(modulation)).collect(),
        _ => modes(standard),
    }
}

/// Modes of a standard, by name. The reference chain has more than those listed; see [`reference::Scheme`].
pub fn modes(standard: Standard) -> Vec<String> {
    match standard {
        Standard::G3 => MODULATIONS.iter().map(|(name, _)| (*name).to_string()).collect(),
        Standard::Prime => Scheme::ALL.iter().map(|&scheme| scheme_name(scheme)).collect(),
        Standard::Reference => {
            ["dbpsk", "dqpsk", "d8psk", "bpsk", "qpsk", "8psk", "16qam"].map(ToString::to_string).to_vec()
        }
    }
}

/// Octets of the digest's curves (g3-phy 11.3). Coherent Robust's frames of CENELEC-B hold less.
const USUAL_OCTETS: usize = 100;

/// G3's modulations by name, the differential ones first. What no source tells is called experimental.
const MODULATIONS: [(&str, Modulation); 9] = [
    ("robust", Modulation::Robust),
    ("dbpsk", Modulation::Dbpsk),
    ("dqpsk", Modulation::Dqpsk),
    ("d8psk", Modulation::D8psk),
    ("robust-coherent", Modulation::RobustCoherent),
    ("bpsk", Modulation::Bpsk),
    ("qpsk", Modulation::Qpsk),
    ("8psk", Modulation::Psk8),
    ("16qam-experimental", Modulation::Qam16),
];

/// PRIME's channels, 1 at the 250 kHz of v1.3.6 and the others at 1 MHz, and bonded pairs of them.
fn channels() -> Vec<Channel> {
    let [_, others @ ..] = Channel::ALL;
    std::iter::once(Channel::ONE).chain(others).chain(Channel::PAIRS).collect()
}

/// Most octets of padding that PRIME's header of Type A can tell.
const MOST_PADDING: usize = 63;

impl System {
    /// The system of a standard, a band, a mode and options, by their names.
    ///
    /// # Errors
    /// A sentence that names what is unknown and what there is.
    pub fn new(standard: Standard, band: &str, mode: &str, variant: Variant) -> Result<Self, String> {
        let unknown_band =
            || format!("{} has no band {band:?}; use {}", standard.name(), bands(standard).join(", "));
        let unknown_mode =
            || format!("{} has no mode {mode:?}; use {}", standard.name(), modes(standard).join(", "));
        variant.check(standard)?;
        match standard {
            Standard::G3 => {
                let plan = find(&BandPlan::ALL, band, band_name).ok_or_else(unknown_band)?;
                let (_, modulation) =
                    find(&MODULATIONS, mode, |of| of.0.to_string()).ok_or_else(unknown_mode)?;
                if modulation == Modulation::Qam16 && plan.header == HeaderFormat::Cenelec {
                    return Err(format!("{mode} is of FCC and ARIB, not of {band}; leave one of them out"));
                }
                variant.check_carriers(&plan)?;
                Ok(Self::G3 { plan, modulation, variant })
            }
            Standard::Prime => Ok(Self::Prime {
                channel: find(&channels(), band, channel_name).ok_or_else(unknown_band)?,
                scheme: find(&Scheme::ALL, mode, |of| scheme_name(*of)).ok_or_else(unknown_mode)?,
                variant,
            }),
            Standard::Reference if band == "none" => Ok(Self::Reference { scheme: mode.parse()? }),
            Standard::Reference => Err(unknown_band()),
        }
    }

    /// Standard.
    pub fn standard(&self) -> Standard {
        match self {
            Self::G3 { .. } => Standard::G3,
            Self::Prime { .. } => Standard::Prime,
            Self::Reference { .. } => Standard::Reference,
        }
    }

    /// Name of the band.
    pub fn band(&self) -> String {
        match self {
            Self::G3 { plan, .. } => band_name(plan),
            Self::Prime { channel, .. } => channel_name(channel),
            Self::Reference { .. } => "none".to_string(),
        }
    }

    /// Name of the mode.
    pub fn mode(&self) -> String {
        match self {
            Self::G3 { modulation, .. } => modulation_name(*modulation),
            Self::Prime { scheme, .. } => scheme_name(*scheme),
            Self::Reference { scheme } => scheme.to_string(),
        }
    }

    /// Options of both modems.
    pub fn variant(&self) -> Variant {
        match self {
            Self::G3 { variant, .. } | Self::Prime { variant, .. } => *variant,
            Self::Reference { .. } => Variant::default(),
        }
    }

    /// The reference chain with the same modulation and codes and ideal synchronisation; its interleaver is a random one, of G3's
    /// coherent modulations that of their carriers. Of coherent Robust frames too short for 100 octets it has the header too.
    pub fn counterpart(&self) -> reference::Scheme {
        let chain = |bits, differential, copies, parity_octets, coded| reference::Scheme {
            bits,
            differential,
            copies,
            detection: reference::Detection::Simple,
            parity_octets,
            coded,
            carriers: None,
            header: false,
        };
        match self {
            Self::G3 { modulation, plan, .. } => {
                let of = chain(
                    modulation.bits_per_carrier(),
                    !modulation.is_coherent(),
                    modulation.repetition(),
                    modulation.parity_octets(),
                    true,
                );
                // A differential chain's neighbours in the frame are no neighbours in its symbols.
                let carriers = self.carriers().filter(|_| modulation.is_coherent());
                let matrix = carriers.map(|carriers| (carriers as u16, plan.frame_length_unit));
                // Short frames with as many copies as that reach further than the header, which in these bands is differential.
                let header = *modulation == Modulation::RobustCoherent
                    && plan.header == HeaderFormat::Cenelec
                    && self.g3_layout(USUAL_OCTETS).is_none();
                reference::Scheme { carriers: matrix, header, ..of }
            }
            Self::Prime { scheme, .. } => {
                chain(scheme.bits_per_carrier(), true, scheme.copies(), 0, scheme.is_coded())
            }
            Self::Reference { scheme } => *scheme,
        }
    }

    /// Octets of data that a frame of at least `octets` carries: G3's are filled up to what the symbols hold. `None` where they do not
    /// fit.
    pub fn filled_octets(&self, octets: usize) -> Option<usize> {
        match self {
            System::G3 { .. } => self.g3_layout(octets).map(|layout| usize::from(layout.psdu_capacity)),
            // PRIME's header says how many octets there are.
            System::Prime { scheme, .. } => {
                let layout = self.prime_layout(octets)?;
                // A symbol of a bonded pair may hold more padding than the header can tell.
                let too_much = match FrameType::plainest(*scheme) {
                    FrameType::A => usize::from(layout.pad_octets).saturating_sub(MOST_PADDING),
                    FrameType::B | FrameType::Bc => 0,
                };
                Some(octets + too_much)
            }
            System::Reference { scheme } => {
                let fits = (1..=reference::MOST_OCTETS - scheme.parity_octets).contains(&octets);
                fits.then_some(octets)
            }
        }
    }

    /// Words of the block code in a frame of `octets`: two in a long one of FCC, one in all others.
    pub fn words(&self, octets: usize) -> usize {
        self.g3_layout(octets).map_or(1, |layout| layout.blocks.count())
    }

    /// How long a frame with `octets` of data is on the air, from the first sample of its preamble to the end of its last symbol.
    /// `None` where they do not fit, and of the reference chain.
    pub fn airtime(&self, octets: usize) -> Option<Duration> {
        match self {
            System::G3 { plan, modulation, variant } => {
                let symbols = self.g3_layout(octets)?.symbols;
                Some(timing::data_airtime(plan, variant.tone_mask(plan), *modulation, symbols))
            }
            System::Prime { scheme, .. } => {
                let layout = self.prime_layout(octets)?;
                let frame_type = FrameType::plainest(*scheme);
                Some(prime_phy::timing::frame_duration(frame_type, layout.symbols))
            }
            System::Reference { .. } => None,
        }
    }

    /// Carriers of a payload symbol that carry data; `None` of the reference chain.
    pub fn carriers(&self) -> Option<usize> {
        match self {
            System::G3 { .. } => self.g3_layout(1).map(|layout| usize::from(layout.carriers)),
            System::Prime { channel, .. } => {
                Some(channel.channels() * prime_phy::channel::PAYLOAD_DATA_CARRIERS)
            }
            System::Reference { .. } => None,
        }
    }

    fn prime_layout(&self, octets: usize) -> Option<prime_phy::layout::PayloadLayout> {
        let System::Prime { channel, scheme, .. } = self else { return None };
        let frame_type = FrameType::plainest(*scheme);
        prime_phy::layout::PayloadLayout::on(channel.channels(), frame_type, *scheme, octets)
    }

    fn g3_layout(&self, octets: usize) -> Option<PayloadLayout> {
        let System::G3 { plan, modulation, variant } = self else { return None };
        PayloadLayout::for_psdu(plan, variant.tone_mask(plan), variant.tone_map(plan), *modulation, octets)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.standard().name(), self.band(), self.mode(), self.variant())
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split('/').collect::<Vec<_>>()[..] {
            [standard, band, mode, variant] => Self::new(standard.parse()?, band, mode, variant.parse()?),
            _ => Err(format!("{text:?} is no standard/band/mode/options")),
        }
    }
}

impl TryFrom<String> for System {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<System> for String {
    fn from(system: System) -> Self {
        system.to_string()
    }
}

fn band_name(plan: &BandPlan) -> String {
    let name = plan.name.to_lowercase().replace(" (", "-").replace(')', "");
    name.replace(' ', "-")
}

/// A channel of PRIME by name: `channel-1`, or `channels-1-2` of a bonded pair.
pub fn channel_name(channel: &Channel) -> String {
    let numbers: Vec<String> = channel.parts().map(|part| part.number.to_string()).collect();
    let many = if channel.bonded { "s" } else { "" };
    format!("channel{many}-{}", numbers.join("-"))
}

fn modulation_name(modulation: Modulation) -> String {
    MODULATIONS.iter().find(|row| row.1 == modulation).map_or("", |row| row.0).to_string()
}

/// A scheme of PRIME by name.
pub fn scheme_name(scheme: Scheme) -> String {
    let name = format!("{scheme:?}").to_lowercase();
    name.replace("pskc", "psk-c").replace("robust", "robust-")
}

fn find<T: Copy>(all: &[T], text: &str, name: impl Fn(&T) -> String) -> Option<T> {
    let lower = text.to_lowercase();
    all.iter().find(|of| name(of) == lower).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for standard in Standard::ALL {
            for band in bands(standard) {
                for mode in modes(standard) {
                    if mode == "16qam-experimental" && band.starts_with("cenelec") {
                        let error = System::new(standard, &band, &mode, Variant::default()).unwrap_err();
                        assert!(error.contains("FCC and ARIB"), "{error}");
                        continue;
                    }
                    let system = System::new(standard, &band, &mode, Variant::default()).unwrap();
                    let name = format!("{}/{band}/{mode}/default", standard.name());
                    assert_eq!((system.to_string(), name.parse()), (name.clone(), Ok(system)));
                }
            }
        }
        for name in [
            "g3/fcc-1.a/robust/ppm=-25+boost=3+interleaving=separate+fch=coherent",
            "g3/fcc-1/dbpsk/fccs=msb+tail=mirrored",
            "g3/cenelec-a/dqpsk/ppm=25+receiver=iterative-8",
            "g3/cenelec-a/8psk/notch=s-fsk+receiver=best",
            "g3/fcc-1/16qam-experimental/notch=200-250.5+map=0xfffff0",
            "g3/cenelec-b-experimental/robust-coherent/receiver=matched",
            "prime/channel-8/robust-dqpsk/receiver=iterative-16",
            "prime/channel-1/dqpsk-c/interleaving=inverse",
            "prime/channel-1/dqpsk-c/scrambler=restarted+pilots=continuous",
            "reference/none/dqpsk-x4-exact/default",
            "g3/cenelec-b-experimental/dbpsk/default",
        ] {
            assert_eq!(name.parse::<System>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_is_unknown_is_named_with_what_there_is() {
        for (name, word) in [
            ("g3/cenelec-c/dbpsk/default", "cenelec-a"),
            ("g3/cenelec-a/dbpsk-c/default", "d8psk"),
            ("prime/channel-9/dbpsk-c/default", "channel-8"),
            ("g3/fcc-1/dbpsk/notch=s-fsk", "CENELEC-A"),
            ("g3/cenelec-a/dbpsk/notch=300-400", "90.6"),
            ("g3/cenelec-a/dbpsk/map=0x40", "0x3f"),
            ("g3/cenelec-a/dbpsk/map=0x1+notch=0-45", "no carrier"),
            ("prime/channel-1/dbpsk-c/notch=50-60", "leave"),
            ("prime/channel-1/dbpsk-c/fch=coherent", "leave"),
            ("g3/cenelec-a/dbpsk/pilots=restarted", "leave"),
            ("g3/cenelec-a/dbpsk/tail=long", "mirrored"),
            ("prime/channel-1/dbpsk-c/receiver=matched", "iterative-2"),
            ("g3/cenelec-a/dbpsk/receiver=better", "best"),
            ("g4/a/b/default", "prime"),
            ("g3/cenelec-a/dbpsk/ppm=1000", "-200 to 200"),
            ("g3/cenelec-a/dbpsk/interleaving=none", "legacy-rows"),
            ("g3/cenelec-a", "standard/band/mode/options"),
        ] {
            let error = name.parse::<System>().unwrap_err();
            assert!(error.contains(word), "{name}: {error}");
        }
    }

    #[test]
    fn counterparts_have_the_same_codes() {
        let counterpart = |name: &str| name.parse::<System>().unwrap().counterpart().to_string();
        assert_eq!(counterpart("g3/cenelec-a/robust/default"), "dbpsk-x4-rs8");
        assert_eq!(counterpart("g3/fcc-1/d8psk/default"), "d8psk-rs16");
        assert_eq!(counterpart("g3/cenelec-a/robust-coherent/default"), "bpsk-x4-rs8-c33x4");
        assert_eq!(counterpart("g3/cenelec-b-experimental/robust-coherent/default"), "fch-bpsk-x4-rs8-c14x4");
        assert_eq!(counterpart("g3/arib/16qam-experimental/default"), "16qam-rs16-c49x1");
        assert_eq!(counterpart("prime/channel-8/robust-dqpsk/default"), "dqpsk-x4");
        assert_eq!(counterpart("prime/channel-1/dqpsk-c/default"), "dqpsk");
        assert_eq!(counterpart("prime/channel-1/dbpsk/default"), "dbpsk-uncoded");
    }

    #[test]
    fn sizes_are_the_digests() {
        let sizes = modes(Standard::G3)
            .iter()
            .filter_map(|mode| System::new(Standard::G3, "cenelec-a", mode, Variant::default()).ok())
            .filter_map(|system| system.filled_octets(100))
            .collect::<Vec<_>>();
        assert_eq!(sizes[..4], [101, 100, 109, 118]);
        let system = |name: &str| name.parse::<System>().unwrap();
        // FCC has two Reed-Solomon blocks where one does not hold the octets, CENELEC none.
        assert_eq!(
            (system("g3/fcc-1/dqpsk/default").words(200), system("g3/fcc-1/dqpsk/default").words(300)),
            (1, 2)
        );
        assert_eq!(system("g3/cenelec-a/dqpsk/default").filled_octets(300), None);
        // A notch of 11 of 36 carriers: more symbols, in the header too.
        let airtime = |name: &str, octets| system(name).airtime(octets).unwrap().as_micros();
        assert_eq!(airtime("g3/cenelec-a/dbpsk/default", 100), 6_080 + (13 + 52) * 695);
        assert_eq!(airtime("g3/cenelec-a/dbpsk/notch=s-fsk", 100), 6_080 + (19 + 76) * 695);
        assert_eq!(airtime("prime/channel-1/dbpsk-c/default", 21), 13_248);
        assert_eq!(airtime("prime/channel-5/dbpsk-c/default", 21), 13_248);
    }
}
