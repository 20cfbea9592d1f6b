//! The routes of `/api/v1`.

// utoipa writes `<Query as IntoParams>` for every query struct, with the span of our own tokens.
#![allow(unused_qualifications)]

use super::model::{
    CycleDetail, CyclePage, ENERGY_IMPORT, Index, LOAD_PROFILE, MeterDetail, MeterSummary, Problem,
    ProfilePage, Progress, ReadingModel, ReadingPage, Status,
};
use super::{Api, Failure};
use crate::calendar::{parse_rfc3339, rfc3339_local, rfc3339_utc};
use crate::network::{FeederMap, Meter};
use crate::store::{MeterRow, Range, ReadingRow, Store, StoreError};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::routing::{MethodRouter, get};
use cosem::Obis;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

/// Items in a part of a list, where the caller does not say.
const DEFAULT_LIMIT: usize = 100;
/// Most items in a part of a list.
const MAX_LIMIT: usize = 1000;

/// Makes the handler of a route.
pub type Route = fn() -> MethodRouter<Api>;

/// Every route of the API, as the router serves and the description lists them.
pub const ROUTES: &[(&str, Route)] = &[
    ("/api/v1", || get(index)),
    ("/api/v1/status", || get(status)),
    ("/api/v1/map", || get(map)),
    ("/api/v1/meters", || get(meters)),
    ("/api/v1/meters/{serial}", || get(meter)),
    ("/api/v1/meters/{serial}/readings", || get(readings)),
    ("/api/v1/meters/{serial}/readings/latest", || get(latest)),
    ("/api/v1/meters/{serial}/profile", || get(profile)),
    ("/api/v1/cycles", || get(cycles)),
    ("/api/v1/cycles/{number}", || get(cycle)),
];

/// The description of the API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Busbar data concentrator",
        description = "Meters behind a powerline concentrator: what they measured, when, and how well they are heard. \
            Times are RFC 3339 in UTC, with the meter's own offset beside them."
    ),
    paths(index, status, map, meters, meter, readings, latest, profile, cycles, cycle)
)]
#[derive(Debug)]
pub struct ApiDoc;

type Answer<T> = Result<Json<T>, Failure>;

/// A query string where there is nothing to ask for: a parameter that is not understood is not ignored.
#[derive(Debug)]
pub(super) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match parts.uri.query() {
            None | Some("") => Ok(Self),
            Some(query) => {
                let message = format!("this address takes no parameters, and got `{query}`");
                Err(Failure::bad_request(message, "Leave everything from the ? on away"))
            }
        }
    }
}

/// What there is.
#[utoipa::path(get, path = "/api/v1",
    responses((status = 200, body = Index), (status = 400, body = Problem)))]
pub(super) async fn index(_: NoQuery) -> Json<Index> {
    Json(Index {
        version: env!("CARGO_PKG_VERSION"),
        description: "/api/v1/openapi.json",
        paths: ApiDoc::openapi().paths.paths.into_keys().collect(),
    })
}

/// What the concentrator is doing.
#[utoipa::path(get, path = "/api/v1/status",
    responses((status = 200, body = Status), (status = 400, body = Problem)))]
async fn status(_: NoQuery, State(api): State<Api>) -> Json<Status> {
    let (now, network) = (api.live.snapshot(), &api.network);
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        network: network.name.clone(),
        pan_id: format!("{:04x}", network.pan_id),
        activity: now.activity,
        time: rfc3339_utc(now.utc_ms),
        local_time: rfc3339_local(now.utc_ms, network.calendar.offset_minutes),
        lag_s: now.lag_ms.map(|lag| lag as f64 / 1000.0),
        next_cycle: now.next_cycle_utc_ms.map(rfc3339_utc),
        cycle: now.cycle.map(|cycle| Progress {
            number: cycle.number,
            done: cycle.done,
            of: cycle.of,
            read: cycle.read,
        }),
        meters: network.meters.len(),
        meters_in_reach: network.meters.iter().filter(|meter| meter.link.in_reach).count(),
        dlms_address: api.dlms_address.map(|address| address.to_string()),
        stopped_because: now.stopped_because,
    })
}

/// Where the cables lie; the meters' own places are in `/api/v1/meters`.
#[utoipa::path(get, path = "/api/v1/map",
    responses((status = 200, body = FeederMap), (status = 400, body = Problem)))]
async fn map(_: NoQuery, State(api): State<Api>) -> Json<FeederMap> {
    Json(api.network.map.clone())
}

/// All meters, with their links and newest energy.
#[utoipa::path(get, path = "/api/v1/meters",
    responses((status = 200, body = Vec<MeterSummary>), (status = 400, body = Problem), (status = 500, body = Problem)))]
async fn meters(_: NoQuery, State(api): State<Api>) -> Answer<Vec<MeterSummary>> {
    let rows = api
        .query(|store, network| {
            let rows = store.meters(network)?;
            rows.into_iter().map(|row| with_energy(store, row)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let of = |meter: &Meter| rows.iter().find(|(row, _)| row.serial == meter.serial).cloned();
    Ok(Json(api.network.meters.iter().map(|meter| summary(meter, of(meter))).collect()))
}

/// One meter, with its newest readings.
#[utoipa::path(get, path = "/api/v1/meters/{serial}",
    params(("serial" = String, Path, description = "Serial number")),
    responses((status = 200, body = MeterDetail), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 500, body = Problem)))]
async fn meter(
    _: NoQuery,
    State(api): State<Api>,
    serial: Result<Path<String>, PathRejection>,
) -> Answer<MeterDetail> {
    let serial = in_path(serial)?;
    let meter = known(&api, &serial)?;
    let (row, latest) = api
        .query(move |store, network| {
            let Some(row) = store.meter(network, &serial)? else { return Ok((None, Vec::new())) };
            let latest = store.latest(row.id)?;
            Ok((Some(with_energy(store, row)?), latest))
        })
        .await?;
    let latest = latest.into_iter().map(Into::into).collect();
    Ok(Json(MeterDetail { summary: summary(meter, row), latest }))
}

/// The newest reading of each object of a meter.
#[utoipa::path(get, path = "/api/v1/meters/{serial}/readings/latest",
    params(("serial" = String, Path, description = "Serial number")),
    responses((status = 200, body = Vec<ReadingModel>), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 500, body = Problem)))]
async fn latest(
    _: NoQuery,
    State(api): State<Api>,
    serial: Result<Path<String>, PathRejection>,
) -> Answer<Vec<ReadingModel>> {
    let serial = in_path(serial)?;
    known(&api, &serial)?;
    let rows = api
        .query(move |store, network| match store.meter(network, &serial)? {
            Some(row) => store.latest(row.id),
            None => Ok(Vec::new()),
        })
        .await?;
    Ok(Json(rows.into_iter().map(Into::into).collect()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ReadingQuery {
    /// Logical name of the object, `1.0.1.8.0.255`; all where it is left out.
    object: Option<String>,
    /// First moment wanted, RFC 3339.
    from: Option<String>,
    /// First moment not wanted, RFC 3339.
    to: Option<String>,
    /// `next` of the part before.
    after: Option<String>,
    /// Items in a part: 1 to 1000, 100 where it is left out.
    limit: Option<usize>,
}

/// Readings of a meter in a range of time, oldest first.
#[utoipa::path(get, path = "/api/v1/meters/{serial}/readings",
    params(("serial" = String, Path, description = "Serial number"), ReadingQuery),
    responses((status = 200, body = ReadingPage), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 500, body = Problem)))]
async fn readings(
    State(api): State<Api>,
    serial: Result<Path<String>, PathRejection>,
    query: Result<Query<ReadingQuery>, QueryRejection>,
) -> Answer<ReadingPage> {
    let serial = in_path(serial)?;
    known(&api, &serial)?;
    let query = checked(query)?;
    let (range, limit) = (range(query.from, query.to)?, limit(query.limit)?);
    let after = query.after.map(reading_cursor).transpose()?;
    let object = query.object.map(|text| object(&text)).transpose()?;
    let page = api
        .query(move |store, network| {
            let Some(row) = store.meter(network, &serial)? else { return Ok(None) };
            let after = after.as_ref().map(|(utc_ms, object)| (*utc_ms, object.as_str()));
            store.readings(row.id, object.as_deref(), range, after, limit).map(Some)
        })
        .await?;
    let (items, next) = page.map(|page| (page.items, page.next)).unwrap_or_default();
    Ok(Json(ReadingPage { items: items.into_iter().map(Into::into).collect(), next }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ProfileQuery {
    /// First moment wanted, RFC 3339.
    from: Option<String>,
    /// First moment not wanted, RFC 3339.
    to: Option<String>,
    /// `next` of the part before.
    after: Option<String>,
    /// Rows in a part: 1 to 1000, 100 where it is left out.
    limit: Option<usize>,
}

/// The load profile of a meter in a range of time, oldest first.
#[utoipa::path(get, path = "/api/v1/meters/{serial}/profile",
    params(("serial" = String, Path, description = "Serial number"), ProfileQuery),
    responses((status = 200, body = ProfilePage), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 500, body = Problem)))]
async fn profile(
    State(api): State<Api>,
    serial: Result<Path<String>, PathRejection>,
    query: Result<Query<ProfileQuery>, QueryRejection>,
) -> Answer<ProfilePage> {
    let serial = in_path(serial)?;
    known(&api, &serial)?;
    let query = checked(query)?;
    let (range, limit) = (range(query.from, query.to)?, limit(query.limit)?);
    let after = query.after.map(|text| number("after", &text)).transpose()?;
    let page = api
        .query(move |store, network| {
            let Some(row) = store.meter(network, &serial)? else { return Ok(None) };
            store.profile(row.id, LOAD_PROFILE, range, after, limit).map(Some)
        })
        .await?;
    let (items, next) = page.map(|page| (page.items, page.next)).unwrap_or_default();
    Ok(Json(ProfilePage { profile: LOAD_PROFILE, items: items.into_iter().map(Into::into).collect(), next }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CycleQuery {
    /// `next` of the part before.
    before: Option<i64>,
    /// Cycles in a part: 1 to 1000, 100 where it is left out.
    limit: Option<usize>,
}

/// Reading cycles, newest first.
#[utoipa::path(get, path = "/api/v1/cycles", params(CycleQuery),
    responses((status = 200, body = CyclePage), (status = 400, body = Problem), (status = 500, body = Problem)))]
async fn cycles(
    State(api): State<Api>,
    query: Result<Query<CycleQuery>, QueryRejection>,
) -> Answer<CyclePage> {
    let query = checked(query)?;
    let limit = limit(query.limit)?;
    let page = api.query(move |store, network| store.cycles(network, query.before, limit)).await?;
    Ok(Json(CyclePage { items: page.items.into_iter().map(Into::into).collect(), next: page.next }))
}

/// One cycle, and how each meter's turn in it ended.
#[utoipa::path(get, path = "/api/v1/cycles/{number}",
    params(("number" = i64, Path, description = "The cycle's number")),
    responses((status = 200, body = CycleDetail), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 500, body = Problem)))]
async fn cycle(
    _: NoQuery,
    State(api): State<Api>,
    text: Result<Path<String>, PathRejection>,
) -> Answer<CycleDetail> {
    let wanted = number("the cycle's number", &in_path(text)?)?;
    let found = api.query(move |store, network| store.cycle(network, wanted)).await?;
    let unknown =
        || Failure::not_found(format!("there is no cycle {wanted}"), "GET /api/v1/cycles lists them");
    let (cycle, meters) = found.ok_or_else(unknown)?;
    Ok(Json(CycleDetail { cycle: cycle.into(), meters: meters.into_iter().map(Into::into).collect() }))
}

fn with_energy(store: &Store, row: MeterRow) -> Result<(MeterRow, Option<ReadingRow>), StoreError> {
    let energy = store.latest_of(row.id, ENERGY_IMPORT)?;
    Ok((row, energy))
}

fn summary(meter: &Meter, known: Option<(MeterRow, Option<ReadingRow>)>) -> MeterSummary {
    let (row, energy) = known.unzip();
    let (last, read) = row.map(|row| (row.last, row.last_read_utc_ms)).unwrap_or_default();
    MeterSummary::new(meter, last.map(Into::into), read, energy.flatten())
}

fn known<'a>(api: &'a Api, serial: &str) -> Result<&'a Meter, Failure> {
    let found = api.network.meters.iter().find(|meter| meter.serial == serial);
    found.ok_or_else(|| {
        Failure::not_found(format!("there is no meter `{serial}`"), "GET /api/v1/meters lists them")
    })
}

fn in_path(path: Result<Path<String>, PathRejection>) -> Result<String, Failure> {
    let remedy = "Percent-encode the path as UTF-8; GET /api/v1/meters and /api/v1/cycles list what there is";
    path.map(|Path(text)| text).map_err(|error| Failure::bad_request(error.body_text(), remedy))
}

fn checked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Failure> {
    let remedy = "See /api/v1/openapi.json for the parameters";
    query.map(|Query(query)| query).map_err(|error| Failure::bad_request(error.body_text(), remedy))
}

/// A logical name as the database spells it.
fn object(text: &str) -> Result<String, Failure> {
    let remedy =
        "Give a logical name of six numbers such as 1.0.1.8.0.255; readings/latest lists what there is";
    let wrong = |_| Failure::bad_request(format!("object `{text}` is no logical name"), remedy);
    text.parse::<Obis>().map(|name| name.to_string()).map_err(wrong)
}

fn range(from: Option<String>, to: Option<String>) -> Result<Range, Failure> {
    let remedy = "Give from and to as 2026-01-15T17:00:00Z; write a + of an offset as %2B";
    let read = |text: Option<String>, otherwise| match text {
        Some(text) => parse_rfc3339(&text).map_err(|error| Failure::bad_request(error, remedy)),
        None => Ok(otherwise),
    };
    Ok(Range { from_utc_ms: read(from, i64::MIN)?, to_utc_ms: read(to, i64::MAX)? })
}

fn limit(wanted: Option<usize>) -> Result<usize, Failure> {
    let limit = wanted.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    Err(Failure::bad_request(
        format!("limit {limit} is not between 1 and {MAX_LIMIT}"),
        "Follow `next` for more",
    ))
}

fn number(what: &str, text: &str) -> Result<i64, Failure> {
    let wrong =
        |_| Failure::bad_request(format!("{what} `{text}` is no number"), "Give what the list gave you");
    text.parse().map_err(wrong)
}

fn reading_cursor(text: String) -> Result<(i64, String), Failure> {
    let (utc_ms, object) = text.split_once('/').unwrap_or((&text, ""));
    Ok((number("after", utc_ms)?, object.to_owned()))
}
