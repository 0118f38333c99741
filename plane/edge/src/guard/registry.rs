//! What guards keep over reloads: counts, keys, and tokens that were found good.
//!
//! One [`Guards`] lives as long as the gateway. Each is known by its name and held weakly, so that what no route uses any more goes with
//! the last guard that did. One task of the gateway keeps the keys fresh:
//!
//! ```ignore
//! loop {
//!     let (refreshed, pause) = guards.refresh(&fetch, now()).await;
//!     /* tell what failed */
//!     tokio::select! { () = tokio::time::sleep(pause) => {}, () = guards.wanted() => {} }
//! }
//! ```

use crate::api_keys::{self, KeyFile};
use crate::jwt::{Bearer, KeySet};
use crate::now::Now;
use crate::rate::{Per, Table};
use crate::source::{Place, Source};
use homeostat_routing::settings::Jwt;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// How long one fetch of keys may take.
const FETCH_MAX: Duration = Duration::from_secs(10);
/// The longest pause between two looks at what is due; new guards are noticed at once all the same.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The shortest, so that a source which is always due cannot keep a processor busy.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// Fetches keys from a URL; the gateway's own client does it, with its authorities and its limits.
pub trait Fetch: Sync {
    /// The body of a GET of this URL when it was answered with 200; else a sentence for the operator.
    fn fetch(&self, url: &str) -> impl Future<Output = Result<bytes::Bytes, String>> + Send;
}

/// What became of one source of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// Which.
    pub place: Place,
    /// Why the last good state stays, where it does.
    pub outcome: Result<(), String>,
}

type TableName = (String, String, String);

/// What guards keep over reloads.
#[derive(Default)]
pub struct Guards {
    known: Mutex<Known>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct Known {
    tables: BTreeMap<TableName, Weak<Table>>,
    key_sets: BTreeMap<Place, Weak<Source<KeySet>>>,
    key_files: BTreeMap<Place, Weak<Source<KeyFile>>>,
    bearers: BTreeMap<String, Weak<Bearer>>,
}

impl Guards {
    /// A registry that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until somebody wants keys before their time: a token names one that is not known, or a guard was made.
    pub async fn wanted(&self) {
        self.wake.notified().await;
    }

    /// Looks at every source that is due, one after the other, and says what changed and how long to wait until the next look. When it
    /// is dropped half way, what was not looked at stays due.
    pub async fn refresh(&self, fetch: &impl Fetch, now: Now) -> (Vec<Refreshed>, Duration) {
        let (sets, files) = {
            let mut known = self.lock();
            (alive(&mut known.key_sets), alive(&mut known.key_files))
        };
        let mut refreshed = Vec::new();
        for set in sets.iter().filter(|set| set.due() <= now.at) {
            let outcome = match &set.place {
                Place::File(_) => look(set, now).await,
                Place::Url(url) => {
                    let fetched = tokio::time::timeout(FETCH_MAX, fetch.fetch(url)).await;
                    let late = || Err(format!("there was no answer within {} s", FETCH_MAX.as_secs()));
                    Some(set.take_fetched(fetched.unwrap_or_else(|_| late()), now))
                }
            };
            refreshed.extend(outcome.map(|outcome| Refreshed { place: set.place.clone(), outcome }));
        }
        for file in files.iter().filter(|file| file.due() <= now.at) {
            let outcome = look(file, now).await;
            refreshed.extend(outcome.map(|outcome| Refreshed { place: file.place.clone(), outcome }));
        }
        let dues = sets.iter().map(|set| set.due()).chain(files.iter().map(|file| file.due()));
        let pause = dues.min().map_or(PAUSE_MAX, |due| due.since(now.at));
        (refreshed, pause.clamp(PAUSE_MIN, PAUSE_MAX))
    }

    pub(crate) fn table(&self, route: &str, limit: &str, per: &Per, keys_max: u32) -> Arc<Table> {
        let mut known = self.lock();
        known.tables.retain(|_, table| table.strong_count() > 0);
        let name = (route.to_owned(), limit.to_owned(), format!("{per:?}"));
        let kept = known.tables.get(&name).and_then(Weak::upgrade).filter(|table| table.keys_max() == keys_max);
        kept.unwrap_or_else(|| {
            let table = Arc::new(Table::new(keys_max));
            known.tables.insert(name, Arc::downgrade(&table));
            table
        })
    }

    pub(crate) fn key_file(&self, file: &str) -> Result<Arc<Source<KeyFile>>, String> {
        let place = Place::File(Path::new(file).to_owned());
        let known = self.lock().key_files.get(&place).and_then(Weak::upgrade);
        if let Some(source) = known {
            return Ok(source);
        }
        let parse = |bytes: &[u8]| KeyFile::parse(bytes).map_err(|error| error.to_string());
        let source = Source::new(place.clone(), api_keys::FILE_BYTES_MAX, parse, PAUSE_MAX, self.wake.clone());
        // Not under the lock: a disk may be slow.
        source.read_now().map_err(|why| format!("{file}: {why}"))?;
        let source = Arc::new(source);
        self.lock().key_files.insert(place, Arc::downgrade(&source));
        self.wake.notify_one();
        Ok(source)
    }

    pub(crate) fn bearer(&self, name: &str, settings: &Jwt) -> Result<Arc<Bearer>, String> {
        let keys = self.key_set(settings)?;
        let known = self.lock().bearers.get(name).and_then(Weak::upgrade);
        if let Some(bearer) = known.filter(|bearer| bearer.is_of(settings, &keys)) {
            return Ok(bearer);
        }
        let bearer =
            Bearer::new(settings, keys).map_err(|_| "`forward_claims` holds what is no name of a header".to_owned())?;
        let bearer = Arc::new(bearer);
        self.lock().bearers.insert(name.to_owned(), Arc::downgrade(&bearer));
        Ok(bearer)
    }

    fn key_set(&self, settings: &Jwt) -> Result<Arc<Source<KeySet>>, String> {
        let place = match (&settings.jwks_file, &settings.jwks_url) {
            (Some(file), None) => Place::File(Path::new(file).to_owned()),
            (None, Some(url)) if is_safe(url) => Place::Url(url.clone()),
            (None, Some(_)) => return Err("`jwks_url` must begin with https://, or lead to this machine".to_owned()),
            _ => return Err("`jwt` needs one of `jwks_file` and `jwks_url`".to_owned()),
        };
        let interval = Duration::from(settings.jwks_interval.0);
        let known = self.lock().key_sets.get(&place).and_then(Weak::upgrade);
        if let Some(source) = known {
            source.set_interval(interval);
            return Ok(source);
        }
        let parse = |bytes: &[u8]| KeySet::parse(bytes).map_err(|error| error.to_string());
        let source = Source::new(place.clone(), crate::jwt::JWKS_BYTES_MAX, parse, interval, self.wake.clone());
        source.read_now().map_err(|why| format!("{}: {why}", settings.jwks_file.as_deref().unwrap_or_default()))?;
        let source = Arc::new(source);
        self.lock().key_sets.insert(place, Arc::downgrade(&source));
        self.wake.notify_one();
        Ok(source)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether keys that come from there come from whom they should: who can change them on the way makes tokens of his own.
fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let own = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => own,
        _ => false,
    }
}

/// Those that are still used; the others are forgotten.
fn alive<T>(known: &mut BTreeMap<Place, Weak<T>>) -> Vec<Arc<T>> {
    known.retain(|_, source| source.strong_count() > 0);
    known.values().filter_map(Weak::upgrade).collect()
}

/// Looks at a file where slow disks hold up nobody.
async fn look<T: Send + Sync + 'static>(source: &Arc<Source<T>>, now: Now) -> Option<Result<(), String>> {
    let source = source.clone();
    let looked = tokio::task::spawn_blocking(move || source.look_at_file(now)).await;
    looked.unwrap_or_else(|_| Some(Err("the look at the file was broken off".to_owned())))
}
