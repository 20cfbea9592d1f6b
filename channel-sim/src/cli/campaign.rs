//! What the commands that measure campaigns share: running with progress and state, and writing results.

use super::print_json;
use channel_sim::link::{
    Campaign, Journal, Lock, Point, Results, Shard, Task, crossings_svg, plot, run, seek,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Steps of the progress bar.
const STEPS: f64 = 10_000.0;
/// How often the state is written.
const SAVE: Duration = Duration::from_secs(2);

/// Where results go.
#[derive(Clone, Debug, Args)]
pub(super) struct Outputs {
    /// Write the points as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the points as Parquet
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// Write a plot with intervals and theory as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write where each curve loses one frame in ten, beside its reference chain, as CSV
    #[arg(long, value_name = "FILE")]
    crossings: Option<PathBuf>,
    /// Write how far each curve is from its reference chain there as SVG
    #[arg(long, value_name = "FILE")]
    crossings_svg: Option<PathBuf>,
    /// One JSON object instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

impl Outputs {
    /// Writes the files, and prints the table or the JSON object.
    pub(super) fn write(&self, results: &Results) -> Result<(), String> {
        self.write_files(results)?;
        if self.json {
            return print_json(results);
        }
        print!("{}", results.table());
        Ok(())
    }

    /// Writes the files alone.
    pub(super) fn write_files(&self, results: &Results) -> Result<(), String> {
        if let Some(path) = &self.csv {
            let csv = results.csv().map_err(|error| format!("the CSV cannot be made: {error}"))?;
            write(path, &csv)?;
        }
        if let Some(path) = &self.parquet {
            write(path, &results.parquet()?)?;
        }
        if let Some(path) = &self.svg {
            write(path, plot::svg(results)?.as_bytes())?;
        }
        if let Some(path) = &self.crossings {
            let csv = results.crossings_csv().map_err(|error| format!("the CSV cannot be made: {error}"))?;
            write(path, &csv)?;
        }
        if let Some(path) = &self.crossings_svg {
            write(path, crossings_svg(results)?.as_bytes())?;
        }
        Ok(())
    }

    /// The first file asked for.
    fn first(&self) -> Option<PathBuf> {
        let files = [&self.csv, &self.parquet, &self.svg, &self.crossings, &self.crossings_svg];
        files.into_iter().flatten().next().cloned()
    }
}

/// A file for the state beside one of results.
fn beside(file: PathBuf) -> PathBuf {
    let mut name = file.into_os_string();
    name.push(".state");
    name.into()
}

pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    std::fs::write(path, content)
        .map_err(|error| format!("{}: {error}; give a path in a folder that exists", path.display()))
}

/// The points around the ratios at which one frame in ten is lost on the curves that a campaign has a point each of.
pub(super) fn sought(campaign: &Campaign, running: &Running, quiet: bool) -> Result<Vec<Task>, String> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_message(format!("looking where {} curves lose one frame in ten", campaign.tasks.len()));
    bar.enable_steady_tick(SAVE);
    let found = seek(campaign, running.threads(), stopped_by_signals()?);
    bar.finish_and_clear();
    found
}

/// How to run.
#[derive(Clone, Debug, Args)]
pub(super) struct Running {
    /// Threads; by default all cores. Results do not depend on it
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Keep the state in this file and go on from it; by default beside the first file asked for, until all is done
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
}

impl Running {
    fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or(cores, usize::from)
    }
}

/// Measures a campaign, or a shard of it, going on from the state if there is one.
pub(super) fn measure(
    campaign: Campaign,
    shard: Shard,
    running: &Running,
    outputs: &Outputs,
) -> Result<Journal, String> {
    measure_to(campaign, shard, running, outputs.first(), outputs.json)
}

/// The same where the results go to `first`, and to other files.
pub(super) fn measure_to(
    campaign: Campaign,
    shard: Shard,
    running: &Running,
    first: Option<PathBuf>,
    quiet: bool,
) -> Result<Journal, String> {
    let path = running.state.clone().or_else(|| first.map(beside));
    // Until the state is written or removed.
    let _lock = path.as_deref().map(Lock::hold).transpose()?;
    let mut journal = match &path {
        Some(path) => Journal::resume(path, campaign, shard)?,
        None => Journal::new(campaign, shard),
    };
    let threads = running.threads();
    let stop = stopped_by_signals()?;
    let progress = Progress::new(&journal, quiet);

    let campaign = journal.campaign.clone();
    let mut points = journal.points.clone();
    let mut saved = Instant::now();
    let watch = |now: &[Point]| {
        progress.show(now);
        if let Some(path) = &path
            && saved.elapsed() >= SAVE
            && journal.points != now
        {
            journal.points.copy_from_slice(now);
            journal.save(path)?;
            saved = Instant::now();
        }
        Ok(())
    };
    let done = run(&campaign, &mut points, |index| shard.holds(index), threads, stop, watch);
    progress.bar.finish_and_clear();
    journal.points = points;
    let is_done = journal.is_done();
    if let Some(path) = &path {
        if is_done && running.state.is_none() {
            // The results say it all now.
            let _ = std::fs::remove_file(path);
        } else {
            journal.save(path)?;
        }
    }
    done?;
    if !is_done {
        let ended = journal.points.iter().filter(|point| point.ended.is_some()).count();
        let hint = match &path {
            Some(path) => format!("{} has them; the same command goes on", path.display()),
            None => "with --state FILE they would have been kept".to_string(),
        };
        return Err(format!("stopped with {ended} of {} points done; {hint}", journal.points.len()));
    }
    Ok(journal)
}

/// A flag that Ctrl-C, SIGTERM (Slurm, Kubernetes) and SIGHUP set; the second Ctrl-C ends at once.
fn stopped_by_signals() -> Result<&'static AtomicBool, String> {
    static STOP: AtomicBool = AtomicBool::new(false);
    static HEARD: OnceLock<Result<(), String>> = OnceLock::new();
    let hear = || {
        let handler = || {
            if STOP.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        };
        ctrlc::set_handler(handler).map_err(|error| format!("signals cannot be heard: {error}"))
    };
    HEARD.get_or_init(hear).clone().map(|()| &STOP)
}

/// The bar on the terminal.
struct Progress {
    bar: ProgressBar,
    campaign: Campaign,
    mine: Vec<usize>,
    began: Instant,
    /// Work that was done before this run.
    before: f64,
}

impl Progress {
    fn new(journal: &Journal, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(STEPS as u64), ProgressDrawTarget::stderr());
        if quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{wide_bar} {percent} %  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let mine = (0..journal.points.len()).filter(|&index| journal.shard.holds(index)).collect();
        let campaign = journal.campaign.clone();
        let mut progress = Self { bar, campaign, mine, began: Instant::now(), before: 0.0 };
        progress.before = progress.work(&journal.points).0;
        progress
    }

    fn show(&self, points: &[Point]) {
        let (done, total) = self.work(points);
        let ended = self.mine.iter().filter(|&&index| points[index].ended.is_some()).count();
        let new = done - self.before;
        let left = match new > 0.0 {
            true => {
                let seconds = self.began.elapsed().as_secs_f64() * (total - done) / new;
                format!("about {} left", indicatif::HumanDuration(Duration::from_secs_f64(seconds.min(1e9))))
            }
            false => "measuring".to_string(),
        };
        self.bar.set_position((done / total.max(1.0) * STEPS) as u64);
        self.bar.set_message(format!("{ended} of {} points, {left}", self.mine.len()));
    }

    /// Work done and, as far as one can tell, in all, in frames weighted by their length.
    fn work(&self, points: &[Point]) -> (f64, f64) {
        let (mut done, mut total) = (0.0, 0.0);
        for &index in &self.mine {
            let (Some(task), Some(point)) = (self.campaign.tasks.get(index), points.get(index)) else {
                continue;
            };
            let bits = task.system.counterpart().information_bits();
            let weight = match task.system {
                channel_sim::link::System::Reference { .. } => 0.1 / bits,
                // Preamble, header and gaps last about as long as forty octets in DBPSK.
                _ => 0.4 + 0.5 / bits,
            };
            let frames = point.outcome.frames as f64;
            let all = match point.ended {
                Some(_) => frames,
                None => {
                    let share = self.campaign.stop.share(&point.outcome);
                    let most = self.campaign.stop.max_frames as f64;
                    if share > 0.0 { (frames / share).min(most.max(frames)) } else { most }
                }
            };
            done += weight * frames;
            total += weight * all;
        }
        (done, total)
    }
}
