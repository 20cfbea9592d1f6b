//! The chores, each a list of commands.

use crate::shell::{Outcome, output, root, run, run_with};
use crate::tools;

/// The main workspace and those of its own.
const WORKSPACES: [&str; 3] = ["Cargo.toml", "fuzz/Cargo.toml", "modem-fw/boards/mps2-an386/Cargo.toml"];

/// A missing tool or data file fails a test instead of skipping it.
const STRICT: [(&str, &str); 1] = [("BUSBAR_REQUIRE_TOOLS", "1")];

/// Every test there is; the README's second command.
pub(crate) fn test() -> Outcome {
    tools::setup()?;
    run_with("cargo", &["test", "--workspace", "--locked"], &STRICT)?;
    main_job()?;
    aarch64()?;
    no_std()?;
    firmware()?;
    println!("\nEvery test passed.");
    Ok(())
}

/// The main job on its own and on the IEEE European feeder, in the build that users run.
pub(crate) fn main_job() -> Outcome {
    let data = root().join("target/main-job");
    // A database of an earlier run would have its readings in the way.
    let _ = std::fs::remove_dir_all(&data);
    let data = data.display().to_string();
    run("cargo", &["run", "--release", "--locked", "--", "--once", "--data", &data])?;
    let ieee = ["test", "--release", "--locked", "-p", "data-concentrator", "--test", "main_job", "--"];
    run_with("cargo", &[&ieee[..], &["--ignored", "--nocapture", "ieee"]].concat(), &STRICT)
}

/// Format, clippy, documentation, licences.
pub(crate) fn lint() -> Outcome {
    for workspace in WORKSPACES {
        run("cargo", &["fmt", "--all", "--check", "--manifest-path", workspace])?;
    }
    run("cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])?;
    // The firmware's workspace builds for a target that not every machine's clippy has.
    let fuzz = ["clippy", "--manifest-path", "fuzz/Cargo.toml", "--all-targets", "--locked", "--", "--deny"];
    run("cargo", &[&fuzz[..], &["warnings"]].concat())?;
    let strict = [("RUSTDOCFLAGS", "--deny warnings")];
    run_with("cargo", &["doc", "--workspace", "--no-deps", "--locked"], &strict)?;
    minimum_rust()?;
    tools::cargo_deny()?;
    run("cargo", &["deny", "check", "licenses", "bans", "sources"])?;
    if let Err(reason) = run("cargo", &["deny", "check", "advisories"]) {
        // The advisory database is a git repository; a machine that reaches registries only cannot have it.
        if advisory_database_is_here() {
            return Err(reason);
        }
        println!("lint: advisories NOT checked, the RustSec database could not be fetched here");
    }
    Ok(())
}

/// What Cargo.toml promises as the oldest compiler builds the workspace. Where the compiler is that one there is nothing
/// more to do; where rustup cannot bring it, only clippy's look at the standard library's versions stands for it.
fn minimum_rust() -> Outcome {
    const MINIMUM: &str = "1.95";
    let present = output("rustc", &["--version"]).unwrap_or_default();
    if present.starts_with(&format!("rustc {MINIMUM}.")) {
        println!("lint: {present} is the oldest compiler promised");
        return Ok(());
    }
    if run("rustup", &["toolchain", "install", MINIMUM, "--profile", "minimal"]).is_err() {
        println!("lint: Rust {MINIMUM}, the oldest promised, NOT tried: rustup cannot bring it here");
        return Ok(());
    }
    run("cargo", &[&format!("+{MINIMUM}"), "check", "--workspace", "--locked"])
}

/// On the other 64-bit processors, in qemu-user: the signal processing and both modems with NEON, and that `--exact`
/// gives the same numbers.
pub(crate) fn aarch64() -> Outcome {
    if !tools::has_target(tools::AARCH64) {
        println!("aarch64: NEON NOT tested, rustup cannot bring the target {} here", tools::AARCH64);
        return Ok(());
    }
    const EMULATED: [(&str, &str); 2] = [
        ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc"),
        ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "qemu-aarch64 -L /usr/aarch64-linux-gnu"),
    ];
    let tests = [
        "test",
        "--locked",
        "-p",
        "dsp",
        "-p",
        "g3-phy",
        "-p",
        "prime-phy",
        "--lib",
        "--target",
        tools::AARCH64,
    ];
    run_with("cargo", &tests, &EMULATED)?;
    let build = ["build", "--locked", "-p", "channel-sim", "--target", tools::AARCH64];
    run_with("cargo", &build, &EMULATED)?;
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_string());
    let program = format!("{target}/{}/debug/channel-sim", tools::AARCH64);
    let exact = ["test", "--locked", "-p", "channel-sim", "--test", "exact", "on_aarch64"];
    run_with("cargo", &exact, &[("BUSBAR_AARCH64", &program)])
}

/// The `no_std` crates for the microcontroller target.
pub(crate) fn no_std() -> Outcome {
    run("bash", &["modem-fw/boards/build", "--check-no-std"])
}

/// The board image under emulation.
pub(crate) fn firmware() -> Outcome {
    run("bash", &["modem-fw/boards/build", "mps2-an386", "--run"])
}

/// Every fuzz target for a while.
pub(crate) fn fuzz(seconds: &str) -> Outcome {
    run("bash", &["fuzz/run", "--seconds", seconds])
}

/// Kills the concentrator `count` times; what it prints is kept in `data-concentrator/results/kills.txt`.
pub(crate) fn kills(count: &str) -> Outcome {
    let test =
        ["test", "--release", "--locked", "-p", "data-concentrator", "--test", "kill", "--", "--nocapture"];
    run_with("cargo", &test, &[("BUSBAR_KILLS", count)])
}

/// What `.ci/run` runs.
pub(crate) fn ci() -> Outcome {
    test()?;
    lint()?;
    fuzz("30")
}

fn advisory_database_is_here() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(std::path::Path::new(&home).join(".cargo"))
    });
    let checkouts = home.and_then(|home| std::fs::read_dir(home.join("advisory-dbs")).ok());
    checkouts.is_some_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| entry.path().join("crates").is_dir()))
    })
}
