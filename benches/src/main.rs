//! Prints the table of what `cargo bench -p benches` measured last: medians, rates, and the processor.
//!
//! `cargo bench -p benches && cargo run -q -p benches > benches/results/kernels.txt` renews a committed table; words
//! after `--` choose the groups by the start of their names. A new subject is a file in `benches/benches/` and its
//! `[[bench]]` in `benches/Cargo.toml`; the table finds it by itself.
#![allow(clippy::print_stdout, reason = "the table goes to standard output")]

use serde_json::Value;
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// One measured function.
struct Row {
    name: String,
    median_ns: f64,
    /// Half the 95 % interval of the median.
    interval_ns: f64,
    rate: Option<(f64, &'static str)>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let mut rows = Vec::new();
    collect(&target.join("criterion"), &mut rows)?;
    rows.retain(|row| wanted.is_empty() || wanted.iter().any(|start| row.name.starts_with(start)));
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    if rows.is_empty() {
        return Err("nothing measured yet: run `cargo bench -p benches` first".into());
    }

    println!("processor: {}", processor());
    println!("command:   cargo bench -p benches && cargo run -q -p benches");
    println!("medians with half their 95 % interval; the machine was shared, so trust ratios before times");
    println!();
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    for row in rows {
        let rate = row.rate.map_or_else(String::new, |(rate, unit)| format!("{rate:10.1} {unit}"));
        let line =
            format!("{:width$}  {:>12} ±{:>9}  {rate}", row.name, time(row.median_ns), time(row.interval_ns));
        println!("{}", line.trim_end());
    }
    Ok(())
}

/// Walks criterion's folder: every `new/estimates.json` is one function's latest run.
fn collect(folder: &Path, rows: &mut Vec<Row>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        if path.file_name().is_some_and(|name| name == "new") {
            rows.push(row(&path)?);
        } else {
            collect(&path, rows)?;
        }
    }
    Ok(())
}

fn row(folder: &Path) -> Result<Row, Box<dyn Error>> {
    let read = |name: &str| -> Result<Value, Box<dyn Error>> {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    };
    let (estimates, benchmark) = (read("estimates.json")?, read("benchmark.json")?);
    let number = |pointer: &str| {
        estimates
            .pointer(pointer)
            .and_then(Value::as_f64)
            .ok_or_else(|| format!("no {pointer} in {folder:?}"))
    };
    let median_ns = number("/median/point_estimate")?;
    let lower = number("/median/confidence_interval/lower_bound")?;
    let upper = number("/median/confidence_interval/upper_bound")?;
    let per_second = |key: &str| {
        benchmark
            .pointer(&format!("/throughput/{key}"))
            .and_then(Value::as_f64)
            .map(|count| count / median_ns * 1e3)
    };
    let rate = per_second("Bytes")
        .map(|rate| (rate, "MB/s"))
        .or_else(|| per_second("Elements").map(|rate| (rate, "million/s")));
    Ok(Row {
        name: benchmark["full_id"].as_str().unwrap_or_default().to_owned(),
        median_ns,
        interval_ns: (upper - lower) / 2.0,
        rate,
    })
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e4 => format!("{ns:.1} ns"),
        ns if ns < 1e7 => format!("{:.2} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

fn processor() -> String {
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        text.lines().find_map(|line| {
            line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned())
        })
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} ({}), {cores} cores", model.unwrap_or_else(|| "unknown".to_owned()), std::env::consts::ARCH)
}
