//! OpenDSS files that are odd, wrong or no OpenDSS at all.

#![allow(clippy::panic, reason = "a test: helpers may fail")]

use channel_sim::feeder::{FeederError, Memory, ReadOptions, Reading};
use proptest::prelude::*;

fn parse(files: &Memory, main: &str) -> Result<Reading, FeederError> {
    channel_sim::feeder::parse(files, main, &ReadOptions::default())
}

const LINES: &str = "New Circuit.C\nNew LineCode.k R1=0.3 Units=km\n\
    New Transformer.T Buses=[a b] kVs=[11 0.4] kVAs=[400 400] XHL=4\n\
    New Line.l1 Bus1=b Bus2=c LineCode=k Length=30 Units=m\n\
    New Line.l2 Bus1=c Bus2=d LineCode=k Length=0.04 Units=km\n";
const LOAD: &str = "New Load.h Bus1=d.2 Phases=1 kW=2 Yearly=s\n";
const SHAPE: &str = "New Loadshape.s npts=4 minterval=15 mult=(file=s.txt) useactual=true\n\
    batchedit loadshape..* useactual=no\n";

fn with(main: &str) -> Memory {
    Memory::default().with("m.dss", main).with("s.txt", "0.5\r\n0.25\r\n1\r\n0\r\n")
}

fn error(main: &str) -> String {
    match parse(&with(main), "m.dss") {
        Ok(reading) => panic!("read: {reading:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_small_feeder_is_read() {
    let reading = parse(&with(&format!("{LINES}{SHAPE}{LOAD}")), "m.dss").unwrap();
    let feeder = reading.feeder;
    assert_eq!(feeder.sections.len(), 1, "c is merged away");
    assert!((feeder.sections[0].length_m - 70.0).abs() < 1e-9);
    assert_eq!(reading.report.unused, []);
    let load = &feeder.loads[0];
    let powers = [0, 899, 900, 1_800, 2_700, 3_600].map(|second| feeder.load_power_mw(load, second));
    assert_eq!(powers, [1_000_000, 1_000_000, 500_000, 2_000_000, 0, 1_000_000]);
}

#[test]
fn errors_name_file_line_and_value() {
    for (text, expected) in [
        (
            "New Line.x Bus1=d Bus2=e LineCode=nix Length=3 Units=m",
            "m.dss:7: Line.x: linecode=nix: there is none",
        ),
        ("New Line.x Bus1=d Bus2=e LineCode=k Length=abc Units=m", "m.dss:7: Line.x: length=abc: a number"),
        (
            "New Line.x Bus1=d Bus2=e LineCode=k Length=-3 Units=m",
            "m.dss:7: Line.x: length=-3: a length from 0",
        ),
        ("New Line.x Bus1=d Bus2=e LineCode=k Length=3 Units=furlong", "units=furlong"),
        ("New Line.x Bus2=e LineCode=k Length=3 Units=m", "m.dss:7: Line.x: property bus1 is missing"),
        ("New Line.x Bus1=b Bus2=d LineCode=k Length=3 Units=m", "closes a loop"),
        ("New Load.y Bus1=e.1 Phases=1 kW=1", "m.dss:7: Load.y: no line joins e to the transformer's bus b"),
        ("New Load.y Bus1=d.7 Phases=1 kW=1", "bus1=d.7"),
        ("New Load.y Bus1=d.1 Phases=1 kW=much", "m.dss:7: Load.y: kw=much: a number"),
        (
            "New Loadshape.z npts=0.5 minterval=15 mult=(file=s.txt)\nNew Load.y Bus1=d.1 Phases=1 kW=1 Yearly=z",
            "npts=0.5: a whole number from 1",
        ),
        (
            "New Loadshape.z npts=4 minterval=15 mult=(file=s.txt, col=0.5)\nNew Load.y Bus1=d.1 Phases=1 kW=1 Yearly=z",
            "col=0.5: a whole number from 1",
        ),
        ("Redirect m.dss", "m.dss:7: redirect to m.dss, which is being read already"),
        ("Load.h.kW=x", "kw=x"),
    ] {
        let found = error(&format!("{LINES}{LOAD}{text}\n"));
        assert!(found.contains(expected), "{text}: {found}");
    }
    assert!(error("New Circuit.C").contains("no transformer"));
    let other = ReadOptions { transformer: Some("T9".into()) };
    let files = with(&format!("{LINES}{LOAD}"));
    let found = channel_sim::feeder::parse(&files, "m.dss", &other)
        .err()
        .map_or(String::new(), |error| error.to_string());
    assert!(found.starts_with("m.dss: no transformer \"T9\"; there is \""), "{found}");
    assert!(error(LINES).contains("no load"));
    let wrong_value = format!("{LINES}{LOAD}New Loadshape.t npts=2 minterval=1 mult=(file=t.txt)\n");
    let files = with(&wrong_value).with("t.txt", "1\nx1\n");
    let found = parse(&files, "m.dss").unwrap_err().to_string();
    assert!(found.starts_with("t.txt:2: ") && found.contains("mult=x1"), "{found}");
    assert!(matches!(parse(&with(""), "nix.dss"), Err(FeederError::Main { .. })));
}

#[test]
fn a_load_has_its_kilowatts_or_its_apparent_power_and_factor() {
    for (said, expected_mw) in [
        ("kW=3 pf=0.9", 3_000_000),
        ("kVA=4", 3_520_000),
        ("kVA=4 pf=0.5", 2_000_000),
        ("pf=-0.5 kVA=4", 2_000_000),
        ("kVA=4 kW=3", 3_000_000),
        ("kW=3 kVA=4 pf=1", 4_000_000),
    ] {
        let text = format!("{LINES}New Load.h Bus1=b.1 {said}\n");
        let reading = parse(&with(&text), "m.dss").unwrap();
        assert_eq!(reading.feeder.loads[0].rated_mw, expected_mw, "{said}");
    }
    for said in ["kVA=-1", "kVA=4 pf=1.5", "kVA=2e6", "kVA=x"] {
        let text = format!("{LINES}New Load.h Bus1=b.1 {said}\n");
        assert!(parse(&with(&text), "m.dss").is_err(), "{said}");
    }
}

#[test]
fn a_fixed_load_follows_no_shape_and_a_normalized_shape_has_a_peak_of_one() {
    let shapes = |status: &str, action: &str| {
        let text = format!(
            "{LINES}New LoadShape.s npts=3 interval=1 mult=(1 4 -2){action}\nNew Load.h Bus1=b.1 kW=2 yearly=s{status}\n"
        );
        parse(&with(&text), "m.dss")
    };
    for (status, follows) in
        [("", true), (" status=Variable", true), (" status=exempt", true), (" status=f", false)]
    {
        let reading = shapes(status, "").unwrap();
        let feeder = &reading.feeder;
        assert_eq!(feeder.loads[0].shape, follows.then_some(0), "{status}");
        assert_eq!(
            feeder.load_power_mw(&feeder.loads[0], 3_600),
            if follows { 8_000_000 } else { 2_000_000 }
        );
        assert!(reading.report.unused.is_empty(), "{:?}", reading.report.unused);
    }
    for (action, values) in [
        ("", [1_000_000, 4_000_000, -2_000_000]),
        (" action=normalize", [250_000, 1_000_000, -500_000]),
        (" action=dblsave", [1_000_000, 4_000_000, -2_000_000]),
    ] {
        assert_eq!(shapes("", action).unwrap().feeder.shapes[0].values_micro, values, "{action}");
    }
}

#[test]
fn a_normalized_shape_is_of_the_rated_power_by_its_base_from_where_the_action_stands() {
    for (properties, values_micro, powers_mw) in [
        ("mult=(1 4 2) useactual=yes", [1_000_000, 4_000_000, 2_000_000], [1_000_000, 4_000_000, 2_000_000]),
        (
            "useactual=yes mult=(1 4 2) action=normalize",
            [250_000, 1_000_000, 500_000],
            [500_000, 2_000_000, 1_000_000],
        ),
        ("mult=(1 4 2) pbase=8 action=n", [125_000, 500_000, 250_000], [250_000, 1_000_000, 500_000]),
        ("mult=(1 4 2) pbase=0 action=Norm", [250_000, 1_000_000, 500_000], [500_000, 2_000_000, 1_000_000]),
        (
            "mult=(1 4 2) action=normalize pbase=8",
            [250_000, 1_000_000, 500_000],
            [500_000, 2_000_000, 1_000_000],
        ),
        (
            "mult=(1 4 2) action=normalize useactual=yes",
            [250_000, 1_000_000, 500_000],
            [250_000, 1_000_000, 500_000],
        ),
        (
            "useactual=yes action=normalize mult=(1 4 2)",
            [1_000_000, 4_000_000, 2_000_000],
            [2_000_000, 8_000_000, 4_000_000],
        ),
        (
            "mult=(9 9 9) action=normalize\nEdit LoadShape.s mult=(1 4 2)",
            [1_000_000, 4_000_000, 2_000_000],
            [2_000_000, 8_000_000, 4_000_000],
        ),
    ] {
        let text = format!(
            "{LINES}New LoadShape.s npts=3 interval=1 {properties}\nNew Load.h Bus1=b.1 kW=2 yearly=s\n"
        );
        let feeder = parse(&with(&text), "m.dss").unwrap().feeder;
        assert_eq!(feeder.shapes[0].values_micro, values_micro, "{properties}");
        let found = [0, 3_600, 7_200].map(|second| feeder.load_power_mw(&feeder.loads[0], second));
        assert_eq!(found, powers_mw, "{properties}");
    }
}

#[test]
fn a_status_or_an_action_is_known_by_its_first_letter_and_another_is_reported() {
    let read = |action: &str, status: &str| {
        let text = format!(
            "{LINES}New LoadShape.s npts=3 interval=1 mult=(1 4 2) action={action}\n\
             New Load.h Bus1=b.1 kW=2 yearly=s status={status}\n"
        );
        let reading = parse(&with(&text), "m.dss").unwrap();
        let unused: Vec<String> = reading.report.unused.iter().map(ToString::to_string).collect();
        (reading.feeder, unused)
    };
    for (status, follows) in [("fix1", false), ("F", false), ("vary", true), ("expt", true)] {
        let (feeder, unused) = read("none", status);
        assert_eq!((feeder.loads[0].shape, unused), (follows.then_some(0), vec![]), "{status}");
        assert_eq!(feeder.shapes[0].values_micro, [250_000, 1_000_000, 500_000], "n is of normalize");
    }
    let (feeder, unused) = read("halve", "on");
    assert_eq!(feeder.loads[0].shape, Some(0), "variable");
    assert_eq!(feeder.shapes[0].values_micro, [1_000_000, 4_000_000, 2_000_000]);
    let [action, status] = &unused[..] else { panic!("{unused:?}") };
    assert!(action.starts_with("m.dss:6: ") && action.contains("action=halve"), "{action}");
    assert!(status.starts_with("m.dss:7: ") && status.contains("status=on"), "{status}");
    assert!(status.ends_with("taken as variable"), "{status}");
}

#[test]
fn what_is_not_used_is_named() {
    let text = format!(
        "{LINES}{LOAD}New Monitor.m element=line.l1\nSet mode=daily\nRedirect nix.txt\nfrobnicate\n\
         Line.l1.Geometry=g\nbuscoords no.csv\nEdit Load.nobody kW=1\nNew Line.l1 Bus1=x Bus2=y\n\
         New Line.far Bus1=p Bus2=q LineCode=k Length=1 Units=m\n\
         Load.h.Growth=g\n"
    );
    let reading = parse(&with(&text), "m.dss").unwrap();
    let unused: Vec<String> = reading.report.unused.iter().map(ToString::to_string).collect();
    for expected in [
        "m.dss:7: New Monitor.m element=line.l1: class Monitor is not used",
        "m.dss:8: Set mode=daily: option not used",
        "m.dss:9: Redirect nix.txt: no such file",
        "m.dss:10: frobnicate: statement not used",
        "m.dss:11: line geometry=g: property not used",
        "m.dss:12: bus coordinates no.csv: no such file",
        "m.dss:13: Edit Load.nobody kW=1: there is no such object",
        "m.dss:14: New Line.l1 Bus1=x Bus2=y: defined already, the first definition stands",
        "m.dss:15: Line.far: not connected to the transformer's low-voltage bus",
        "m.dss:16: load growth=g: property not used",
        "m.dss:6: Load.h load shape s: not there: the load draws its rated power",
    ] {
        assert!(unused.iter().any(|line| line == expected), "{expected}\nnot in {unused:#?}");
    }
}

#[test]
fn a_resistance_matrix_has_a_positive_sequence_and_a_cable_without_any_is_said_to_be_assumed() {
    let code = |text: &str| format!("{LINES}{SHAPE}{LOAD}New LineCode.m nphases=3 Units=km {text}\n");
    let read = |text: &str| parse(&with(&code(text)), "m.dss").unwrap();
    // 0.45 on the diagonal, 0.15 beside it: 0.3 ohm/km; whole rows and OpenDSS's lower triangle.
    for matrix in ["[0.45 0.15 0.15|0.15 0.45 0.15|0.15 0.15 0.45]", "(0.45 | 0.15, 0.45 | 0.15 0.15 0.45)"] {
        let reading = read(&format!("rmatrix={matrix}"));
        let r1 = reading.feeder.line_codes[1].r1_ohm_per_m.unwrap();
        assert!((r1 - 3e-4).abs() < 1e-12, "{matrix}: {r1}");
        assert_eq!(reading.report.unused, []);
    }
    assert_eq!(read("rmatrix=[0.45] r1=0.2").feeder.line_codes[1].r1_ohm_per_m, Some(2e-4));
    let assumed = &read("").report.unused;
    assert!(assumed[0].to_string().contains("LineCode.m: no r1, no rmatrix"), "{assumed:?}");
    for wrong in ["[0.45|0.15]", "[0.1 x]", "[0.1|0.5 0.1]", "[]"] {
        let told = error(&code(&format!("rmatrix={wrong}")));
        assert!(told.contains("m.dss:9: LineCode.m: rmatrix="), "{wrong}: {told}");
    }
    let own = error(&format!("{LINES}{SHAPE}{LOAD}New Line.x Bus1=d Bus2=e Length=3 Units=m\n"));
    assert!(own.contains("property r1 (or rmatrix, or linecode) is missing"), "{own}");
}

#[test]
fn what_was_not_used_before_an_error_is_told_with_it() {
    let told = error(&format!("{LINES}{SHAPE}Redirect loads.txt\n"));
    assert!(told.contains("no load, in it") && told.contains("m.dss:8: Redirect loads.txt"), "{told}");
    assert!(told.contains("no such file"), "{told}");
}

#[test]
fn edits_continuations_and_likeness_work() {
    let text = format!(
        "{LINES}New Load.a Bus1=d.1\n~ Phases=1\nmore kW=3\nNew Load.b like=a Bus1=d.3\nEdit Load.a kW=4\n\
         Load.b.kW=5\nbatchedit load.b.* kW=6\nbuscoords xy.csv\n"
    );
    let files = with(&text).with("xy.csv", "b, 1, 2\nD 3.5 -4\nzz,1,1\nc,1\n");
    let reading = parse(&files, "m.dss").unwrap();
    let loads: Vec<_> = reading.feeder.loads.iter().map(|load| (load.phase.index(), load.rated_mw)).collect();
    assert_eq!(loads, [(0, 4_000_000), (2, 6_000_000)]);
    let place = |name: &str| reading.feeder.buses.iter().find(|bus| bus.name == name).unwrap().position;
    assert_eq!(place("d").map(|at| (at.x_m, at.y_m)), Some((3.5, -4.0)));
    assert_eq!(place("c"), None);
    assert_eq!(reading.report.unused.len(), 2, "{:?}", reading.report);
}

/// The feeder as text, for mutation.
fn whole() -> Vec<u8> {
    format!("{LINES}{SHAPE}{LOAD}Redirect more.dss\nbuscoords xy.csv\n").into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        let files = Memory::default().with("m.dss", &octets).with("s.txt", &octets);
        let _ = parse(&files, "m.dss");
    }

    #[test]
    fn mutated_files_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
        side in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut main = whole();
        for (at, value) in flips {
            let at = at.index(main.len());
            main[at] = value;
        }
        if truncate {
            main.truncate(cut.index(main.len()));
        }
        let files = Memory::default().with("m.dss", &main).with("s.txt", &side).with("xy.csv", &side).with("more.dss", &side);
        if let Err(error) = parse(&files, "m.dss") {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn random_statements_never_panic(
        words in proptest::collection::vec(prop::sample::select(vec![
            "New", "Edit", "Line.a", "Load.a", "Loadshape.s", "Transformer.T", "LineCode.k", "Bus1=", "a.1", "b", "=", "(",
            ")", "mult=", "(1 2", "npts=", "0", "-1", "1e308", "nan", "like=a", "\n", "~", "!", "//", "Length=", "kW=",
            "Buses=[a b]", "kVs=[11 0.4]", "kVAs=[1 1]", "Phases=", "3", "batchedit", "load..*", "enabled=no", "wdg=2",
        ]), 0..60),
    ) {
        let text = format!("{LINES}{LOAD}{}", words.join(" "));
        let _ = parse(&with(&text), "m.dss");
    }
}
