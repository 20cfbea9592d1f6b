//! Where a repeater or a second concentrator helps.

use super::{Survey, link};
use crate::feeder::PhaseSet;
use crate::line::Terminal;
use crate::world::{direction, mean_gains};
use serde::Serialize;

/// A meter that would bring others in reach of the coordinator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Repeater {
    /// The modem; meter `modem - 1`.
    pub modem: usize,
    /// Its name.
    pub name: String,
    /// Modems that the coordinator does not reach and this one does.
    pub more: Vec<usize>,
    /// Signal to noise of the weakest direction of all these links and its own.
    pub weakest_db: f32,
}

/// A bus with a second concentrator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Station {
    /// The bus.
    pub bus: String,
    /// Its index.
    pub bus_index: usize,
    /// Meters that one of the two concentrators reaches directly.
    pub in_reach: usize,
    /// Mean, over the meters, of the better concentrator's worse direction, each counted up to 20 dB.
    pub mean_snr_db: f32,
}

impl Survey<'_> {
    /// Modems that the coordinator reaches itself, by modem; the coordinator counts.
    fn direct(&self) -> Vec<bool> {
        (0..self.modems).map(|modem| modem == 0 || self.link(0, modem).modulation.is_some()).collect()
    }

    /// Meters in reach of the coordinator that reach others that are not, the most useful first.
    pub fn repeaters(&self) -> Vec<Repeater> {
        let direct = self.direct();
        let of = |modem: usize| {
            let reached = |other: &usize| !direct[*other] && self.link(modem, *other).modulation.is_some();
            let more: Vec<usize> = (1..self.modems).filter(reached).collect();
            let worse = |other: usize| {
                let link = self.link(modem, other);
                link.there.snr_db.min(link.back.snr_db)
            };
            let weakest_db = more.iter().map(|&other| worse(other)).fold(worse(0), f32::min);
            let name = self.meters[modem - 1].name.clone();
            (!more.is_empty()).then_some(Repeater { modem, name, more, weakest_db })
        };
        let mut repeaters: Vec<Repeater> =
            (1..self.modems).filter(|&modem| direct[modem]).filter_map(of).collect();
        repeaters.sort_by(|a, b| b.more.len().cmp(&a.more.len()).then(b.weakest_db.total_cmp(&a.weakest_db)));
        repeaters
    }

    /// The fewest repeaters found greedily that bring in reach, over one of them each, whoever can be.
    pub fn repeater_set(&self) -> Vec<Repeater> {
        let mut open = self.repeaters();
        let mut chosen: Vec<Repeater> = Vec::new();
        while let Some(best) = open.iter().rev().max_by_key(|repeater| repeater.more.len()).cloned() {
            for repeater in &mut open {
                repeater.more.retain(|modem| !best.more.contains(modem));
            }
            open.retain(|repeater| !repeater.more.is_empty());
            chosen.push(best);
        }
        chosen
    }

    /// Every electrical bus as the place of a second concentrator, the best first.
    pub fn stations(&self) -> Vec<Station> {
        let buses: Vec<(usize, usize)> = (0..self.scenario.feeder.buses.len())
            .filter_map(|bus| Some((bus, self.line.node_of_bus(bus)?)))
            .filter(|(_, node)| self.line.phases().get(*node) == Some(&PhaseSet::ALL))
            .collect();
        let stations: Vec<Terminal> =
            buses.iter().map(|&(_, node)| Terminal { node, phases: PhaseSet::ALL, listens: false }).collect();
        let meters: Vec<Terminal> = (1..self.modems).map(|modem| self.line.terminal(modem)).collect();
        let carriers = &self.carriers;
        let down =
            mean_gains(&self.line, carriers, |hz, turns| self.line.between(&stations, &meters, hz, turns));
        let up =
            mean_gains(&self.line, carriers, |hz, turns| self.line.between(&meters, &stations, hz, turns));
        let heard = [&stations, &meters].map(|places| self.noise.at(&self.line, carriers, places));
        let at = |gains: &[Vec<f64>], pair: usize, noise: &[f64]| {
            direction(gains.iter().map(|gains| gains[pair]), self.volts, noise)
        };
        let mut found: Vec<Station> = Vec::new();
        for (station, &(bus_index, _)) in buses.iter().enumerate() {
            let (mut in_reach, mut sum) = (0, 0.0);
            for meter in 0..meters.len() {
                let second = link(
                    at(&down, station * meters.len() + meter, &heard[1][meter]),
                    at(&up, meter * stations.len() + station, &heard[0][station]),
                );
                let first = self.link(0, meter + 1);
                in_reach += usize::from(first.modulation.is_some() || second.modulation.is_some());
                let worse = |link: super::Link| link.there.snr_db.min(link.back.snr_db);
                sum += worse(first).max(worse(second)).min(20.0);
            }
            let bus = self.scenario.feeder.buses[bus_index].name.clone();
            found.push(Station { bus, bus_index, in_reach, mean_snr_db: sum / meters.len().max(1) as f32 });
        }
        found.sort_by(|a, b| b.in_reach.cmp(&a.in_reach).then(b.mean_snr_db.total_cmp(&a.mean_snr_db)));
        found
    }
}
