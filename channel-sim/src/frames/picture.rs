//! The proof as a picture: model less waveform at one frame in ten, with the waveform's intervals.

use super::calibrate::{Comparison, TOLERANCE_DB};
use super::modem::Stage;
use plotters::prelude::*;

const SIZE: (u32, u32) = (1_000, 520);
const WIDEST_DB: f64 = 1.0;
/// The modem that the picture need not name.
const DEFAULT: &str = "g3/cenelec-a/default";

/// An SVG of a modem's proof.
///
/// # Errors
/// Where it cannot be drawn.
pub fn svg(comparisons: &[Comparison], modem: &str) -> Result<String, String> {
    let mut text = String::new();
    draw(comparisons, modem, &mut text).map_err(|error| format!("the picture cannot be drawn: {error}"))?;
    Ok(text)
}

fn colour(mode: Stage) -> RGBColor {
    match mode {
        Stage::Robust => RGBColor(0x1b, 0x9e, 0x77),
        Stage::Dbpsk => RGBColor(0xd9, 0x5f, 0x02),
        Stage::Dqpsk => RGBColor(0x75, 0x70, 0xb3),
        Stage::D8psk => RGBColor(0xe7, 0x29, 0x8a),
        Stage::Bpsk => RGBColor(0xa6, 0x76, 0x1d),
        Stage::Qpsk => RGBColor(0x1f, 0x78, 0xb4),
        Stage::RobustCoherent => RGBColor(0x66, 0xa6, 0x1e),
        Stage::Qam16 => RGBColor(0xe6, 0xab, 0x02),
        _ => RGBColor(0x66, 0x66, 0x66),
    }
}

fn draw(
    comparisons: &[Comparison],
    modem: &str,
    text: &mut String,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut caption = String::from("Link fidelity against waveform: level at which one frame in ten is lost");
    if modem != DEFAULT {
        caption += &format!(" ({modem})");
    }
    let mut presets: Vec<&str> = Vec::new();
    for comparison in comparisons {
        if !presets.contains(&comparison.preset.as_str()) {
            presets.push(&comparison.preset);
        }
    }
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 18))
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
    // In the order of the list of all, those that there are.
    let modes: Vec<Stage> =
        Stage::ALL.into_iter().filter(|mode| comparisons.iter().any(|row| row.mode == *mode)).collect();
    for (number, &mode) in modes.iter().enumerate() {
        let colour = colour(mode);
        let mut points = Vec::new();
        for (index, preset) in presets.iter().enumerate() {
            let mine: Vec<&Comparison> =
                comparisons.iter().filter(|row| row.preset == *preset && row.mode == mode).collect();
            for (at, row) in mine.iter().enumerate() {
                let place = number as f64 + (at as f64 + 0.5) / mine.len() as f64;
                if let (Some(difference), Some(half)) = (row.difference_db, row.uncertainty_db) {
                    points.push((index as f64 + 0.06 + 0.88 * place / modes.len() as f64, difference, half));
                }
            }
        }
        chart.draw_series(
            points.iter().map(|&(x, y, half)| {
                PathElement::new([(x, y - half), (x, y + half)], colour.stroke_width(1))
            }),
        )?;
        chart
            .draw_series(points.iter().map(|&(x, y, _)| Circle::new((x, y), 3, colour.filled())))?
            .label(mode.name())
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
