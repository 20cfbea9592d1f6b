//! The HTTP API under `/api/v1`, and the page at `/`.
//!
//! Reads only. Times are RFC 3339 in UTC, with the meter's own offset beside them. Whatever goes wrong is JSON
//! that says what to do about it.

pub mod model;
mod routes;

pub use routes::{ApiDoc, ROUTES, Route};

use crate::live::Live;
use crate::network::Network;
use crate::store::{NetworkId, Store, StoreError};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use model::Problem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::OpenApi;

/// What the routes answer from.
#[derive(Clone, Debug)]
pub struct Api {
    network: Arc<Network>,
    network_id: NetworkId,
    live: Live,
    reader: Arc<Mutex<Store>>,
    dlms_address: Option<SocketAddr>,
}

impl Api {
    /// Answers for `network` from `reader`, a connection of its own.
    pub fn new(
        network: Arc<Network>,
        network_id: NetworkId,
        live: Live,
        reader: Store,
        dlms_address: Option<SocketAddr>,
    ) -> Self {
        Self { network, network_id, live, reader: Arc::new(Mutex::new(reader)), dlms_address }
    }

    /// All routes: the page, the API and its description.
    pub fn router(self) -> Router {
        let api = ROUTES.iter().fold(Router::new(), |router, (path, route)| router.route(path, route()));
        api.route("/", get(page))
            .route("/api/v1/", get(routes::index))
            .route("/api/v1/openapi.json", get(async || Json(ApiDoc::openapi())))
            .fallback(async || {
                Failure::not_found("there is nothing at this address", "GET /api/v1 lists what there is")
            })
            .method_not_allowed_fallback(async || Failure::method_not_allowed())
            .with_state(self)
    }

    /// Asks the database without holding up the server.
    async fn query<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store, NetworkId) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        let (reader, network) = (Arc::clone(&self.reader), self.network_id);
        let ask = move || question(&reader.lock().unwrap_or_else(PoisonError::into_inner), network);
        match tokio::task::spawn_blocking(ask).await {
            Ok(answer) => answer.map_err(Failure::internal),
            Err(error) => Err(Failure::internal(error)),
        }
    }
}

/// The page lives on this server alone, so the browser may refuse everything else.
const CONTENT_SECURITY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:";

async fn page(State(_): State<Api>) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY), (header::CACHE_CONTROL, "no-cache")];
    (headers, Html(include_str!("../page/index.html")))
}

/// An answer that is none.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    problem: Problem,
}

impl Failure {
    fn not_found(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let problem = Problem { code: "not-found", message: message.into(), remedy: remedy.into() };
        Self { status: StatusCode::NOT_FOUND, problem }
    }

    fn bad_request(message: impl ToString, remedy: impl Into<String>) -> Self {
        let problem = Problem { code: "bad-request", message: message.to_string(), remedy: remedy.into() };
        Self { status: StatusCode::BAD_REQUEST, problem }
    }

    fn method_not_allowed() -> Self {
        let (message, remedy) = ("this address only answers GET", "Use GET; the API changes nothing");
        let problem = Problem { code: "method-not-allowed", message: message.into(), remedy: remedy.into() };
        Self { status: StatusCode::METHOD_NOT_ALLOWED, problem }
    }

    fn internal(error: impl ToString) -> Self {
        let remedy = "Try again; if it stays, look at the concentrator's own messages".into();
        let problem = Problem { code: "internal", message: error.to_string(), remedy };
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, problem }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.problem)).into_response()
    }
}

#[cfg(test)]
mod tests;
