//! A report as a picture: spectrum, envelope over the mains cycle, amplitudes; the formulas beside what was measured.

use super::report::{Compared, Report};
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::series::LineSeries;

const SIZE: (u32, u32) = (1_080, 330);
const FORMULA: RGBColor = RGBColor(0x33, 0x33, 0x33);
const MEASURED: RGBColor = RGBColor(0xd9, 0x5f, 0x02);
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The picture as SVG.
pub fn svg(report: &Report) -> Result<String, String> {
    let mut text = String::new();
    draw(report, &mut text).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    Ok(text)
}

fn draw(report: &Report, text: &mut String) -> Drawn {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = format!(
        "{}: {} ({} kHz, {} s, {} Hz mains; dots measured, lines formula)",
        shown(&report.preset),
        report.title,
        report.rate_hz / 1e3,
        report.seconds,
        report.mains_hz
    );
    let root = root.titled(&title, ("sans-serif", 15))?;
    let panels = root.split_evenly((1, 3));
    if let [spectrum, envelope, amplitudes] = &panels[..] {
        let (low, high) = range(&report.third_octaves, 1.0);
        let (from, to) = ends(&report.third_octaves);
        let chart = ChartBuilder::on(spectrum)
            .margin(8)
            .x_label_area_size(32)
            .y_label_area_size(45)
            .build_cartesian_2d((from * 0.9..to * 1.1).log_scale(), low.max(high - 70.0) - 3.0..high + 3.0)?;
        panel(chart, "Hz", "dBm/Hz in third octaves", &report.third_octaves)?;

        let millivolts: Vec<Compared> = report
            .envelope
            .iter()
            .map(|c| Compared { at: c.at, measured: 1e3 * c.measured, formula: 1e3 * c.formula })
            .collect();
        let (low, high) = range(&millivolts, 1e-9);
        let mut chart = ChartBuilder::on(envelope);
        chart.margin(8).x_label_area_size(32).y_label_area_size(55);
        let (x, y) = ("degrees of mains phase", "rms, mV");
        // Within a decade a logarithmic axis has no labels.
        if high < 8.0 * low {
            panel(chart.build_cartesian_2d(0.0..360.0, 0.0..high * 1.2)?, x, y, &millivolts)?;
        } else {
            let range = (low.max(high * 1e-3) * 0.7..high * 1.4).log_scale();
            panel(chart.build_cartesian_2d(0.0..360.0, range)?, x, y, &millivolts)?;
        }

        let (from, to) = ends(&report.exceedance);
        // Down to what was seen, and to single samples at the least.
        let seen = report.exceedance.iter().map(|c| c.measured).filter(|&measured| measured > 0.0);
        let single = 1.0 / (report.seconds * report.rate_hz);
        let least = 0.3 * seen.fold(1.0, f64::min).max(single).min(0.03);
        let chart = ChartBuilder::on(amplitudes)
            .margin(8)
            .x_label_area_size(32)
            .y_label_area_size(60)
            .build_cartesian_2d((from..to.max(from * 2.0)).log_scale(), (least..1.0).log_scale())?;
        panel(chart, "|x| / rms", "probability of more", &report.exceedance)?;
    }
    root.present()?;
    Ok(())
}

/// A preset's text without the folder of its file.
fn shown(preset: &str) -> &str {
    preset.split_once('@').map_or(preset, |(head, _)| head)
}

/// A number as a label: axes step by powers of ten that are not exact.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude < 1e-2 {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn ends(points: &[Compared]) -> (f64, f64) {
    let at = |point: Option<&Compared>| point.map_or(1.0, |point| point.at);
    (at(points.first()), at(points.last()))
}

/// Least and greatest value, at least so far apart.
fn range(points: &[Compared], apart: f64) -> (f64, f64) {
    let values = || points.iter().flat_map(|c| [c.measured, c.formula]).filter(|value| value.is_finite());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low <= high { (low, high.max(low + apart)) } else { (0.0, apart) }
}

fn panel<X, Y>(
    mut chart: ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>,
    x: &str,
    y: &str,
    points: &[Compared],
) -> Drawn
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .x_desc(x)
        .y_desc(y)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .light_line_style(WHITE)
        .draw()?;
    let line = points.iter().filter(|c| c.formula.is_finite() && c.formula > 0.0 || c.formula < 0.0);
    chart.draw_series(LineSeries::new(line.map(|c| (c.at, c.formula)), FORMULA.stroke_width(1)))?;
    // What lies below the panel would be drawn on its edge.
    let floor = chart.y_range().start;
    let dots = points.iter().filter(|c| c.measured != 0.0 && c.measured > floor);
    chart.draw_series(dots.map(|c| Circle::new((c.at, c.measured), 2, MEASURED.filled())))?;
    Ok(())
}
