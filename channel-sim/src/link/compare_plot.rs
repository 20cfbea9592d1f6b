//! Standards side by side as a picture: a panel for each noise.

use super::compare::{Compared, Goodput};
use super::system::Standard;
use crate::palette::COLOURS;
use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// Width of a panel, and height of all.
const PANEL: u32 = 400;
const HEIGHT: u32 = 560;
/// Above the panels, and below.
const HEAD: i32 = 46;
const FOOT: u32 = 70;
const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// Room for the modes' names at the right of a panel, as a share of its width.
const ROOM: f64 = 0.34;

type Failure = Box<dyn std::error::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, LogCoord<f64>>>;

/// What arrives over the power received, as SVG: of each standard and receiver the best mode, and every mode of the last
/// receiver of each standard.
///
/// # Errors
/// A sentence where nothing arrives anywhere.
pub fn compare_svg(compared: &Compared) -> Result<String, String> {
    let most = compared.modes.iter().flat_map(|mode| &mode.points);
    let most = most.map(|point| point.goodput_bps.value).fold(0.0, f64::max);
    if most <= 0.0 {
        return Err("nothing arrives at any of these ratios; use higher ones".to_string());
    }
    let mut text = String::new();
    draw(compared, &mut text).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    Ok(text)
}

/// Colour of a standard, and of its modes.
fn colour(standard: Standard) -> RGBColor {
    COLOURS[if standard == Standard::Prime { 1 } else { 0 }]
}

fn title(standard: Standard) -> &'static str {
    match standard {
        Standard::G3 => "G3-PLC",
        Standard::Prime => "PRIME",
        Standard::Reference => "reference chain",
    }
}

/// What a line of a group looks like: the last receiver of a standard is the one that counts.
fn is_last(compared: &Compared, group: &(Standard, String)) -> bool {
    compared.groups().iter().rfind(|other| other.0 == group.0) == Some(group)
}

fn draw(compared: &Compared, text: &mut String) -> Result<(), Failure> {
    let noises = compared.noises();
    let size = (PANEL * noises.len() as u32 + 20, HEIGHT);
    let root = SVGBackend::with_string(text, size).into_drawing_area();
    root.fill(&PAPER)?;
    let font = |size: i32, colour: &RGBColor| ("sans-serif", size).into_font().color(colour);
    let mut octets: Vec<usize> = compared.modes.iter().map(|mode| mode.octets).collect();
    octets.sort_unstable();
    let octets = match (octets.first(), octets.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(only), _) => only.to_string(),
        _ => String::new(),
    };
    let what = format!(
        "What arrives of frames of {octets} octets over their whole time on the air, best mode of each"
    );
    root.draw(&Text::new(what, (14, 12), font(17, &BLACK)))?;
    let [low, high] = compared.band_hz.map(|hz| hz / 1e3);
    let axis = format!(
        "received power over noise power in {low:.1} to {high:.1} kHz, dB: to its right the same sender is nearer"
    );
    root.draw(&Text::new(axis, (60, HEIGHT as i32 - 62), font(14, &BLACK)))?;
    legend(compared, &root)?;
    let (_, below) = root.split_vertically(HEAD);
    let (panels, _) = below.split_vertically(HEIGHT - HEAD as u32 - FOOT);
    for (index, (panel, noise)) in panels.split_evenly((1, noises.len())).iter().zip(&noises).enumerate() {
        draw_panel(compared, panel, noise, index == 0)?;
    }
    root.present()?;
    drop(panels);
    drop(below);
    drop(root);
    Ok(())
}

fn legend(compared: &Compared, root: &Area<'_>) -> Result<(), Failure> {
    let mut x = 60;
    let y = HEIGHT as i32 - 24;
    for group in compared.groups() {
        let (colour, width) = (colour(group.0), if is_last(compared, &group) { 3 } else { 1 });
        if width > 1 {
            root.draw(&PathElement::new([(x, y), (x + 34, y)], colour.stroke_width(width)))?;
        } else {
            for dash in (x..x + 34).step_by(8) {
                root.draw(&PathElement::new([(dash, y), (dash + 5, y)], colour.stroke_width(1)))?;
            }
        }
        let receiver = match group.1.as_str() {
            "default" => "standard receiver".to_string(),
            options => options.replace("receiver=", "receiver "),
        };
        let label = format!("{}, {receiver}", title(group.0));
        let width = 8 * label.len() as i32;
        let style = ("sans-serif", 14).into_font().color(&BLACK);
        root.draw(&Text::new(label, (x + 42, y - 8), style))?;
        x += 56 + width;
    }
    Ok(())
}

fn draw_panel(compared: &Compared, panel: &Area<'_>, noise: &str, is_first: bool) -> Result<(), Failure> {
    let here: Vec<&Goodput> = compared.modes.iter().filter(|mode| mode.noise == noise).collect();
    let ratios = || compared.modes.iter().flat_map(|mode| &mode.points).map(|point| point.ratio_db);
    let low = ratios().fold(f64::INFINITY, f64::min);
    let high = ratios().fold(f64::NEG_INFINITY, f64::max);
    let room = high + ROOM * (high - low);
    let most = compared.modes.iter().map(|mode| mode.rate_bps / 1e3).fold(0.0, f64::max);
    let least = compared.modes.iter().map(|mode| mode.rate_bps / 1e3).fold(f64::INFINITY, f64::min);
    // Half of the slowest mode's rate: below it nearly all is lost.
    let floor = 0.5 * least;
    let caption = match noise {
        super::WHITE => "white noise (n0)".to_string(),
        noise => format!("noise {noise}"),
    };
    let mut chart = ChartBuilder::on(panel)
        .caption(caption, ("sans-serif", 16).into_font().color(&BLACK))
        .margin(6)
        .x_label_area_size(26)
        .y_label_area_size(50)
        .build_cartesian_2d(low..room, (floor..1.3 * most).log_scale())?;
    let at_x = |value: &f64| if *value > high { String::new() } else { format!("{value:.0}") };
    let at_y = |value: &f64| format!("{value}");
    let mut mesh = chart.configure_mesh();
    mesh.x_labels(8)
        .y_labels(12)
        .x_label_formatter(&at_x)
        .y_label_formatter(&at_y)
        .label_style(("sans-serif", 13))
        .bold_line_style(RGBColor(0xD8, 0xD8, 0xD8))
        .light_line_style(PAPER);
    if is_first {
        mesh.y_desc("kbit/s").axis_desc_style(("sans-serif", 15));
    }
    mesh.draw()?;
    let groups = compared.groups();
    for mode in &here {
        let group = (mode.system.standard(), mode.system.variant().to_string());
        if is_last(compared, &group) {
            let points =
                line(mode.points.iter().map(|point| (point.ratio_db, point.goodput_bps.value)), floor);
            chart.draw_series(LineSeries::new(points, colour(group.0).mix(0.35).stroke_width(1)))?;
        }
    }
    for group in &groups {
        let best = compared.best(noise, group);
        let colour = colour(group.0);
        let points = line(best.iter().map(|best| (best.ratio_db, best.goodput_bps.value)), floor);
        if is_last(compared, group) {
            chart.draw_series(LineSeries::new(points, colour.stroke_width(3)))?;
            let bars = best.iter().filter(|best| best.goodput_bps.value / 1e3 >= floor).map(|best| {
                let bar = [best.goodput_bps.low, best.goodput_bps.high].map(|bps| (bps / 1e3).max(floor));
                PathElement::new(bar.map(|kbps| (best.ratio_db, kbps)), colour.stroke_width(1))
            });
            chart.draw_series(bars)?;
        } else {
            chart.draw_series(DashedLineSeries::new(points, 5, 3, colour.stroke_width(1)))?;
        }
    }
    names(compared, &mut chart, &here, high)
}

/// Kilobits a second from where they leave the floor.
fn line(points: impl Iterator<Item = (f64, f64)>, floor: f64) -> Vec<(f64, f64)> {
    points.map(|(ratio_db, bps)| (ratio_db, bps / 1e3)).filter(|(_, kbps)| *kbps >= floor).collect()
}

/// The modes' names where their lines end, pushed apart where they would lie on each other.
fn names(
    compared: &Compared,
    chart: &mut Chart<'_, '_>,
    here: &[&Goodput],
    end_db: f64,
) -> Result<(), Failure> {
    let last = |mode: &&&Goodput| {
        is_last(compared, &(mode.system.standard(), mode.system.variant().to_string()))
            && mode.points.last().is_some_and(|point| point.goodput_bps.value > 0.0)
    };
    let area = chart.plotting_area().strip_coord_spec();
    let mut labels: Vec<(i32, i32, String, RGBColor)> = here
        .iter()
        .filter(last)
        .filter_map(|mode| {
            let at = (end_db, mode.points.last()?.goodput_bps.value / 1e3);
            let (x, y) = chart.backend_coord(&at);
            let base = area.get_base_pixel();
            let name =
                mode.system.mode().to_uppercase().replace("ROBUST", "Robust").replace("COHERENT", "coh.");
            Some((x - base.0, y - base.1, name, colour(mode.system.standard())))
        })
        .collect();
    labels.sort_by_key(|label| label.1);
    let mut below = i32::MIN;
    for (x, y, name, colour) in labels {
        let y = y.max(below);
        below = y + 11;
        area.draw(&Text::new(name, (x + 4, y - 6), ("sans-serif", 11).into_font().color(&colour)))?;
    }
    Ok(())
}
