//! Plots and 10 % points of the measured frame error rates: `receiver_ladder.txt` and `mitigation.txt` in `g3-phy/results`,
//! whose scripts make them, to `.svg` and `_points.txt` beside them.
//!
//! ```text
//! cargo run --release -p g3-phy --example result_plots
//! ```
//!
//! Between two points the logarithm of the odds goes along a straight line; a point's interval is where the ends of the rates'
//! intervals pass 10 or 1 %.

#![allow(clippy::print_stdout)]

use plotters::coord::Shift;
use plotters::prelude::*;
use std::fmt::Write;

const MODES: [&str; 9] =
    ["robust", "dbpsk", "dqpsk", "d8psk", "bpsk", "qpsk", "8psk", "robust-coherent", "ack"];
const PANEL: (u32, u32) = (400, 320);
/// Height of a panel's legend.
const LEGEND: u32 = 60;
const LOWEST_RATE: f64 = 0.001;
/// Colours that differ for every kind of eye, of Okabe and Ito.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x40, 0x40, 0x40),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
];

type Failure = Box<dyn std::error::Error>;

/// A measured rate with its interval.
struct Rate {
    snr_db: f64,
    frames: f64,
    rate: f64,
    low: f64,
    high: f64,
}

/// Rates of one setting.
struct Curve {
    mode: String,
    /// What the results' heading said last and the setting's own words.
    heading: String,
    setting: String,
    rates: Vec<Rate>,
}

/// What a panel shows: title, and labels with their curves where these were measured.
struct Panel<'a> {
    title: String,
    curves: Vec<(&'static str, Option<&'a Curve>)>,
}

fn main() -> Result<(), Failure> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/results/");
    let ladder = read(&std::fs::read_to_string(format!("{folder}receiver_ladder.txt"))?)?;
    let mitigation = read(&std::fs::read_to_string(format!("{folder}mitigation.txt"))?)?;
    for (name, curves, panels, columns) in [
        ("receiver_ladder", &ladder, ladder_panels(&ladder), 4),
        ("mitigation", &mitigation, mitigation_panels(&mitigation), 3),
    ] {
        std::fs::write(format!("{folder}{name}.svg"), svg(&panels, columns)?)?;
        let points = points(curves)?;
        print!("{points}");
        std::fs::write(format!("{folder}{name}_points.txt"), points)?;
    }
    Ok(())
}

/// Reads what a script wrote.
fn read(text: &str) -> Result<Vec<Curve>, Failure> {
    let (mut curves, mut heading) = (Vec::<Curve>::new(), String::new());
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (mode, setting) = comment.split_once(' ').unwrap_or((comment, ""));
            if MODES.contains(&mode) {
                let (mode, setting) = (mode.to_owned(), setting.to_owned());
                curves.push(Curve { mode, heading: heading.clone(), setting, rates: Vec::new() });
            } else {
                heading = comment.to_owned();
            }
            continue;
        }
        let fields: Vec<&str> =
            line.split_whitespace().map(|word| word.trim_matches(['[', ']', ','])).collect();
        let figure = |at: usize| -> Result<f64, Failure> {
            Ok(fields.get(at).ok_or_else(|| format!("too short: {line}"))?.parse()?)
        };
        let rate = Rate {
            snr_db: figure(1)?,
            frames: figure(2)?,
            rate: figure(3)?,
            low: figure(4)?,
            high: figure(5)?,
        };
        curves.last_mut().ok_or("a rate before any setting")?.rates.push(rate);
    }
    Ok(curves)
}

fn find<'a>(curves: &'a [Curve], mode: &str, heading: &str, setting: &str) -> Option<&'a Curve> {
    curves
        .iter()
        .find(|curve| curve.mode == mode && curve.setting == setting && curve.heading.contains(heading))
}

fn ladder_panels(curves: &[Curve]) -> Vec<Panel<'_>> {
    const WHITE: &str = "mode";
    const DIFFERENTIAL: [(&str, &str); 4] =
        [("robust", "Robust"), ("dbpsk", "DBPSK"), ("dqpsk", "DQPSK"), ("d8psk", "D8PSK")];
    let panel = |mode: &str, title: String, of: &[(&'static str, &str, &str)]| {
        let curves =
            of.iter().map(|(label, heading, setting)| (*label, find(curves, mode, heading, setting)));
        Panel { title, curves: curves.collect() }
    };
    let mut panels = Vec::new();
    for (mode, title) in DIFFERENTIAL {
        panels.push(panel(
            mode,
            format!("{title}: receivers"),
            &[
                ("standard", WHITE, "receiver=standard"),
                ("coherent", WHITE, "receiver=coherent"),
                ("2 passes", WHITE, "receiver=2"),
                ("8 passes", WHITE, "receiver=8"),
                ("16 passes", WHITE, "receiver=16"),
            ],
        ));
    }
    for (mode, title) in DIFFERENTIAL {
        panels.push(panel(
            mode,
            format!("{title}: 8 passes, lines that are not still"),
            &[
                ("still", WHITE, "receiver=8"),
                ("25 ppm", WHITE, "receiver=8 ppm=25"),
                ("swing of the channel", WHITE, "receiver=8 fading=yes"),
                ("both", WHITE, "receiver=8 fading=yes ppm=-25"),
                ("noise swings by 10 dB", "swinging", "receiver=8"),
            ],
        ));
    }
    for (mode, title) in [("bpsk", "BPSK"), ("qpsk", "QPSK"), ("8psk", "8PSK"), ("ack", "FCH alone")] {
        panels.push(panel(
            mode,
            format!("{title}: receivers"),
            &[
                ("standard", WHITE, "receiver=standard"),
                ("8 passes", WHITE, "receiver=8"),
                ("8 passes, channel not smoothed", WHITE, "receiver=8 without=smoothing"),
            ],
        ));
    }
    panels
}

fn mitigation_panels(curves: &[Curve]) -> Vec<Panel<'_>> {
    let mut panels = Vec::new();
    for (noise, title) in [
        ("kata2", "KATA2"),
        ("bursts", "bursts of 1 ms in 10"),
        ("impulses", "impulses, p = 0.01"),
        ("tone:40.5", "tone at bin 40.5"),
    ] {
        for mode in ["bpsk", "robust", "dbpsk"] {
            let with =
                |mitigation: &str| find(curves, mode, "", &format!("noise={noise} mitigation={mitigation}"));
            let of = [
                ("mitigation off", with("off")),
                ("mitigation", with("all")),
                ("mitigation, 8 passes", with("all receiver=8")),
                ("white noise", find(curves, mode, "white", "mitigation=all")),
                ("white noise, 8 passes", find(curves, mode, "eight", "mitigation=all receiver=8")),
            ];
            panels.push(Panel { title: format!("{}: {title}", mode.to_uppercase()), curves: of.into() });
        }
    }
    panels
}

fn svg(panels: &[Panel<'_>], columns: usize) -> Result<String, Failure> {
    let mut text = String::new();
    let rows = panels.len().div_ceil(columns);
    {
        let size = (PANEL.0 * columns as u32, PANEL.1 * rows as u32);
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE)?;
        for (area, panel) in root.split_evenly((rows, columns)).iter().zip(panels) {
            draw(area, panel)?;
        }
        root.present()?;
    }
    Ok(text)
}

fn draw(area: &DrawingArea<SVGBackend<'_>, Shift>, panel: &Panel<'_>) -> Result<(), Failure> {
    let measured =
        || panel.curves.iter().zip(COLOURS).filter_map(|((_, curve), colour)| Some(((*curve)?, colour)));
    let all = || measured().flat_map(|(curve, _)| &curve.rates).map(|rate| rate.snr_db);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    if !low.is_finite() {
        return Ok(());
    }
    let (area, legend) = area.split_vertically(PANEL.1 - LEGEND);
    let labelled = panel.curves.iter().zip(COLOURS).filter(|((_, curve), _)| curve.is_some());
    for (place, ((label, _), colour)) in (0..).zip(labelled) {
        let (x, y) = (46 + 180 * (place % 2), 2 + 18 * (place / 2));
        legend.draw(&PathElement::new([(x, y + 6), (x + 18, y + 6)], colour.stroke_width(3)))?;
        legend.draw(&Text::new(*label, (x + 24, y), ("sans-serif", 12).into_font()))?;
    }
    let mut chart = ChartBuilder::on(&area)
        .caption(&panel.title, ("sans-serif", 14))
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(46)
        .build_cartesian_2d(low - 0.5..high + 0.5, (LOWEST_RATE..1.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("Es/N0 per carrier, dB")
        .y_desc("frame error rate")
        .x_labels(8)
        .y_labels(4)
        .bold_line_style(RGBColor(0xC8, 0xC8, 0xC8))
        .light_line_style(RGBColor(0xEC, 0xEC, 0xEC))
        .draw()?;
    for (curve, colour) in measured() {
        // A rate of zero has no place on this axis, but its interval has.
        let seen = || curve.rates.iter().filter(|rate| rate.rate >= LOWEST_RATE);
        let line = seen().map(|rate| (rate.snr_db, rate.rate));
        chart.draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?;
        chart.draw_series(line.map(|at| Circle::new(at, 2, colour.filled())))?;
        chart.draw_series(curve.rates.iter().map(|rate| {
            let ends = [rate.low.max(LOWEST_RATE), rate.high].map(|end| (rate.snr_db, end));
            PathElement::new(ends, colour.stroke_width(1))
        }))?;
    }
    Ok(())
}

/// 10 and 1 % points of all curves.
fn points(curves: &[Curve]) -> Result<String, Failure> {
    let mut text = String::from(
        "# made by g3-phy/examples/result_plots.rs: dB at 10 % and at 1 % with the ends of their 95 % intervals\n",
    );
    for curve in curves {
        write!(text, "{} {}", curve.mode, curve.setting)?;
        if !curve.heading.starts_with("mode") {
            write!(text, " ({})", curve.heading)?;
        }
        for wanted in [0.1, 0.01] {
            let at = |of: fn(&Rate) -> f64| crossing(&curve.rates, of, wanted);
            let [point, low, high] = [at(|rate| rate.rate), at(|rate| rate.low), at(|rate| rate.high)];
            write!(text, "; {:.0} % at {point} [{low}, {high}]", 100.0 * wanted)?;
        }
        text.push('\n');
    }
    Ok(text)
}

/// Where a curve falls to a rate, or on which side of all points.
fn crossing(rates: &[Rate], of: fn(&Rate) -> f64, wanted: f64) -> String {
    // Half a frame stands for none.
    let odds = |rate: &Rate| {
        let value = of(rate).clamp(0.5 / rate.frames, 1.0 - 0.5 / rate.frames);
        (value / (1.0 - value)).ln()
    };
    let level = (wanted / (1.0 - wanted)).ln();
    let mut sorted: Vec<&Rate> = rates.iter().collect();
    sorted.sort_by(|one, other| one.snr_db.total_cmp(&other.snr_db));
    match (sorted.first(), sorted.last()) {
        (Some(first), _) if odds(first) < level => return format!("<{:.2}", first.snr_db),
        (_, Some(last)) if odds(last) >= level => return format!(">{:.2}", last.snr_db),
        _ => {}
    }
    for pair in sorted.windows(2) {
        if let [left, right] = pair
            && odds(left) >= level
            && odds(right) < level
        {
            let part = (odds(left) - level) / (odds(left) - odds(right));
            return format!("{:.2}", left.snr_db + part * (right.snr_db - left.snr_db));
        }
    }
    String::from("?")
}
