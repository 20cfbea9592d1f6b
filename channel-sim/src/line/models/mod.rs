//! The line's models as figures: each computed by the code that a run uses, beside the digest's numbers where it has
//! some. `channel-sim line-model` shows and draws them; `docs/line` has a chapter for each.

mod figures;
mod plot;

pub use plot::svg;

use serde::Serialize;

/// A model of the line.
#[derive(Clone, Copy, Debug)]
pub struct LineModel {
    /// Its name, which is that of its chapter.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    make: fn() -> Vec<Panel>,
}

impl LineModel {
    /// Its figures.
    pub fn panels(&self) -> Vec<Panel> {
        (self.make)()
    }
}

/// All models, in the order in which a run uses them.
pub const LINE_MODELS: &[LineModel] = &[
    LineModel { name: "cables", title: "cables from their geometry", make: figures::cables },
    LineModel { name: "transformer", title: "transformer at the busbar", make: figures::transformer },
    LineModel { name: "access", title: "measured access impedance", make: figures::access },
    LineModel { name: "loads", title: "loads", make: figures::loads },
    LineModel { name: "varying-loads", title: "loads that follow the mains", make: figures::varying_loads },
    LineModel { name: "tree", title: "one phase as a tree of lines", make: figures::tree },
    LineModel { name: "coupled", title: "three coupled phases", make: figures::coupled },
    LineModel { name: "lptv", title: "a link that follows the mains", make: figures::lptv },
    LineModel {
        name: "injected-noise",
        title: "noise from a household to the ports",
        make: figures::injected,
    },
    LineModel { name: "filters", title: "from transfer function to filter", make: figures::filters },
    LineModel { name: "resampler", title: "clocks that differ", make: figures::resampler },
];

/// One diagram.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Panel {
    /// What is drawn.
    pub title: String,
    /// The axis below.
    pub x: Axis,
    /// The axis at the left.
    pub y: Axis,
    /// Curves.
    pub curves: Vec<Curve>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// Quantity and unit.
    pub name: &'static str,
    /// Whether it is logarithmic.
    pub logarithmic: bool,
}

/// A curve, or points from elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Whether it is what the digest says, drawn as dots, of the colour of the curve before.
    pub reference: bool,
    /// Points, from left to right.
    pub points: Vec<(f64, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_finite_figures_and_a_picture() {
        for model in LINE_MODELS {
            let panels = model.panels();
            assert!(!panels.is_empty(), "{}", model.name);
            for panel in &panels {
                for curve in &panel.curves {
                    assert!(curve.points.len() >= 2, "{}: {}", model.name, curve.name);
                    let good = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
                    assert!(curve.points.iter().all(good), "{}: {}", model.name, curve.name);
                }
            }
            let picture = svg(model.title, &panels).unwrap();
            assert!(
                picture.starts_with("<svg") && picture.len() < 60_000,
                "{}: {}",
                model.name,
                picture.len()
            );
        }
    }

    /// What the digest says of cables, transformers and impedances lies on the curves.
    #[test]
    fn the_digests_numbers_lie_on_the_curves() {
        for (name, tolerance) in [("cables", 0.05), ("access", 0.3), ("loads", 0.03)] {
            let model = LINE_MODELS.iter().find(|model| model.name == name).unwrap();
            for panel in model.panels() {
                let mut curve: Option<&Curve> = None;
                for next in &panel.curves {
                    if !next.reference {
                        curve = Some(next);
                        continue;
                    }
                    for &(x, y) in &next.points {
                        let points = &curve.unwrap().points;
                        let after = points.partition_point(|point| point.0 < x).clamp(1, points.len() - 1);
                        let ((a, low), (b, high)) = (points[after - 1], points[after]);
                        let there = low + (x - a) / (b - a) * (high - low);
                        assert!(
                            (there / y - 1.0).abs() < tolerance,
                            "{name}: {} at {x}: {there} for {y}",
                            next.name
                        );
                    }
                }
            }
        }
    }
}
