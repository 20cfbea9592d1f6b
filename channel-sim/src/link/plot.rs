//! A campaign's results as a plot.

use super::output::{Results, name};
use super::reference;
use g3_phy::Modulation;
use plotters::prelude::*;
use plotters::series::LineSeries;

const SIZE: (u32, u32) = (900, 620);
/// Rates below this are drawn at the lower edge.
const FLOOR: f64 = 1e-4;

fn colour(modulation: Modulation) -> RGBColor {
    match modulation {
        Modulation::Robust => RGBColor(0x1b, 0x9e, 0x77),
        Modulation::Dbpsk => RGBColor(0xd9, 0x5f, 0x02),
        Modulation::Dqpsk => RGBColor(0x75, 0x70, 0xb3),
        Modulation::D8psk => RGBColor(0xe7, 0x29, 0x8a),
    }
}

/// Frame error rate over signal to noise with 95 % intervals, as SVG. Crosses are the digest's table 11.3.
pub fn svg(results: &Results) -> Result<String, String> {
    let mut text = String::new();
    draw(results, &mut text).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    Ok(text)
}

fn draw(results: &Results, text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let all = results.points.iter().map(|point| point.snr_db);
    let low = all.clone().fold(f64::INFINITY, f64::min).min(10.0) - 0.5;
    let high = all.fold(f64::NEG_INFINITY, f64::max).max(-10.0) + 0.5;
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "G3-PLC CENELEC-A in white Gaussian noise: real receiver, crosses: digest 11.3",
            ("sans-serif", 18),
        )
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(60)
        .build_cartesian_2d(low..high, (FLOOR..1.0).log_scale())?;
    chart.configure_mesh().x_desc("Es/N0 per carrier, dB").y_desc("frame error rate").draw()?;
    let mut modulations: Vec<Modulation> = Vec::new();
    for point in &results.points {
        if !modulations.contains(&point.modulation) {
            modulations.push(point.modulation);
        }
    }
    for modulation in modulations {
        let colour = colour(modulation);
        let mut mine: Vec<_> = results.points.iter().filter(|point| point.modulation == modulation).collect();
        mine.sort_by(|a, b| a.snr_db.total_cmp(&b.snr_db));
        let line = mine.iter().map(|point| (point.snr_db, point.fer.value.max(FLOOR)));
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
            .label(name(modulation))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(mine.iter().map(|point| {
            let bar = [(point.snr_db, point.fer.low.max(FLOOR)), (point.snr_db, point.fer.high.max(FLOOR))];
            PathElement::new(bar, colour.stroke_width(1))
        }))?;
        chart.draw_series(
            mine.iter()
                .map(|point| Circle::new((point.snr_db, point.fer.value.max(FLOOR)), 3, colour.filled())),
        )?;
        let awgn = reference::awgn(modulation);
        chart.draw_series(
            [(awgn.fer_10_percent_db, 0.1), (awgn.fer_1_percent_db, 0.01)]
                .map(|at| Cross::new(at, 6, BLACK.stroke_width(2))),
        )?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .border_style(BLACK)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    root.present()?;
    drop(chart);
    drop(root);
    Ok(())
}
