//! `channel-sim line-model`: the line's models as figures and pictures.

use super::print_json;
use channel_sim::line::models::{LINE_MODELS, LineModel, Panel, svg};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// What the help of `channel-sim line-model` ends with.
pub(super) const EXAMPLES: &str = "Examples:\n  \
    channel-sim line-model\n  \
    channel-sim line-model cables --svg cables.svg\n  \
    channel-sim line-model lptv --json";

/// Arguments of `channel-sim line-model`.
#[derive(Debug, Args)]
pub(crate) struct LineModelArguments {
    /// The model; without one all are listed
    #[arg(value_parser = model)]
    model: Option<LineModel>,
    /// Draw its figures as SVG
    #[arg(long, value_name = "FILE", requires = "model")]
    svg: Option<PathBuf>,
    /// One JSON object with all points instead of a summary
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    panels: Option<Vec<Panel>>,
}

pub(super) fn run(arguments: &LineModelArguments) -> Result<(), String> {
    let Some(model) = arguments.model else {
        let listed = |model: &LineModel| Listed { name: model.name, title: model.title, panels: None };
        let all: Vec<Listed> = LINE_MODELS.iter().map(listed).collect();
        if arguments.json {
            return print_json(&all);
        }
        for Listed { name, title, .. } in all {
            println!("{name:<16}{title}");
        }
        return Ok(());
    };
    let panels = model.panels();
    if let Some(path) = &arguments.svg {
        std::fs::write(path, svg(model.title, &panels)?)
            .map_err(|error| format!("{}: {error}; give a path in a folder that exists", path.display()))?;
    }
    if arguments.json {
        return print_json(&Listed { name: model.name, title: model.title, panels: Some(panels) });
    }
    println!("{}: {}", model.name, model.title);
    for panel in panels {
        println!("{} ({} over {})", panel.title, panel.y.name, panel.x.name);
        for curve in panel.curves {
            let ends = curve.points.first().zip(curve.points.last());
            if let Some(((from, first), (to, last))) = ends {
                println!("  {:<34}{first:10.3} at {from:.3}, {last:10.3} at {to:.3}", curve.name);
            }
        }
    }
    Ok(())
}

fn model(name: &str) -> Result<LineModel, String> {
    let found = LINE_MODELS.iter().find(|model| model.name == name).copied();
    found.ok_or_else(|| {
        let names: Vec<&str> = LINE_MODELS.iter().map(|model| model.name).collect();
        format!("{name:?} is none of {}", names.join(", "))
    })
}
