//! pandapower networks: those that the package carries, written by pandapower itself, and files that are odd or wrong.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test: helpers may fail")]
#![allow(clippy::print_stdout, reason = "a test that cannot run says so")]

#[path = "../../cosem/tests/gurux/venv.rs"]
mod venv;

use channel_sim::feeder::{FeederError, Memory, ReadOptions, Reading, read};
use channel_sim::line::cable::{Cable, cable_of};
use channel_sim::scenario::Scenario;
use channel_sim::world::World;
use proptest::prelude::*;
use std::path::Path;
use std::process::Command;

/// pandapower with what it needs; numpy comes along.
const PANDAPOWER: &str = "pandapower==3.5.6";

/// A folder with the networks, or `None` where pandapower cannot be had.
fn networks() -> Option<tempfile::TempDir> {
    let python = venv::environment("pandapower-venv", "pandapower", PANDAPOWER)?;
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/networks.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder)
}

fn reading(folder: &Path, name: &str, transformer: Option<&str>) -> Reading {
    let options = ReadOptions { transformer: transformer.map(str::to_string) };
    read(&folder.join(name), &options).unwrap()
}

fn length_m(reading: &Reading) -> f64 {
    reading.feeder.sections.iter().map(|section| section.length_m).sum()
}

#[test]
fn the_networks_that_pandapower_carries_are_read() {
    let Some(folder) = networks() else { return };
    let folder = folder.path();

    let european = reading(folder, "ieee_european_lv.json", None);
    let feeder = &european.feeder;
    assert_eq!((feeder.line_count, feeder.buses.len(), feeder.loads.len()), (905, 906, 55));
    assert_eq!(feeder.loads_per_phase(), [21, 19, 15]);
    assert_eq!((feeder.sections.len(), feeder.line_codes.len()), (205, 10));
    assert!((1_400.0..1_460.0).contains(&length_m(&european)));
    assert!((feeder.transformer.kva - 800.0).abs() < 0.001);
    assert!(feeder.buses.iter().all(|bus| bus.position.is_some()));

    // The digest's 3.9: residential, industrial and commercial networks with a transformer each.
    let cigre = reading(folder, "cigre_lv.json", None);
    assert_eq!((cigre.feeder.line_count, cigre.feeder.loads.len()), (17, 6));
    assert_eq!(cigre.feeder.transformer.kva, 500.0);
    assert_eq!(cigre.feeder.buses.len(), 18);
    let unused: Vec<String> = cigre.report.unused.iter().map(ToString::to_string).collect();
    assert!(unused.iter().any(|line| line.contains("trafo Trafo I0-I1 and its 2 buses")), "{unused:#?}");
    let commercial = reading(folder, "cigre_lv.json", Some("Trafo C0-C1"));
    assert_eq!((commercial.feeder.line_count, commercial.feeder.transformer.kva), (19, 300.0));
    assert!(commercial.feeder.line_codes.iter().filter(|code| code.overhead).count() == 3);
    // Coordinates without unit became metres: a span has 35 m.
    let at = |bus: usize| cigre.feeder.buses[bus].position.unwrap();
    let span = &cigre.feeder.sections[0];
    let way = (at(span.from).x_m - at(span.to).x_m).hypot(at(span.from).y_m - at(span.to).y_m);
    assert!((way / span.length_m - 1.0).abs() < 0.5, "{way} m for {} m", span.length_m);
    let missing = read(&folder.join("cigre_lv.json"), &ReadOptions { transformer: Some("Trafo X".into()) });
    let error = missing.unwrap_err().to_string();
    assert!(error.starts_with("cigre_lv.json:") && error.contains("name=Trafo X"), "{error}");

    for (name, lines, loads, kva) in [
        ("kerber_landnetz_freileitung_1.json", 13, 13, 160.0),
        ("kerber_landnetz_kabel_1.json", 16, 8, 100.0),
        ("kerber_dorfnetz.json", 114, 57, 400.0),
        ("kerber_vorstadtnetz_kabel_1.json", 292, 146, 630.0),
    ] {
        let kerber = reading(folder, name, None);
        assert_eq!((kerber.feeder.line_count, kerber.feeder.loads.len()), (lines, loads), "{name}");
        assert!((kerber.feeder.transformer.kva - kva).abs() < 1e-6, "{name}");
        let [l1, l2, l3] = kerber.feeder.loads_per_phase();
        assert!(l1 >= l2 && l2 >= l3 && l1 - l3 <= 1, "{name}: balanced loads take turns");
    }
    let overhead = reading(folder, "kerber_landnetz_freileitung_1.json", None);
    assert!(matches!(cable_of(&overhead.feeder.line_codes[0]), Cable::Bundle { area_mm2: 70.0, .. }));
}

#[test]
fn a_read_network_is_a_world() {
    let Some(folder) = networks() else { return };
    let path = folder.path().join("kerber_landnetz_kabel_1.json");
    let (scenario, _) = Scenario::from_file(&path, &ReadOptions::default(), 1).unwrap();
    let links = World::new(scenario).unwrap().links();
    assert_eq!(links.len(), 8);
    assert!(links.iter().all(|link| link.down.loss_db.is_finite() && link.down.loss_db > 0.0));
}

/// A table as pandapower writes it.
fn frame(columns: &str, index: &str, data: &str) -> String {
    let inner = format!("{{\"columns\":{columns},\"index\":{index},\"data\":{data}}}");
    let inner = inner.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "{{\n\"_module\": \"pandas.core.frame\",\n\"_class\": \"DataFrame\",\n\"_object\": \"{inner}\"\n}}"
    )
}

/// A small network whose tables may be replaced.
fn network(replaced: &[(&str, &str)]) -> String {
    let mut tables = vec![
        (
            "bus",
            frame(
                r#"["name","vn_kv","in_service","geo"]"#,
                "[0,1,2]",
                r#"[["mv",20.0,true,null],["lv",0.4,true,null],["house",0.4,true,null]]"#,
            ),
        ),
        ("line", frame(LINE_COLUMNS, "[0]", r#"[["street",1,2,0.08,0.2067,"cs","NAYY 4x150",true,1]]"#)),
        (
            "trafo",
            frame(
                r#"["name","hv_bus","lv_bus","sn_mva","vn_lv_kv","vk_percent","vkr_percent","in_service"]"#,
                "[0]",
                r#"[["T",0,1,0.4,0.4,4.0,1.2,true]]"#,
            ),
        ),
        ("load", frame(LOAD_COLUMNS, "[0]", r#"[["h",2,0.006,1.0,true]]"#)),
        ("f_hz", "50.0".to_string()),
    ];
    for (name, content) in replaced {
        tables.retain(|(known, _)| known != name);
        tables.push((name, (*content).to_string()));
    }
    let members: Vec<String> =
        tables.iter().map(|(name, content)| format!("\"{name}\": {content}")).collect();
    format!("{{\n\"_class\": \"pandapowerNet\",\n\"_object\": {{\n{}\n}}\n}}", members.join(",\n"))
}

const LINE_COLUMNS: &str =
    r#"["name","from_bus","to_bus","length_km","r_ohm_per_km","type","std_type","in_service","parallel"]"#;
const LOAD_COLUMNS: &str = r#"["name","bus","p_mw","scaling","in_service"]"#;

fn parse(text: &str) -> Result<Reading, FeederError> {
    let files = Memory::default().with("n.json", text);
    channel_sim::feeder::parse(&files, "n.json", &ReadOptions::default())
}

#[test]
fn a_small_network_is_read() {
    let reading = parse(&network(&[])).unwrap();
    let feeder = reading.feeder;
    assert_eq!((feeder.buses.len(), feeder.loads.len(), feeder.name.as_str()), (2, 1, "n"));
    assert_eq!(feeder.loads[0].rated_mw, 6_000_000);
    assert!((feeder.transformer.reactance_percent - (16.0f64 - 1.44).sqrt()).abs() < 1e-12);
    assert_eq!(feeder.sections[0].length_m, 80.0);
}

#[test]
fn switches_join_and_open() {
    // House 3 hangs on house 2 through a closed switch; line 1 is open at a switch.
    let buses = frame(
        r#"["name","vn_kv","in_service"]"#,
        "[0,1,2,3]",
        r#"[["mv",20.0,true],["lv",0.4,true],["house",0.4,true],["behind",0.4,true]]"#,
    );
    let lines = frame(
        LINE_COLUMNS,
        "[0,1]",
        r#"[["a",1,2,0.08,0.2,"cs",null,true,1],["b",1,3,0.05,0.2,"cs",null,true,1]]"#,
    );
    let loads = frame(LOAD_COLUMNS, "[0,1]", r#"[["h",2,0.001,1.0,true],["b",3,0.002,0.5,true]]"#);
    let switches =
        frame(r#"["bus","element","et","closed"]"#, "[0,1]", r#"[[2,3,"b",true],[1,1,"l",false]]"#);
    let text = network(&[("bus", &buses), ("line", &lines), ("load", &loads), ("switch", &switches)]);
    let reading = parse(&text).unwrap();
    assert_eq!(reading.feeder.line_count, 1);
    assert_eq!(reading.feeder.loads[0].bus, reading.feeder.loads[1].bus);
    assert_eq!(reading.feeder.loads[1].rated_mw, 1_000_000, "scaled");
    assert!(
        reading.report.unused.iter().any(|unused| unused.to_string().contains("line 1 (b): out of service"))
    );
}

#[test]
fn errors_name_file_line_row_and_value() {
    let line = |row: &str| frame(LINE_COLUMNS, "[0]", &format!("[{row}]"));
    let load = |row: &str| frame(LOAD_COLUMNS, "[7]", &format!("[{row}]"));
    for (table, content, expected) in [
        ("line", line(r#"["s",1,2,"x",0.2,"cs",null,true,1]"#), "line 0 (s): length_km=\"x\": a number"),
        ("line", line(r#"["s",1,2,-1,0.2,"cs",null,true,1]"#), "line 0 (s): length_km=-1: a length from 0"),
        ("line", line(r#"["s",1,9,1,0.2,"cs",null,true,1]"#), "line 0 (s): to_bus=9: there is none"),
        ("line", line(r#"["s",1,1.5,1,0.2,"cs",null,true,1]"#), "to_bus=1.5: a whole number"),
        ("line", line(r#"["s",1,null,1,0.2,"cs",null,true,1]"#), "line 0 (s): property to_bus is missing"),
        ("line", line(r#"["s",1,2,1,0,"cs",null,true,1]"#), "r_ohm_per_km=0: a resistance above 0"),
        ("load", load(r#"["h",2,"much",1.0,true]"#), "load 7 (h): p_mw=\"much\": a number"),
        ("load", load(r#"["h",2,1e9,1.0,true]"#), "load 7 (h): p_mw=1000000000.0: a power"),
        ("load", load(r#"["h",0,1,1.0,true]"#), "load 7 (h): no line joins mv"),
        ("f_hz", "0".into(), "f_hz=0: a frequency"),
        ("bus", "7".into(), "table bus: invalid type"),
        ("bus", frame(r#"["name"]"#, "[0,0]", r#"[["a"],["b"]]"#), "table bus: index 0 occurs twice"),
        ("bus", frame(r#"["name"]"#, "[0]", r#"[["a"],["b"]]"#), "1 indices for 2 rows"),
    ] {
        let text = network(&[(table, &content)]);
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nfor {expected}");
        // Named is the line of the table's own text, which is one line.
        let number: usize =
            error.strip_prefix("n.json:").unwrap().split(':').next().unwrap().parse().unwrap();
        let named = text.lines().nth(number - 1).unwrap();
        assert!(named.contains("_object") || named.contains(table), "{error}: line {number} is {named}");
    }
    let loop_text =
        line(r#"["s",1,2,1,0.2,"cs",null,true,1],["t",2,1,1,0.2,"cs",null,true,1]"#).replace("[0]", "[0,1]");
    assert!(parse(&network(&[("line", &loop_text)])).unwrap_err().to_string().contains("closes a loop"));
    for (text, expected) in [
        ("{", "n.json:1: EOF"),
        ("[]", "n.json:1: "),
        ("{\"_class\": \"other\", \"_object\": {}}", "a pandapowerNet expected"),
        ("{\"_class\": \"pandapowerNet\", \"_object\": {}}", "no transformer"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let none = frame(LOAD_COLUMNS, "[]", "[]");
    assert!(parse(&network(&[("load", &none)])).unwrap_err().to_string().contains("no load"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn mutated_networks_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
    ) {
        let mut text = network(&[]).into_bytes();
        for (at, value) in flips {
            let at = at.index(text.len());
            text[at] = value;
        }
        if truncate {
            text.truncate(cut.index(text.len()));
        }
        if let Err(error) = parse(&String::from_utf8_lossy(&text)) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_cells_never_panic(
        cells in proptest::collection::vec(prop::sample::select(vec![
            "0", "1", "2", "-1", "1e308", "1.5", "null", "true", "\"x\"", "[]", "{}", "\"NAYY 4x\"", "99999999999999999999",
        ]), 9 + 5),
    ) {
        let line = frame(LINE_COLUMNS, "[0]", &format!("[[{}]]", cells[..9].join(",")));
        let load = frame(LOAD_COLUMNS, "[0]", &format!("[[{}]]", cells[9..].join(",")));
        let _ = parse(&network(&[("line", &line), ("load", &load)]));
    }

    #[test]
    fn random_text_never_panics(text in ".{0,200}") {
        let _ = parse(&text);
    }
}
