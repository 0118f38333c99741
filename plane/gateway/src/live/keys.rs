//! Keys that tokens are checked with, kept fresh: files that change, and sets that are fetched.
//!
//! One task beside the requests. Always holds: a fetch has a limit in time and size; what fails leaves the last good keys in force and is
//! told once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use homeostat_edge::{Fetch, Now};
use homeostat_vocabulary::Timestamp;
use homeostat_wire::Body;
use homeostat_wire::tls::{ClientTls, Roots};
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};

use crate::gateway::Gateway;
use crate::upstream::Terms;

/// A set of keys that is larger than this is none.
const KEYS_BYTES_MAX: usize = 1 << 20;
/// So long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Keeps keys fresh until it is dropped.
pub async fn keep_keys(gateway: Arc<Gateway>) {
    let guards = gateway.guards();
    let mut told = BTreeSet::new();
    loop {
        let (refreshed, pause) = guards.refresh(&Fetching, now(&gateway)).await;
        for one in refreshed {
            match one.outcome {
                Ok(()) => drop(told.remove(&format!("{:?}", one.place))),
                Err(why) if told.insert(format!("{:?}", one.place)) => {
                    tracing::warn!(place = ?one.place, %why, "keys were not read; the last good ones stay");
                }
                Err(_) => {}
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = guards.wanted() => {}
        }
    }
}

fn now(gateway: &Gateway) -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { at: gateway.clock().now(), wall: Timestamp(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)) }
}

/// Fetches over the gateway's own wire.
struct Fetching;

impl Fetch for Fetching {
    async fn fetch(&self, url: &str) -> Result<Bytes, String> {
        let uri: Uri = url.parse().map_err(|error| format!("it is no URL: {error}"))?;
        let host = uri.host().ok_or("it names no host")?.to_owned();
        let is_tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tls = if is_tls {
            Some(ClientTls::new(&Roots::System, &host, None, false).map_err(|error| error.to_string())?)
        } else {
            None
        };
        let found = tokio::net::lookup_host((host.as_str(), port)).await;
        let address: SocketAddr = found
            .map_err(|error| format!("its host was not found: {error}"))?
            .next()
            .ok_or("its host has no address")?;
        let terms = Terms::once(tls, CONNECT_WITHIN);
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let request = Request::get(target)
            .header(header::HOST, authority)
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .body(Body::empty())
            .map_err(|error| error.to_string())?;
        let response = terms.ask(address, request).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("it was answered with {}", response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), KEYS_BYTES_MAX).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| format!("its answer broke off: {error}"))
    }
}
