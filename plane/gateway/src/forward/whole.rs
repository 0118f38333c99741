//! Answers that are read to their end before they are judged: one that breaks off, or whose bytes are not what its digest says, is a
//! failure of the attempt and can be asked for again.
//!
//! Called within an attempt, for routes that want it. It costs the time until the last byte, and memory up to its limit; what is
//! larger goes on as it comes. Digests are those of RFC 9530.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use homeostat_wire::{Body, Response};
use http::{Method, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256, Sha512};

use crate::upstream::AttemptError;

/// How answers are read whole.
#[derive(Debug, Clone, Copy)]
pub struct WholeTerms {
    /// The largest that are.
    pub body_max: usize,
    /// Whether digests are compared.
    pub digest: bool,
}

/// Reads an answer to its end, if it says that it is not too large.
///
/// # Errors
/// When it breaks off, or is damaged.
pub async fn read_whole(response: Response, terms: &WholeTerms, method: &Method) -> Result<Response, AttemptError> {
    // Their heads, digests too, speak of a body that is not sent.
    if *method == Method::HEAD || response.status() == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    // An answer that does not say how large it is may be a stream without an end: nobody should wait for that.
    let fits = response.body().size_hint().exact().is_some_and(|size| size <= terms.body_max as u64);
    if !fits {
        return Ok(response);
    }
    let (head, mut body) = response.into_parts();
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| AttemptError::broken_off(&error))?;
        if let Some(data) = frame.data_ref() {
            read.extend_from_slice(data);
        }
    }
    if terms.digest && !fits_digest(&head.headers, &read) {
        return Err(AttemptError::unfit("the body is not what its Content-Digest says"));
    }
    Ok(Response::from_parts(head, Body::full(read.freeze())))
}

/// Whether every digest that we know fits. A header that cannot be read says nothing.
fn fits_digest(headers: &http::HeaderMap, body: &[u8]) -> bool {
    let values = headers.get_all("content-digest").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).all(|member| {
        let Some((name, value)) = member.trim().split_once('=') else { return true };
        let Some(said) = value.strip_prefix(':').and_then(|value| value.strip_suffix(':')) else { return true };
        let Ok(said) = STANDARD.decode(said) else { return true };
        match name {
            "sha-256" => said == Sha256::digest(body).as_slice(),
            "sha-512" => said == Sha512::digest(body).as_slice(),
            _ => true,
        }
    })
}
