//! What a gateway remembers over its end: the last lists of instances that the engine told, so that a gateway which starts while the
//! engine is dead has somewhere to send requests.
//!
//! A small file in the run folder, written when the lists change. Always holds: it is replaced whole; a file that cannot be read is
//! told of and left out; lists are soon replaced by what the engine tells, if it is there.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::gateway::Gateway;
use crate::upstream::Place;

const FILE: &str = "gateway-endpoints.json";
/// How often it is looked whether the lists have changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A file larger than this was not written here.
const FILE_BYTES_MAX: u64 = 16 << 20;

type Lists = BTreeMap<String, Vec<(String, SocketAddr)>>;

/// Has the gateway begin with what was remembered.
pub fn recall(folder: &Path, gateway: &Gateway) {
    let path = folder.join(FILE);
    let lists = match read(&path) {
        Ok(lists) => lists,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            tracing::warn!(%error, "{} cannot be read; the engine will tell who is there", path.display());
            return;
        }
    };
    for (service, places) in lists {
        let places: Vec<Place> = places.into_iter().map(|(name, address)| Place { name, address }).collect();
        gateway.put_endpoints(&service, &places);
    }
}

fn read(path: &Path) -> io::Result<Lists> {
    if path.metadata()?.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is too large"));
    }
    serde_json::from_slice(&std::fs::read(path)?).map_err(io::Error::other)
}

/// Writes what is known now.
pub fn write(folder: &Path, gateway: &Gateway) {
    if let Err(error) = try_write(folder, &lists(gateway)) {
        tracing::warn!(%error, "the lists of instances cannot be kept for the next start");
    }
}

fn lists(gateway: &Gateway) -> Lists {
    let entry = |place: Place| (place.name, place.address);
    gateway.told().into_iter().map(|(name, places)| (name, places.into_iter().map(entry).collect())).collect()
}

fn try_write(folder: &Path, lists: &Lists) -> io::Result<()> {
    let fresh = folder.join(format!("{FILE}.new"));
    std::fs::write(&fresh, serde_json::to_vec(lists)?)?;
    std::fs::rename(&fresh, folder.join(FILE))
}

/// Writes whenever something has changed, until it is dropped.
pub async fn keep(folder: PathBuf, gateway: Arc<Gateway>) {
    let mut kept = lists(&gateway);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = lists(&gateway);
        if now == kept {
            continue;
        }
        let (folder, written) = (folder.clone(), now.clone());
        let tried = tokio::task::spawn_blocking(move || try_write(&folder, &written)).await;
        match tried.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => kept = now,
            // Tried again at the next look.
            Err(error) => tracing::warn!(%error, "the lists of instances cannot be kept for the next start"),
        }
    }
}
