//! Limits: EN 50065-1 built in, others from a file in TOML. `docs/emission.md` describes the file.

use super::network::Network;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A set of limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// What it is.
    pub name: String,
    /// Where its figures are from.
    pub source: String,
    /// Whether the figures are recalled and not read in the standard.
    #[serde(default)]
    pub recalled: bool,
    /// The artificial mains network.
    #[serde(default)]
    pub network: Network,
    /// Limits over frequency.
    #[serde(default)]
    pub limit: Vec<Limit>,
    /// Limits of a whole band's voltage.
    #[serde(default)]
    pub total: Vec<Total>,
}

/// What a detector may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// The highest value.
    Peak,
    /// Weighted by how often it comes.
    QuasiPeak,
    /// The mean.
    Average,
}

/// Signals that a limit is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Applies {
    /// All.
    #[default]
    Always,
    /// Those 5 kHz wide or more at 20 dB below their highest level.
    Wideband,
    /// The others.
    Narrowband,
}

/// A limit over frequency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What it limits.
    pub name: String,
    /// By which detector.
    pub detector: Detector,
    /// Corners: frequency in Hz and level in dBµV, falling or rising linearly over the logarithm of frequency between.
    pub points: Vec<[f64; 2]>,
    /// Bands in Hz that it does not hold in: those of the signals themselves.
    #[serde(default)]
    pub except_hz: Vec<[f64; 2]>,
    /// Signals that it is for.
    #[serde(default)]
    pub applies: Applies,
}

/// A limit of a whole band's voltage: its peak, as the rms of a sine of that peak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// What it limits.
    pub name: String,
    /// The band in Hz.
    pub band_hz: [f64; 2],
    /// The level in dBµV.
    pub dbuv: f64,
    /// Signals that it is for.
    #[serde(default)]
    pub applies: Applies,
}

/// The masks in this program, by name.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("en50065-1-a", include_str!("masks/en50065-1-a.toml")),
    ("en50065-1-b122", include_str!("masks/en50065-1-b122.toml")),
    ("en50065-1-b134", include_str!("masks/en50065-1-b134.toml")),
];

impl Mask {
    /// A mask that is built in, or one of a file. An error names the file, the line and the value.
    pub fn named(name: &str) -> Result<Self, String> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(own, _)| *own == name) {
            return Self::parse(text).map_err(|error| format!("{name}: {error}"));
        }
        let text = std::fs::read_to_string(Path::new(name)).map_err(|error| {
            let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            format!("{name}: {error}; give a file, or one of {}", names.join(", "))
        })?;
        Self::parse(&text).map_err(|error| format!("{name}: {error}"))
    }

    /// Reads a mask.
    pub fn parse(text: &str) -> Result<Self, String> {
        // The message shows line and column.
        let mask: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        mask.check().map_err(|(place, reason)| {
            let line = place.and_then(|(table, index)| line_of(text, table, index));
            line.map_or(reason.clone(), |line| format!("line {line}: {reason}"))
        })?;
        Ok(mask)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.limit.is_empty() && self.total.is_empty() {
            return Err((
                None,
                "no [[limit]] and no [[total]]: nothing to hold a signal against".to_string(),
            ));
        }
        let Network { parallel_ohm, inductance_uh, series_ohm } = self.network;
        let possible = |value: f64| value.is_finite() && value > 0.0;
        if !possible(parallel_ohm) || !possible(inductance_uh) || !series_ohm.is_finite() || series_ohm < 0.0
        {
            let told = format!(
                "network: {parallel_ohm} ohm parallel to {inductance_uh} uH and {series_ohm} ohm is none"
            );
            return Err((Some(("[network]", 0)), told));
        }
        for (index, limit) in self.limit.iter().enumerate() {
            limit.check().map_err(|reason| (Some(("[[limit]]", index)), reason))?;
        }
        for (index, total) in self.total.iter().enumerate() {
            let [from, to] = total.band_hz;
            if !(from.is_finite() && to.is_finite() && 0.0 <= from && from < to && total.dbuv.is_finite()) {
                let told = format!("total {:?}: {} dBuV from {from} to {to} Hz", total.name, total.dbuv);
                return Err((Some(("[[total]]", index)), told));
            }
        }
        Ok(())
    }
}

/// What is wrong, and in the how manieth table of which header.
type Fault = (Option<(&'static str, usize)>, String);

/// Line of a table's header, from 1.
fn line_of(text: &str, header: &str, index: usize) -> Option<usize> {
    let headers = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with(header));
    headers.map(|(line, _)| line + 1).nth(index)
}

impl Limit {
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if self.points.len() < 2 {
            return Err(format!("limit {name:?}: {} points; two or more are needed", self.points.len()));
        }
        let mut numbers = self.points.iter().chain(&self.except_hz).flatten();
        if let Some(value) = numbers.find(|value| !value.is_finite()) {
            return Err(format!("limit {name:?}: {value} is no number"));
        }
        if let Some([from, to]) = self.except_hz.iter().find(|[from, to]| from >= to) {
            return Err(format!(
                "limit {name:?}: except_hz from {from} to {to} Hz is no band: the lower edge first"
            ));
        }
        for pair in self.points.windows(2) {
            if let [[from, _], [to, _]] = pair
                && !(*from > 0.0 && from <= to)
            {
                return Err(format!(
                    "limit {name:?}: frequencies must rise from above 0; {to} Hz follows {from} Hz"
                ));
            }
        }
        Ok(())
    }

    /// The limit at a frequency, where it holds. Where two corners share a frequency, the lower level counts.
    pub fn at(&self, hz: f64) -> Option<f64> {
        if self.except_hz.iter().any(|[from, to]| (*from..=*to).contains(&hz)) {
            return None;
        }
        let between = |pair: &[[f64; 2]]| {
            let [[from, low], [to, high]] = pair else { return None };
            if !(*from..=*to).contains(&hz) {
                return None;
            }
            let share = if to > from { libm::log(hz / from) / libm::log(to / from) } else { 0.0 };
            Some(low + (high - low) * share)
        };
        self.points.windows(2).filter_map(between).reduce(f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_built_in_masks_have_the_digests_figures() {
        let mask = Mask::named("en50065-1-a").unwrap();
        assert!(mask.recalled);
        let limit = |name: &str| mask.limit.iter().find(|limit| limit.name.contains(name)).unwrap();
        let narrow = limit("narrowband");
        assert_eq!(narrow.applies, Applies::Narrowband);
        assert_eq!((narrow.at(9e3), narrow.at(8e3)), (Some(134.0), None));
        assert!((narrow.at(95e3).unwrap() - 120.0).abs() < 1e-9);
        // Half way on a logarithmic scale.
        assert!((narrow.at((9e3_f64 * 95e3).sqrt()).unwrap() - 127.0).abs() < 1e-9);
        let outside = limit("quasi-peak");
        assert_eq!((outside.at(60e3), outside.detector), (None, Detector::QuasiPeak));
        assert!((outside.at(149.9e3).unwrap() - 66.0).abs() < 0.02);
        assert!((outside.at(500e3).unwrap() - 56.0).abs() < 0.01);
        assert!((limit("average").at(150e3).unwrap() - 56.0).abs() < 1e-9);
        assert_eq!((mask.total[0].dbuv, mask.total[0].applies), (134.0, Applies::Wideband));
        for (name, _) in BUILT_IN {
            assert!(Mask::named(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn errors_name_line_and_value() {
        for (text, reason) in [
            ("name = \"x\"\nsource = 3", "line 2"),
            ("name = \"x\"\nsource = \"y\"", "nothing to hold"),
            ("name = \"x\"\nsource = \"y\"\nlimits = 3", "limits"),
            ("name = \"x\"\nsource = \"y\"\n[[limit]]\nname = \"l\"\ndetector = \"rms\"\npoints = []", "rms"),
            (
                "name = \"x\"\nsource = \"y\"\n[[limit]]\nname = \"l\"\ndetector = \"peak\"\npoints = [[9e3, 1.0], [8e3, 1.0]]",
                "line 3: limit \"l\": frequencies must rise from above 0; 8000 Hz follows 9000 Hz",
            ),
            (
                "name = \"x\"\nsource = \"y\"\n[[limit]]\nname = \"l\"\ndetector = \"peak\"\npoints = [[9e3, 1.0], [9e4, 1.0]]\nexcept_hz = [[95e3, 9e3]]",
                "except_hz from 95000 to 9000 Hz",
            ),
            (
                "name = \"x\"\nsource = \"y\"\n[[limit]]\nname = \"l\"\ndetector = \"peak\"\npoints = [[9e3, nan], [9e4, 1.0]]",
                "NaN",
            ),
            (
                "name = \"x\"\nsource = \"y\"\n[[total]]\nname = \"l\"\nband_hz = [3.0, 2.0]\ndbuv = 3.0",
                "from 3 to 2 Hz",
            ),
            (
                "name = \"x\"\nsource = \"y\"\n[network]\nparallel_ohm = 0.0\ninductance_uh = 50.0\nseries_ohm = 5.0\n[[total]]\nname = \"l\"\nband_hz = [1.0, 2.0]\ndbuv = 3.0",
                "0 ohm",
            ),
        ] {
            let error = Mask::parse(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(Mask::named("no-such-mask").unwrap_err().contains("en50065-1-a"));
    }

    proptest! {
        #[test]
        fn damaged_masks_are_answered(at: proptest::sample::Index, value in any::<char>(), hz in any::<f64>()) {
            let mut text: Vec<char> = BUILT_IN[0].1.chars().collect();
            let at = at.index(text.len());
            text[at] = value;
            if let Ok(mask) = Mask::parse(&text.into_iter().collect::<String>()) {
                prop_assert!(mask.limit.iter().all(|limit| limit.at(hz).is_none_or(|level| !level.is_nan() || hz.is_nan())));
            }
        }
    }
}
