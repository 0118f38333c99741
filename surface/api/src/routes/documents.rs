//! What can be read about the interface at the interface: its OpenAPI document and the pages about its codes.

use crate::code::Code;
use crate::openapi;
use crate::problem::{PAGES, Refused};
use axum::Json;
use axum::response::{IntoResponse, Response};
use hyper::{Uri, header};
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::document);

pub async fn openapi() -> Json<&'static Value> {
    Json(&DOCUMENT)
}

pub async fn error_page(uri: Uri) -> Result<Response, Refused> {
    let Some(found) = uri.path().strip_prefix(PAGES).and_then(Code::named) else {
        return Err(Refused::nothing(
            "there is no page about that code here",
            "codes of the whole program are in docs/errors/",
        ));
    };
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], found.page()).into_response())
}
