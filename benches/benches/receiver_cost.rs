//! What each option of the G3 receiver costs at the SNR where it loses one frame in ten: instructions for each bit of
//! the PSDU, and time, as multiples of the standard receiver's.
//!
//! `cargo bench -p benches --bench receiver_cost`, and `> benches/results/receiver_cost.txt` to renew the committed
//! table. Instructions are counted by valgrind (Debian's package), which knows AVX2 and not AVX-512: this program runs
//! itself in it, over the same frames once and twice, and takes the difference. Times are of this processor's best level; on a
//! machine that others use, leave them out with `-- --instructions`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![allow(clippy::print_stdout, reason = "the table goes to standard output")]

#[allow(dead_code, reason = "criterion is not used here")]
mod support;

use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::Options;
use g3_phy::primitives::Event;
use g3_phy::{
    BandPlan, FrameWorkspace, Modulation, PreambleDetection, Receiver, ReceiverOptions, TX_RMS, ToneMask,
    Transmitter,
};
use std::process::Command;
use std::time::Instant;

const FRAMES: usize = 12;
const BLOCK: usize = 1000;
/// Rounds of all options, of which the median counts.
const ROUNDS: usize = 15;

/// What is sent, and the Es/N0 in dB at which each of the options loses one frame in ten there (docs/receiver.md); `None` where that
/// was not measured.
struct Mode {
    name: &'static str,
    plan: BandPlan,
    modulation: Modulation,
    octets: usize,
    snr_db: [Option<f32>; CHOICES.len()],
}

const fn all(snr_db: [f32; CHOICES.len()]) -> [Option<f32>; CHOICES.len()] {
    let [a, b, c, d, e, f] = snr_db;
    [Some(a), Some(b), Some(c), Some(d), Some(e), Some(f)]
}

/// Standard and eight passes.
const fn two(standard_db: f32, eight_db: f32) -> [Option<f32>; CHOICES.len()] {
    [Some(standard_db), None, None, None, Some(eight_db), None]
}

const fn cenelec_a(name: &'static str, modulation: Modulation, snr_db: [Option<f32>; 6]) -> Mode {
    Mode { name, plan: BandPlan::CENELEC_A, modulation, octets: 100, snr_db }
}

/// Two Reed-Solomon blocks.
const fn two_blocks(name: &'static str, modulation: Modulation, snr_db: [Option<f32>; 6]) -> Mode {
    Mode { name, plan: BandPlan::FCC_1, modulation, octets: 300, snr_db }
}

const MODES: [Mode; 10] = [
    cenelec_a("robust", Modulation::Robust, all([-1.97, -1.97, -3.0, -4.3, -6.06, -6.5])),
    cenelec_a("dbpsk", Modulation::Dbpsk, all([1.83, 1.83, 0.84, 0.09, -0.83, -1.15])),
    cenelec_a("dqpsk", Modulation::Dqpsk, all([4.79, 4.79, 3.87, 2.78, 1.96, 1.85])),
    cenelec_a("d8psk", Modulation::D8psk, all([8.09, 8.09, 7.43, 6.04, 4.93, 4.79])),
    cenelec_a("robust-coherent", Modulation::RobustCoherent, two(-4.11, -6.9)),
    cenelec_a("bpsk", Modulation::Bpsk, two(-1.24, -1.48)),
    cenelec_a("qpsk", Modulation::Qpsk, two(1.88, 1.56)),
    cenelec_a("8psk", Modulation::Psk8, two(5.03, 4.54)),
    two_blocks("fcc-1 dbpsk, 2 blocks", Modulation::Dbpsk, two(2.02, -0.75)),
    two_blocks("fcc-1 dqpsk, 2 blocks", Modulation::Dqpsk, two(4.98, 2.16)),
];

/// An option of the receiver.
struct Choice {
    name: &'static str,
    options: ReceiverOptions,
}

const CHOICES: [Choice; 6] = [
    Choice { name: "standard", options: ReceiverOptions::STANDARD },
    Choice {
        name: "matched preamble",
        options: ReceiverOptions { preamble: PreambleDetection::Matched, ..ReceiverOptions::STANDARD },
    },
    Choice { name: "coherent", options: ReceiverOptions::COHERENT },
    Choice { name: "2 passes", options: ReceiverOptions::iterative(2) },
    Choice { name: "8 passes", options: ReceiverOptions::iterative(8) },
    Choice { name: "16 passes", options: ReceiverOptions::iterative(16) },
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let [choice, mode, repeats] = &words[..] {
        let line = Line::new(choice.parse().unwrap(), mode.parse().unwrap());
        (0..repeats.parse().unwrap()).for_each(|_| _ = line.receive());
        return;
    }
    // On a machine that others use as well: without times.
    let is_loaded = std::env::args().any(|word| word == "--instructions");
    let command = if is_loaded { " -- --instructions" } else { "" };
    println!("command:   cargo bench -p benches --bench receiver_cost{command}");
    println!(
        "CENELEC-A, {FRAMES} frames of about 100 octets (FCC-1: 300) without gaps, at each option's 10 % point, seed 42"
    );
    println!(
        "level of the times: {:?}; of the instructions: what valgrind knows, AVX2",
        dsp::cpu::Level::best()
    );
    println!("multiples are of the standard receiver at its own 10 % point");
    println!();
    println!(
        "mode                   option            SNR dB   right  instructions/bit  multiple  us/frame  multiple"
    );
    for (mode, Mode { name, snr_db, .. }) in MODES.iter().enumerate() {
        let measured: Vec<(usize, f32)> =
            snr_db.iter().enumerate().filter_map(|(choice, snr_db)| Some((choice, (*snr_db)?))).collect();
        let lines: Vec<Line> = measured.iter().map(|&(choice, _)| Line::new(choice, mode)).collect();
        let right: Vec<usize> = lines.iter().map(Line::receive).collect();
        let times = if is_loaded { vec![f64::NAN; lines.len()] } else { times(&lines) };
        let mut standard = None;
        for (index, (&(choice, snr_db), line)) in measured.iter().zip(&lines).enumerate() {
            let per_bit = instructions(choice, mode).map(|all| all / line.bits as f64);
            let us = times[index] * 1e6 / FRAMES as f64;
            let (first_per_bit, first_us) = *standard.get_or_insert((per_bit, us));
            let counted = per_bit.zip(first_per_bit).map_or_else(
                || format!("{:>16}  {:>8}", "no valgrind", "-"),
                |(per_bit, first)| format!("{per_bit:16.0}  {:8.2}", per_bit / first),
            );
            println!(
                "{name:22} {:16} {snr_db:7.2} {:4}/{FRAMES}  {counted}  {us:8.0}  {:8.2}",
                CHOICES[choice].name,
                right[index],
                us / first_us,
            );
        }
    }
}

/// Median seconds of each line, which take turns.
fn times(lines: &[Line]) -> Vec<f64> {
    let mut rounds = vec![Vec::with_capacity(ROUNDS); lines.len()];
    for _ in 0..ROUNDS {
        for (line, times) in lines.iter().zip(&mut rounds) {
            let start = Instant::now();
            line.receive();
            times.push(start.elapsed().as_secs_f64());
        }
    }
    rounds
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[ROUNDS / 2]
        })
        .collect()
}

/// Instructions that receiving the line once takes; nothing where there is no valgrind.
fn instructions(choice: usize, mode: usize) -> Option<f64> {
    let counted = |repeats: usize| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().ok()?)
            .args([choice, mode, repeats].map(|word| word.to_string()))
            .output()
            .ok()?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = told.lines().find_map(|line| line.split_once("Collected :"))?.1;
        count.trim().parse::<f64>().ok()
    };
    Some(counted(2)? - counted(1)?)
}

/// Frames in noise.
struct Line {
    samples: Vec<f32>,
    plan: BandPlan,
    options: ReceiverOptions,
    bits: usize,
}

impl Line {
    fn new(choice: usize, mode: usize) -> Self {
        let Mode { plan, modulation, octets, snr_db, .. } = &MODES[mode];
        let (choice, snr_db) = (&CHOICES[choice], snr_db[choice].unwrap());
        let tone_map = plan.full_tone_map();
        let layout = PayloadLayout::for_psdu(plan, ToneMask::ALL, tone_map, *modulation, *octets).unwrap();
        let octets = usize::from(layout.psdu_capacity);
        // The preamble at payload power, as the 10 % points have it.
        let options = Options { preamble_boost_db: 0.0, ..Options::default() };
        let mut transmitter = Transmitter::new(plan, &options);
        let mut samples = Vec::new();
        for psdu in support::octets(FRAMES * octets).chunks(octets) {
            let frame =
                DataFrame { psdu, modulation: *modulation, tone_map, response_expected: false, pdc: 0 };
            let frame = FrameEncoder::data(plan, ToneMask::ALL, &options, &frame).unwrap();
            let from = samples.len();
            samples.resize(from + transmitter.load(frame, 0.0), 0.0);
            transmitter.pull(&mut samples[from..]);
        }
        samples.extend([0.0; BLOCK]);
        // A carrier of amplitude A has the bin 128 A, noise of variance v the power 256 v.
        let amplitude = TX_RMS * (2.0 / plan.unmasked(ToneMask::ALL).len() as f32).sqrt();
        let deviation = (64.0 * amplitude * amplitude / 10_f32.powf(snr_db / 10.0)).sqrt();
        let mut noise = gaussian(42);
        samples.iter_mut().for_each(|sample| *sample += deviation * noise());
        Self { samples, plan: *plan, options: choice.options, bits: FRAMES * 8 * octets }
    }

    /// How many frames are right.
    fn receive(&self) -> usize {
        let options = Options::default();
        let mut standard = Receiver::new(&self.plan, ToneMask::ALL, &options);
        if self.options == ReceiverOptions::STANDARD {
            return hear(&self.samples, |at, block| {
                standard.push(at, block);
                std::iter::from_fn(|| standard.poll()).filter(is_frame).count()
            });
        }
        let memory = Box::new(FrameWorkspace::new());
        let mut receiver =
            Receiver::with_workspace(&self.plan, ToneMask::ALL, &options, &self.options, memory);
        hear(&self.samples, |at, block| {
            receiver.push(at, block);
            std::iter::from_fn(|| receiver.poll()).filter(is_frame).count()
        })
    }
}

fn hear(samples: &[f32], mut push: impl FnMut(u64, &[f32]) -> usize) -> usize {
    let blocks = samples.chunks(BLOCK).zip((0..).step_by(BLOCK));
    blocks.map(|(block, at)| push(at, block)).sum()
}

fn is_frame(event: &Event) -> bool {
    matches!(event, Event::DataIndication(_))
}

/// Gaussian numbers of unit variance: sums of twelve uniform ones.
fn gaussian(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        (0..12).fold(-6.0, |sum, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum + (state >> 40) as f32 / (1_u32 << 24) as f32
        })
    }
}
