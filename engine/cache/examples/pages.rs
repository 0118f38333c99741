//! A small site behind a cache, as a proxy would use it: look, lead or wait, keep, serve stale while one request refreshes, and purge.
//!
//!     cargo run -p homeostat-cache --example pages

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use homeostat_cache::{Cache, CacheSettings, Fetch, Hit, Life, Lookup, Terms, Turn, Waited};
use homeostat_reactor::Clock;

/// What is kept of an answer. It is held in an `Arc` by the cache: a hit copies a pointer, and never the body.
struct Response {
    status: u16,
    body: Box<[u8]>,
}

type Key = Arc<str>;
type Pages = Cache<Key, Response>;

/// The origin: slow, counted, and sometimes down.
#[derive(Default)]
struct Origin {
    asked: AtomicU64,
    is_down: AtomicBool,
}

impl Origin {
    async fn get(&self, path: &str) -> Result<Response, &'static str> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(Duration::from_millis(30)).await;
        if self.is_down.load(Ordering::SeqCst) {
            return Err("the origin is down");
        }
        Ok(Response { status: 200, body: format!("{path}, edition {number}").into_bytes().into() })
    }
}

/// Makes a fetch and ends it, whatever comes of it. Kept, or told to everybody who waits.
async fn fetch(fetch: Fetch<Key, Response>, origin: &Origin) -> Result<Hit<Key, Response>, &'static str> {
    match origin.get(fetch.key()).await {
        Ok(response) => {
            let life = Life::fresh(Duration::from_millis(200)).while_revalidating(Duration::from_secs(5));
            let terms =
                Terms { life: life.on_error(Duration::from_secs(60)), bytes: response.body.len(), tags: &["site"] };
            Ok(fetch.insert(response, &terms).hit)
        }
        Err(reason) => {
            fetch.fail(reason);
            Err(reason)
        }
    }
}

/// One request: how it was answered, and with what.
async fn serve(pages: &Pages, origin: &Arc<Origin>, key: &Key) -> Result<(&'static str, Hit<Key, Response>), String> {
    let stale = match pages.lookup(key) {
        Lookup::Fresh { hit, .. } => return Ok(("fresh", hit)),
        Lookup::Stale { hit, may_serve_while_revalidating: true, .. } => {
            // Exactly one of all who come now refreshes, on a task of its own; nobody waits.
            if let Some(refresh) = pages.refresh(key) {
                let origin = Arc::clone(origin);
                tokio::spawn(async move { fetch(refresh, &origin).await.is_ok() });
            }
            return Ok(("stale, being refreshed", hit));
        }
        Lookup::Stale { hit, may_serve_on_error: true, .. } => Some(hit),
        Lookup::Stale { .. } | Lookup::Miss => None,
    };
    let fetched = match pages.begin(key) {
        Turn::Found(hit) => Ok(hit),
        Turn::Fetch(lead) => fetch(lead, origin).await.map_err(String::from),
        Turn::Wait(waiting) => match waiting.outcome().await {
            Waited::Found(hit) => Ok(hit),
            Waited::Fetch(lead) => fetch(lead, origin).await.map_err(String::from),
            Waited::Failed(reason) => Err(reason.to_string()),
            Waited::TimedOut => Err("it took too long".into()),
        },
        Turn::Crowded => Err("too many wait".into()),
    };
    match (fetched, stale) {
        (Ok(hit), _) => Ok(("fetched", hit)),
        (Err(_), Some(hit)) => Ok(("stale, the origin is down", hit)),
        (Err(reason), None) => Err(reason),
    }
}

async fn tell(pages: &Pages, origin: &Arc<Origin>, key: &Key) -> Result<String, String> {
    let (how, hit) = serve(pages, origin, key).await?;
    let line = format!("{} {} ({how})", hit.status, String::from_utf8_lossy(&hit.body));
    println!("{line}");
    Ok(line)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = CacheSettings { jitter_share: 0.0, early_refresh: 0.0, ..CacheSettings::default() };
    let pages = Pages::new(settings, Clock::machine())?;
    let (origin, key) = (Arc::new(Origin::default()), Key::from("/news"));

    // A thousand at once: one fetch.
    let requests: Vec<_> = (0..1_000)
        .map(|_| {
            let (pages, origin, key) = (pages.clone(), Arc::clone(&origin), Arc::clone(&key));
            tokio::spawn(async move { serve(&pages, &origin, &key).await.map(|_| ()) })
        })
        .collect();
    for request in requests {
        request.await??;
    }
    assert_eq!(origin.asked.load(Ordering::SeqCst), 1);
    assert_eq!(tell(&pages, &origin, &key).await?, "200 /news, edition 1 (fresh)");

    // Expired: given away at once, and refreshed beside.
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(tell(&pages, &origin, &key).await?, "200 /news, edition 1 (stale, being refreshed)");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(tell(&pages, &origin, &key).await?.starts_with("200 /news, edition 2"));

    // Purged by its tag, and the origin down: an error rather than what was purged.
    pages.purge_tag("site");
    origin.is_down.store(true, Ordering::SeqCst);
    println!("{:?}", tell(&pages, &origin, &key).await);
    assert!(tell(&pages, &origin, &key).await.is_err());

    origin.is_down.store(false, Ordering::SeqCst);
    tell(&pages, &origin, &key).await?;
    println!("{:?}", pages.snapshot());
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_keeps_its_promises() {
        // Would break: the first thing that people read.
        super::main().unwrap();
    }
}
