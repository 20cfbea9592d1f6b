//! Levels and limits as a picture.

use super::mask::{Detector, Mask};
use super::verdict::Measurement;
use plotters::prelude::*;

const SIZE: (u32, u32) = (1_000, 620);

/// Levels of the three detectors and the limits that hold, as SVG.
pub fn svg(measurement: &Measurement, mask: &Mask) -> Result<String, String> {
    let mut text = String::new();
    draw(measurement, mask, &mut text).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    Ok(text)
}

const fn colour(detector: Detector) -> RGBColor {
    match detector {
        Detector::Peak => RGBColor(0xd9, 0x5f, 0x02),
        Detector::QuasiPeak => RGBColor(0x75, 0x70, 0xb3),
        Detector::Average => RGBColor(0x1b, 0x9e, 0x77),
    }
}

fn draw(measurement: &Measurement, mask: &Mask, text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let levels = &measurement.levels;
    let first = levels.first().map_or(9.0, |level| level.hz / 1e3);
    let last = levels.last().map_or(150.0, |level| level.hz / 1e3);
    let highest = levels.iter().map(|level| level.peak_dbuv).fold(100.0, f64::max);
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let state = match (measurement.exceeded(), measurement.unmeasured()) {
        (0, 0) => "kept",
        (0, _) => "not all measured",
        _ => "EXCEEDED",
    };
    let recalled = if mask.recalled { " (figures recalled)" } else { "" };
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{}{recalled}: {state}", mask.name), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(60)
        .build_cartesian_2d((first..last).log_scale(), 0.0..(highest + 20.0).max(140.0))?;
    chart
        .configure_mesh()
        .x_desc("kHz")
        .y_desc("dBuV on the artificial mains network; 200 Hz below 150 kHz, 9 kHz above")
        // Ticks that differ by less than a kilohertz are not printed alike.
        .x_label_formatter(&|khz| format!("{}", (khz * 100.0).round() / 100.0))
        .draw()?;
    for (detector, name) in
        [(Detector::Peak, "peak"), (Detector::QuasiPeak, "quasi-peak"), (Detector::Average, "average")]
    {
        let line = levels.iter().map(|level| (level.hz / 1e3, level.of(detector).max(0.0)));
        chart
            .draw_series(LineSeries::new(line, colour(detector).stroke_width(1)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour(detector).stroke_width(2)));
    }
    let held = |name: &str| measurement.verdicts.iter().find(|verdict| verdict.name == name);
    for limit in &mask.limit {
        let Some(verdict) = held(&limit.name) else { continue };
        // Pieces, since a limit does not hold everywhere.
        let mut piece: Vec<(f64, f64)> = Vec::new();
        let mut pieces = Vec::new();
        for level in levels {
            match limit.at(level.hz) {
                Some(allowed) => piece.push((level.hz / 1e3, allowed)),
                None => pieces.push(std::mem::take(&mut piece)),
            }
        }
        pieces.push(piece);
        for piece in pieces.into_iter().filter(|piece| piece.len() > 1) {
            chart.draw_series([PathElement::new(piece, colour(limit.detector).stroke_width(3))])?;
        }
        if let (Some(hz), Some(found)) = (verdict.hz, verdict.found) {
            let mark = if verdict.passes == Some(true) { BLACK } else { RED };
            chart.draw_series([Circle::new((hz / 1e3, found.dbuv.max(0.0)), 5, mark.stroke_width(2))])?;
        }
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
