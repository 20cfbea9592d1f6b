//! `channel-sim feeder`: what a feeder holds.

use super::print_json;
use super::scenario::Conditions;
use channel_sim::scenario::MeterSpec;
use channel_sim::world::{LinkReport, World};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `channel-sim feeder`.
#[derive(Debug, Args)]
pub(crate) struct FeederArguments {
    /// Feeder: an OpenDSS master file (.dss), a pandapower network (.json) or a file of our own (.toml); without it
    /// the built-in village
    file: Option<PathBuf>,
    #[command(flatten)]
    conditions: Conditions,
    /// Also solve the line and list every meter's link
    #[arg(long)]
    links: bool,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Summary {
    name: String,
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
    in_reach: Option<usize>,
}

#[derive(Serialize)]
struct Meter {
    spec: MeterSpec,
    link: Option<LinkReport>,
}

pub(super) fn run(arguments: &FeederArguments) -> Result<(), String> {
    let (scenario, report) = arguments.conditions.scenario(arguments.file.as_deref())?;
    let specs = scenario.meters();
    let feeder = scenario.feeder.clone();
    let links = match arguments.links {
        true => Some(World::new(scenario).map_err(|error| error.to_string())?.links()),
        false => None,
    };
    let in_reach = links.as_ref().map(|links| links.iter().filter(|link| link.in_reach).count());
    let mut links = links.unwrap_or_default().into_iter();
    let summary = Summary {
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
        meters: specs.into_iter().map(|spec| Meter { spec, link: links.next() }).collect(),
        in_reach,
        name: feeder.name,
    };
    if arguments.json {
        return print_json(&summary);
    }
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
    if let Some(in_reach) = in_reach {
        println!("meter            bus       phase  way m   down dB    up dB  loss dB  in reach");
        for Meter { spec, link } in &summary.meters {
            let Some(link) = link else { continue };
            println!(
                "{:16} {:9} {:5} {:6.0} {:9.1} {:8.1} {:8.1}  {}",
                spec.name,
                spec.bus,
                spec.phase.to_string(),
                spec.distance_m,
                link.down.snr_db,
                link.up.snr_db,
                link.down.loss_db,
                if link.in_reach { "yes" } else { "no" }
            );
        }
        println!("{in_reach} of {} in reach (1 dB or more in both directions)", summary.loads);
    }
    Ok(())
}
