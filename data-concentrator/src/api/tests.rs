//! The API as a client sees it: over a real socket, on a port the system chose.

use super::*;
use crate::reading::{MeterTime, Quality, Reading};
use crate::store::{MeterOutcome, MeterResult};
use crate::testkit::{self, MIDNIGHT_UTC_MS};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const QUARTER_MS: i64 = 900_000;

struct Served {
    address: SocketAddr,
    live: Live,
    _folder: tempfile::TempDir,
}

/// Three meters: the first read with ten rows of its profile, the second silent, the third out of reach.
async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let network = testkit::network(3);
    let (id, meters) = store.open_network(&network).unwrap();
    let now = network.calendar.start_utc_ms;
    let cycle = store.begin_cycle(id, now).unwrap();
    let reading = |profile: Option<&str>, object: &str, utc_ms, raw| Reading {
        object: object.into(),
        profile: profile.map(Into::into),
        raw,
        scaler: if object == "1.0.32.7.0.255" { -1 } else { 0 },
        unit: if object == "1.0.32.7.0.255" { 35 } else { 30 },
        time: MeterTime { utc_ms, offset_minutes: 60, clock_status: 0, raw: vec![7; 12] },
        quality: if raw == 1003 { Quality::ClockDoubtful } else { Quality::Valid },
    };
    let mut readings =
        vec![reading(None, model::ENERGY_IMPORT, now, 4711), reading(None, "1.0.32.7.0.255", now, 2314)];
    for n in 1..=10 {
        let utc_ms = MIDNIGHT_UTC_MS + n * QUARTER_MS;
        readings.push(reading(Some(model::LOAD_PROFILE), model::ENERGY_IMPORT, utc_ms, 1000 + n));
    }
    let read = MeterOutcome {
        result: MeterResult::Read,
        detail: None,
        attempts: 1,
        readings,
        gaps: Vec::new(),
        ended_utc_ms: now + 4000,
        duration_ms: 4000,
        snr_db: Some(21.5),
        hops: Some(1),
    };
    store.keep(cycle, meters[0], &read).unwrap();
    let silent = MeterOutcome {
        result: MeterResult::NoAnswer,
        detail: Some("no answer in 3 attempts".into()),
        attempts: 3,
        readings: Vec::new(),
        snr_db: None,
        hops: None,
        ..read
    };
    store.keep(cycle, meters[1], &silent).unwrap();
    store.end_cycle(cycle, now + 9000).unwrap();

    let live = Live::default();
    live.update(|snapshot| snapshot.utc_ms = now);
    let reader = Store::open_reader(folder.path()).unwrap();
    let dlms = Some("127.0.0.1:4059".parse().unwrap());
    let router = Api::new(Arc::new(network), id, live.clone(), reader, dlms).router();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Served { address, live, _folder: folder }
}

impl Served {
    async fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path).await
    }

    async fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: busbar\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn problem(&self, path: &str, expected: u16) -> Value {
        self.problem_of("GET", path, expected).await
    }

    async fn problem_of(&self, method: &str, path: &str, expected: u16) -> Value {
        let (status, body) = self.ask(method, path).await;
        assert_eq!(status, expected, "{path}: {body}");
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert!(!problem["message"].as_str().unwrap().is_empty(), "{path}: {problem}");
        assert!(!problem["remedy"].as_str().unwrap().is_empty(), "{path}: {problem}");
        problem
    }
}

#[tokio::test]
async fn every_described_path_is_served_and_every_served_path_described() {
    let served = served().await;
    let description = served.json("/api/v1/openapi.json").await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));
    let described: BTreeSet<_> = description["paths"].as_object().unwrap().keys().cloned().collect();
    let in_router: BTreeSet<_> = ROUTES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(described, in_router);
    for path in described {
        let concrete = path.replace("{serial}", "BSB00000001").replace("{number}", "1");
        let answer = served.json(&concrete).await;
        let schema =
            &description["paths"][&path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        check(&description, schema, &answer, &path);
    }
}

#[tokio::test]
async fn parameters_are_described_where_they_stand() {
    let description = served().await.json("/api/v1/openapi.json").await;
    let mut in_query = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let in_template = path.contains(&format!("{{{name}}}"));
            let (place, required) = if in_template { ("path", true) } else { ("query", false) };
            assert_eq!(parameter["in"], place, "{path}: {name}");
            assert_eq!(parameter["required"], required, "{path}: {name}");
            if !in_template {
                in_query.insert(name.to_owned());
            }
        }
    }
    assert_eq!(in_query, ["after", "before", "from", "limit", "object", "to"].map(str::to_owned).into());
}

/// Checks `value` against `schema`: types, required and undescribed properties.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#'));
        return check(document, target.unwrap_or_else(|| panic!("{reference} is missing")), value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices.iter().find(|choice| (choice["type"] == "null") == value.is_null());
        return check(document, fitting.unwrap_or_else(|| panic!("{at}: {value}")), value, at);
    }
    if schema["allOf"].is_array() {
        let mut keys = BTreeSet::new();
        collect(document, schema, &mut keys, value, at);
        let undescribed: Vec<_> =
            value.as_object().unwrap().keys().filter(|key| !keys.contains(*key)).collect();
        assert!(undescribed.is_empty(), "{at}: {undescribed:?} are not described");
        return;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        other => panic!("{at}: no type in {schema} ({other})"),
    };
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) if types.contains(&"integer") => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(items) => {
            items.iter().for_each(|item| check(document, &schema["items"], item, at));
            "array"
        }
        Value::Object(_) => {
            let mut keys = BTreeSet::new();
            collect(document, schema, &mut keys, value, at);
            for key in value.as_object().unwrap().keys() {
                assert!(keys.contains(key), "{at}: {key} is not described");
            }
            "object"
        }
    };
    assert!(types.contains(&found), "{at}: {value} is {found}, described as {types:?}");
    if let (Some(names), Some(text)) = (schema["enum"].as_array(), value.as_str()) {
        assert!(names.iter().any(|name| name == text), "{at}: {text} is none of {names:?}");
    }
}

/// Checks an object's properties and gathers the names that are described.
fn collect(document: &Value, schema: &Value, keys: &mut BTreeSet<String>, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return collect(document, target, keys, value, at);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(document, part, keys, value, at);
    }
    for (key, described) in schema["properties"].as_object().into_iter().flatten() {
        keys.insert(key.clone());
        if let Some(value) = value.get(key) {
            check(document, described, value, &format!("{at} {key}"));
        }
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(key.as_str().unwrap()).is_some(), "{at}: {key} is missing");
    }
}

#[tokio::test]
async fn a_meter_tells_its_address_link_energy_and_last_turn() {
    let served = served().await;
    let meters = served.json("/api/v1/meters").await;
    let [first, second, third] = [0, 1, 2].map(|n| &meters[n]);
    assert_eq!(first["serial"], "BSB00000001");
    assert_eq!((&first["address"], &first["w_port"]), (&"0001".into(), &1001.into()));
    assert_eq!(first["energy_import"]["value"], 4711.0);
    assert_eq!(first["energy_import"]["utc"], "2026-01-15T17:00:00.000Z");
    assert_eq!(first["energy_import"]["local"], "2026-01-15T18:00:00.000+01:00");
    assert_eq!(first["last_turn"]["snr_db"], 21.5);
    assert_eq!(second["last_turn"]["result"], "no-answer");
    assert_eq!(second["energy_import"], Value::Null);
    assert_eq!(third["link"]["in_reach"], false);
    assert_eq!(third["last_turn"], Value::Null);
    let detail = served.json("/api/v1/meters/BSB00000001").await;
    let voltage = &detail["latest"][1];
    assert_eq!((voltage["value"].as_f64(), voltage["raw"].as_i64()), (Some(231.4), Some(2314)));
    assert_eq!((&voltage["unit"], &voltage["name"]), (&"V".into(), &"voltage".into()));
    assert_eq!(voltage["meter_time"], "070707070707070707070707");
}

#[tokio::test]
async fn a_profile_is_paged_in_a_range_of_time() {
    let served = served().await;
    let base = "/api/v1/meters/BSB00000001/profile";
    let first = served.json(&format!("{base}?limit=6")).await;
    assert_eq!(first["items"].as_array().unwrap().len(), 6);
    let next = first["next"].as_str().unwrap();
    let rest = served.json(&format!("{base}?limit=6&after={next}")).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (4, &Value::Null));
    assert_eq!(first["items"][2]["quality"], "clock-doubtful");
    let part = served.json(&format!("{base}?from=2026-01-15T00:30:00%2B01:00&to=2026-01-15T00:00:00Z")).await;
    let values: Vec<_> = part["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["values"][0]["raw"].as_i64().unwrap())
        .collect();
    assert_eq!(values, [1002, 1003], "00:30 and 00:45 local; 01:00 is excluded");
    let readings = served.json("/api/v1/meters/BSB00000001/readings?object=1.0.1.8.0.255").await;
    assert_eq!(readings["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn status_follows_the_engine() {
    let served = served().await;
    assert_eq!(served.json("/api/v1/status").await["activity"], "starting");
    served.live.update(|snapshot| snapshot.activity = crate::live::Activity::Waiting);
    let status = served.json("/api/v1/status").await;
    assert_eq!(status["activity"], "waiting");
    assert_eq!(status["local_time"], "2026-01-15T18:00:00.000+01:00");
    assert_eq!((status["meters"].as_u64(), status["meters_in_reach"].as_u64()), (Some(3), Some(2)));
    let cycle = served.json("/api/v1/cycles/1").await;
    assert_eq!(
        (cycle["state"].as_str(), cycle["asked"].as_i64(), cycle["read"].as_i64()),
        (Some("complete"), Some(2), Some(1))
    );
}

#[tokio::test]
async fn what_cannot_be_answered_says_what_to_do() {
    let served = served().await;
    served.problem("/api/v1/meters/nobody", 404).await;
    served.problem("/api/v1/meters/nobody/readings", 404).await;
    served.problem("/api/v1/cycles/99", 404).await;
    served.problem("/api/v1/nothing", 404).await;
    served.problem("/api/v1/cycles/two", 400).await;
    for path in [
        "meters/%FF",
        "meters/%FF/readings",
        "meters/%FF/readings/latest",
        "meters/%FF/profile",
        "cycles/%FF",
    ] {
        served.problem(&format!("/api/v1/{path}"), 400).await;
    }
    for path in ["/", "/api/v1/meters", "/api/v1/cycles/1", "/api/v1/openapi.json"] {
        let problem = served.problem_of("DELETE", path, 405).await;
        assert_eq!(problem["code"], "method-not-allowed");
    }
    for query in ["from=yesterday", "limit=0", "limit=1001", "limit=many", "after=x"] {
        served.problem(&format!("/api/v1/meters/BSB00000001/readings?{query}"), 400).await;
        served.problem(&format!("/api/v1/meters/BSB00000001/profile?{query}"), 400).await;
    }
}

#[tokio::test]
async fn a_parameter_that_is_not_understood_is_not_ignored() {
    let served = served().await;
    let paths: Vec<_> = ROUTES.iter().map(|(path, _)| *path).collect();
    for path in paths {
        let path = path.replace("{serial}", "BSB00000001").replace("{number}", "1");
        let problem = served.problem(&format!("{path}?form=2026-01-15T17:00:00Z"), 400).await;
        assert!(problem["message"].as_str().unwrap().contains("form"), "{path}: {problem}");
    }
    for object in ["1.0.1.8.0", "energy", "1.0.1.8.0.256"] {
        let path = format!("/api/v1/meters/BSB00000001/readings?object={object}");
        let problem = served.problem(&path, 400).await;
        assert!(problem["message"].as_str().unwrap().contains(object), "{problem}");
    }
}

#[tokio::test]
async fn the_index_lists_every_path() {
    let served = served().await;
    for path in ["/api/v1", "/api/v1/"] {
        let index = served.json(path).await;
        let paths: BTreeSet<_> =
            index["paths"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(paths, ROUTES.iter().map(|(path, _)| *path).collect());
        served.json(index["description"].as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn every_code_has_a_meaning_in_the_description() {
    let description = served().await.json("/api/v1/openapi.json").await;
    let results = MeterResult::ALL.map(MeterResult::name);
    for (schema, names) in
        [("Quality", Quality::ALL.map(Quality::name).as_slice()), ("MeterResult", &results)]
    {
        let told = description["components"]["schemas"][schema]["description"].as_str().unwrap();
        let explained: Vec<_> = told
            .lines()
            .filter_map(|line| line.strip_prefix("- `")?.split_once("`: "))
            .map(|l| l.0)
            .collect();
        assert_eq!(explained, names, "{schema}: {told}");
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let served = served().await;
    let (status, page) = served.get("/").await;
    assert_eq!(status, 200);
    for reference in ["src=\"http", "href=\"http", "url(http", "@import", "//cdn"] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.contains("<title>Busbar"));
}
