//! The coverage map: cables, meters coloured by the modulation that reaches them, and who helps, as SVG.

use super::{Survey, name_of};
use crate::feeder::{Feeder, Position};
use g3_phy::Modulation;
use std::fmt::Write;

const WIDTH: f64 = 1_000.0;
const MARGIN: f64 = 50.0;
/// Room for title and legend.
const TOP: f64 = 70.0;
const LEGEND: f64 = 240.0;
/// Smallest and largest height of the map.
const HEIGHTS: [f64; 2] = [260.0, 1_100.0];

/// Modems up to which meters in reach have their names on the map too; the others' are in their circles' titles.
const MOST_NAMED: usize = 80;

/// Colours that differ for the colour-blind too (Okabe and Ito), by modulation.
fn colour(modulation: Option<Modulation>) -> &'static str {
    match modulation {
        Some(Modulation::D8psk) => "#0072B2",
        Some(Modulation::Dqpsk) => "#009E73",
        Some(Modulation::Dbpsk) => "#E69F00",
        Some(_) => "#CC79A7",
        None => "#D55E00",
    }
}

/// The map of a surveyed feeder.
pub fn map(survey: &Survey<'_>) -> String {
    let feeder = &survey.scenario.feeder;
    let (places, placed) = places(feeder);
    let (left, right) = extent(places.iter().map(|place| place.x_m));
    let (low, high) = extent(places.iter().map(|place| place.y_m));
    let room = WIDTH - 2.0 * MARGIN - LEGEND;
    let scale = (room / (right - left)).min((HEIGHTS[1] - TOP - MARGIN) / (high - low));
    let height = ((high - low) * scale + TOP + 2.0 * MARGIN).clamp(HEIGHTS[0], HEIGHTS[1] + MARGIN);
    let at = |bus: usize| {
        let place = places[bus];
        (MARGIN + (place.x_m - left) * scale, TOP + MARGIN + (high - place.y_m) * scale)
    };
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" \
         height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    cables(&mut svg, feeder, at);
    let reach = survey.reach();
    let direct = (1..survey.modems).filter(|&modem| survey.link(0, modem).modulation.is_some()).count();
    let reached = reach.iter().flatten().count();
    // Hops behind the meters.
    let bus_of = |modem: usize| modem.checked_sub(1).map_or(feeder.busbar, |meter| feeder.loads[meter].bus);
    for (meter, reach) in reach.iter().enumerate() {
        if let Some(reach) = reach.filter(|reach| reach.hops > 1) {
            let ((x1, y1), (x2, y2)) = (at(bus_of(reach.parent)), at(feeder.loads[meter].bus));
            let stroke = colour(survey.link(reach.parent, meter + 1).modulation);
            let _ = writeln!(
                svg,
                "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{stroke}\" \
                 stroke-width=\"1.2\" stroke-dasharray=\"4 3\"/>"
            );
        }
    }
    let helpers = survey.repeater_set();
    for (meter, reach) in reach.iter().enumerate() {
        let (x, y) = at(feeder.loads[meter].bus);
        let link = survey.link(0, meter + 1);
        let modulation = reach.and_then(|reach| reach.modulation);
        let spec = &survey.meters[meter];
        let hops = reach.map_or("not in reach".into(), |reach| match reach.hops {
            1 => "direct".to_string(),
            hops => format!("{hops} hops by {}", survey.meters[reach.parent - 1].name),
        });
        let title = format!(
            "{} ({}, {:.0} m): down {:.1} dB, up {:.1} dB, loss {:.1} dB; {hops}, {}",
            spec.name,
            spec.phase,
            spec.distance_m,
            link.there.snr_db,
            link.back.snr_db,
            link.there.loss_db,
            modulation.map_or("none".into(), name_of)
        );
        let fill = if reach.is_some() { colour(modulation) } else { "white" };
        if helpers.iter().any(|helper| helper.modem == meter + 1) {
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"10\" fill=\"none\" stroke=\"black\" stroke-width=\"1.5\"/>"
            );
        }
        let _ = writeln!(
            svg,
            "<circle class=\"meter\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\" fill=\"{fill}\" stroke=\"{}\" \
             stroke-width=\"2\"><title>{}</title></circle>",
            colour(modulation),
            escaped(&title)
        );
    }
    let mut labels = Labels::around((1..=reach.len()).map(|modem| at(bus_of(modem))));
    // Those out of reach are what a planner looks for.
    let (out, within): (Vec<usize>, Vec<usize>) = (0..reach.len()).partition(|&meter| reach[meter].is_none());
    for meter in out.into_iter().chain(within.into_iter().filter(|_| survey.modems <= MOST_NAMED)) {
        labels.name(&mut svg, at(feeder.loads[meter].bus), &survey.meters[meter].name);
    }
    let (x, y) = at(feeder.busbar);
    let _ = writeln!(
        svg,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"18\" height=\"18\" fill=\"black\"><title>coordinator</title></rect>",
        x - 9.0,
        y - 9.0
    );
    if direct < reach.len()
        && let Some(station) = survey.stations().first().filter(|station| station.in_reach > direct)
    {
        let (x, y) = at(station.bus_index);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {:.1} l11 11 l-11 11 l-11 -11 z\" fill=\"none\" stroke=\"black\" \
             stroke-width=\"2\"><title>second concentrator at {}</title></path>",
            y - 11.0,
            escaped(&station.bus)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{MARGIN}\" y=\"28\" font-size=\"17\" font-weight=\"bold\">{}</text>\n\
         <text x=\"{MARGIN}\" y=\"48\" fill=\"#444\">{direct} of {} meters in reach of the coordinator, {reached} with \
         meters as repeaters</text>",
        escaped(&feeder.name),
        reach.len()
    );
    legend(&mut svg, placed.then_some(scale));
    svg.push_str("</svg>\n");
    svg
}

fn cables(svg: &mut String, feeder: &Feeder, at: impl Fn(usize) -> (f64, f64)) {
    for section in &feeder.sections {
        let mut points = String::new();
        let via = section.via.iter().map(|waypoint| waypoint.bus);
        for bus in std::iter::once(section.from).chain(via).chain([section.to]) {
            let (x, y) = at(bus);
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
        let width = if section.phases.len() == 3 { 2.0 } else { 1.0 };
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#B0B0B0\" stroke-width=\"{width}\"/>",
            points.trim_end()
        );
    }
}

/// Names beside circles where there is room.
struct Labels {
    /// What is taken: left, top, right and bottom.
    taken: Vec<[f64; 4]>,
}

impl Labels {
    const SIZE: f64 = 9.0;

    fn around(circles: impl Iterator<Item = (f64, f64)>) -> Self {
        Self { taken: circles.map(|(x, y)| [x - 7.0, y - 7.0, x + 7.0, y + 7.0]).collect() }
    }

    /// Right of the circle, left of it, above or below; nowhere if all of these are taken, since the circle's title has it.
    fn name(&mut self, svg: &mut String, (x, y): (f64, f64), name: &str) {
        // Mean width of sans-serif letters.
        let width = 0.58 * Self::SIZE * name.chars().count() as f64;
        let places = [(9.0, 3.0), (-9.0 - width, 3.0), (-0.5 * width, -9.0), (-0.5 * width, 16.0)];
        let place = places.into_iter().map(|(right, down)| (x + right, y + down)).find_map(|(left, line)| {
            let [a, b, c, d] = [left, line - 0.8 * Self::SIZE, left + width, line + 0.2 * Self::SIZE];
            let free = self
                .taken
                .iter()
                .all(|&[left, top, right, bottom]| c < left || right < a || d < top || bottom < b);
            free.then_some(((left, line), [a, b, c, d]))
        });
        let Some(((left, line), taken)) = place else { return };
        self.taken.push(taken);
        let _ = writeln!(
            svg,
            "<text class=\"name\" x=\"{left:.1}\" y=\"{line:.1}\" font-size=\"{}\" fill=\"#444\">{}</text>",
            Self::SIZE,
            escaped(name)
        );
    }
}

fn legend(svg: &mut String, metre: Option<f64>) {
    let x = WIDTH - LEGEND + 10.0;
    let mut y = TOP + 20.0;
    let mut row = |svg: &mut String, mark: &str, text: &str| {
        let _ = writeln!(
            svg,
            "<g transform=\"translate({x:.0} {y:.0})\">{mark}<text x=\"20\" y=\"4\">{text}</text></g>"
        );
        y += 22.0;
    };
    for modulation in [Modulation::D8psk, Modulation::Dqpsk, Modulation::Dbpsk, Modulation::Robust] {
        let mark = format!("<circle r=\"6\" fill=\"{}\"/>", colour(Some(modulation)));
        row(svg, &mark, &format!("{} both ways, 3 dB spare", name_of(modulation)));
    }
    let hollow = format!("<circle r=\"6\" fill=\"white\" stroke=\"{}\" stroke-width=\"2\"/>", colour(None));
    row(svg, &hollow, "not in reach");
    row(svg, "<rect x=\"-7\" y=\"-7\" width=\"14\" height=\"14\"/>", "coordinator");
    row(svg, "<line x1=\"-8\" x2=\"8\" stroke=\"#444\" stroke-dasharray=\"4 3\"/>", "hop over a meter");
    row(
        svg,
        "<circle r=\"8\" fill=\"none\" stroke=\"black\" stroke-width=\"1.5\"/>",
        "meter worth a repeater",
    );
    let diamond = "<path d=\"M0 -8 l8 8 l-8 8 l-8 -8 z\" fill=\"none\" stroke=\"black\" stroke-width=\"2\"/>";
    row(svg, diamond, "place of a second concentrator");
    if let Some(scale) = metre {
        let metres = [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0];
        let length = metres.into_iter().rev().find(|metres| metres * scale < 120.0).unwrap_or(10.0);
        let bar = format!(
            "<line x1=\"-6\" x2=\"{:.1}\" y1=\"14\" y2=\"14\" stroke=\"black\" stroke-width=\"2\"/>",
            length * scale - 6.0
        );
        row(svg, &bar, &format!("{length:.0} m"));
    }
}

/// A place for every bus, and whether the places are the feeder's own. Without coordinates for all electrical buses
/// the tree is drawn with its distances from left to right and its leaves one above another.
fn places(feeder: &Feeder) -> (Vec<Position>, bool) {
    let own: Vec<Option<Position>> = feeder.buses.iter().map(|bus| bus.position).collect();
    let used = |section: &crate::feeder::Section| own[section.from].is_some() && own[section.to].is_some();
    if feeder.sections.iter().all(used) && own[feeder.busbar].is_some() {
        let busbar = own[feeder.busbar].unwrap_or(Position { x_m: 0.0, y_m: 0.0 });
        return (own.into_iter().map(|place| place.unwrap_or(busbar)).collect(), true);
    }
    let mut x_m = vec![0.0; feeder.buses.len()];
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); feeder.buses.len()];
    for section in &feeder.sections {
        children[section.from].push(section.to);
        x_m[section.to] = x_m[section.from] + section.length_m;
        for waypoint in &section.via {
            x_m[waypoint.bus] = x_m[section.from] + waypoint.at_m;
        }
    }
    // Leaves get rows in the order of a walk; a fork lies in the middle of its branches.
    let longest = x_m.iter().copied().fold(1.0, f64::max);
    let leaves = feeder.sections.iter().filter(|section| children[section.to].is_empty()).count().max(1);
    let row_m = 0.6 * longest / leaves as f64;
    let mut y_m = vec![0.0; feeder.buses.len()];
    let (mut stack, mut row) = (vec![feeder.busbar], 0.0);
    while let Some(bus) = stack.pop() {
        if children[bus].is_empty() {
            y_m[bus] = -row * row_m;
            row += 1.0;
        }
        stack.extend(children[bus].iter().rev());
    }
    for section in feeder.sections.iter().rev() {
        let below = &children[section.from];
        y_m[section.from] = below.iter().map(|&bus| y_m[bus]).sum::<f64>() / below.len().max(1) as f64;
    }
    for section in &feeder.sections {
        for waypoint in &section.via {
            let share = waypoint.at_m / section.length_m.max(1e-9);
            y_m[waypoint.bus] = y_m[section.from] + share * (y_m[section.to] - y_m[section.from]);
        }
    }
    (x_m.into_iter().zip(y_m).map(|(x_m, y_m)| Position { x_m, y_m }).collect(), false)
}

/// Least and greatest, at least a metre apart.
fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if high - low >= 1.0 { (low, high) } else { (low - 0.5, low + 0.5) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
