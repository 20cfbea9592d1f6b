//! What stands at both ends of the line: standard, band, mode and options, and its name.

use crate::reference;
use g3_phy::options::{FccsOrder, FchModulation, Interleaving, Tail};
use g3_phy::{BandPlan, Modulation, PreambleDetection, ReceiverOptions, ToneMask};
use prime_phy::options::Continuity;
use prime_phy::{Channel, Scheme};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// G3-PLC.
    G3,
    /// PRIME, v1.3.6.
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

/// Bands of a standard, by name. PRIME is built in channel 1; the reference chain knows no band.
pub fn bands(standard: Standard) -> Vec<String> {
    match standard {
        Standard::G3 => BandPlan::ALL.iter().map(band_name).collect(),
        Standard::Prime => vec![channel_name(&Channel::ONE)],
        Standard::Reference => vec!["none".to_string()],
    }
}

/// Modes of a standard, by name. The reference chain has more than those listed; see [`reference::Scheme`].
pub fn modes(standard: Standard) -> Vec<String> {
    match standard {
        Standard::G3 => Modulation::ALL.iter().map(|&modulation| modulation_name(modulation)).collect(),
        Standard::Prime => Scheme::ALL.iter().map(|&scheme| scheme_name(scheme)).collect(),
        Standard::Reference => {
            ["dbpsk", "dqpsk", "d8psk", "bpsk", "qpsk", "8psk"].map(ToString::to_string).to_vec()
        }
    }
}

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
            Standard::G3 => Ok(Self::G3 {
                plan: find(&BandPlan::ALL, band, band_name).ok_or_else(unknown_band)?,
                modulation: find(&Modulation::ALL, mode, |of| modulation_name(*of))
                    .ok_or_else(unknown_mode)?,
                variant,
            }),
            Standard::Prime => Ok(Self::Prime {
                channel: find(&[Channel::ONE], band, channel_name).ok_or_else(unknown_band)?,
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

    /// The reference chain with the same modulation and codes, ideal synchronisation and a random interleaver.
    pub fn counterpart(&self) -> reference::Scheme {
        let differential = |bits, copies, parity_octets, coded| reference::Scheme {
            bits,
            differential: true,
            copies,
            detection: reference::Detection::Simple,
            parity_octets,
            coded,
        };
        match self {
            Self::G3 { modulation, .. } => differential(
                modulation.bits_per_carrier(),
                modulation.repetition(),
                modulation.parity_octets(),
                true,
            ),
            Self::Prime { scheme, .. } => {
                differential(scheme.bits_per_carrier(), scheme.copies(), 0, scheme.is_coded())
            }
            Self::Reference { scheme } => *scheme,
        }
    }

    /// Octets of data that a frame of at least `octets` carries: G3's are filled up to what the symbols hold. `None` where they do not
    /// fit.
    pub fn filled_octets(&self, octets: usize) -> Option<usize> {
        match self {
            System::G3 { plan, modulation, .. } => g3_phy::layout::PayloadLayout::for_psdu(
                plan,
                ToneMask::ALL,
                plan.full_tone_map(),
                *modulation,
                octets,
            )
            .map(|layout| usize::from(layout.psdu_capacity)),
            // PRIME's header says how many octets there are.
            System::Prime { scheme, .. } => {
                prime_phy::layout::PayloadLayout::for_mpdu(*scheme, octets).map(|_| octets)
            }
            System::Reference { scheme } => {
                let fits = (1..=reference::MOST_OCTETS - scheme.parity_octets).contains(&octets);
                fits.then_some(octets)
            }
        }
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

/// Options of both modems, and how well their clocks agree; `default`, or any of these with a `+` between them:
///
/// * `ppm=N`: the receiver's clock is faster by N parts per million (-200 to 200);
/// * `boost=DB`: level of the preamble above header and payload; without it 0, so that Es/N0 is the same throughout;
/// * G3: `interleaving=legacy`, `legacy-rows` or `separate`; `fch=differential` or `coherent`; `fccs=low-nibble` or
///   `msb`; `tail=complementary` or `mirrored`; `receiver=standard`, `matched`, `coherent`, `iterative-2`, `-4`, `-8` or
///   `-16` (g3-phy's `ReceiverOptions`);
/// * PRIME: `interleaving=direct` or `inverse`; `scrambler=` and `pilots=continuous` or `restarted`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Variant {
    /// How much faster the receiver's clock is.
    pub ppm: f64,
    /// Level of the preamble above header and payload.
    pub boost_db: f64,
    /// G3's interleaver.
    pub g3_interleaving: Option<Interleaving>,
    /// G3's FCH modulation.
    pub fch: Option<FchModulation>,
    /// G3's order of the FCH's checksum.
    pub fccs: Option<FccsOrder>,
    /// G3's falling edge of a symbol.
    pub tail: Option<Tail>,
    /// G3's receiver beyond the standard one.
    pub receiver: Option<ReceiverOptions>,
    /// PRIME's interleaver.
    pub prime_interleaving: Option<prime_phy::options::Interleaving>,
    /// PRIME's scrambler from header to payload.
    pub scrambler: Option<Continuity>,
    /// PRIME's pilots from header to payload.
    pub pilots: Option<Continuity>,
}

const G3_INTERLEAVING: [(&str, Interleaving); 3] = [
    ("legacy", Interleaving::Legacy),
    ("legacy-rows", Interleaving::LegacyRows),
    ("separate", Interleaving::Separate),
];
const FCH: [(&str, FchModulation); 2] =
    [("differential", FchModulation::Differential), ("coherent", FchModulation::Coherent)];
const FCCS: [(&str, FccsOrder); 2] =
    [("low-nibble", FccsOrder::LowNibbleFirst), ("msb", FccsOrder::MostSignificantFirst)];
const TAIL: [(&str, Tail); 2] = [("complementary", Tail::Complementary), ("mirrored", Tail::Mirrored)];
const RECEIVERS: [(&str, ReceiverOptions); 7] = [
    ("standard", ReceiverOptions::STANDARD),
    ("matched", ReceiverOptions { preamble: PreambleDetection::Matched, ..ReceiverOptions::STANDARD }),
    ("coherent", ReceiverOptions::COHERENT),
    ("iterative-2", ReceiverOptions::iterative(2)),
    ("iterative-4", ReceiverOptions::iterative(4)),
    ("iterative-8", ReceiverOptions::iterative(8)),
    ("iterative-16", ReceiverOptions::iterative(16)),
];
const PRIME_INTERLEAVING: [(&str, prime_phy::options::Interleaving); 2] = [
    ("direct", prime_phy::options::Interleaving::Direct),
    ("inverse", prime_phy::options::Interleaving::Inverse),
];
const CONTINUITY: [(&str, Continuity); 2] =
    [("continuous", Continuity::Continuous), ("restarted", Continuity::Restarted)];

impl Variant {
    /// G3's options.
    pub fn g3_options(&self) -> g3_phy::options::Options {
        let default = g3_phy::options::Options::default();
        g3_phy::options::Options {
            interleaving: self.g3_interleaving.unwrap_or(default.interleaving),
            fch_modulation: self.fch,
            fccs_order: self.fccs.unwrap_or(default.fccs_order),
            preamble_boost_db: self.boost_db as f32,
            tail: self.tail.unwrap_or(default.tail),
            ..default
        }
    }

    /// PRIME's options.
    pub fn prime_options(&self) -> prime_phy::options::Options {
        let default = prime_phy::options::Options::default();
        prime_phy::options::Options {
            interleaving: self.prime_interleaving.unwrap_or(default.interleaving),
            scrambler: self.scrambler.unwrap_or(default.scrambler),
            pilots: self.pilots.unwrap_or(default.pilots),
            preamble_boost_db: self.boost_db as f32,
            ..default
        }
    }

    /// Whether a standard has these options.
    fn check(&self, standard: Standard) -> Result<(), String> {
        let both = Self { ppm: self.ppm, boost_db: self.boost_db, ..Self::default() };
        let Self { g3_interleaving, fch, fccs, tail, receiver, .. } = *self;
        let Self { prime_interleaving, scrambler, pilots, .. } = *self;
        let fits = match standard {
            Standard::G3 => *self == Self { g3_interleaving, fch, fccs, tail, receiver, ..both },
            Standard::Prime => *self == Self { prime_interleaving, scrambler, pilots, ..both },
            Standard::Reference => *self == Self::default(),
        };
        let name = standard.name();
        fits.then_some(())
            .ok_or_else(|| format!("{name} has no options {self}; leave them out or leave {name} out"))
    }
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut variant = Self::default();
        if text == "default" {
            return Ok(variant);
        }
        for part in text.split('+') {
            let unknown = || {
                format!(
                    "unknown option {part:?}; use ppm=N (-200 to 200), boost=DB (-20 to 20), interleaving=legacy, \
                     legacy-rows, separate (G3), direct or inverse (PRIME), fch=differential or coherent, \
                     fccs=low-nibble or msb, tail=complementary or mirrored, receiver=standard, matched, coherent, \
                     iterative-2, -4, -8 or -16 (G3), scrambler= and pilots=continuous or restarted (PRIME), joined \
                     by +, or default"
                )
            };
            let (key, value) = part.split_once('=').ok_or_else(unknown)?;
            let number = |limit: f64| {
                let value: Option<f64> = value.parse().ok();
                value.filter(|value| value.abs() <= limit).ok_or_else(unknown)
            };
            match key {
                "ppm" => variant.ppm = number(200.0)?,
                "boost" => variant.boost_db = number(20.0)?,
                "interleaving" => {
                    variant.g3_interleaving = named(&G3_INTERLEAVING, value);
                    variant.prime_interleaving = named(&PRIME_INTERLEAVING, value);
                    if variant.g3_interleaving.is_none() && variant.prime_interleaving.is_none() {
                        return Err(unknown());
                    }
                }
                "receiver" => variant.receiver = Some(named(&RECEIVERS, value).ok_or_else(unknown)?),
                "fch" => variant.fch = Some(named(&FCH, value).ok_or_else(unknown)?),
                "fccs" => variant.fccs = Some(named(&FCCS, value).ok_or_else(unknown)?),
                "tail" => variant.tail = Some(named(&TAIL, value).ok_or_else(unknown)?),
                "scrambler" => variant.scrambler = Some(named(&CONTINUITY, value).ok_or_else(unknown)?),
                "pilots" => variant.pilots = Some(named(&CONTINUITY, value).ok_or_else(unknown)?),
                _ => return Err(unknown()),
            }
        }
        Ok(variant)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.ppm != 0.0 {
            parts.push(format!("ppm={}", self.ppm));
        }
        if self.boost_db != 0.0 {
            parts.push(format!("boost={}", self.boost_db));
        }
        let interleaving = self
            .g3_interleaving
            .map(|of| name_of(&G3_INTERLEAVING, of))
            .or_else(|| self.prime_interleaving.map(|of| name_of(&PRIME_INTERLEAVING, of)));
        parts.extend(interleaving.map(|name| format!("interleaving={name}")));
        parts.extend(self.fch.map(|of| format!("fch={}", name_of(&FCH, of))));
        parts.extend(self.fccs.map(|of| format!("fccs={}", name_of(&FCCS, of))));
        parts.extend(self.tail.map(|of| format!("tail={}", name_of(&TAIL, of))));
        parts.extend(self.receiver.map(|of| format!("receiver={}", name_of(&RECEIVERS, of))));
        parts.extend(self.scrambler.map(|of| format!("scrambler={}", name_of(&CONTINUITY, of))));
        parts.extend(self.pilots.map(|of| format!("pilots={}", name_of(&CONTINUITY, of))));
        if parts.is_empty() { f.write_str("default") } else { f.write_str(&parts.join("+")) }
    }
}

fn band_name(plan: &BandPlan) -> String {
    let name = plan.name.to_lowercase().replace(" (", "-").replace(')', "");
    name.replace(' ', "-")
}

/// A channel of PRIME by name.
pub fn channel_name(channel: &Channel) -> String {
    format!("channel-{}", channel.number)
}

fn modulation_name(modulation: Modulation) -> String {
    format!("{modulation:?}").to_lowercase()
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

fn named<T: Copy>(table: &[(&'static str, T)], name: &str) -> Option<T> {
    table.iter().find(|row| row.0 == name).map(|row| row.1)
}

fn name_of<T: PartialEq + Copy>(table: &[(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|row| row.1 == value).map_or("", |row| row.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for standard in Standard::ALL {
            for band in bands(standard) {
                for mode in modes(standard) {
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
            ("prime/channel-2/dbpsk-c/default", "channel-1"),
            ("prime/channel-1/dbpsk-c/fch=coherent", "leave"),
            ("g3/cenelec-a/dbpsk/pilots=restarted", "leave"),
            ("g3/cenelec-a/dbpsk/tail=long", "mirrored"),
            ("prime/channel-1/dbpsk-c/receiver=coherent", "leave"),
            ("g3/cenelec-a/dbpsk/receiver=best", "iterative-2"),
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
    }
}
