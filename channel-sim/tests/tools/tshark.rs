//! Wireshark's dissectors, asked by tests.

use std::path::Path;
use std::process::Command;

/// Whether tshark runs, as [`crate::tools::have`].
pub(crate) fn have() -> bool {
    crate::tools::have("tshark", &["--version"], "apt-get install tshark")
}

/// Fields of the packets that `filter` lets through, a line each.
pub(crate) fn fields(file: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-2", "-Y", filter, "-T", "fields", "-E", "separator=|"]);
    command.args(["-o", "6lowpan.rfc4944_short_address_format:TRUE", "-o", "udp.check_checksum:TRUE"]);
    command.args(["-d", "udp.port==4059,data"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}
