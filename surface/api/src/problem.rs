//! Refusals as documents: RFC 9457 problem details with our code and a hint.
//!
//! Made by every handler and by the gate; read by the command line and by other clients. A problem never holds a secret: what a
//! client sent is quoted only where it is a name.

use crate::code::Code;
use crate::engine::ReadFailure;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use homeostat_vocabulary::Refusal;
use hyper::{StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the pages about codes are served.
pub const PAGES: &str = "/docs/errors/";

/// Why a request was not granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The page about the code, at this same address.
    #[serde(rename = "type")]
    pub page: String,
    /// What went wrong, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The code of the page; those that begin with H05 are a guard's no.
    pub code: String,
    /// What went wrong this time.
    pub detail: String,
    /// What to do.
    pub hint: String,
    /// What is wrong with a configuration, one line each; empty for every other problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// A request that is not granted, on its way to becoming a [`Problem`].
#[derive(Debug)]
pub struct Refused {
    /// Why, in general.
    pub code: Code,
    /// Why, this time.
    pub detail: String,
    /// What to do.
    pub hint: String,
    /// See [`Problem::problems`].
    pub problems: Vec<String>,
}

impl Refused {
    /// A refusal of this kind.
    pub fn new(code: Code, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), hint: hint.into(), problems: Vec::new() }
    }

    /// A request that cannot be read.
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(Code::Unreadable, detail, "compare the request with /v1/openapi.json")
    }

    /// Something that is not there.
    pub fn nothing(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Code::NothingHere, detail, hint)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let code = refused.code;
        Self {
            page: format!("{PAGES}{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code: code.as_str().to_owned(),
            detail: refused.detail,
            hint: refused.hint,
            problems: refused.problems,
        }
    }
}

impl From<ReadFailure> for Refused {
    fn from(failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::Busy => {
                Self::new(Code::TooMany, "every reader of the journal is busy", "ask again in a moment")
            }
            ReadFailure::Store(error) => {
                tracing::warn!(%error, "a request could not read the journal");
                let hint = "`homeostat journal verify` tells whether it is damaged";
                Self::new(Code::JournalUnreadable, error.to_string(), hint)
            }
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let hint = match &refusal {
            Refusal::NoSuchService { .. } => "/v1/services lists the services".to_owned(),
            Refusal::NoSuchAction { .. } => "/v1/actions lists the actions".to_owned(),
            Refusal::WrongState { action, .. } => format!("/v1/actions/{action} shows how it stands"),
            Refusal::Guarded { .. } => "the page says when this guard gives way, and who may change it".to_owned(),
            Refusal::NoSuchInstance { .. } => "/v1/services lists the instances".to_owned(),
            Refusal::ShuttingDown => "ask the next engine".to_owned(),
        };
        Self::new(Code::of_refusal(&refusal), refusal.to_string(), hint)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let problem = Problem::from(self);
        let body = serde_json::to_vec(&problem).expect("plain data always has a JSON form");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        if problem.status == StatusCode::UNAUTHORIZED.as_u16() {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}
