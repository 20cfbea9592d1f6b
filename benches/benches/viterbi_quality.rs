//! What the K = 7 decoder's soft decisions lose against floating point, at a bit error rate of 1e-5.
//!
//! `cargo bench -p benches --bench viterbi_quality --features quality`, with `> benches/results/viterbi_quality.txt` to
//! renew the committed table (about a minute; seeded, so the counts repeat on any machine).
//!
//! Coherent BPSK of amplitude 1 in white noise, blocks of 2048 bits. All decoders hear the same noise. The reference
//! has f32 metrics of the unquantised samples; ours have `soft::quantise` with the scale 32 that it recommends. A
//! line through the logarithms of the three measured rates gives the Eb/N0 of 1e-5; its difference to the reference's
//! is the loss. The intervals are bootstrap percentiles over the runs, each redrawn for all decoders alike, so the
//! noise they share does not count.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement stops at the first surprise")]
#![allow(clippy::print_stdout, reason = "the table goes to standard output")]

use dsp::{convolutional, cpu::Level, soft, viterbi::Viterbi};

const BITS: usize = 2048;
const STAGES: usize = BITS + 6;
const EB_N0_DB: [f64; 3] = [3.9, 4.15, 4.4];
const RUNS: usize = 48;
const BLOCKS_PER_RUN: usize = 1000;
const SCALE: f32 = 32.0;
const RATE: f64 = 1e-5;
const REDRAWS: usize = 2000;

const DECODERS: [&str; 3] = ["floating point", "decode, 8-bit soft decisions", "decode_coarse, 15 steps"];
type Counts = [f64; DECODERS.len()];

fn main() {
    let level = Level::best();
    println!("command:   cargo bench -p benches --bench viterbi_quality --features quality");
    println!("decoded at level {level:?}; every level gives the same bits");
    let bits_per_run = (BITS * BLOCKS_PER_RUN) as f64;
    println!("{:.2e} bits at each Eb/N0, 2048 a block, seeds 1..={}", bits_per_run * RUNS as f64, 3 * RUNS);
    println!();
    let mut measured = Vec::new();
    for (point, snr_db) in EB_N0_DB.into_iter().enumerate() {
        let runs: Vec<Counts> =
            (0..RUNS).map(|run| one_run(snr_db, (point * RUNS + run + 1) as u64)).collect();
        measured.push(runs);
    }
    println!("bit error rate at Eb/N0 of{}", EB_N0_DB.map(|snr| format!("{snr:8.2} dB")).concat());
    for (decoder, name) in DECODERS.iter().enumerate() {
        let rates: String = measured
            .iter()
            .map(|runs| {
                format!(
                    "{:11.3e}",
                    runs.iter().map(|run| run[decoder]).sum::<f64>() / bits_per_run / RUNS as f64
                )
            })
            .collect();
        println!("{name:28}{rates}");
    }
    println!();

    let all: Vec<usize> = (0..RUNS).collect();
    let found = thresholds(&measured, &[all.clone(), all.clone(), all], bits_per_run);
    let mut noise = Noise(99);
    let mut redrawn: Vec<Counts> = (0..REDRAWS)
        .map(|_| {
            let drawn = [(); 3].map(|()| (0..RUNS).map(|_| (noise.next() % RUNS as u64) as usize).collect());
            thresholds(&measured, &drawn, bits_per_run)
        })
        .collect();
    println!("Eb/N0 for {RATE:e}, and loss against floating point, with 95 % intervals");
    for (decoder, name) in DECODERS.iter().enumerate() {
        let mut interval = |figure: &dyn Fn(&Counts) -> f64| {
            redrawn.sort_by(|one, other| figure(one).total_cmp(&figure(other)));
            (figure(&redrawn[REDRAWS / 40]), figure(&redrawn[REDRAWS - REDRAWS / 40]))
        };
        let (low, high) = interval(&|found| found[decoder]);
        let (least, most) = interval(&|found| found[decoder] - found[0]);
        let loss = found[decoder] - found[0];
        println!(
            "{name:28} {:.3} dB ({low:.3} to {high:.3})   loss {loss:.3} dB ({least:.3} to {most:.3})",
            found[decoder]
        );
    }
}

/// Bit errors of every decoder in one run.
fn one_run(snr_db: f64, seed: u64) -> Counts {
    let mut noise = Noise(seed.wrapping_mul(0xD134_2543_DE82_EF95));
    // Rate 1/2 and amplitude 1: sigma^2 = 1 / (2 Es/N0) = 1 / (Eb/N0).
    let sigma = 10_f64.powf(-snr_db / 20.0);
    let mut viterbi = Box::new(Viterbi::<STAGES>::new());
    let mut reference = Reference { decisions: vec![0; STAGES] };
    let mut errors = [0.0; DECODERS.len()];
    let (mut coded, mut soft, mut received) = ([0; STAGES / 4 + 1], [0; 2 * STAGES], [0.0; 2 * STAGES]);
    for _ in 0..BLOCKS_PER_RUN {
        let mut info = [0; BITS / 8];
        info.iter_mut().for_each(|octet| *octet = noise.next() as u8);
        let count = convolutional::encode(&info, BITS, &mut coded).unwrap();
        assert_eq!(count, received.len());
        for (at, pair) in received.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let sent = |at: usize| if coded[at / 8] >> (7 - at % 8) & 1 == 0 { 1.0 } else { -1.0 };
            let [one, two] = noise.gaussian_pair();
            *pair = [(sent(2 * at) + sigma * one) as f32, (sent(2 * at + 1) + sigma * two) as f32];
        }
        soft::quantise_block(&received, SCALE, &mut soft).unwrap();
        let mut decoded = [[0; BITS / 8]; DECODERS.len()];
        let [float, fine, coarse] = &mut decoded;
        reference.decode(&received, float);
        viterbi.decode(&soft, BITS, fine).unwrap();
        viterbi.decode_coarse(&soft, BITS, coarse).unwrap();
        for (errors, decoded) in errors.iter_mut().zip(decoded) {
            *errors +=
                info.iter().zip(decoded).map(|(sent, got)| f64::from((sent ^ got).count_ones())).sum::<f64>();
        }
    }
    errors
}

/// The Eb/N0 at which a straight line through the logarithms of the measured rates crosses [`RATE`].
fn thresholds(measured: &[Vec<Counts>], drawn: &[Vec<usize>; 3], bits_per_run: f64) -> Counts {
    std::array::from_fn(|decoder| {
        let logs: Vec<f64> = measured
            .iter()
            .zip(drawn)
            .map(|(runs, drawn)| {
                let errors: f64 = drawn.iter().map(|&run| runs[run][decoder]).sum();
                (errors.max(1.0) / bits_per_run / RUNS as f64).log10()
            })
            .collect();
        let mean_snr = EB_N0_DB.iter().sum::<f64>() / 3.0;
        let mean_log = logs.iter().sum::<f64>() / 3.0;
        let slope =
            EB_N0_DB.iter().zip(&logs).map(|(snr, log)| (snr - mean_snr) * (log - mean_log)).sum::<f64>()
                / EB_N0_DB.iter().map(|snr| (snr - mean_snr).powi(2)).sum::<f64>();
        mean_snr + (RATE.log10() - mean_log) / slope
    })
}

/// The textbook decoder in f32: state = last six bits, newest in bit 0, one walk and one trace.
struct Reference {
    decisions: Vec<u64>,
}

impl Reference {
    fn decode(&mut self, received: &[f32], output: &mut [u8]) {
        let mut signs = [[1.0_f32; 32]; 2];
        for (output, taps) in [0b00_0111_usize, 0b01_0110].into_iter().enumerate() {
            for (j, sign) in signs[output].iter_mut().enumerate() {
                *sign = if (j & taps).count_ones() % 2 == 0 { 1.0 } else { -1.0 };
            }
        }
        let mut metrics = [-1e9_f32; 64];
        metrics[0] = 0.0;
        for (pair, decision) in received.as_chunks::<2>().0.iter().zip(&mut self.decisions) {
            let mut next = [0.0; 64];
            let mut crossed = [false; 64];
            for j in 0..32 {
                let branch = signs[0][j] * pair[0] + signs[1][j] * pair[1];
                let (low, high) = (metrics[j], metrics[j + 32]);
                next[2 * j] = (low + branch).max(high - branch);
                next[2 * j + 1] = (low - branch).max(high + branch);
                crossed[2 * j] = high - branch > low + branch;
                crossed[2 * j + 1] = high + branch > low - branch;
            }
            *decision = crossed.iter().rev().fold(0, |word, &flag| word << 1 | u64::from(flag));
            metrics = next;
        }
        output.fill(0);
        let mut state = 0;
        for (stage, decision) in self.decisions.iter().enumerate().rev() {
            if let Some(octet) = output.get_mut(stage / 8) {
                *octet |= ((state & 1) as u8) << (7 - stage % 8);
            }
            state = state >> 1 | ((decision >> state & 1) as usize) << 5;
        }
    }
}

/// SplitMix64, and normal variates by the method of Box and Muller.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn gaussian_pair(&mut self) -> [f64; 2] {
        let open_unit = ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let angle = (self.next() >> 11) as f64 / (1_u64 << 53) as f64 * std::f64::consts::TAU;
        let radius = (-2.0 * open_unit.ln()).sqrt();
        [radius * angle.cos(), radius * angle.sin()]
    }
}
