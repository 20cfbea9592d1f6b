//! Panels side by side as SVG.

use super::{Curve, Panel};
use crate::palette::COLOURS;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

const PANEL: (u32, u32) = (520, 360);
const GRID: RGBColor = RGBColor(0xD8, 0xD8, 0xD8);
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The picture.
pub fn svg(title: &str, panels: &[Panel]) -> Result<String, String> {
    let mut text = String::new();
    draw(title, panels, &mut text).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    Ok(text)
}

fn draw(title: &str, panels: &[Panel], text: &mut String) -> Drawn {
    let size = (PANEL.0 * panels.len().max(1) as u32, PANEL.1);
    let root = SVGBackend::with_string(text, size).into_drawing_area();
    root.fill(&WHITE)?;
    let inside = root.titled(title, ("sans-serif", 17))?;
    for (area, panel) in inside.split_evenly((1, panels.len().max(1))).iter().zip(panels) {
        let (x, y) = (
            range(panel, panel.x.logarithmic, |point| point.0),
            range(panel, panel.y.logarithmic, |point| point.1),
        );
        // Room above the curves for the legend.
        let y = match panel.y.logarithmic {
            true => (y.0 / 1.15, y.1 * libm::pow(y.1 / y.0, 0.1 + 0.045 * legends(panel) as f64)),
            false => (y.0 - 0.03 * (y.1 - y.0), y.1 + (0.08 + 0.06 * legends(panel) as f64) * (y.1 - y.0)),
        };
        let mut chart = ChartBuilder::on(area);
        chart
            .caption(&panel.title, ("sans-serif", 14))
            .margin(8)
            .margin_right(16)
            .x_label_area_size(36)
            .y_label_area_size(52);
        match (panel.x.logarithmic, panel.y.logarithmic) {
            (true, true) => {
                let chart = chart.build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1).log_scale())?;
                curves(chart, panel)?;
            }
            (true, false) => {
                let chart = chart.build_cartesian_2d((x.0..x.1).log_scale(), y.0..y.1)?;
                curves(chart, panel)?;
            }
            (false, true) => {
                let chart = chart.build_cartesian_2d(x.0..x.1, (y.0..y.1).log_scale())?;
                curves(chart, panel)?;
            }
            (false, false) => {
                let chart = chart.build_cartesian_2d(x.0..x.1, y.0..y.1)?;
                curves(chart, panel)?;
            }
        }
    }
    root.present()?;
    Ok(())
}

/// Lines that the legend has.
fn legends(panel: &Panel) -> usize {
    let references = usize::from(panel.curves.iter().any(|curve| curve.reference));
    panel.curves.iter().filter(|curve| !curve.reference).count().div_ceil(2) + references
}

/// Least and greatest value.
fn range(panel: &Panel, logarithmic: bool, of: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
    let values = || panel.curves.iter().flat_map(|curve| &curve.points).map(&of);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    match (high > low, logarithmic) {
        (true, _) => (low, high),
        (false, true) => (low / 2.0, high * 2.0),
        (false, false) => (low - 1.0, high + 1.0),
    }
}

fn curves<X, Y>(mut chart: ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>, panel: &Panel) -> Drawn
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .x_desc(panel.x.name)
        .y_desc(panel.y.name)
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .label_style(("sans-serif", 12))
        .axis_desc_style(("sans-serif", 13))
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .draw()?;
    let mut colour = COLOURS[0];
    let mut drawn = 0;
    for curve in &panel.curves {
        if curve.reference {
            chart.draw_series(curve.points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
            continue;
        }
        colour = COLOURS[drawn % COLOURS.len()];
        drawn += 1;
        chart.draw_series(LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2)))?;
    }
    legend(chart.plotting_area().strip_coord_spec(), panel)?;
    Ok(())
}

/// Names of the curves in two columns at the top.
fn legend(area: DrawingArea<SVGBackend<'_>, Shift>, panel: &Panel) -> Drawn {
    const LINE: i32 = 16;
    let (width, _) = area.dim_in_pixel();
    let own: Vec<&Curve> = panel.curves.iter().filter(|curve| !curve.reference).collect();
    let place = |index: usize| (8 + (index % 2) as i32 * (width as i32 / 2), 10 + LINE * (index / 2) as i32);
    for (index, curve) in own.iter().enumerate() {
        let (x, y) = place(index);
        let colour = COLOURS[index % COLOURS.len()];
        area.draw(&PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2)))?;
        area.draw(&Text::new(curve.name.clone(), (x + 23, y - 6), ("sans-serif", 12)))?;
    }
    if let Some(reference) = panel.curves.iter().find(|curve| curve.reference) {
        let (x, y) = place(own.len().div_ceil(2) * 2);
        area.draw(&Circle::new((x + 9, y), 3, BLACK.filled()))?;
        area.draw(&Text::new(format!("dots: {}", reference.name), (x + 23, y - 6), ("sans-serif", 12)))?;
    }
    Ok(())
}

/// A number as a label: axes step by powers of ten that are not exact.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude < 1e-2 {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
