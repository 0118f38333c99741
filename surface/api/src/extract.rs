//! What a handler takes from a request, with our own words when it cannot be read.

use crate::code::Code;
use crate::problem::Refused;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use homeostat_vocabulary::NameError;
use hyper::StatusCode;
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// Largest body of a request. The largest that makes sense is a few dozen bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(of_json(&rejection)),
        }
    }
}

fn of_json(rejection: &JsonRejection) -> Refused {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes");
        return Refused::new(Code::TooLarge, detail, "send only what /v1/openapi.json asks for");
    }
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            Refused::new(Code::Unreadable, "the body is not declared as JSON", "send `Content-Type: application/json`")
        }
        other => Refused::unreadable(other.body_text()),
    }
}

/// The parameters behind the question mark.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refused> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(found)| Self(found))
            .map_err(|error| Refused::unreadable(error.body_text()))
    }
}

/// The one name or number in the path. A text that is none cannot name anything that exists.
pub struct Named<T>(pub T);

impl<T: FromStr<Err = NameError>, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let found = RawPathParams::from_request_parts(parts, state).await;
        let found = found.map_err(|error| Refused::unreadable(error.body_text()))?;
        let text = found.iter().next().map_or("", |(_, value)| value);
        text.parse().map(Self).map_err(|error: NameError| {
            Refused::nothing(error.to_string(), "see /v1/openapi.json for the form of a path")
        })
    }
}
