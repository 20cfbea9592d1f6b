//! The chores, each a list of commands.

use crate::shell::{Outcome, run, run_with};
use crate::tools;

/// Every test there is; the README's second command.
pub(crate) fn test() -> Outcome {
    tools::setup()?;
    let strict = [("BUSBAR_REQUIRE_TOOLS", "1")];
    run_with("cargo", &["test", "--workspace", "--locked"], &strict)?;
    no_std()?;
    firmware()?;
    println!("\nEvery test passed.");
    Ok(())
}

/// Format, clippy, documentation, licences.
pub(crate) fn lint() -> Outcome {
    run("cargo", &["fmt", "--all", "--check"])?;
    run("cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])?;
    let strict = [("RUSTDOCFLAGS", "--deny warnings")];
    run_with("cargo", &["doc", "--workspace", "--no-deps", "--locked"], &strict)?;
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
