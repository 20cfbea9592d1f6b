//! The receiver's ladder in white noise and in the noise of presets: packet error rates, 10 % points with intervals, and a plot.
//!
//! `noise_ladder TRACES OUT [FRAMES] [SEED] [THREADS] [NOISES]` takes the presets' noise from TRACES/NAME.f32, raw 32 bit floats at 250 kHz as
//! `channel-sim noise write` makes them, and writes OUT.csv (all points), OUT_10_percent.csv and OUT.svg. Every step of the
//! ladder hears the same frames in the same noise. Where noises are named, separated by commas, only they are measured and the curves
//! in the others are those that OUT.csv has. `prime-phy/results/noise_ladder.sh` makes the traces and runs it.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measuring tool")]

mod measure;
mod noise_ladder_plot;

use measure::{Line, SCHEMES, Tally, Trace, between, measure, wilson};
use prime_phy::{Channel, FrameType};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Noises: name, what it is, whether the ratio is to what stands there half of the time rather than to the mean.
const NOISES: [(&str, &str, bool); 7] = [
    ("n1", "N1, background with a slope", false),
    ("n3a", "N3, noise of the half cycle", false),
    ("n5a", "N5, bursts of 1 ms every 10 ms", true),
    ("n6a", "N6, impulses of every few samples", true),
    ("n8h", "N8, single impulses", true),
    ("n10a", "N10, a tone 10 dB above the signal", true),
    ("white", "white noise", false),
];

/// Steps of the ladder.
const STEPS: [&str; 7] =
    ["equal", "carriers", "erased", "standard", "coherent", "iterative-2", "iterative-8"];

/// Schemes in every noise; in white noise all of them.
const IN_ALL_NOISE: [&str; 3] = ["dbpsk_c", "d8psk_c", "r_dbpsk"];

/// A header of Type A alone: the rate is that of headers lost.
const HEADER: &str = "header";

const RATE: f64 = 0.1;
/// Ratios that are looked at.
const LOWEST_DB: f32 = -10.0;
const HIGHEST_DB: f32 = 30.0;
const COARSE_DB: f32 = 2.0;
const FINE_DB: f32 = 0.5;
/// Frames of a point where only the place of the curve is looked for.
const COARSE_FRAMES: usize = 40;

/// A point of a curve.
struct Point {
    snr_db: f32,
    frames: usize,
    lost: usize,
    undetected: usize,
    header_failed: usize,
    bit_error_rate: f64,
}

/// A step of the ladder with a scheme in a noise.
struct Curve {
    noise: &'static str,
    scheme: &'static str,
    step: &'static str,
    points: Vec<Point>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(traces), Some(out)) = (arguments.next(), arguments.next()) else {
        return println!("usage: noise_ladder TRACES OUT [FRAMES] [SEED] [THREADS] [NOISES]");
    };
    let frames = arguments.next().map_or(200, |frames| frames.parse().expect("a number of frames"));
    let seed = arguments.next().map_or(42, |seed| seed.parse().expect("a seed"));
    let threads = arguments.next().map(|threads| threads.parse().expect("a number of threads"));
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let named = arguments.next();
    let is_wanted =
        |noise: &str| named.as_ref().is_none_or(|named| named.split(',').any(|named| named == noise));
    let kept: Vec<Curve> = match (&named, std::fs::read_to_string(format!("{out}.csv"))) {
        (Some(_), Ok(text)) => read(&text).into_iter().filter(|curve| !is_wanted(curve.noise)).collect(),
        _ => Vec::new(),
    };
    // What is said of white noise is said to hundredths.
    let frames_in = |noise: &str| if noise == "white" { 2 * frames } else { frames };
    let tasks: Vec<(&str, bool, &str, Option<Arc<Trace>>)> = NOISES
        .iter()
        .filter(|(noise, ..)| is_wanted(noise))
        .flat_map(|&(noise, _, of_background)| {
            let trace = (noise != "white").then(|| Arc::new(Trace::read(&format!("{traces}/{noise}.f32"))));
            let schemes = SCHEMES.iter().map(|scheme| scheme.1).chain([HEADER]);
            let schemes = schemes.filter(move |scheme| noise == "white" || IN_ALL_NOISE.contains(scheme));
            schemes.map(move |scheme| (noise, of_background, scheme, trace.clone()))
        })
        .collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let order = next.fetch_add(1, Ordering::Relaxed);
            let Some((noise, of_background, scheme, trace)) = tasks.get(order) else { return };
            for step in STEPS {
                let line = Line { of_background: *of_background, noise: trace.clone(), ..Line::of(&[]) };
                let curve = measured(noise, scheme, step, (frames_in(noise), seed), line);
                println!("{}", curve.ten_percent(seed));
                let mut done = done.lock().expect("no thread fails");
                done.push((order, curve));
                done.sort_by_key(|(order, _)| *order);
                write_all(&out, kept.iter().chain(done.iter().map(|(_, curve)| curve)), seed);
            }
        }
    };
    write_all(&out, kept.iter(), seed);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
}

/// Writes what there is, after each curve: a run that is stopped leaves the curves it has.
fn write_all<'a>(out: &str, curves: impl Iterator<Item = &'a Curve>, seed: u64) {
    let mut curves: Vec<&Curve> = curves.collect();
    curves.sort_by_key(|curve| NOISES.iter().position(|noise| noise.0 == curve.noise));
    let curves = curves.as_slice();
    let header = "noise,scheme,step,frames,seed,snr_db,low_db,high_db,floor_per,floor_low,floor_high\n";
    let rows: String = curves.iter().map(|curve| curve.ten_percent(seed) + "\n").collect();
    write(&format!("{out}_10_percent.csv"), &(header.to_string() + &rows));
    write(&format!("{out}.csv"), &points(curves, seed));
    write(&format!("{out}.svg"), &noise_ladder_plot::svg(curves).expect("drawn"));
}

fn write(file: &str, text: &str) {
    std::fs::write(file, text).expect("the file can be written");
}

/// A curve from where nearly everything is lost to where next to nothing is, or to the highest ratio.
fn measured(
    noise: &'static str,
    scheme: &'static str,
    step: &'static str,
    (frames, seed): (usize, u64),
    mut line: Line,
) -> Curve {
    line.receiver = prime_phy::ReceiverOptions::named(step).expect("a step");
    let of = SCHEMES.iter().find(|of| of.1 == scheme);
    let (scheme_of, octets) = of.map_or((prime_phy::Scheme::DbpskC, 5), |of| (of.0, 133));
    line.octets = octets;
    let kind = (FrameType::plainest(scheme_of), scheme_of);
    let at = |snr_db: f32, frames: usize| {
        let tally = measure(kind, snr_db, (frames, seed), &Channel::ONE, &line);
        point(snr_db, &tally, scheme == HEADER)
    };
    // Where the curve lies, and whether it ends on a floor.
    let (mut above, mut below) = (LOWEST_DB, HIGHEST_DB);
    let mut snr_db = LOWEST_DB;
    while snr_db <= HIGHEST_DB {
        let per = at(snr_db, COARSE_FRAMES).per();
        if per > 0.9 {
            above = snr_db;
        }
        if per < 0.04 {
            below = snr_db;
            break;
        }
        snr_db += COARSE_DB;
    }
    let wide = below - above > 4.0 * COARSE_DB;
    let mut points: Vec<Point> = Vec::new();
    let mut snr_db = above;
    while snr_db <= below {
        points.push(at(snr_db, frames));
        snr_db += if wide { COARSE_DB } else { FINE_DB };
    }
    if wide && let Some(index) = crossed(&points) {
        for part in 1..(COARSE_DB / FINE_DB) as usize {
            let snr_db = points[index].snr_db + FINE_DB * part as f32;
            points.insert(index + part, at(snr_db, frames));
        }
    }
    Curve { noise, scheme, step, points }
}

fn point(snr_db: f32, tally: &Tally, header: bool) -> Point {
    let lost = if header { tally.headless() } else { tally.frames - tally.right };
    Point {
        snr_db,
        frames: tally.frames,
        lost,
        undetected: tally.undetected,
        header_failed: tally.header_failed,
        bit_error_rate: tally.bit_error_rate().0,
    }
}

/// The last point above the rate, where one below follows.
fn crossed(points: &[Point]) -> Option<usize> {
    let above = points.iter().rposition(|point| point.per() > RATE)?;
    (above + 1 < points.len()).then_some(above)
}

impl Point {
    fn per(&self) -> f64 {
        self.lost as f64 / self.frames as f64
    }

    fn interval(&self) -> (f64, f64) {
        wilson(self.lost, self.frames)
    }

    /// As far as a crossing needs it.
    fn tally(&self) -> Tally {
        Tally { frames: self.frames, right: self.frames - self.lost, ..Tally::default() }
    }
}

impl Curve {
    /// The row of its 10 % point, or of the floor at the highest ratio.
    fn ten_percent(&self, seed: u64) -> String {
        let Self { noise, scheme, step, points } = self;
        let frames = points.last().map_or(0, |point| point.frames);
        let (crossing, floor) = match crossed(points) {
            Some(index) => {
                let [low, high] =
                    [&points[index], &points[index + 1]].map(|point| (point.snr_db, point.tally()));
                let (db, half_db) = between(RATE, (low.0, &low.1), (high.0, &high.1));
                (format!("{db:.2},{:.2},{:.2}", db - half_db, db + half_db), ",,".to_string())
            }
            None => {
                let floor = points.last().map(|point| (point.per(), point.interval()));
                let (per, (low, high)) = floor.unwrap_or_default();
                (",,".to_string(), format!("{per:.4},{low:.4},{high:.4}"))
            }
        };
        format!("{noise},{scheme},{step},{frames},{seed},{crossing},{floor}")
    }
}

/// A name as this tool has it.
fn known(mut names: impl Iterator<Item = &'static str>, name: &str) -> &'static str {
    names.find(|known| *known == name).expect("a name of this tool's")
}

/// The curves of a file that this tool wrote.
fn read(text: &str) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for row in text.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let [noise, scheme, step, snr_db, frames, _, per, _, _, undetected, header_failed, rate] = fields[..]
        else {
            continue;
        };
        let noise = known(NOISES.iter().map(|noise| noise.0), noise);
        let scheme = known(SCHEMES.iter().map(|scheme| scheme.1).chain([HEADER]), scheme);
        let step = known(STEPS.into_iter(), step);
        let whole = |field: &str| field.parse::<usize>().expect("a whole number");
        let number = |field: &str| field.parse::<f64>().expect("a number");
        let point = Point {
            snr_db: number(snr_db) as f32,
            frames: whole(frames),
            lost: (number(per) * whole(frames) as f64).round() as usize,
            undetected: whole(undetected),
            header_failed: whole(header_failed),
            bit_error_rate: number(rate),
        };
        match curves.last_mut() {
            Some(last) if (last.noise, last.scheme, last.step) == (noise, scheme, step) => {
                last.points.push(point);
            }
            _ => curves.push(Curve { noise, scheme, step, points: vec![point] }),
        }
    }
    curves
}

fn points(curves: &[&Curve], seed: u64) -> String {
    let mut text =
        "noise,scheme,step,snr_db,frames,seed,per,low,high,no_preamble,header,bit_error_rate\n".to_string();
    for Curve { noise, scheme, step, points } in curves {
        for point in points {
            let (low, high) = point.interval();
            let Point { snr_db, frames, undetected, header_failed, bit_error_rate, .. } = point;
            writeln!(
                text,
                "{noise},{scheme},{step},{snr_db:.2},{frames},{seed},{:.4},{low:.4},{high:.4},{undetected},\
                 {header_failed},{bit_error_rate:.3e}",
                point.per()
            )
            .expect("a string takes it");
        }
    }
    text
}
