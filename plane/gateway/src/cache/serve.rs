//! A request's way through the cache: what is there, whose turn it is to fetch, and what comes of it.

use std::sync::Arc;
use std::time::SystemTime;

use homeostat_cache::http::{RequestControl, Reuse};
use homeostat_cache::{Fetch, Hit, Lookup, Turn, Waited};
use homeostat_wire::{Body, Response};
use http::request::Parts;
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt;

use super::stored::{From, Stored, tell};
use super::{Answers, CacheRules, Errand, Key, Target, key_of};
use crate::forward::NoAnswer;
use crate::telemetry::RouteMeter;

/// How often a request looks anew because what it waited for turned out to be something else: an answer with variants, most often.
const LOOKS_MAX: u32 = 3;

/// Something that is kept.
pub(super) type Held = Hit<Key, Stored>;

/// What is there for a request.
enum Found {
    /// Give it.
    Serve(Held, From),
    /// Give it, and fetch another behind it.
    ServeAndRefresh(Held, From),
    /// Fetch; what there is helps, if only when that fails.
    Fetch(Option<Held>, bool),
    /// The client wants nothing else than what there is, and that is not good enough.
    Unsatisfiable,
}

/// Whose turn it is to fetch.
enum Whose {
    /// This request's.
    Ours(Fetch<Key, Stored>),
    /// Somebody has fetched it.
    HasCome,
    /// Too many wait, or whoever fetched it failed.
    Nobodys,
}

impl Answers {
    /// Answers a GET or HEAD without a body, from what is kept or from the upstream.
    ///
    /// # Errors
    /// When the upstream gives no answer, and there is nothing stale to give.
    pub async fn answer(
        self: &Arc<Self>,
        rules: &Arc<CacheRules>,
        meter: &RouteMeter,
        errand: &Errand,
        asked: Target<'_>,
        head: &Parts,
    ) -> Result<Response, NoAnswer> {
        let Some(primary) = key_of(&errand.plan, errand.route, errand.upstream, rules, &asked) else {
            return self.pass(rules, meter, errand, head).await;
        };
        let says = head.headers.contains_key(header::CACHE_CONTROL) || head.headers.contains_key(header::PRAGMA);
        let control =
            if says && rules.rules.obeys_requests { RequestControl::of(&head.headers) } else { Default::default() };
        let mut in_time = None;
        for _ in 0..LOOKS_MAX {
            let Some(own) = self.own_key(&primary, &head.headers) else { break };
            match self.look(&own, &control) {
                Found::Serve(held, from) => {
                    if let Some(response) = self.give(rules, meter, &held, from, head) {
                        return Ok(response);
                    }
                    break;
                }
                Found::ServeAndRefresh(held, from) => {
                    self.refresh(rules, errand, &primary, &own, &held, head);
                    if let Some(response) = self.give(rules, meter, &held, from, head) {
                        return Ok(response);
                    }
                    break;
                }
                Found::Unsatisfiable => return Err(NoAnswer::NotKept),
                Found::Fetch(stale, may_serve_on_error) => {
                    // A part is never kept, and HEAD brings no body: such a fetch would help nobody who waits.
                    if head.method == Method::HEAD || head.headers.contains_key(header::RANGE) {
                        break;
                    }
                    // From the first time on: waiting again gives no more time.
                    let errand = &*in_time.get_or_insert_with(|| errand.in_time());
                    let in_need = stale.clone().filter(|_| may_serve_on_error);
                    let lead = match self.turn(rules, errand, &own, &control).await {
                        Whose::Ours(fetch) => fetch,
                        Whose::HasCome => continue,
                        Whose::Nobodys => {
                            match in_need.and_then(|held| self.give(rules, meter, &held, From::Stale, head)) {
                                Some(response) => return Ok(response),
                                None => break,
                            }
                        }
                    };
                    let fetched = self.fetch(rules, meter, errand, &primary, lead, stale, head).await;
                    return self.or_stale(rules, meter, fetched, in_need, head);
                }
            }
        }
        let errand = in_time.as_ref().unwrap_or(errand);
        if let Some(why) = errand.too_late() {
            return Err(why);
        }
        self.pass(rules, meter, errand, head).await
    }

    /// Whose turn it is to fetch a key; waits for those who do so already.
    async fn turn(&self, rules: &CacheRules, errand: &Errand, own: &Key, control: &RequestControl) -> Whose {
        if !rules.single_flight || control.no_cache {
            return Whose::Ours(self.store.fetch_alone(own));
        }
        match self.store.begin(own) {
            Turn::Found(_) => Whose::HasCome,
            Turn::Fetch(fetch) => Whose::Ours(fetch),
            Turn::Crowded => Whose::Nobodys,
            Turn::Wait(waiting) => match waiting.outcome_until(errand.latest()).await {
                Waited::Found(_) => Whose::HasCome,
                Waited::Fetch(fetch) => Whose::Ours(fetch),
                Waited::Failed(_) | Waited::TimedOut => Whose::Nobodys,
            },
        }
    }

    /// The key of a request: the address, or that of the variant it wants; `None` when it can have none.
    fn own_key(&self, primary: &Key, headers: &HeaderMap) -> Option<Key> {
        let hit = match self.store.lookup(primary) {
            Lookup::Fresh { hit, .. } | Lookup::Stale { hit, .. } => hit,
            Lookup::Miss => return Some(Arc::clone(primary)),
        };
        match &*hit {
            Stored::Answer(_) | Stored::Told(_) => Some(Arc::clone(primary)),
            Stored::Variants(variants) => variants.key(primary, headers).map(Into::into),
        }
    }

    fn look(&self, own: &Key, control: &RequestControl) -> Found {
        let now = SystemTime::now();
        let (held, is_fresh, is_due, on_error, failed) = match self.store.lookup(own) {
            Lookup::Miss if control.only_if_cached => return Found::Unsatisfiable,
            Lookup::Miss => return Found::Fetch(None, false),
            Lookup::Fresh { hit, is_due_early } => (hit, true, is_due_early, true, false),
            Lookup::Stale { hit, may_serve_while_revalidating, may_serve_on_error, has_failed_lately } => {
                (hit, false, may_serve_while_revalidating, may_serve_on_error, has_failed_lately)
            }
        };
        let Stored::Answer(answer) = &*held else { return Found::Fetch(None, false) };
        let may_be_given = is_fresh || is_due || (failed && on_error);
        match answer.storable.reuse(may_be_given, control, now) {
            Reuse::Serve if is_fresh && !is_due => Found::Serve(held, From::Hit),
            Reuse::Serve if is_fresh => Found::ServeAndRefresh(held, From::Hit),
            Reuse::Serve if is_due => Found::ServeAndRefresh(held, From::Stale),
            Reuse::Serve => Found::Serve(held, From::Stale),
            Reuse::Unsatisfiable => Found::Unsatisfiable,
            Reuse::Revalidate => Found::Fetch(Some(held), on_error),
        }
    }

    pub(super) fn give(
        &self,
        rules: &CacheRules,
        meter: &RouteMeter,
        held: &Held,
        from: From,
        head: &Parts,
    ) -> Option<Response> {
        let Stored::Answer(answer) = &**held else { return None };
        let now = SystemTime::now();
        let mut response = answer.answer(head, now)?;
        match from {
            From::Stale => meter.cache_stale.one(),
            From::Hit => meter.cache_hits.one(),
            From::Miss | From::Revalidated | From::Pass | From::Shared => {}
        }
        let left = answer.storable.lifetime.saturating_sub(answer.storable.age(now));
        tell(rules, &mut response, from, Some(left), true);
        Some(response)
    }

    /// Past the cache: nothing of it is kept.
    pub(super) async fn pass(
        &self,
        rules: &CacheRules,
        meter: &RouteMeter,
        errand: &Errand,
        head: &Parts,
    ) -> Result<Response, NoAnswer> {
        meter.cache_passed.one();
        let mut response = errand.fetch(head, Body::empty()).await?;
        tell(rules, &mut response, From::Pass, None, false);
        Ok(response)
    }

    fn or_stale(
        &self,
        rules: &CacheRules,
        meter: &RouteMeter,
        fetched: Result<Response, NoAnswer>,
        stale: Option<Held>,
        head: &Parts,
    ) -> Result<Response, NoAnswer> {
        let is_bad = match &fetched {
            Ok(response) => response.status().is_server_error(),
            Err(why) => why.is_of_upstream(),
        };
        match stale {
            Some(held) if is_bad => match self.give(rules, meter, &held, From::Stale, head) {
                Some(response) => Ok(response),
                None => fetched,
            },
            _ => fetched,
        }
    }

    /// Fetches another answer in the background, unless somebody does so already.
    fn refresh(
        self: &Arc<Self>,
        rules: &Arc<CacheRules>,
        errand: &Errand,
        primary: &Key,
        own: &Key,
        held: &Held,
        head: &Parts,
    ) {
        let Some(fetch) = self.store.refresh(own) else { return };
        let (answers, rules, errand) = (Arc::clone(self), Arc::clone(rules), errand.clone());
        let (primary, held) = (Arc::clone(primary), held.clone());
        let mut head = head.clone();
        // Whoever refreshes does it for all: what this client said of itself is not asked with.
        head.method = Method::GET;
        head.headers.remove(header::CACHE_CONTROL);
        head.headers.remove(header::PRAGMA);
        tokio::spawn(async move {
            let meter = RouteMeter::default();
            let fetched = answers.fetch(&rules, &meter, &errand, &primary, fetch, Some(held), &head).await;
            if let Ok(response) = fetched {
                // Read to its end, so that it is kept; it was read already if it was small.
                drain(response.into_body()).await;
            }
        });
    }
}

/// Asks the upstream for what is no business of the cache: a request that changes something, or brings a body.
///
/// # Errors
/// When the upstream gives no answer.
pub async fn pass_by(meter: &RouteMeter, errand: &Errand, head: &Parts, body: Body) -> Result<Response, NoAnswer> {
    meter.cache_passed.one();
    let mut response = errand.fetch(head, body).await?;
    response.extensions_mut().insert(From::Pass);
    Ok(response)
}

/// Reads a body to its end, for what happens on the way.
async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}
