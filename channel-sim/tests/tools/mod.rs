//! Programs that tests call.

use std::process::Command;

/// Whether a program runs; its absence fails where BUSBAR_REQUIRE_TOOLS=1.
pub(crate) fn have(program: &str, arguments: &[&str], remedy: &str) -> bool {
    let have = Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success());
    let required = std::env::var("BUSBAR_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(have || !required, "{program} is required ({remedy}) and does not run");
    if !have {
        eprintln!("skipped: {program} does not run ({remedy})");
    }
    have
}
