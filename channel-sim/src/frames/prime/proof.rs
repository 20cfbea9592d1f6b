//! PRIME's proof as text and picture.

use super::calibrate::Comparison;
use super::stage::Stage;
use crate::frames::calibrate::TOLERANCE_DB;
use crate::palette::COLOURS;
use plotters::prelude::*;
use prime_phy::Scheme;
use std::fmt::Write;

const SIZE: (u32, u32) = (1_100, 520);
const WIDEST_DB: f64 = 1.0;

/// A table for people: every comparison, then how each noise and scheme came out.
pub fn text(comparisons: &[Comparison]) -> String {
    let mut text = String::from(
        "noise     feeder    link              scheme        waveform dBuV      model  difference dB  frames\n",
    );
    let figure = |value: Option<f64>| value.map_or("never".to_string(), |value| format!("{value:.2}"));
    for row in comparisons {
        let Comparison { preset, feeder, link, mode, frames, .. } = row;
        let [waveform, half, model, difference] =
            [row.waveform_dbuv, row.uncertainty_db, row.model_dbuv, row.difference_db].map(figure);
        let mark = if row.holds() { "    " } else { "(!) " };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{preset:9} {feeder:9} {link:17} {:13} {waveform:>7} +-{half:<5} {model:>9}  {difference:>8} {mark} {frames:6}",
            mode.name()
        );
    }
    text.push_str("\nnoise     scheme        links  within  largest difference  root mean square  widest half interval\n");
    for (preset, scheme) in presets(comparisons).iter().flat_map(|preset| Scheme::ALL.map(|of| (*preset, of)))
    {
        let rows: Vec<&Comparison> = of(comparisons, preset, scheme).collect();
        let differences: Vec<f64> = rows.iter().filter_map(|row| row.difference_db).collect();
        if rows.is_empty() {
            continue;
        }
        let largest =
            differences.iter().fold(0.0f64, |most, db| if db.abs() > most.abs() { *db } else { most });
        let square = differences.iter().map(|db| db * db).sum::<f64>() / differences.len().max(1) as f64;
        let widest = rows.iter().filter_map(|row| row.uncertainty_db).fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "{preset:9} {:13} {:5}  {:6}  {largest:+18.2}  {:16.2}  {widest:20.2}",
            Stage::Payload(scheme).name(),
            rows.len(),
            rows.iter().filter(|row| row.holds()).count(),
            square.sqrt(),
        );
    }
    text
}

/// An SVG: model less waveform at one frame in ten, with the waveform's intervals.
///
/// # Errors
/// Where it cannot be drawn.
pub fn svg(comparisons: &[Comparison]) -> Result<String, String> {
    let mut text = String::new();
    draw(comparisons, &mut text).map_err(|error| format!("the picture cannot be drawn: {error}"))?;
    Ok(text)
}

fn presets(comparisons: &[Comparison]) -> Vec<&str> {
    let mut presets: Vec<&str> = Vec::new();
    for comparison in comparisons {
        if !presets.contains(&comparison.preset.as_str()) {
            presets.push(&comparison.preset);
        }
    }
    presets
}

fn of<'a>(rows: &'a [Comparison], preset: &'a str, scheme: Scheme) -> impl Iterator<Item = &'a Comparison> {
    rows.iter().filter(move |row| row.preset == preset && row.mode == Stage::Payload(scheme))
}

fn draw(comparisons: &[Comparison], text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let presets = presets(comparisons);
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "PRIME, link fidelity against waveform: level at which one frame in ten is lost",
            ("sans-serif", 18),
        )
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..presets.len().max(1) as f64, -WIDEST_DB..WIDEST_DB)?;
    chart
        .configure_mesh()
        .x_labels(2 * presets.len() + 1)
        .disable_x_mesh()
        .x_label_formatter(&|x: &f64| {
            let middle = (x.fract() - 0.5).abs() < 0.01;
            presets.get(*x as usize).filter(|_| middle).map(ToString::to_string).unwrap_or_default()
        })
        .y_desc("model less waveform, dB")
        .draw()?;
    for db in [-TOLERANCE_DB, TOLERANCE_DB] {
        chart.draw_series(LineSeries::new([(0.0, db), (presets.len() as f64, db)], BLACK.stroke_width(1)))?;
    }
    for ((number, scheme), &colour) in Scheme::ALL.into_iter().enumerate().zip(&COLOURS) {
        let mut points = Vec::new();
        for (index, preset) in presets.iter().enumerate() {
            let mine: Vec<&Comparison> = of(comparisons, preset, scheme).collect();
            for (at, row) in mine.iter().enumerate() {
                let place =
                    (number as f64 + (at as f64 + 0.5) / mine.len() as f64) / Scheme::ALL.len() as f64;
                if let (Some(difference), Some(half)) = (row.difference_db, row.uncertainty_db) {
                    points.push((index as f64 + 0.04 + 0.92 * place, difference, half));
                }
            }
        }
        let interval = |&(x, y, half): &(f64, f64, f64)| {
            PathElement::new([(x, y - half), (x, y + half)], colour.stroke_width(1))
        };
        chart.draw_series(points.iter().map(interval))?;
        let points = points.iter().map(|&(x, y, _)| Circle::new((x, y), 3, colour.filled()));
        let series = chart.draw_series(points)?;
        series
            .label(Stage::Payload(scheme).name())
            .legend(move |(x, y)| Circle::new((x + 9, y), 3, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .border_style(BLACK)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    root.present()?;
    drop(chart);
    drop(root);
    Ok(())
}
