//! Our kernels beside the best other ones, in one process, as ratios.
//!
//! `cargo bench -p benches --bench peers --features peers`, and `> benches/results/peers.txt` to renew the committed
//! table; words after `--` choose groups by the start of their names. The C libraries are Debian's packages
//! libfftw3-single3, libvolk2.5, libfec0 and libliquid1, loaded when this runs; one that is absent is named and left out.
//!
//! The machine is shared and its clock wanders, so candidates of a group take turns in many rounds of about a
//! millisecond. `quiet` is the time that a tenth of the rounds beat, `typical` the median; believe the ratios. Each
//! candidate's result is checked before it is measured.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![allow(clippy::print_stdout, reason = "the table goes to standard output")]

#[path = "peers/fft.rs"]
mod fft;
#[path = "peers/libraries.rs"]
mod libraries;
#[path = "peers/modem.rs"]
mod modem;
#[path = "peers/reed_solomon.rs"]
mod reed_solomon;
#[path = "peers/rounds.rs"]
mod rounds;
#[path = "support.rs"]
#[allow(dead_code, reason = "criterion is not used here")]
mod support;
#[path = "peers/viterbi.rs"]
mod viterbi;

use rounds::Group;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    println!("processor: {}", processor());
    println!("level:     {:?}", dsp::cpu::Level::best());
    println!("command:   cargo bench -p benches --bench peers --features peers");
    println!("date:      {}", date());
    println!("crates:    rustfft 6.4, realfft 3.5");
    for (name, version) in libraries::versions() {
        println!("{name:10} {version}");
    }
    println!("A goal is of ours over a peer, quiet times; rounds of all candidates of a group take turns.");
    for (name, group) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|start| name.starts_with(start.as_str())) {
            println!();
            group().run(name);
        }
    }
}

type Build = fn() -> Group;

const GROUPS: [(&str, Build); 9] = [
    ("complex FFT of 256 points", || fft::complex(dsp::fft::Size::N256, 1.15)),
    ("complex FFT of 512 points", || fft::complex(dsp::fft::Size::N512, 1.4)),
    ("real FFT of 256 points", || fft::real(dsp::fft::Size::N256)),
    ("real FFT of 512 points", || fft::real(dsp::fft::Size::N512)),
    ("viterbi, K = 7, 2048 bits", viterbi::group),
    ("reed-solomon (255,239)", reed_solomon::group),
    ("G3 transmitter", modem::transmitter),
    ("G3 receiver, DBPSK frames", modem::decoding),
    ("G3 receiver, noise", modem::listening),
];

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map_or("unknown", |(_, value)| value.trim())
    };
    format!(
        "{}, family {} model {} stepping {}",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        field("stepping")
    )
}

fn date() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output();
    output.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().into())
}
