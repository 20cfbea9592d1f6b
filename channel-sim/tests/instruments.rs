//! The instruments as their users run them: processes, files, exit codes, and other programs that read the files.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    reason = "a test: helpers may fail"
)]

mod tools;
#[path = "tools/tshark.rs"]
mod tshark;
#[path = "../../cosem/tests/gurux/venv.rs"]
mod venv;

use channel_sim::noise::Mains;
use channel_sim::port::RemoteWorld;
use channel_sim::wav::Wav;
use g3_phy::primitives::{PdDataRequest, Psdu, Request};
use g3_phy::{BandPlan, Modulation};
use plc_core::time::millis;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn channel_sim(folder: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_channel-sim"));
    command.args(words.split_whitespace()).current_dir(folder).output().unwrap()
}

fn json(folder: &Path, words: &str) -> Value {
    let output = channel_sim(folder, words);
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Exit code and what stands on standard error.
fn fails(folder: &Path, words: &str) -> (i32, String) {
    let output = channel_sim(folder, words);
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_is_recorded_at_a_modem_and_at_a_bare_bus_is_replayed_drawn_and_captured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let recorded = json(
        folder,
        "record --seed 1 --after 10 --seconds 1.2 --point coordinator --point bus:street-4.2 --sigmf out --wav out.wav \
         --pcapng out.pcapng --json",
    );
    let points = recorded["summary"]["points"].as_array().unwrap();
    assert_eq!(points.len(), 2);
    assert!(recorded["clocks_read"].as_u64().unwrap() >= 1, "{recorded}");
    let (coordinator, bus) = (&points[0], &points[1]);
    assert_eq!((&coordinator["point"], &bus["point"]), (&"coordinator".into(), &"bus:street-4.2".into()));
    assert!(coordinator["sent"].as_u64().unwrap() >= 3);
    assert_eq!(bus["sent"], 0, "nothing is at a bare bus that could send");
    assert!(bus["heard"].as_u64().unwrap() >= 6, "{bus}");

    let replayed = |file: &str| json(folder, &format!("replay {file} --key-of-seed 1 --json"));
    let frames = |found: &Value| -> Vec<(Value, Value)> {
        let frames = found["frames"].as_array().unwrap().iter();
        frames.map(|frame| (frame["sample"].clone(), frame["psdu"].clone())).collect()
    };
    let found = replayed("out-coordinator.sigmf-meta");
    assert_eq!(frames(&found), frames(&replayed("out-coordinator.wav")));
    let heard = replayed("out-bus_street-4.2.wav");
    let understood = |found: &Value| {
        found["frames"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|frame| frame["mac"]["network"]["dlms"].is_object())
            .count()
    };
    assert!(
        understood(&found) >= 4 && understood(&heard) >= 4,
        "{} {}",
        understood(&found),
        understood(&heard)
    );

    // The angle of the mains wanders with the line's: ten seconds on it is 100 degrees off its mean frequency.
    let start: jiff::Timestamp = "2026-01-15T17:00:00Z".parse().unwrap();
    for frame in found["frames"].as_array().unwrap() {
        let time: jiff::Timestamp = frame["time"].as_str().unwrap().parse().unwrap();
        let turns = Mains::EUROPE.turns(time.duration_since(start).as_secs_f64());
        let off = (frame["mains_deg"].as_f64().unwrap() / 360.0 - turns + 0.5).rem_euclid(1.0) - 0.5;
        assert!(off.abs() < 1.0 / 360.0, "{} degrees off: {frame}", off * 360.0);
    }

    let simulated = json(folder, "replay --simulate d8psk --snr 25 --noise n3a --seed 7 --json");
    let simulated = simulated["frames"].as_array().unwrap();
    assert_eq!(simulated.len(), 3);
    assert!(simulated.iter().all(|frame| frame["psdu"].as_str().unwrap().len() == 2 * 118), "{simulated:?}");

    let drawn = json(
        folder,
        "replay out-coordinator.sigmf-data --key-of-seed 1 --json --svg out.svg --pcapng again.pcapng",
    );
    assert_eq!(frames(&drawn), frames(&found));
    let svg = std::fs::read_to_string(folder.join("out.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!((20_000..200_000).contains(&svg.len()), "{} octets", svg.len());
    assert!(
        svg.matches("<path").count() >= 8 && svg.contains("differential") | svg.contains("EVM"),
        "the constellation"
    );
    if tshark::have() {
        // Raw PSDUs of what the coordinator sent, and clocks asked for and told.
        for file in ["out.pcapng", "again.pcapng"] {
            let file = folder.join(file);
            assert!(
                tshark::fields(
                    &file,
                    "data && frame.interface_name contains \"coordinator\"",
                    &["data.data"]
                )
                .len()
                    >= 4
            );
            let udp = tshark::fields(&file, "udp.port == 4059", &["wpan.dst_pan", "udp.checksum.status"]);
            assert!(udp.len() >= 4 && udp.iter().all(|packet| *packet == ["0x781d", "1"]), "{udp:?}");
        }
    }
    if let Some(python) = venv::environment("sigmf-venv", "sigmf", "sigmf==1.14.0") {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/same_samples.py");
        let output = Command::new(python)
            .arg(script)
            .args([folder.join("out-coordinator.sigmf-meta"), folder.join("out-coordinator.wav")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["samples"], coordinator["samples"]);
        assert!(told["worst_volts"].as_f64().unwrap() < 1e-5, "{told}");
    }
}

#[test]
fn an_instrument_changes_nothing_where_a_modem_is() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    json(folder.path(), "record --seconds 0.4 --pcapng one.pcapng --json");
    json(folder.path(), "record --seconds 0.4 --pcapng two.pcapng --wav two.wav --sigmf two --json");
    assert_eq!(read("one.pcapng"), read("two.pcapng"), "samples are kept too, and no frame differs");
}

#[test]
fn the_capture_of_the_village_is_what_its_command_makes() {
    if !tshark::have() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    json(folder.path(), "record --seed 1 --seconds 1 --pcapng village-clock.pcapng --json");
    let fields = ["frame.time_epoch", "frame.interface_name", "data.data", "wpan.seq_no", "udp.payload"];
    let made = tshark::fields(&folder.path().join("village-clock.pcapng"), "frame", &fields);
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../captures/village-clock.pcapng");
    let kept = tshark::fields(Path::new(kept), "frame", &fields);
    assert!(kept.len() > 8);
    assert_eq!(made.len(), kept.len());
    for (made, kept) in made.iter().zip(&kept) {
        assert_eq!(made[1..], kept[1..]);
        // The line's sample rate has tripled since, and with it the delay of its filters has changed.
        let [made, kept] = [made, kept].map(|packet| packet[0].parse::<f64>().unwrap());
        assert!((made - kept).abs() < 30e-6, "{made} {kept}");
    }
}

#[test]
fn emissions_are_the_documents_and_every_end_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let loud = channel_sim(folder, "emission --svg emission.svg --json");
    assert_eq!(loud.status.code(), Some(3), "{}", String::from_utf8_lossy(&loud.stderr));
    assert!(String::from_utf8_lossy(&loud.stderr).contains("1 of 4 limits exceeded"));
    let loud: Value = serde_json::from_slice(&loud.stdout).unwrap();
    // docs/emission.md.
    for (name, dbuv, margin_db) in [
        ("wideband signal in 200 Hz, 9 to 95 kHz", 105.5, 14.5),
        ("disturbance, quasi-peak", 82.2, -17.8),
        ("disturbance, average", 52.4, 3.6),
        ("wideband signal as a whole", 130.1, 3.9),
    ] {
        let limits = loud["limits"].as_array().unwrap();
        let limit = limits.iter().find(|limit| limit["name"] == name).unwrap();
        let near = |key: &str, expected: f64| (limit[key].as_f64().unwrap() - expected).abs() < 0.3;
        assert!(near("dbuv", dbuv) && near("margin_db", margin_db), "{limit}");
        assert_eq!(limit["passes"], margin_db > 0.0);
    }
    let svg = std::fs::read_to_string(folder.join("emission.svg")).unwrap();
    assert!(svg.contains("EXCEEDED") && svg.contains("quasi-peak"), "{}", svg.len());

    let quiet = json(folder, "emission --level 100 --json");
    assert_eq!(quiet["passes"], true);

    // Longer edges and a cross-faded preamble take away what is far from the band; what is left lies beside it.
    let soft = channel_sim(folder, "emission --edge 15 --cross-fade --notch 39-49 --seconds 1 --json");
    assert_eq!(soft.status.code(), Some(3));
    let soft: Value = serde_json::from_slice(&soft.stdout).unwrap();
    let what = soft["what"].as_str().unwrap();
    let levels = "without carriers 39 to 49, 120 dBuV rms of all carriers, 118.4 dBuV of the 25 left";
    assert!(what.ends_with(&format!("cross-faded, {levels}")), "{what}");
    let worst = &soft["limits"][1];
    assert_eq!(worst["detector"], "quasi-peak");
    let [margin_db, hz] = ["margin_db", "hz"].map(|key| worst[key].as_f64().unwrap());
    assert!((margin_db + 9.0).abs() < 0.5 && (95e3..96e3).contains(&hz), "{worst}");
    let kept = "emission --edge 15 --cross-fade --notch 39-49 --seconds 1 --level 110 --json";
    assert_eq!(json(folder, kept)["passes"], true);
    let level_khz = |found: &Value, khz: f64| {
        let levels = found["levels_hz_peak_quasi_peak_average"].as_array().unwrap();
        let near = |level: &&Value| (level[0].as_f64().unwrap() - 1e3 * khz).abs() < 50.0;
        levels.iter().find(near).unwrap()[2].as_f64().unwrap()
    };
    // Carrier 44 is at 68.75 kHz.
    assert!(level_khz(&loud, 68.7) - level_khz(&soft, 68.7) > 30.0);

    // PRIME's two types: the chirp and the payload of channel 1 lie in the band of utilities.
    for words in ["--modulation dbpsk-c", "--modulation robust-dbpsk", "--modulation dqpsk-c --frame-type bc"]
    {
        let words = format!("emission --band channel-1 --level 100 --seconds 1 --json {words}");
        let found: Value = serde_json::from_slice(&channel_sim(folder, &words).stdout).unwrap();
        let [low, high] = [0, 1].map(|end| found["signal_hz"][end].as_f64().unwrap());
        assert!((38e3..41e3).contains(&low) && (91e3..94e3).contains(&high), "{low} to {high}");
    }
    for (words, part) in [
        ("--band channel-9", "channel-1 to channel-8"),
        ("--band arib", "154.7 to 403.1 kHz lie in no band of EN 50065-1"),
        ("--band channel-1 --edge 15", "G3's transmitter"),
        ("--frame-type b", "PRIME's frames"),
        ("--band channel-1 --modulation robust-dbpsk --frame-type a", "does not carry"),
        ("--notch 40-41", "39-49"),
        ("--notch 1-10", "--notch 1-10: CENELEC-A has the carriers 23 to 58"),
        ("--notch 50-59", "23 to 58"),
        ("--octets 100000000000", "100000000000 octets"),
        ("--band channel-1 --octets 18446744073709551615", "18446744073709551615 octets"),
    ] {
        let (code, told) = fails(folder, &format!("emission {words}"));
        assert!(code != 0 && code != 3 && told.contains(part), "{words}: {code}: {told}");
    }

    let high = "name = 'high'\nsource = 'none'\n[[limit]]\nname = 'high'\ndetector = 'peak'\n\
                points = [[500e3, 60.0], [30e6, 60.0]]\n";
    std::fs::write(folder.join("high.toml"), high).unwrap();
    let (code, told) = fails(folder, "emission --mask high.toml");
    assert!(code == 4 && told.contains("1 of 1 limits"), "{code}: {told}");
    std::fs::write(folder.join("wrong.toml"), high.replace("'peak'", "'rms'")).unwrap();
    let (code, told) = fails(folder, "emission --mask wrong.toml");
    assert!(
        code == 1 && told.contains("wrong.toml") && told.contains("line 5") && told.contains("rms"),
        "{told}"
    );

    let tone = |n: u32| 10.0 * (std::f32::consts::TAU * (f64::from(n) * 63e3 / 400e3).fract() as f32).sin();
    let mut samples: Vec<f32> = (0..600_000).map(tone).collect();
    let write = |name: &str, samples: &[f32]| {
        let mut octets = Vec::new();
        let wav =
            Wav { rate_hz: 400_000, channels: vec![samples.to_vec()], comment: None, missing_octets: 0 };
        wav.write(&mut octets).unwrap();
        std::fs::write(folder.join(name), octets).unwrap();
    };
    write("tone.wav", &samples);
    let (code, told) = fails(folder, "emission --recording tone.wav --source-ohm 1");
    assert!(code == 3 && told.contains("does not say its volts"), "{code}: {told}");
    assert_eq!(fails(folder, "emission --recording tone.wav --source-ohm 1 --volts 1e-3").0, 0);
    samples[100] = f32::NAN;
    write("broken.wav", &samples);
    for command in ["emission --source-ohm 1 --recording", "replay"] {
        let (code, told) = fails(folder, &format!("{command} broken.wav"));
        assert!(code == 1 && told.contains("broken.wav: sample 100 is NaN"), "{code}: {told}");
    }
}

#[test]
fn errors_name_file_line_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.join(name), text).unwrap();
    write("slow.wav", &{
        let mut octets = Vec::new();
        let wav = Wav { rate_hz: 48_000, channels: vec![vec![0.5; 4_800]], comment: None, missing_octets: 0 };
        wav.write(&mut octets).unwrap();
        octets
    });
    write("feeder.toml", b"transformer = { bus = 's', kva = 400 }\n[[line]]\nfrom = 's'\nto = 'a'\ncable = 'string'\nlength_m = 9\n");
    write("Master.dss", b"New Circuit.x bus1=s\nNew Transformer.t buses=[s b] kvs=[11 0.4] kvas=[800 800]\nNew Line.a bus1=b bus2=c length=9\n");
    write("table.csv", b"kind,octets\nwhat,ever\n");
    write("state.json", b"{\n\"version\": 9");
    write("bad.sigmf-meta", b"{\n  \"global\": 3\n}");
    write("bad.sigmf-data", b"");
    write("frames.pcapng", &[0x0A, 0x0D, 0x0D, 0x0A, 0, 0, 0, 0]);
    for (words, code, parts) in [
        ("link --mode qam", 1, &["qam"][..]),
        ("link --snr 1:x:2", 2, &["x", "100 dB"]),
        ("link --noise n99", 1, &["n99"]),
        ("merge state.json", 1, &["state.json", "line 2"]),
        ("merge none.json", 1, &["none.json"]),
        ("reference --only dbpsk-x9", 2, &["dbpsk-x9"]),
        ("network no.dss", 1, &["no.dss"]),
        ("network --octets 1", 2, &["1", "6..=90"]),
        ("network --table table.csv --seconds 1", 1, &["table.csv"]),
        ("calibrate --noise n99", 1, &["n99"]),
        ("calibrate --with table.csv", 1, &["table.csv"]),
        ("calibrate --frames 0", 2, &["0", "--frames"]),
        ("calibrate --precision -1", 2, &["-1", "up to 20 dB"]),
        ("line --feeder feeder.toml --listen 127.0.0.1:0", 1, &["feeder.toml", "string"]),
        ("line --listen nowhere", 2, &["nowhere"]),
        ("record --seconds 1e30 --pcapng x", 2, &["1e30", "86400"]),
        ("record --after -1 --pcapng x", 2, &["-1"]),
        ("record --seconds 0.1", 1, &["--pcapng"]),
        ("record --seconds 0.1 --point bus:nowhere.1 --wav x.wav", 1, &["nowhere"]),
        ("record --seconds 0.1 --point bus:street-4 --wav x.wav", 1, &["bus:street-4.1"]),
        ("record --seconds 0.1 --point bus:street-4.2@44 --wav x.wav", 1, &["1000 or 1200 kHz, not at 44"]),
        ("record --seconds 0.1 --point meter-13 --wav x.wav", 1, &["meter-13", "meter-12"]),
        ("record --seconds 0.1 --wav no/such/x.wav", 1, &["no/such/x.wav"]),
        ("record --full-scale 1e-320 --pcapng x", 2, &["1e-320"]),
        ("replay none.wav", 1, &["none.wav"]),
        ("replay slow.wav", 1, &["slow.wav", "48000", "181250"]),
        ("replay slow.wav --standard prime", 1, &["slow.wav", "48000"]),
        ("replay slow.wav --standard prime --pcapng x", 1, &["--pcapng"]),
        ("replay bad.sigmf-meta", 1, &["bad.sigmf-meta", "line 2"]),
        ("replay frames.pcapng", 1, &["frames.pcapng", "samples are needed"]),
        ("replay slow.wav --key 12", 2, &["32 hexadecimal"]),
        ("emission --seconds 1e12", 2, &["1e12", "600"]),
        ("emission --pause 1e300", 2, &["1e300"]),
        ("emission --band gsm", 2, &["gsm", "fcc-1"]),
        ("emission --mask none.toml", 1, &["none.toml"]),
        ("feeder Master.dss", 1, &["Master.dss:3", "Line.a", "r1"]),
        ("feeder feeder.toml", 1, &["feeder.toml", "string"]),
        ("feeder --between coordinator nowhere", 1, &["nowhere"]),
        ("feeder --receiver best", 2, &["--receiver"]),
        ("record --receiver worst --pcapng x", 2, &["worst", "standard, matched"]),
        ("noise show n99", 2, &["n99"]),
        ("noise fit none.wav --out x.json", 1, &["none.wav"]),
    ] {
        let (found, told) = fails(folder, words);
        assert_eq!(found, code, "{words}: {told}");
        for part in parts {
            assert!(told.contains(part), "{words}: {part:?} is not in {told}");
        }
    }
}

#[test]
fn a_bare_bus_is_recorded_at_any_modems_sample_rate() {
    let folder = tempfile::tempdir().unwrap();
    for (point, rate_hz) in
        [("bus:street-4.2@250", 250e3), ("bus:street-4.2@1000", 1e6), ("bus:street-4.2@1200", 1.2e6)]
    {
        let words = format!("record --seed 1 --seconds 0.1 --point {point} --sigmf out --json");
        let recorded = json(folder.path(), &words);
        let samples = recorded["summary"]["points"][0]["samples"].as_f64().unwrap();
        assert!((samples / (0.1 * rate_hz) - 1.0).abs() < 0.01, "{recorded}");
        let about: Value =
            serde_json::from_slice(&std::fs::read(folder.path().join("out.sigmf-meta")).unwrap()).unwrap();
        assert_eq!(about["global"]["core:sample_rate"], rate_hz);
    }
}

#[test]
fn a_line_is_recorded_while_a_modem_in_another_process_and_a_concentrator_are_on_it() {
    if !tools::have("python3", &["--version"], "apt-get install python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut line = Command::new(env!("CARGO_BIN_EXE_channel-sim"))
        .args([
            "line",
            "--listen",
            "127.0.0.1:0",
            "--samples",
            "127.0.0.1:0",
            "--outside",
            "meter-3",
            "--json",
        ])
        .args(["--point", "coordinator", "--point", "meter-2", "--sigmf", "line", "--pcapng", "line.pcapng"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(line.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&told.next().unwrap().unwrap()).unwrap() };
    let samples = next();
    assert_eq!(samples["outside"][0], "meter-3");
    // A silent modem: its frame is of no samples.
    std::fs::write(folder.join("frame.f32"), []).unwrap();
    let python = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/modem.py"))
        .args([samples["samples"].as_str().unwrap(), "meter-3"])
        .arg(folder.join("frame.f32"))
        .arg("20000")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let listening = next();
    let mut remote = RemoteWorld::connect(listening["listening"].as_str().unwrap()).unwrap();
    let psdu: Vec<u8> = (1..110).collect();
    let now = remote.provision().now;
    let request = Request::Data(PdDataRequest {
        start: now,
        psdu: Psdu::from_slice(&psdu).unwrap(),
        modulation: Modulation::Dqpsk,
        tone_map: BandPlan::CENELEC_A.full_tone_map(),
        response_expected: false,
    });
    let confirmed = remote.exchange(vec![request], now + millis(400)).unwrap();
    assert_eq!(confirmed.events.len(), 1, "{confirmed:?}");
    remote.exchange(Vec::new(), confirmed.now + millis(200)).unwrap();
    drop(remote);
    assert!(Command::new("kill").args(["-INT", &line.id().to_string()]).status().unwrap().success());
    let summary = next();
    assert!(line.wait().unwrap().success());
    let output = python.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["gaps"] == 0 && report["heard"].as_u64().unwrap() > 90_000, "{report}");

    let points = summary["summary"]["points"].as_array().unwrap();
    assert_eq!((&points[0]["sent"], points[1]["heard"].as_u64()), (&1.into(), Some(1)), "{summary}");
    let hex: String = psdu.iter().map(|octet| format!("{octet:02x}")).collect();
    if tshark::have() {
        let raw = tshark::fields(&folder.join("line.pcapng"), "data", &["frame.interface_name", "data.data"]);
        assert_eq!(raw.len(), 2, "{raw:?}");
        assert!(raw[0][0] == "coordinator" && raw[1][0].starts_with("meter-2 ("), "{raw:?}");
        assert!(raw.iter().all(|packet| packet[1] == hex), "{raw:?}");
    }
    let meter = points[1]["sigmf"].as_str().unwrap();
    let found = json(folder, &format!("replay {meter} --json"));
    let psdus: Vec<&Value> = found["frames"].as_array().unwrap().iter().map(|frame| &frame["psdu"]).collect();
    assert_eq!(psdus, [&Value::from(hex)]);
    if let Some(python) = venv::environment("sigmf-venv", "sigmf", "sigmf==1.14.0") {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/sigmf_check.py");
        let output = Command::new(python).arg(script).arg(folder.join(meter)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&told["count"], &told["labels"][0]), (&points[1]["samples"], &"heard data DQPSK".into()));
    }
}
