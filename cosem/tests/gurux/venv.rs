//! Python environments for tests: gurux-dlms here, other packages in other crates that include this file.

use std::fs::{File, create_dir_all};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version the tests were made with.
pub(crate) const GURUX_DLMS: &str = "gurux-dlms==1.0.203";

/// The interpreter of an environment with gurux-dlms.
#[allow(dead_code, reason = "where other packages are tested with")]
pub(crate) fn python() -> Option<PathBuf> {
    environment("gurux-venv", "gurux_dlms", GURUX_DLMS)
}

/// The interpreter of the environment `name` in the target directory, which is made the first time with `package`,
/// whose module is `module`.
///
/// `None`, with a message, where Python or the package cannot be had. With `BUSBAR_REQUIRE_TOOLS=1` that is a failure.
pub(crate) fn environment(name: &str, module: &str, package: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("."));
    match prepare(target, name, module, package) {
        Ok(python) => Some(python),
        Err(reason) => {
            let required = std::env::var_os("BUSBAR_REQUIRE_TOOLS").is_some_and(|value| value == "1");
            assert!(!required, "BUSBAR_REQUIRE_TOOLS=1, but {reason}");
            println!("skipped: {reason}");
            None
        }
    }
}

fn prepare(target: &Path, name: &str, module: &str, package: &str) -> Result<PathBuf, String> {
    let venv = target.join(name);
    create_dir_all(target).map_err(|error| error.to_string())?;
    // Tests run side by side; one of them makes the environment.
    let lock = File::create(target.join(format!("{name}.lock"))).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let python = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if run(&python, &["-c", &format!("import {module}")]).is_err() {
        run(Path::new("python3"), &["-m", "venv", "--clear", &venv.to_string_lossy()])?;
        run(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package])?;
    }
    Ok(python)
}

fn run(program: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} {} failed: {}", program.display(), arguments.join(" "), errors.trim()))
}
