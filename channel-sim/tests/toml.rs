//! Feeders in our own TOML, and files that are odd or wrong.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test: helpers may fail")]

use channel_sim::feeder::{FeederError, Memory, Phase, ReadOptions, Reading};
use channel_sim::line::cable::Cable;
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../feeders/lane.toml");

fn parse(text: impl AsRef<[u8]>) -> Result<Reading, FeederError> {
    let files = Memory::default().with("f.toml", text);
    channel_sim::feeder::parse(&files, "f.toml", &ReadOptions::default())
}

#[test]
fn the_example_is_read() {
    let reading = parse(EXAMPLE).unwrap();
    assert_eq!(reading.report.unused, []);
    let feeder = reading.feeder;
    assert_eq!((feeder.name.as_str(), feeder.loads.len(), feeder.sections.len()), ("Lane", 4, 6));
    assert_eq!(feeder.transformer.kva, 250.0);
    let length: f64 = feeder.sections.iter().map(|section| section.length_m).sum();
    assert!((length - 368.0).abs() < 1e-9);
    let poles = feeder.line_codes.iter().find(|code| code.name == "poles").unwrap();
    assert!(matches!(poles.cable, Some(Cable::Overhead { area_mm2: 50.0, spacing_m: 0.4, .. })));
    let single = feeder.sections.iter().find(|section| section.phases.len() == 1).unwrap();
    assert!(single.phases.contains(Phase::L2));
    let appliances: Vec<usize> = feeder.loads.iter().map(|load| load.appliances.len()).collect();
    assert_eq!(appliances, [0, 0, 3, 2]);
    assert!(feeder.loads[3].appliances[0].follows_mains());
    assert!(feeder.buses.iter().all(|bus| bus.position.is_some()));
}

const SMALL: &str = "transformer = { bus = 'a', kva = 100 }\n\
    [[line]]\nfrom = 'a'\nto = 'b'\ncable = 'NAYY 4x50'\nlength_m = 30\n\
    [[load]]\nbus = 'b'\nphase = 1\n";

#[test]
fn errors_name_file_line_and_value() {
    let line = |fields: &str| format!("{SMALL}[[line]]\n{fields}");
    for (text, expected) in [
        (SMALL.replace("30", "-3"), "f.toml:6: line a to b: length_m=-3: 0 to 100000 m"),
        (SMALL.replace("30", "nan"), "f.toml:6: line a to b: length_m=NaN"),
        (SMALL.replace("30", "'x'"), "f.toml:6: invalid type: string \"x\", expected f64"),
        (SMALL.replace("NAYY 4x50", "rope"), "f.toml:5: line a to b: cable=rope: a [[cable]]"),
        (SMALL.replace("phase = 1", "phase = 4"), "f.toml:9: load b: phase=4: 1, 2, 3 or \"L1\""),
        (SMALL.replace("kva = 100", "kva = 0"), "f.toml:1: transformer: kva=0: a number above 0"),
        (SMALL.replace("phase = 1", "phase = 1\nkw = 1e9"), "f.toml:10: load b: kw=1000000000: a power"),
        (SMALL.replace("phase = 1", "fase = 1"), "f.toml:9: unknown field `fase`"),
        (SMALL.replace("length_m = 30", ""), "missing field `length_m`"),
        (SMALL.replace("to = 'b'", "to = "), "f.toml:4: "),
        (
            line("from = 'b'\nto = 'a'\ncable = 'NYY 4x35'\nlength_m = 3\n"),
            "f.toml:10: line b to a (b to a) closes",
        ),
        (
            line("from = 'b'\nto = 'c'\ncable = 'NYY 4x35'\nlength_m = 3\nphases = [7]\n"),
            "f.toml:15: line b to c: phases=[7]",
        ),
        (format!("{SMALL}[[load]]\nbus = 'z'\nphase = 1\n"), "f.toml:10: load z: no line joins z"),
        (
            format!("{SMALL}appliances = [{{ kind = 'heater', ohm = -5 }}]\n"),
            "f.toml:10: load b: ohm=-5: a number above 0",
        ),
        (format!("{SMALL}[[bus]]\nname = 'nix'\nx_m = 0\ny_m = 0\n"), "f.toml:11: bus nix: name=nix: a bus"),
        (
            format!("{SMALL}[[cable]]\nname = 'k'\nkind = 'sector'\nsection_mm2 = 0\n"),
            "f.toml:13: cable k: section_mm2=0: 1 to 1000",
        ),
    ] {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nfor {expected} in\n{text}");
        assert!(error.starts_with("f.toml:"), "{error}");
    }
    assert!(parse("").unwrap_err().to_string().contains("no transformer"));
    assert!(parse("transformer = { bus = 'a', kva = 1 }").unwrap_err().to_string().contains("no load"));
    let files = Memory::default().with("f.xml", "");
    let error = channel_sim::feeder::parse(&files, "f.xml", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, FeederError::Format { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn mutated_files_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
    ) {
        let mut text = EXAMPLE.as_bytes().to_vec();
        for (at, value) in flips {
            let at = at.index(text.len());
            text[at] = value;
        }
        if truncate {
            text.truncate(cut.index(text.len()));
        }
        if let Err(error) = parse(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_values_never_panic(
        values in proptest::collection::vec(prop::sample::select(vec![
            "0", "-1", "1e308", "nan", "inf", "''", "'a'", "[]", "[1, 2]", "true", "1", "'NAYY 4x50'", "9223372036854775807",
        ]), 8),
    ) {
        let text = format!(
            "transformer = {{ bus = {}, kva = {} }}\n[[line]]\nfrom = {}\nto = {}\ncable = {}\nlength_m = {}\n\
             [[load]]\nbus = {}\nphase = {}\n",
            values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7]
        );
        let _ = parse(&text);
    }

    #[test]
    fn random_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&octets);
    }
}
