//! Standards side by side: what a frame brings in the time it takes, over the power that arrives, in the same noise.

use super::campaign::{Campaign, Task};
use super::journal::Journal;
use super::statistics::Estimate;
use super::system::{Standard, System};
use super::{Channel, Outcome, Results, Stop, noise, stream};
use plc_core::time::TICKS_PER_SECOND;
use serde::Serialize;

/// What to compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Modems. The noise's power is that in the band of the first one.
    pub systems: Vec<System>,
    /// Noise presets; several of one point are joined by a comma.
    pub noises: Vec<String>,
    /// Power received over the noise's power in the band of the first modem, in dB.
    pub ratios_db: Vec<f64>,
    /// Octets before a frame is filled up to its symbols.
    pub octets: usize,
    /// Frequency of the mains: 50 or 60.
    pub mains_hz: u32,
}

/// A mode in one noise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Goodput {
    /// What stands at both ends.
    pub system: System,
    /// Noise presets.
    pub noise: String,
    /// Octets of a frame's data.
    pub octets: usize,
    /// How long a frame is on the air.
    pub airtime_ms: f64,
    /// What arrives where no frame is lost, in bit/s.
    pub rate_bps: f64,
    /// The measured points in order of their ratio.
    pub points: Vec<GoodputPoint>,
}

/// A point of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GoodputPoint {
    /// Power received over the noise's power in the band of the first modem, in dB.
    pub ratio_db: f64,
    /// Es/N0 per carrier of this one, in dB.
    pub snr_db: f64,
    /// Frames measured, and those lost.
    pub frames: u64,
    /// Frames lost.
    pub lost: u64,
    /// Frame error rate.
    pub fer: Estimate,
    /// What arrives, in bit/s: the data of the frames that came out right over the time all of them took.
    pub goodput_bps: Estimate,
}

/// A comparison measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Name of the first modem's band: that of the noise's power.
    pub band: String,
    /// From half a carrier spacing below its lowest carrier to half of one above its highest, in Hz.
    pub band_hz: [f64; 2],
    /// Modes, noise by noise.
    pub modes: Vec<Goodput>,
}

impl Comparison {
    /// The campaign's points.
    ///
    /// # Errors
    /// A sentence where octets, noise or ratios do not fit a system, or a system has no line.
    pub fn tasks(&self) -> Result<Vec<Task>, String> {
        let mut tasks = Vec::new();
        for noise in &self.noises {
            for system in &self.systems {
                let octets = system.filled_octets(self.octets).ok_or_else(|| {
                    format!("{} octets do not fit a frame of {system}; use less with --octets", self.octets)
                })?;
                noise::check(system, noise, self.mains_hz)?;
                let offset_db = self.offset_db(system, noise)?;
                for ratio_db in &self.ratios_db {
                    let snr_db = ((ratio_db + offset_db) * 1e4).round() / 1e4 + 0.0;
                    let task = Task {
                        system: *system,
                        channel: Channel::Flat,
                        noise: noise.clone(),
                        mains_hz: self.mains_hz,
                        snr_db,
                        octets,
                    };
                    task.check()?;
                    tasks.push(task);
                }
            }
        }
        Ok(tasks)
    }

    /// A campaign of the comparison.
    ///
    /// # Errors
    /// As [`tasks`](Self::tasks).
    pub fn campaign(&self, seed: u64, stop: Stop) -> Result<Campaign, String> {
        let snr_of = super::SnrOf::Mean;
        Ok(Campaign { tasks: self.tasks()?, seed, stop, snr_of, exact: dsp::cpu::is_exact() })
    }

    /// What a campaign of the comparison found.
    ///
    /// # Errors
    /// A sentence where a system has no line or the noise is none.
    pub fn results(&self, journal: &Journal) -> Result<Compared, String> {
        let rows = Results::of(journal).points;
        let first = self.systems.first().ok_or("there is nothing to compare")?;
        let air = stream::air(first).ok_or_else(|| format!("{first} has no line"))?;
        let half_hz = 0.5 * air.rate_hz / air.points as f64;
        let [low, high] = air.band_hz();
        let mut modes = Vec::new();
        for noise in &self.noises {
            for system in &self.systems {
                let offset_db = self.offset_db(system, noise)?;
                let mine = rows.iter().filter(|row| row.task.system == *system && row.task.noise == *noise);
                let octets = system.filled_octets(self.octets).unwrap_or_default();
                let seconds = system
                    .airtime(octets)
                    .map_or(f64::INFINITY, |time| time.as_ticks() as f64 / TICKS_PER_SECOND as f64);
                let rate_bps = 8.0 * octets as f64 / seconds;
                let mut points: Vec<GoodputPoint> = mine
                    .map(|row| point(row.task.snr_db - offset_db, row.task.snr_db, row.outcome(), rate_bps))
                    .collect();
                points.sort_by(|a, b| a.ratio_db.total_cmp(&b.ratio_db));
                modes.push(Goodput {
                    system: *system,
                    noise: noise.clone(),
                    octets,
                    airtime_ms: 1e3 * seconds,
                    rate_bps,
                    points,
                });
            }
        }
        Ok(Compared { band: first.band(), band_hz: [low - half_hz, high + half_hz], modes })
    }

    /// Es/N0 per carrier of a system over the ratio of powers.
    ///
    /// A carrier has its share of the power, and in its bin the energy of the transform's samples; the noise is what the
    /// same presets, at the same level, leave in the bins: leakage from beside the band is in it.
    fn offset_db(&self, system: &System, text: &str) -> Result<f64, String> {
        let first = self.systems.first().ok_or("there is nothing to compare")?;
        let of = |system: &System| {
            let air = stream::air(system).ok_or_else(|| format!("{system} has no line to compare"))?;
            let strength = noise::strength(&air, text, f64::from(self.mains_hz))?;
            Ok::<_, String>((air, strength))
        };
        let (_, [_, band_power]) = of(first)?;
        let (air, [bin_power, _]) = of(system)?;
        Ok(10.0 * libm::log10(air.bin_energy() / air.mean_square() * band_power / bin_power))
    }
}

fn point(ratio_db: f64, snr_db: f64, outcome: &Outcome, rate_bps: f64) -> GoodputPoint {
    let fer = outcome.fer();
    let goodput_bps = Estimate {
        value: rate_bps * (1.0 - fer.value),
        low: rate_bps * (1.0 - fer.high),
        high: rate_bps * (1.0 - fer.low),
    };
    let ratio_db = (ratio_db * 1e3).round() / 1e3 + 0.0;
    GoodputPoint { ratio_db, snr_db, frames: outcome.frames, lost: outcome.lost(), fer, goodput_bps }
}

/// The best mode at a ratio.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Power received over the noise's, in dB.
    pub ratio_db: f64,
    /// The mode.
    pub mode: String,
    /// What arrives, in bit/s.
    pub goodput_bps: Estimate,
}

impl Compared {
    /// The noises in order.
    pub fn noises(&self) -> Vec<&str> {
        distinct(self.modes.iter().map(|mode| mode.noise.as_str()))
    }

    /// Standard and options of the groups in which modes compete, in order.
    pub fn groups(&self) -> Vec<(Standard, String)> {
        distinct(self.modes.iter().map(|mode| (mode.system.standard(), mode.system.variant().to_string())))
    }

    /// Of one group in one noise the mode that brings most at each ratio; none where nothing arrives.
    pub fn best(&self, noise: &str, (standard, options): &(Standard, String)) -> Vec<Best> {
        let competing: Vec<&Goodput> = self
            .modes
            .iter()
            .filter(|mode| mode.noise == noise && mode.system.standard() == *standard)
            .filter(|mode| mode.system.variant().to_string() == *options)
            .collect();
        let ratios = distinct(competing.iter().flat_map(|mode| &mode.points).map(|point| point.ratio_db));
        let best = |ratio_db: f64| {
            let here = competing.iter().filter_map(|mode| {
                let point = mode.points.iter().find(|point| point.ratio_db == ratio_db)?;
                Some((mode, point.goodput_bps))
            });
            let (mode, goodput_bps) = here.max_by(|a, b| a.1.value.total_cmp(&b.1.value))?;
            (goodput_bps.value > 0.0).then(|| Best { ratio_db, mode: mode.system.mode(), goodput_bps })
        };
        ratios.into_iter().filter_map(best).collect()
    }

    /// Comma-separated values with a header line, a point each.
    ///
    /// # Errors
    /// None in practice: it is written to memory.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "noise",
            "standard",
            "band",
            "mode",
            "options",
            "octets",
            "airtime_ms",
            "ratio_db",
            "snr_db",
            "frames",
            "lost",
            "fer",
            "fer_low_95",
            "fer_high_95",
            "goodput_bps",
            "goodput_low_95",
            "goodput_high_95",
        ])?;
        let rounded = |value: f64, digits: f64| ((value * digits).round() / digits + 0.0).to_string();
        for mode in &self.modes {
            for point in &mode.points {
                writer.write_record([
                    mode.noise.clone(),
                    mode.system.standard().name().to_string(),
                    mode.system.band(),
                    mode.system.mode(),
                    mode.system.variant().to_string(),
                    mode.octets.to_string(),
                    rounded(mode.airtime_ms, 1e3),
                    rounded(point.ratio_db, 1e3),
                    rounded(point.snr_db, 1e4),
                    point.frames.to_string(),
                    point.lost.to_string(),
                    rounded(point.fer.value, 1e6),
                    rounded(point.fer.low, 1e6),
                    rounded(point.fer.high, 1e6),
                    rounded(point.goodput_bps.value, 1.0),
                    rounded(point.goodput_bps.low, 1.0),
                    rounded(point.goodput_bps.high, 1.0),
                ])?;
            }
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    /// The best modes for people: noise by noise, a line a ratio, a column a group.
    pub fn table(&self) -> String {
        let groups = self.groups();
        let mut lines = Vec::new();
        for noise in self.noises() {
            let best: Vec<Vec<Best>> = groups.iter().map(|group| self.best(noise, group)).collect();
            let [low, high] = self.band_hz.map(|hz| hz / 1e3);
            lines.push(format!(
                "{noise}: kbit/s of the best mode over received power to noise power in {low:.1} to {high:.1} kHz"
            ));
            let mut head = format!("{:>8}", "dB");
            for (standard, options) in &groups {
                head += &format!("  {:28}", format!("{} {options}", standard.name()));
            }
            lines.push(head);
            let mut ratios: Vec<f64> = best.iter().flatten().map(|best| best.ratio_db).collect();
            ratios.sort_by(f64::total_cmp);
            ratios.dedup();
            for ratio_db in ratios {
                let mut line = format!("{ratio_db:8.1}");
                for group in &best {
                    let cell = group.iter().find(|best| best.ratio_db == ratio_db).map_or_else(
                        || "-".to_string(),
                        |best| format!("{:6.2} {}", best.goodput_bps.value / 1e3, best.mode),
                    );
                    line += &format!("  {cell:28}");
                }
                lines.push(line.trim_end().to_string());
            }
        }
        lines.into_iter().map(|line| line + "\n").collect()
    }
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut found, one| {
        if !found.contains(&one) {
            found.push(one);
        }
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Measure, Shard, WHITE, run};
    use std::sync::atomic::AtomicBool;

    fn comparison(systems: &[&str], ratios_db: &[f64]) -> Comparison {
        Comparison {
            systems: systems.iter().map(|name| name.parse().unwrap()).collect(),
            noises: vec![WHITE.to_string()],
            ratios_db: ratios_db.to_vec(),
            octets: 100,
            mains_hz: 50,
        }
    }

    #[test]
    fn the_same_power_in_the_same_noise_is_more_per_carrier_where_carriers_are_fewer_and_longer() {
        let systems = ["g3/cenelec-a/dbpsk/default", "prime/channel-1/dbpsk-c/default"];
        let tasks = comparison(&systems, &[4.0]).tasks().unwrap();
        // 36 carriers of 1562.5 Hz against 97 of 488.28 Hz: 0.747 dB.
        let expected = 4.0 + 10.0 * (36.0 * 1_562.5 / (97.0 * 488.281_25_f64)).log10();
        assert_eq!(tasks[0].snr_db, 4.0);
        assert!((tasks[1].snr_db - expected).abs() < 1e-4, "{}", tasks[1].snr_db);
        // The rate of sampling makes no difference, and white noise as a preset none either.
        let wide = comparison(&["prime/channel-1/dbpsk/default", "prime/channel-4/dbpsk/default"], &[4.0]);
        assert_eq!(wide.tasks().unwrap()[1].snr_db, 4.0);
        let preset = Comparison { noises: vec!["n0=-90".into()], ..comparison(&systems, &[4.0]) };
        assert!((preset.tasks().unwrap()[1].snr_db - expected).abs() < 1e-2);
        // Noise that is far stronger below the band leaks into G3's short windows more than into PRIME's.
        let falling = Comparison { noises: vec!["n1".into()], ..comparison(&systems, &[4.0]) };
        let [g3, prime] = [0, 1].map(|at| falling.tasks().unwrap()[at].snr_db);
        assert!((1.0..4.5).contains(&g3) && (0.75..4.0).contains(&(prime - g3)), "{g3} {prime}");
    }

    #[test]
    fn goodput_is_the_data_of_the_right_frames_over_their_time() {
        let systems =
            ["g3/cenelec-a/dbpsk/default", "g3/cenelec-a/d8psk/default", "prime/channel-1/dqpsk-c/default"];
        let comparison = comparison(&systems, &[-12.0, 4.0, 20.0]);
        let stop = Stop { max_frames: 128, max_lost: 128, precision: 0.0, measure: Measure::Fer };
        let mut journal = Journal::new(comparison.campaign(1, stop).unwrap(), Shard::WHOLE);
        let never = AtomicBool::new(false);
        run(&journal.campaign, &mut journal.points, |_| true, 2, &never, |_| Ok(())).unwrap();
        let compared = comparison.results(&journal).unwrap();
        let at = |mode: usize, point: usize| compared.modes[mode].points[point];
        assert_eq!(at(0, 0).goodput_bps.value, 0.0);
        // 100 octets in 6.08 ms and 65 symbols of 695 us.
        assert!((at(0, 2).goodput_bps.value - 800.0 / 0.051_255).abs() < 1.0, "{:?}", at(0, 2));
        let group = compared.groups()[0].clone();
        assert_eq!(compared.groups().len(), 2);
        let best = compared.best(WHITE, &group);
        let modes: Vec<_> = best.iter().map(|best| (best.ratio_db, best.mode.as_str())).collect();
        assert_eq!(modes, [(4.0, "dbpsk"), (20.0, "d8psk")]);
        let csv = String::from_utf8(compared.csv().unwrap()).unwrap();
        assert_eq!(csv.lines().count(), 1 + 9);
        assert!(compared.table().contains("d8psk"), "{}", compared.table());
    }
}
