//! The ladder's curves as SVG: a row of panels for each noise, a column for each scheme.

use super::{Curve, IN_ALL_NOISE, NOISES, Point, STEPS};
use plotters::prelude::*;

const PANEL: (u32, u32) = (400, 250);
/// Height of the legend above the panels.
const LEGEND: u32 = 70;
const LOWEST_RATE: f64 = 0.01;
/// Colours that differ for every kind of eye, of Okabe and Ito.
const COLOURS: [RGBColor; STEPS.len()] = [
    RGBColor(0x40, 0x40, 0x40),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0x00, 0x9E, 0x73),
];
const LABELS: [&str; STEPS.len()] = [
    "differential, all equal",
    "+ weights of carriers",
    "+ symbols erased",
    "+ symbols weighted (standard)",
    "coherent",
    "2 passes",
    "8 passes",
];

type Failure = Box<dyn std::error::Error>;

/// All panels.
pub(super) fn svg(curves: &[&Curve]) -> Result<String, Failure> {
    let mut text = String::new();
    let size = (PANEL.0 * IN_ALL_NOISE.len() as u32, LEGEND + PANEL.1 * NOISES.len() as u32);
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE)?;
        let (legend, panels) = root.split_vertically(LEGEND);
        for (index, (label, colour)) in LABELS.iter().zip(COLOURS).enumerate() {
            let (x, y) = (20 + 290 * (index as i32 % 4), 14 + 26 * (index as i32 / 4));
            legend.draw(&PathElement::new([(x, y + 7), (x + 26, y + 7)], colour.stroke_width(3)))?;
            legend.draw(&Text::new(*label, (x + 34, y), ("sans-serif", 15).into_font()))?;
        }
        let panels = panels.split_evenly((NOISES.len(), IN_ALL_NOISE.len()));
        let places = NOISES.iter().flat_map(|noise| IN_ALL_NOISE.map(|scheme| (noise, scheme)));
        for (panel, ((noise, title, _), scheme)) in panels.iter().zip(places) {
            let title = format!("{}: {title}", scheme.to_uppercase());
            let of_panel = curves.iter().copied();
            let of_panel = of_panel.filter(|curve| curve.noise == *noise && curve.scheme == scheme);
            let curves: Vec<&Curve> = of_panel.collect();
            draw(panel, &title, &curves)?;
        }
        root.present()?;
    }
    Ok(text)
}

fn draw(
    panel: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    curves: &[&Curve],
) -> Result<(), Failure> {
    let all = || curves.iter().flat_map(|curve| &curve.points).map(|point| f64::from(point.snr_db));
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    if !low.is_finite() {
        return Ok(());
    }
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 14))
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(46)
        .build_cartesian_2d(low - 0.5..high + 0.5, (LOWEST_RATE..1.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("Es/N0 per carrier, dB")
        .y_desc("packet error rate")
        .x_labels(8)
        .y_labels(4)
        .bold_line_style(RGBColor(0xC8, 0xC8, 0xC8))
        .light_line_style(RGBColor(0xEC, 0xEC, 0xEC))
        .draw()?;
    for curve in curves {
        let Some(place) = STEPS.iter().position(|step| *step == curve.step) else { continue };
        let colour = COLOURS[place];
        let at = |point: &Point| (f64::from(point.snr_db), point.per());
        // A rate of zero has no place on this axis.
        let line: Vec<_> = curve.points.iter().map(at).filter(|at| at.1 >= LOWEST_RATE).collect();
        chart.draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?;
        chart.draw_series(line.iter().map(|&at| Circle::new(at, 2, colour.filled())))?;
    }
    Ok(())
}
