//! A campaign's results as a plot: rates with intervals, the digest's figures, and theory.

use super::campaign::{Measure, Task, WHITE};
use super::results::{Results, Row, curves};
use super::statistics::Estimate;
use super::system::{Standard, System};
use super::{Channel, figures};
use crate::palette::COLOURS;
use crate::reference::{self, theory};
use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

const SIZE: (u32, u32) = (1_000, 620);
/// Width of the legend.
const LEGEND: u32 = 270;
const GREY: RGBColor = RGBColor(0x60, 0x60, 0x60);
/// Theory is drawn at this step.
const THEORY_STEP_DB: f64 = 0.05;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, LogCoord<f64>>>;
type Failure = Box<dyn std::error::Error>;

/// Error rate over signal to noise with 95 % intervals, as SVG.
///
/// # Errors
/// A sentence where there is nothing to draw.
pub fn svg(results: &Results) -> Result<String, String> {
    if results.points.is_empty() {
        return Err("there are no points to draw".to_string());
    }
    let mut text = String::new();
    draw(results, &mut text).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    Ok(text)
}

/// A curve with its look.
struct Curve<'a> {
    rows: Vec<&'a Row>,
    colour: RGBColor,
    /// Empty for the counterpart of a system that is drawn.
    label: String,
}

fn draw(results: &Results, text: &mut String) -> Result<(), Failure> {
    let measure = results.campaign.stop.measure;
    let curves = coloured(&results.points);
    // The axis is that of the modems' curves; the reference chain's may leave it.
    let has_modem = results.points.iter().any(|row| !is_reference(&row.task));
    let rows = results.points.iter().filter(|row| !has_modem || !is_reference(&row.task));
    let rates = rows.filter_map(|row| rate(row, measure)).map(|rate| rate.value);
    let lowest = rates.filter(|&rate| rate > 0.0).fold(1e-2, f64::min);
    let floor = libm::pow(10.0, libm::log10(lowest).floor()).max(1e-8);
    let all = results.points.iter().map(|row| row.task.snr_db);
    let low = all.clone().fold(f64::INFINITY, f64::min) - 0.4;
    let high = all.fold(f64::NEG_INFINITY, f64::max) + 0.4;

    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE_PAPER)?;
    let (left, right) = root.split_horizontally(SIZE.0 - LEGEND);
    let mut chart = ChartBuilder::on(&left)
        .caption(title(&results.points), ("sans-serif", 19).into_font().color(&BLACK))
        .margin(14)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d(low..high, (floor..1.0).log_scale())?;
    let rate_name = match measure {
        Measure::Fer => "frame error rate",
        Measure::Ber => "bit error rate behind the Viterbi decoder",
    };
    chart
        .configure_mesh()
        .x_desc("Es/N0 per carrier, dB")
        .y_desc(rate_name)
        .x_labels(12)
        .x_label_formatter(&|value| trimmed(*value))
        .y_label_formatter(&|value| power_of_ten(*value))
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 17))
        .bold_line_style(RGBColor(0xC8, 0xC8, 0xC8))
        .light_line_style(RGBColor(0xEC, 0xEC, 0xEC))
        .draw()?;

    let mut styles = Styles::default();
    for curve in &curves {
        draw_theory(&mut chart, curve, measure, (low, high, floor), &mut styles)?;
    }
    for curve in &curves {
        draw_points(&mut chart, curve, measure, floor, &mut styles)?;
    }
    if measure == Measure::Fer {
        draw_figures(&mut chart, &curves, (low, high, floor), &mut styles)?;
    }
    draw_legend(&right, &curves, &styles)?;
    root.present()?;
    drop(chart);
    drop((left, right));
    drop(root);
    Ok(())
}

const WHITE_PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);

/// Which kinds of lines there are, for the legend.
#[derive(Default)]
struct Styles {
    modem: bool,
    reference: bool,
    bound: bool,
    word_error: bool,
    figure: bool,
}

fn rate(row: &Row, measure: Measure) -> Option<Estimate> {
    match measure {
        Measure::Fer => Some(row.fer),
        Measure::Ber => row.ber,
    }
}

/// Curves with colours: a counterpart has that of its system.
fn coloured(points: &[Row]) -> Vec<Curve<'_>> {
    let mut colours: Vec<(reference::Scheme, bool, RGBColor)> = Vec::new();
    let mut curves_out = Vec::new();
    for rows in curves(points) {
        let Some(task) = rows.first().map(|row| &row.task) else { continue };
        let scheme = task.system.counterpart();
        let is_reference = task.system.standard() == Standard::Reference;
        let same = colours
            .iter()
            .find(|(other, other_is_reference, _)| {
                is_reference && !other_is_reference && *other == scheme && task.is_plain()
            })
            .map(|(_, _, colour)| *colour);
        let colour = match same {
            Some(colour) => colour,
            None => {
                let taken = colours.len();
                let colour = COLOURS[taken % COLOURS.len()];
                colours.push((scheme, is_reference, colour));
                colour
            }
        };
        let label = if same.is_some() { String::new() } else { label(task, points) };
        curves_out.push(Curve { rows, colour, label });
    }
    curves_out
}

/// What tells a curve from the others.
fn label(task: &Task, points: &[Row]) -> String {
    let modems = || points.iter().map(|row| &row.task).filter(|task| !is_reference(task));
    if is_reference(task) {
        return task.system.mode();
    }
    let differs = |of: &dyn Fn(&Task) -> String| modems().any(|other| of(other) != of(task));
    let mut parts = Vec::new();
    if differs(&|task| task.system.standard().name().to_string()) {
        parts.push(standard_name(&task.system).to_string());
    }
    let standard = task.system.standard();
    let bands = modems().filter(|other| other.system.standard() == standard);
    if bands.map(|other| other.system.band()).any(|band| band != task.system.band()) {
        let band = task.system.band();
        parts.push(if standard == Standard::G3 { band.to_uppercase() } else { band.replace('-', " ") });
    }
    parts.push(mode_name(&task.system));
    if task.system.variant() != super::Variant::default() {
        parts.push(task.system.variant().to_string());
    }
    if differs(&|task| task.noise.clone()) {
        parts.push(task.noise.clone());
    }
    if differs(&|task| task.mains_hz.to_string()) {
        parts.push(format!("{} Hz", task.mains_hz));
    }
    if differs(&|task| task.channel.to_string()) {
        parts.push(task.channel.to_string());
    }
    parts.join(" ")
}

fn is_reference(task: &Task) -> bool {
    task.system.standard() == Standard::Reference
}

fn standard_name(system: &System) -> &'static str {
    match system.standard() {
        Standard::G3 => "G3-PLC",
        Standard::Prime => "PRIME",
        Standard::Reference => "reference chain",
    }
}

fn mode_name(system: &System) -> String {
    let mode = system.mode();
    match mode.as_str() {
        "robust" => "Robust".to_string(),
        "robust-coherent" => "coherent Robust".to_string(),
        "16qam-experimental" => "16-QAM (experimental)".to_string(),
        _ => mode.to_uppercase(),
    }
}

fn title(points: &[Row]) -> String {
    let systems: Vec<&Task> = points.iter().map(|row| &row.task).collect();
    let modems: Vec<&&Task> = systems.iter().filter(|task| !is_reference(task)).collect();
    let mut names: Vec<String> = Vec::new();
    for task in &modems {
        let bands: Vec<String> = modems
            .iter()
            .filter(|other| other.system.standard() == task.system.standard())
            .map(|other| other.system.band())
            .collect();
        let one_band = bands.iter().all(|band| *band == bands[0]);
        let name = match (task.system.standard(), one_band) {
            (Standard::G3, true) => format!("G3-PLC {}", task.system.band().to_uppercase()),
            _ => standard_name(&task.system).to_string(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let what = if names.is_empty() { "Reference chain".to_string() } else { names.join(" and ") };
    let same = |a: &Task, b: &Task| (a.noise == b.noise, a.channel == b.channel);
    let first = systems.first().map(|first| (first, systems.iter().map(|task| same(first, task))));
    let Some((first, sames)) = first else { return what };
    let (one_noise, one_channel) = sames.fold((true, true), |all, one| (all.0 && one.0, all.1 && one.1));
    let noise = match first.noise.as_str() {
        _ if !one_noise => "several kinds of noise".to_string(),
        WHITE => "white Gaussian noise".to_string(),
        noise => format!("noise {noise}"),
    };
    let channel = match &first.channel {
        _ if !one_channel => " over several channels".to_string(),
        Channel::Flat => String::new(),
        channel => format!(" over {channel}"),
    };
    format!("{what} in {noise}{channel}")
}

fn draw_theory(
    chart: &mut Chart<'_, '_>,
    curve: &Curve<'_>,
    measure: Measure,
    (low, high, floor): (f64, f64, f64),
    styles: &mut Styles,
) -> Result<(), Failure> {
    let Some(task) = curve.rows.first().map(|row| &row.task) else { return Ok(()) };
    let scheme = task.system.counterpart();
    // Formulas are of simple metrics, which coherent detection of up to two bits is exact with.
    let simple =
        scheme.detection == reference::Detection::Simple || (!scheme.differential && scheme.bits <= 2);
    if !task.is_plain() || !simple || task.system.variant() != super::Variant::default() {
        return Ok(());
    }
    let steps = ((high - low) / THEORY_STEP_DB) as usize;
    let of = |step: usize| {
        let snr_db = low + THEORY_STEP_DB * step as f64;
        let gamma = libm::pow(10.0, snr_db / 10.0);
        let rate = match (measure, scheme.coded) {
            (Measure::Fer, _) => theory::frame_error(scheme, gamma, task.octets),
            (Measure::Ber, true) => theory::bit_error_bound(scheme, gamma),
            (Measure::Ber, false) => Some(theory::uncoded(scheme, gamma)),
        };
        rate.map(|rate| (snr_db, rate))
    };
    // Rates fall with the ratio; what leaves the axis does not come back.
    let line: Vec<(f64, f64)> = (0..=steps)
        .map_while(of)
        .skip_while(|(_, rate)| *rate >= 0.9)
        .take_while(|(_, rate)| *rate >= floor)
        .collect();
    if line.is_empty() {
        return Ok(());
    }
    styles.bound |= scheme.coded && scheme.parity_octets == 0 || measure == Measure::Ber;
    styles.word_error |= scheme.parity_octets > 0 && measure == Measure::Fer;
    chart.draw_series(DashedLineSeries::new(line, 2, 4, curve.colour.stroke_width(1)))?;
    Ok(())
}

fn draw_points(
    chart: &mut Chart<'_, '_>,
    curve: &Curve<'_>,
    measure: Measure,
    floor: f64,
    styles: &mut Styles,
) -> Result<(), Failure> {
    let colour = curve.colour;
    let reference = curve.rows.first().is_some_and(|row| is_reference(&row.task));
    let points: Vec<(f64, Estimate)> =
        curve.rows.iter().filter_map(|row| Some((row.task.snr_db, rate(row, measure)?))).collect();
    // A rate of zero has no place on this axis; its interval has.
    let line: Vec<(f64, f64)> =
        points.iter().map(|(x, rate)| (*x, rate.value)).filter(|(_, rate)| *rate >= floor).collect();
    if reference {
        styles.reference = true;
        chart.draw_series(DashedLineSeries::new(line.clone(), 7, 4, colour.stroke_width(1)))?;
        chart.draw_series(line.iter().map(|&at| Circle::new(at, 2, colour.stroke_width(1))))?;
    } else {
        styles.modem = true;
        chart.draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?;
        chart.draw_series(line.iter().map(|&at| Circle::new(at, 3, colour.filled())))?;
    }
    // The ends of a modem's intervals are wider, so that both are told apart where they lie on each other.
    let reach = if reference { 0.02 } else { 0.035 };
    chart.draw_series(points.iter().map(|(x, rate)| {
        let bar = [(*x, rate.low.max(floor)), (*x, rate.high.max(floor))];
        PathElement::new(bar, colour.stroke_width(1))
    }))?;
    chart.draw_series(points.iter().flat_map(|(x, rate)| {
        [rate.low, rate.high]
            .into_iter()
            .filter(|end| *end > floor)
            .map(|end| PathElement::new([(*x - reach, end), (*x + reach, end)], colour.stroke_width(1)))
    }))?;
    Ok(())
}

fn draw_figures(
    chart: &mut Chart<'_, '_>,
    curves: &[Curve<'_>],
    (low, high, floor): (f64, f64, f64),
    styles: &mut Styles,
) -> Result<(), Failure> {
    for curve in curves {
        let Some(task) = curve.rows.first().map(|row| &row.task) else { continue };
        let Some(figure) = figures::at(task).filter(|_| !is_reference(task)) else { continue };
        let places = [Some((figure.fer_10_percent_db, 0.1)), figure.fer_1_percent_db.map(|db| (db, 0.01))];
        let inside = |place: &(f64, f64)| (low..high).contains(&place.0) && place.1 >= floor;
        let places: Vec<(f64, f64)> = places.into_iter().flatten().filter(inside).collect();
        styles.figure |= !places.is_empty();
        chart.draw_series(places.into_iter().map(|at| Cross::new(at, 5, BLACK.stroke_width(2))))?;
    }
    Ok(())
}

fn draw_legend(area: &Area<'_>, curves: &[Curve<'_>], styles: &Styles) -> Result<(), Failure> {
    let font = |size: i32| ("sans-serif", size).into_font().color(&BLACK);
    let mut y = 60;
    // Where there are many, they stand closer.
    let labelled: Vec<&Curve<'_>> = curves.iter().filter(|curve| !curve.label.is_empty()).collect();
    let step = (330 / labelled.len().max(1) as i32).clamp(14, 25);
    for Curve { colour, label, .. } in labelled {
        area.draw(&Rectangle::new([(6, y - 6), (30, y + 6)], colour.filled()))?;
        area.draw(&Text::new(label.clone(), (40, y - 8), font((step - 2).min(16))))?;
        y += step;
    }
    y += 16;
    let line = |y: i32| [(6, y), (30, y)];
    if styles.modem {
        area.draw(&PathElement::new(line(y), GREY.stroke_width(2)))?;
        area.draw(&Circle::new((18, y), 3, GREY.filled()))?;
        area.draw(&PathElement::new([(18, y - 8), (18, y + 8)], GREY.stroke_width(1)))?;
        y = note(area, y, &["modem with its own", "synchronisation, 95 %"])?;
    }
    if styles.reference {
        area.draw(&PathElement::new([(6, y), (14, y)], GREY.stroke_width(1)))?;
        area.draw(&PathElement::new([(22, y), (30, y)], GREY.stroke_width(1)))?;
        area.draw(&Circle::new((18, y), 2, GREY.stroke_width(1)))?;
        area.draw(&PathElement::new([(18, y - 8), (18, y + 8)], GREY.stroke_width(1)))?;
        y = note(area, y, &["reference chain: same codes,", "ideal synchronisation,", "random interleaver"])?;
    }
    let dots = |y: i32| {
        (0..5).map(move |dot| PathElement::new([(6 + 6 * dot, y), (8 + 6 * dot, y)], GREY.stroke_width(1)))
    };
    if styles.bound {
        for dot in dots(y) {
            area.draw(&dot)?;
        }
        y = note(area, y, &["theory: union bound", "of the convolutional code"])?;
    }
    if styles.word_error {
        for dot in dots(y) {
            area.draw(&dot)?;
        }
        y = note(area, y, &["theory: union bound of bursts,", "Reed-Solomon word error"])?;
    }
    if styles.figure {
        area.draw(&Cross::new((18, y), 5, BLACK.stroke_width(2)))?;
        note(area, y, &["digest's simulation,", "ideal synchronisation"])?;
    }
    Ok(())
}

/// Writes lines beside a symbol; returns where the next symbol goes.
fn note(area: &Area<'_>, y: i32, lines: &[&str]) -> Result<i32, Failure> {
    let font = ("sans-serif", 14).into_font().color(&GREY);
    let mut at = y - 8;
    for line in lines {
        area.draw(&Text::new((*line).to_string(), (40, at), font.clone()))?;
        at += 18;
    }
    Ok(at + 20)
}

fn trimmed(value: f64) -> String {
    // Minus zero is zero.
    format!("{}", (value * 100.0).round() / 100.0 + 0.0)
}

fn power_of_ten(value: f64) -> String {
    let exponent = libm::log10(value).round() as i32;
    match exponent {
        0 => "1".to_string(),
        -1 => "0.1".to_string(),
        -2 => "0.01".to_string(),
        -3 => "0.001".to_string(),
        _ => {
            let digits: String = exponent
                .unsigned_abs()
                .to_string()
                .chars()
                .filter_map(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit.to_digit(10)? as usize))
                .collect();
            format!("10{}{digits}", if exponent < 0 { "⁻" } else { "" })
        }
    }
}
