//! Options of both modems, by name.

use super::notch::Notch;
use super::system::Standard;
use g3_phy::experimental::{Experimental, Qam16Bits};
use g3_phy::options::{FccsOrder, FchModulation, Interleaving, Tail};
use g3_phy::{BandPlan, Modulation, ToneMap, ToneMask};
use prime_phy::options::Continuity;
use std::fmt;
use std::str::FromStr;

/// Options of both modems, and how well their clocks agree; `default`, or any of these with a `+` between them:
///
/// * `ppm=N`: the receiver's clock is faster by N parts per million (-200 to 200);
/// * `boost=DB`: level of the preamble above header and payload; without it 0, so that Es/N0 is the same throughout;
/// * `receiver=NAME`: one of the PHY's own table, [`g3_phy::ReceiverOptions::NAMES`] or
///   [`prime_phy::ReceiverOptions::NAMES`];
/// * G3: `notch=LOW-HIGH` in kHz or `notch=s-fsk`, the carriers that the tone mask takes out of every symbol;
///   `map=HEX`, the tone map; `interleaving=legacy`, `legacy-rows` or `separate`; `fch=differential` or `coherent`;
///   `fccs=low-nibble` or `msb`; `tail=complementary` or `mirrored`;
/// * PRIME: `interleaving=direct` or `inverse`; `scrambler=` and `pilots=continuous` or `restarted`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Variant {
    /// How much faster the receiver's clock is.
    pub ppm: f64,
    /// Level of the preamble above header and payload.
    pub boost_db: f64,
    /// The receiver, by its name in the standard's PHY.
    pub receiver: Option<&'static str>,
    /// G3's carriers that the tone mask takes out.
    pub notch: Option<Notch>,
    /// G3's tone map.
    pub tone_map: Option<ToneMap>,
    /// G3's interleaver.
    pub g3_interleaving: Option<Interleaving>,
    /// G3's FCH modulation.
    pub fch: Option<FchModulation>,
    /// G3's order of the FCH's checksum.
    pub fccs: Option<FccsOrder>,
    /// G3's falling edge of a symbol.
    pub tail: Option<Tail>,
    /// PRIME's interleaver.
    pub prime_interleaving: Option<prime_phy::options::Interleaving>,
    /// PRIME's scrambler from header to payload.
    pub scrambler: Option<Continuity>,
    /// PRIME's pilots from header to payload.
    pub pilots: Option<Continuity>,
}

/// Guesses in which both ends agree.
const GUESS: Experimental =
    Experimental { qam16: Some(Qam16Bits::InPhaseFirst), cenelec_b_pilot_offset: Some(4) };

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
const PRIME_INTERLEAVING: [(&str, prime_phy::options::Interleaving); 2] = [
    ("direct", prime_phy::options::Interleaving::Direct),
    ("inverse", prime_phy::options::Interleaving::Inverse),
];
const CONTINUITY: [(&str, Continuity); 2] =
    [("continuous", Continuity::Continuous), ("restarted", Continuity::Restarted)];

/// Receivers of either standard, those of G3 first.
fn receivers() -> impl Iterator<Item = &'static str> {
    let of_g3 = |name: &&str| g3_phy::ReceiverOptions::named(name).is_some();
    let prime = prime_phy::ReceiverOptions::NAMES.into_iter().filter(move |name| !of_g3(name));
    g3_phy::ReceiverOptions::NAMES.into_iter().chain(prime)
}

impl Variant {
    /// G3's options; what bands and modes named experimental rest on is guessed.
    pub fn g3_options(&self, plan: &BandPlan, modulation: Modulation) -> g3_phy::options::Options {
        let default = g3_phy::options::Options::default();
        let guessing = plan.experimental || modulation == Modulation::Qam16;
        g3_phy::options::Options {
            experimental: if guessing { GUESS } else { default.experimental },
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

    /// G3's receiver.
    pub fn g3_receiver(&self) -> g3_phy::ReceiverOptions {
        self.receiver.and_then(g3_phy::ReceiverOptions::named).unwrap_or_default()
    }

    /// PRIME's receiver.
    pub fn prime_receiver(&self) -> prime_phy::ReceiverOptions {
        self.receiver.and_then(prime_phy::ReceiverOptions::named).unwrap_or_default()
    }

    /// G3's tone mask in a band.
    pub fn tone_mask(&self, plan: &BandPlan) -> ToneMask {
        self.notch.map_or(ToneMask::ALL, |notch| notch.tone_mask(plan))
    }

    /// G3's tone map in a band.
    pub fn tone_map(&self, plan: &BandPlan) -> ToneMap {
        self.tone_map.unwrap_or(plan.full_tone_map())
    }

    /// Whether a standard has these options.
    pub(super) fn check(&self, standard: Standard) -> Result<(), String> {
        let both =
            Self { ppm: self.ppm, boost_db: self.boost_db, receiver: self.receiver, ..Self::default() };
        let Self { notch, tone_map, g3_interleaving, fch, fccs, tail, .. } = *self;
        let Self { prime_interleaving, scrambler, pilots, .. } = *self;
        let name = standard.name();
        let (fits, names) = match standard {
            Standard::G3 => (
                *self == Self { notch, tone_map, g3_interleaving, fch, fccs, tail, ..both },
                &g3_phy::ReceiverOptions::NAMES[..],
            ),
            Standard::Prime => (
                *self == Self { prime_interleaving, scrambler, pilots, ..both },
                &prime_phy::ReceiverOptions::NAMES[..],
            ),
            Standard::Reference => (*self == Self::default(), &[][..]),
        };
        if !fits {
            return Err(format!("{name} has no options {self}; leave them out or leave {name} out"));
        }
        match self.receiver.filter(|receiver| !names.contains(receiver)) {
            Some(receiver) => Err(format!("{name} has no receiver {receiver:?}; use {}", names.join(", "))),
            None => Ok(()),
        }
    }

    /// Whether a band has these carriers.
    pub(super) fn check_carriers(&self, plan: &BandPlan) -> Result<(), String> {
        if let Some(notch) = self.notch {
            notch.check(plan)?;
        }
        let full = plan.full_tone_map().0;
        match self.tone_map {
            Some(ToneMap(map)) if map == 0 || map & !full != 0 => {
                Err(format!("{} has no tone map {map:#x}; use bits of {full:#x}", plan.name))
            }
            Some(map) if plan.active(self.tone_mask(plan), map).is_empty() => {
                Err(format!("{}: tone map {:#x} and the notch leave no carrier", plan.name, map.0))
            }
            _ => Ok(()),
        }
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
                let receivers = receivers().collect::<Vec<_>>().join(", ");
                format!(
                    "unknown option {part:?}; use ppm=N (-200 to 200), boost=DB (-20 to 20), receiver={receivers}; of G3 \
                     notch=LOW-HIGH in kHz or s-fsk, map=0x3f (tone map), interleaving=legacy, legacy-rows or separate, \
                     fch=differential or coherent, fccs=low-nibble or msb, tail=complementary or mirrored; of PRIME \
                     interleaving=direct or inverse, scrambler= and pilots=continuous or restarted; joined by +, or \
                     default"
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
                "receiver" => {
                    variant.receiver = Some(receivers().find(|name| *name == value).ok_or_else(unknown)?);
                }
                "notch" => variant.notch = Some(value.parse()?),
                "map" => {
                    let digits = value.strip_prefix("0x").unwrap_or(value);
                    let map = u32::from_str_radix(digits, 16).map_err(|_| unknown())?;
                    variant.tone_map = Some(ToneMap(map));
                }
                "interleaving" => {
                    variant.g3_interleaving = named(&G3_INTERLEAVING, value);
                    variant.prime_interleaving = named(&PRIME_INTERLEAVING, value);
                    if variant.g3_interleaving.is_none() && variant.prime_interleaving.is_none() {
                        return Err(unknown());
                    }
                }
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
        parts.extend(self.notch.map(|notch| format!("notch={notch}")));
        parts.extend(self.tone_map.map(|map| format!("map={:#x}", map.0)));
        let interleaving = self
            .g3_interleaving
            .map(|of| name_of(&G3_INTERLEAVING, of))
            .or_else(|| self.prime_interleaving.map(|of| name_of(&PRIME_INTERLEAVING, of)));
        parts.extend(interleaving.map(|name| format!("interleaving={name}")));
        parts.extend(self.fch.map(|of| format!("fch={}", name_of(&FCH, of))));
        parts.extend(self.fccs.map(|of| format!("fccs={}", name_of(&FCCS, of))));
        parts.extend(self.tail.map(|of| format!("tail={}", name_of(&TAIL, of))));
        parts.extend(self.receiver.map(|name| format!("receiver={name}")));
        parts.extend(self.scrambler.map(|of| format!("scrambler={}", name_of(&CONTINUITY, of))));
        parts.extend(self.pilots.map(|of| format!("pilots={}", name_of(&CONTINUITY, of))));
        if parts.is_empty() { f.write_str("default") } else { f.write_str(&parts.join("+")) }
    }
}

fn named<T: Copy>(table: &[(&'static str, T)], name: &str) -> Option<T> {
    table.iter().find(|row| row.0 == name).map(|row| row.1)
}

fn name_of<T: PartialEq + Copy>(table: &[(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|row| row.1 == value).map_or("", |row| row.0)
}
