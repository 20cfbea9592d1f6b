//! `channel-sim feeder`: what a feeder holds, who is in reach, and what would help.

use super::print_json;
use super::replay::band;
use super::scenario::Conditions;
use channel_sim::exact::norm;
use channel_sim::feeder::Phase;
use channel_sim::line::access::urban_median;
use channel_sim::scenario::{MeterSpec, Scenario};
use channel_sim::survey::{
    Hour, Link, Reach, Repeater, Station, Survey, cut_at, hours, map, name_of, terminal,
};
use clap::Args;
use g3_phy::BandPlan;
use serde::Serialize;
use std::path::PathBuf;

/// Frequencies of the loss table, in kHz: those of the digest's 3.6.
const TABLE_KHZ: [f64; 6] = [42.0, 75.0, 90.0, 150.0, 300.0, 450.0];
/// Frequencies between two points, in kHz.
const BETWEEN_KHZ: [f64; 14] =
    [10.0, 20.0, 36.0, 50.0, 63.0, 75.0, 91.0, 120.0, 150.0, 200.0, 250.0, 300.0, 400.0, 490.0];
/// Repeaters and stations that are printed.
const SHOWN: usize = 5;

/// Arguments of `channel-sim feeder`.
#[derive(Debug, Args)]
pub(crate) struct FeederArguments {
    /// Feeder: an OpenDSS master file (.dss), a pandapower network (.json) or a file of our own (.toml); without it
    /// the built-in village
    file: Option<PathBuf>,
    #[command(flatten)]
    conditions: Conditions,
    /// Band of the links: cenelec-a, cenelec-b, fcc-1, fcc-1.a, fcc-1.b or arib
    #[arg(long, default_value = "cenelec-a", value_parser = band)]
    band: BandPlan,
    /// Also list every meter's link
    #[arg(long)]
    links: bool,
    /// Loss and signal to noise between two points: coordinator, a meter, or a bus with a phase (34.2)
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    between: Option<Vec<String>>,
    /// Write the coverage map to this file
    #[arg(long, value_name = "FILE.svg")]
    map: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Summary {
    name: String,
    band: &'static str,
    lines: usize,
    sections: usize,
    buses: usize,
    length_m: f64,
    line_codes: usize,
    transformer_kva: f64,
    loads: usize,
    loads_per_phase: [usize; 3],
    load_shapes: usize,
    unused: Vec<String>,
    meters: Vec<Meter>,
    in_reach: usize,
    in_reach_with_repeaters: usize,
    frequencies: Vec<Row>,
    hours: Vec<Hour>,
    repeaters: Vec<Repeater>,
    second_concentrators: Vec<Station>,
    between: Option<Between>,
}

#[derive(Serialize)]
struct Meter {
    spec: MeterSpec,
    link: Link,
    reach: Option<Reach>,
}

/// Loss from the busbar to the meters and the input impedance there, phase by phase, as digest 3.6 has them.
#[derive(Serialize)]
struct Row {
    khz: f64,
    loss_db_p5: f64,
    loss_db_p50: f64,
    loss_db_p95: f64,
    input_ohm: [f64; 3],
    measured_median_ohm: f64,
}

#[derive(Serialize)]
struct Between {
    a: String,
    b: String,
    link: Link,
    points: Vec<BetweenRow>,
}

#[derive(Serialize)]
struct BetweenRow {
    khz: f64,
    loss_db: f64,
    loss_back_db: f64,
    impedance_a_ohm: [f64; 2],
    impedance_b_ohm: [f64; 2],
}

pub(super) fn run(arguments: &FeederArguments) -> Result<(), String> {
    let (mut scenario, report) = arguments.conditions.scenario(arguments.file.as_deref())?;
    if let Some([a, b]) = arguments.between.as_deref() {
        cut_at(&mut scenario.feeder, &[a, b]);
    }
    let survey = Survey::of_band(&scenario, &arguments.band).map_err(|error| error.to_string())?;
    let feeder = &scenario.feeder;
    let reach = survey.reach();
    let meters: Vec<Meter> = survey
        .meters()
        .iter()
        .zip(&reach)
        .enumerate()
        .map(|(meter, (spec, reach))| Meter {
            spec: spec.clone(),
            link: survey.link(0, meter + 1),
            reach: *reach,
        })
        .collect();
    let between = match arguments.between.as_deref() {
        Some([a, b]) => Some(between(&scenario, &survey, a, b)?),
        _ => None,
    };
    let mut second_concentrators = survey.stations();
    second_concentrators.truncate(SHOWN);
    let summary = Summary {
        name: feeder.name.clone(),
        band: arguments.band.name,
        lines: feeder.line_count,
        sections: feeder.sections.len(),
        buses: feeder.buses.len(),
        length_m: feeder.sections.iter().map(|section| section.length_m).sum(),
        line_codes: feeder.line_codes.len(),
        transformer_kva: feeder.transformer.kva,
        loads: feeder.loads.len(),
        loads_per_phase: feeder.loads_per_phase(),
        load_shapes: feeder.shapes.len(),
        unused: report.unused.iter().map(ToString::to_string).collect(),
        in_reach: meters.iter().filter(|meter| meter.link.modulation.is_some()).count(),
        in_reach_with_repeaters: reach.iter().flatten().count(),
        meters,
        frequencies: TABLE_KHZ.iter().map(|&khz| row(&survey, khz)).collect(),
        hours: hours(&scenario, &arguments.band).map_err(|error| error.to_string())?,
        repeaters: survey.repeater_set(),
        second_concentrators,
        between,
    };
    if let Some(path) = &arguments.map {
        std::fs::write(path, map(&survey)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if arguments.json {
        return print_json(&summary);
    }
    print(&summary, arguments.links);
    Ok(())
}

fn row(survey: &Survey<'_>, khz: f64) -> Row {
    let mut losses = Vec::new();
    let input_ohm = Phase::ALL.map(|phase| {
        let (input, ratios) = survey.line().phase_alone(phase, khz * 1e3);
        losses.extend(ratios.iter().map(|ratio| -20.0 * libm::log10(norm(*ratio).max(1e-15))));
        norm(input)
    });
    losses.sort_by(f64::total_cmp);
    let quantile = |p: f64| losses.get(((losses.len().max(1) - 1) as f64 * p).round() as usize).copied();
    let [loss_db_p5, loss_db_p50, loss_db_p95] = [0.05, 0.5, 0.95].map(|p| quantile(p).unwrap_or(0.0));
    let measured_median_ohm = norm(urban_median(khz * 1e3));
    Row { khz, loss_db_p5, loss_db_p50, loss_db_p95, input_ohm, measured_median_ohm }
}

fn between(scenario: &Scenario, survey: &Survey<'_>, a: &str, b: &str) -> Result<Between, String> {
    let line = survey.line();
    let [from, to] = [terminal(scenario, line, a)?, terminal(scenario, line, b)?];
    if from.node == to.node && from.phases == to.phases {
        return Err(format!("{a} and {b} are the same point"));
    }
    let point = |khz: f64| {
        let hz = khz * 1e3;
        let transfer = line.between(&[from, to], &[from, to], hz, 0.0);
        let loss = |at: usize| -20.0 * libm::log10(norm(transfer[at]).max(1e-15));
        let impedance = |at| {
            let found = line.access_impedance(at, hz);
            [found.re, found.im]
        };
        BetweenRow {
            khz,
            loss_db: loss(1),
            loss_back_db: loss(2),
            impedance_a_ohm: impedance(from),
            impedance_b_ohm: impedance(to),
        }
    };
    let points = BETWEEN_KHZ.into_iter().map(point).collect();
    Ok(Between { a: a.to_string(), b: b.to_string(), link: survey.between(from, to), points })
}

fn print(summary: &Summary, links: bool) {
    println!(
        "{}: {} lines, {} sections of together {:.0} m, {} buses, {} line codes, transformer {} kVA",
        summary.name,
        summary.lines,
        summary.sections,
        summary.length_m,
        summary.buses,
        summary.line_codes,
        summary.transformer_kva
    );
    let [l1, l2, l3] = summary.loads_per_phase;
    println!("{} loads (L1 {l1}, L2 {l2}, L3 {l3}), {} load shapes", summary.loads, summary.load_shapes);
    if !summary.unused.is_empty() {
        println!("not used:");
        summary.unused.iter().for_each(|line| println!("  {line}"));
    }
    if links {
        println!(
            "meter            bus       phase  way m   down dB    up dB  loss dB  modulation  reached by"
        );
        for Meter { spec, link, reach } in &summary.meters {
            println!(
                "{:16} {:9} {:5} {:6.0} {:9.1} {:8.1} {:8.1}  {:10}  {}",
                spec.name,
                spec.bus,
                spec.phase.to_string(),
                spec.distance_m,
                link.there.snr_db,
                link.back.snr_db,
                link.there.loss_db,
                link.modulation.map_or("none".into(), name_of),
                match reach {
                    None => "nobody".to_string(),
                    Some(Reach { hops: 1, .. }) => "the coordinator".to_string(),
                    Some(Reach { hops, parent, .. }) =>
                        format!("{} ({hops} hops)", summary.meters[parent - 1].spec.name),
                }
            );
        }
    }
    println!(
        "{}: {} of {} in reach (1 dB or more in both directions), {} with meters as repeaters",
        summary.band, summary.in_reach, summary.loads, summary.in_reach_with_repeaters
    );
    println!("loss from the busbar and input impedance, phase by phase, without transformer:");
    println!("     kHz   p5 dB  p50 dB  p95 dB   L1 ohm   L2 ohm   L3 ohm   measured median ohm");
    for row in &summary.frequencies {
        let [l1, l2, l3] = row.input_ohm;
        println!(
            "{:8.0} {:7.1} {:7.1} {:7.1} {l1:8.2} {l2:8.2} {l3:8.2} {:9.2}",
            row.khz, row.loss_db_p5, row.loss_db_p50, row.loss_db_p95, row.measured_median_ohm
        );
    }
    print_help(summary);
    if let Some(between) = &summary.between {
        print_between(between);
    }
}

/// Whether two hours have the same figures as they are printed.
fn alike(a: &Hour, b: &Hour) -> bool {
    let near = |a: f32, b: f32| (a - b).abs() < 0.05;
    a.in_reach == b.in_reach
        && near(a.median_snr_db, b.median_snr_db)
        && near(a.median_loss_db, b.median_loss_db)
}

fn print_help(summary: &Summary) {
    let mut hours: Vec<&Hour> = summary.hours.iter().collect();
    hours.sort_by(|a, b| a.in_reach.cmp(&b.in_reach).then(a.median_snr_db.total_cmp(&b.median_snr_db)));
    let said = |hour: &Hour| {
        format!(
            "{:02}:00 {} in reach, median {:.1} dB, loss {:.1} dB",
            hour.hour, hour.in_reach, hour.median_snr_db, hour.median_loss_db
        )
    };
    match (hours.first(), hours.last()) {
        (Some(worst), Some(best)) if alike(worst, best) => {
            println!("hours: all alike, {}", said(worst).split_once(' ').map_or("", |(_, rest)| rest));
        }
        (Some(worst), Some(best)) => {
            let worst_hours: Vec<String> = hours.iter().take(3).map(|hour| said(hour)).collect();
            println!("worst hours: {}", worst_hours.join("; "));
            if best.hour != worst.hour {
                println!("best hour:   {}", said(best));
            }
        }
        _ => println!(
            "hours: nothing changes over the day in this model (no load shapes, nothing that is switched)"
        ),
    }
    if summary.in_reach == summary.loads {
        println!("no repeater is needed");
        return;
    }
    for repeater in summary.repeaters.iter().take(SHOWN) {
        println!("a repeater at {} brings {} more in reach", repeater.name, repeater.more.len());
    }
    if summary.repeaters.is_empty() {
        println!("no meter in reach would help as a repeater");
    }
    for station in summary.second_concentrators.iter().filter(|station| station.in_reach > summary.in_reach) {
        println!(
            "a second concentrator at bus {} brings {} more in reach ({} of {})",
            station.bus,
            station.in_reach - summary.in_reach,
            station.in_reach,
            summary.loads
        );
    }
}

fn print_between(between: &Between) {
    let Between { a, b, link, points } = between;
    println!(
        "{a} to {b}: {:.1} dB, loss {:.1} dB; back {:.1} dB, loss {:.1} dB; {}",
        link.there.snr_db,
        link.there.loss_db,
        link.back.snr_db,
        link.back.loss_db,
        link.modulation
            .map_or("no modulation both ways".into(), |modulation| name_of(modulation) + " both ways")
    );
    println!("     kHz  loss dB  back dB        at {a:12} at {b:12} (ohm)");
    for point in points {
        let [ra, xa] = point.impedance_a_ohm;
        let [rb, xb] = point.impedance_b_ohm;
        println!(
            "{:8.0} {:8.1} {:8.1}   {ra:7.2}{xa:+8.2}j {rb:7.2}{xb:+8.2}j",
            point.khz, point.loss_db, point.loss_back_db
        );
    }
}
