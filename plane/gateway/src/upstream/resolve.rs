//! Endpoints by name: the addresses that a name has, looked up again and again.
//!
//! One task for each upstream that is given by a name, on the runtime of the control. Always holds: a look-up that fails, or finds
//! nothing, changes nothing: the last good answer stays in force until there is a better one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Place, Upstream};

/// How long one look-up may take.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// Looks up `name` (`host:port`) until it is dropped. The system's resolver does not tell how long an answer holds: hence `every`.
pub async fn watch_name(upstream: Arc<Upstream>, name: String, every: Duration) {
    loop {
        match look_up(&name).await {
            Ok(places) if places.is_empty() => {
                tracing::warn!(upstream = %upstream.name(), %name, "the name has no address; the last ones stay");
            }
            Ok(places) => upstream.replace(&places),
            Err(error) => {
                tracing::warn!(upstream = %upstream.name(), %name, %error, "the name was not found; the last addresses stay");
            }
        }
        tokio::time::sleep(every).await;
    }
}

async fn look_up(name: &str) -> std::io::Result<Vec<Place>> {
    let found = tokio::time::timeout(LOOK_WITHIN, tokio::net::lookup_host(name)).await??;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses.into_iter().map(Place::at).collect())
}
