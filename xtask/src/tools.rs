//! What the tests need beside Rust and a C compiler, and how it gets here.

use crate::shell::{Outcome, exists, output, root, run, run_with};

/// The microcontroller target of the `no_std` crates.
pub(crate) const TARGET: &str = "thumbv7em-none-eabihf";

/// The target of the NEON versions of `dsp`, whose tests run in qemu-user.
pub(crate) const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// A program and the Debian packages that bring it.
struct Tool {
    program: &'static str,
    packages: &'static [&'static str],
    purpose: &'static str,
}

const TOOLS: [Tool; 6] = [
    Tool { program: "qemu-system-arm", packages: &["qemu-system-arm"], purpose: "runs the firmware image" },
    Tool {
        program: "qemu-x86_64",
        packages: &["qemu-user"],
        purpose: "shows that --exact is equal on another processor, and runs NEON",
    },
    Tool {
        program: "aarch64-linux-gnu-gcc",
        packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
        purpose: "links the tests of NEON",
    },
    Tool { program: "tshark", packages: &["tshark"], purpose: "decodes our 6LoWPAN frames independently" },
    Tool { program: "python3", packages: &["python3"], purpose: "runs gurux-dlms, a foreign DLMS client" },
    Tool { program: "c++", packages: &["g++"], purpose: "builds libFuzzer" },
];

/// Packages that build for [`TARGET`] where rustup cannot add it.
const DEBIAN_RUST: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

/// The feeder that the main job's test reads, from the workspace's root.
const FEEDER: &str = "../shared/data/ieee-eu-lv-feeder/Master.dss";

/// Installs what is missing where it can, and names what it cannot.
pub(crate) fn setup() -> Outcome {
    let feeder = root().join(FEEDER);
    if !feeder.is_file() {
        return Err(format!(
            "there is no {}: the tests read the IEEE European low-voltage feeder there; get its folder (Master.dss and \
             what lies beside it) from the repository dss-extensions/electricdss-tst and put it beside the clone at that \
             path",
            feeder.display()
        ));
    }
    let mut packages: Vec<&str> = Vec::new();
    let mut purposes: Vec<String> = Vec::new();
    for tool in TOOLS.iter().filter(|tool| !exists(tool.program)) {
        packages.extend(tool.packages);
        purposes.push(format!("{} ({})", tool.program, tool.purpose));
    }
    // Debian splits these off; without them `python3 -m venv` fails.
    if output("python3", &["-c", "import venv, ensurepip"]).is_none() {
        packages.push("python3-venv");
        purposes.push("Python's venv (for gurux-dlms)".to_owned());
    }
    if !has_target(TARGET) && !debian_rust_is_installed() {
        packages.extend(DEBIAN_RUST);
        purposes.push(format!("a Rust toolchain that builds for {TARGET}"));
    }
    if packages.is_empty() {
        println!("setup: everything the tests need is here");
        return Ok(());
    }
    println!("setup: missing: {}", purposes.join(", "));
    let remedy = format!(
        "install {}: on Debian 12 `apt-get install {}`; elsewhere `rustup target add {TARGET}` and the programs \
         named",
        purposes.join(", "),
        packages.join(" ")
    );
    if !exists("apt-get") {
        return Err(remedy);
    }
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(&packages);
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    run_with("apt-get", &["update"], &quiet)
        .and_then(|()| run_with("apt-get", &install, &quiet))
        .map_err(|reason| format!("{reason}; {remedy}"))
}

/// Installs cargo-deny where it is missing.
pub(crate) fn cargo_deny() -> Outcome {
    if exists("cargo-deny") {
        return Ok(());
    }
    run("cargo", &["install", "cargo-deny", "--locked", "--version", "0.20.2"])
        .map_err(|reason| format!("{reason}; install cargo-deny by hand and have it on PATH"))
}

/// Whether rustup's toolchain builds for a target, which is added where it can be.
pub(crate) fn has_target(target: &str) -> bool {
    let is_here = output("rustc", &["--print", "target-libdir", "--target", target])
        .is_some_and(|folder| std::path::Path::new(&folder).is_dir());
    is_here || exists("rustup") && run("rustup", &["target", "add", target]).is_ok()
}

fn debian_rust_is_installed() -> bool {
    output("dpkg-query", &["--show", "--showformat=${Status}\n", "rustc-web", "cargo-web", "rust-web-src"])
        .is_some_and(|states| {
            states.lines().count() == 3 && states.lines().all(|state| state.ends_with(" installed"))
        })
}
