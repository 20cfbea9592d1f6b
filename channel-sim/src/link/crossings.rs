//! How far modems are from the reference chain where one frame in ten is lost, as a picture: a row for each.

use super::results::{Crossing, Results};
use super::statistics::Estimate;
use super::system::Standard;
use crate::palette::COLOURS;
use plotters::prelude::*;

/// Width of the picture beside the names.
const WIDTH: u32 = 670;
/// Height of a row, of what is above the first, and of what is below the last.
const ROW: u32 = 15;
const ABOVE: u32 = 40;
const BELOW: u32 = 50;
/// Width of the rows' figures, and of a character of their names, of which there is room for some at least.
const FIGURES: u32 = 190;
const CHARACTER: u32 = 7;
const LEAST_NAME: u32 = 45;
const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
const GREY: RGBColor = RGBColor(0x60, 0x60, 0x60);
const FAINT: RGBColor = RGBColor(0xE0, 0xE0, 0xE0);
/// What a modem may lose to its synchronisation, its header and the standard's interleaver.
const GOAL_DB: f64 = 0.4;

type Failure = Box<dyn std::error::Error>;

/// Each modem's distance from its reference chain with its 95 % interval, as SVG. The chain has the same codes and octets,
/// ideal synchronisation and a random interleaver.
///
/// # Errors
/// A sentence where no curve has its reference chain.
pub fn crossings_svg(results: &Results) -> Result<String, String> {
    let rows: Vec<(&Crossing, Estimate, Estimate)> = results
        .crossings
        .iter()
        .filter_map(|crossing| Some((crossing, crossing.snr_db?, crossing.ideal.as_ref()?.difference_db)))
        .collect();
    if rows.is_empty() {
        return Err("no curve has a reference chain beside it to draw; add --reference".to_string());
    }
    let mut text = String::new();
    draw(&rows, &mut text).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    Ok(text)
}

fn draw(rows: &[(&Crossing, Estimate, Estimate)], text: &mut String) -> Result<(), Failure> {
    let height = ABOVE + BELOW + ROW * rows.len() as u32;
    let names: Vec<String> = rows.iter().map(|(crossing, ..)| name_of(crossing)).collect();
    let longest = names.iter().map(|name| name.chars().count() as u32).max().unwrap_or_default();
    let left = 15 + CHARACTER * longest.max(LEAST_NAME);
    let width = left + WIDTH;
    let root = SVGBackend::with_string(text, (width, height)).into_drawing_area();
    root.fill(&PAPER)?;
    let finite = |value: f64| value.is_finite().then_some(value);
    let ends =
        || rows.iter().flat_map(|(_, _, by)| [Some(by.value), finite(by.low), finite(by.high)]).flatten();
    let low = ends().fold(-0.1_f64, f64::min);
    let high = ends().fold(GOAL_DB + 0.1, f64::max);
    // Tenths of a decibel, or as many of them as keep the lines apart.
    let step =
        [0.1, 0.2, 0.5, 1.0, 2.0, 5.0].into_iter().find(|step| (high - low) / step < 14.0).unwrap_or(10.0);
    let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    let (left, right) = (left as i32, (width - FIGURES) as i32);
    let x = |db: f64| left + ((db - low) / (high - low) * f64::from(right - left)).round() as i32;
    let y = |row: usize| (ABOVE + ROW / 2) as i32 + ROW as i32 * row as i32;
    let bottom = (height - BELOW) as i32;
    let font = |size: i32, colour: &RGBColor| ("sans-serif", size).into_font().color(colour);

    let title =
        "One frame in ten lost in white noise: how much more Es/N0 the modem needs than the reference chain";
    root.draw(&Text::new(title, (10, 10), font(17, &BLACK)))?;
    for index in 0..=((high - low) / step).round() as i32 {
        let db = low + step * f64::from(index);
        root.draw(&PathElement::new([(x(db), ABOVE as i32), (x(db), bottom)], FAINT.stroke_width(1)))?;
        let label = format!("{:.1}", (db * 10.0).round() / 10.0 + 0.0);
        root.draw(&Text::new(label, (x(db) - 9, bottom + 5), font(13, &GREY)))?;
    }
    for (db, width) in [(0.0, 2), (GOAL_DB, 1)] {
        root.draw(&PathElement::new([(x(db), ABOVE as i32), (x(db), bottom)], GREY.stroke_width(width)))?;
    }
    let axis = "dB, 95 % intervals; lines at 0 and at 0.4";
    root.draw(&Text::new(axis, (left, bottom + 26), font(14, &BLACK)))?;

    let mut bands: Vec<String> = Vec::new();
    for (row, ((crossing, at, by), name)) in rows.iter().zip(&names).enumerate() {
        let band = crossing.system.band();
        let known = bands.iter().position(|of| *of == band);
        let place = known.unwrap_or_else(|| {
            bands.push(band.clone());
            bands.len() - 1
        });
        let colour = COLOURS[place % COLOURS.len()];
        let y = y(row);
        root.draw(&Text::new(name.as_str(), (10, y - 7), font(13, &BLACK)))?;
        let (from, to) = (by.low.max(low), by.high.min(high));
        root.draw(&PathElement::new([(x(from), y), (x(to), y)], colour.stroke_width(2)))?;
        // An interval without an end has no cap there.
        for (end, _) in [(from, by.low), (to, by.high)].into_iter().filter(|(_, end)| end.is_finite()) {
            root.draw(&PathElement::new([(x(end), y - 3), (x(end), y + 3)], colour.stroke_width(2)))?;
        }
        root.draw(&Circle::new((x(by.value), y), 4, colour.filled()))?;
        let figure = format!("{:6.2} dB, {:+.2}", at.value, by.value);
        root.draw(&Text::new(figure, (right + 15, y - 7), font(13, &BLACK)))?;
    }
    root.present()?;
    drop(root);
    Ok(())
}

/// A row's name: band, mode, options, and whether a frame has two words.
fn name_of(crossing: &Crossing) -> String {
    let band = crossing.system.band();
    let mut name = match crossing.system.standard() {
        Standard::Prime => format!("PRIME {band} {}", crossing.system.mode()),
        _ => format!("{band} {}", crossing.system.mode()),
    };
    let variant = crossing.system.variant().to_string();
    if variant != "default" {
        name = format!("{name} {variant}");
    }
    if crossing.ideal.as_ref().is_some_and(|ideal| ideal.words > 1) {
        name += " two words";
    }
    name
}
