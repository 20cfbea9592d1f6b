//! From a list of line pieces to the electrical sections of a radial network.

use super::{PhaseSet, Section, Waypoint};
use std::collections::VecDeque;
use thiserror::Error;

/// A piece of line as a source lists it, with no direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// The two buses it joins.
    pub buses: [usize; 2],
    /// Its length.
    pub length_m: f64,
    /// Its cable.
    pub line_code: usize,
    /// Its phases.
    pub phases: PhaseSet,
}

/// Why segments are no radial network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TopologyError {
    /// A segment joins two buses that are connected already.
    #[error("segment {segment} closes a loop: the network must be radial")]
    Loop {
        /// Index of the segment.
        segment: usize,
    },
    /// A segment names a bus that does not exist.
    #[error("segment {segment} names bus {bus}, there are {buses}")]
    UnknownBus {
        /// Index of the segment.
        segment: usize,
        /// What it names.
        bus: usize,
        /// How many buses there are.
        buses: usize,
    },
}

/// What [`merge`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Sections, parents before children.
    pub sections: Vec<Section>,
    /// Segments that no path joins to the root.
    pub unconnected: Vec<usize>,
    /// For every bus, whether a path joins it to the root.
    pub reached: Vec<bool>,
}

/// Directs the segments away from `root` and joins those of one cable that meet where nothing else happens:
/// a bus with exactly two segments, of the same cable and phases, that is not in `keep`.
pub fn merge(
    buses: usize,
    segments: &[Segment],
    root: usize,
    keep: impl Fn(usize) -> bool,
) -> Result<Merged, TopologyError> {
    let mut at: Vec<Vec<usize>> = vec![Vec::new(); buses];
    for (index, segment) in segments.iter().enumerate() {
        for bus in segment.buses {
            let list = at.get_mut(bus).ok_or(TopologyError::UnknownBus { segment: index, bus, buses })?;
            list.push(index);
        }
    }
    let mut reached = vec![false; buses];
    let mut used = vec![false; segments.len()];
    let mut sections = Vec::new();
    let mut open = VecDeque::from([root]);
    if let Some(flag) = reached.get_mut(root) {
        *flag = true;
    }
    while let Some(from) = open.pop_front() {
        for &first in &at[from] {
            if used[first] {
                continue;
            }
            let mut section = Section {
                from,
                to: from,
                length_m: 0.0,
                line_code: segments[first].line_code,
                phases: segments[first].phases,
                via: Vec::new(),
            };
            let mut next = Some(first);
            while let Some(index) = next.take() {
                let segment = &segments[index];
                used[index] = true;
                let [a, b] = segment.buses;
                let far = if a == section.to { b } else { a };
                if std::mem::replace(&mut reached[far], true) {
                    return Err(TopologyError::Loop { segment: index });
                }
                if section.to != from {
                    section.via.push(Waypoint { bus: section.to, at_m: section.length_m });
                }
                section.to = far;
                section.length_m += segment.length_m;
                if let [one, other] = at[far][..]
                    && !keep(far)
                {
                    let onward = if one == index { other } else { one };
                    let same = segments[onward].line_code == section.line_code
                        && segments[onward].phases == section.phases;
                    next = same.then_some(onward);
                }
            }
            open.push_back(section.to);
            sections.push(section);
        }
    }
    let unconnected = (0..segments.len()).filter(|&index| !used[index]).collect();
    Ok(Merged { sections, unconnected, reached })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(a: usize, b: usize, line_code: usize) -> Segment {
        Segment { buses: [a, b], length_m: 1.0 + b as f64, line_code, phases: PhaseSet::ALL }
    }

    #[test]
    fn pieces_of_one_cable_become_one_section() {
        // 0 -a- 1 -a- 2 -a- 3, a branch 2 -b- 4 -b- 5, and bus 1 is of no interest.
        let segments =
            [segment(0, 1, 0), segment(2, 1, 0), segment(2, 3, 0), segment(2, 4, 1), segment(4, 5, 1)];
        let merged = merge(6, &segments, 0, |_| false).unwrap();
        let ends: Vec<_> = merged
            .sections
            .iter()
            .map(|s| (s.from, s.to, s.via.iter().map(|w| (w.bus, w.at_m)).collect::<Vec<_>>()))
            .collect();
        assert_eq!(ends, [(0, 2, vec![(1, 2.0)]), (2, 3, vec![]), (2, 5, vec![(4, 5.0)])]);
        assert_eq!(merged.sections[0].length_m, 2.0 + 2.0);
        assert!(merged.reached.iter().all(|&reached| reached));
    }

    #[test]
    fn a_load_or_another_cable_ends_a_section() {
        let segments = [segment(0, 1, 0), segment(1, 2, 0), segment(2, 3, 1)];
        let merged = merge(4, &segments, 0, |bus| bus == 1).unwrap();
        assert_eq!(merged.sections.len(), 3);
        let single = Segment { phases: PhaseSet::NONE.with(super::super::Phase::L1), ..segment(1, 2, 0) };
        let merged = merge(3, &[segment(0, 1, 0), single], 0, |_| false).unwrap();
        assert_eq!(merged.sections.len(), 2, "fewer phases are another cable");
    }

    #[test]
    fn loops_and_islands_are_found() {
        let ring = [segment(0, 1, 0), segment(1, 2, 0), segment(2, 0, 0)];
        assert!(matches!(merge(3, &ring, 0, |_| false), Err(TopologyError::Loop { .. })));
        let knot = [segment(0, 0, 0)];
        assert!(matches!(merge(1, &knot, 0, |_| false), Err(TopologyError::Loop { segment: 0 })));
        let island = [segment(0, 1, 0), segment(2, 3, 0)];
        let merged = merge(4, &island, 0, |_| false).unwrap();
        assert_eq!(merged.unconnected, [1]);
        assert_eq!(merged.reached, [true, true, false, false]);
        let unknown = [segment(0, 7, 0)];
        assert_eq!(
            merge(2, &unknown, 0, |_| false),
            Err(TopologyError::UnknownBus { segment: 0, bus: 7, buses: 2 })
        );
    }
}
