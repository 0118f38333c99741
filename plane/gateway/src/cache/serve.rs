//! A request's way through the cache: what is there, whose turn it is to fetch, and what comes of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use homeostat_cache::http::{
    Freshened, OF_THE_CLIENT, Policy, Reason, RequestControl, Reuse, Storable, Times, Variants, freshen, kept,
    revalidate, tags,
};
use homeostat_cache::{Fetch, Hit, Life, Lookup, Outcome, Terms, Turn, Waited};
use homeostat_wire::{Body, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt;

use super::fill::Filling;
use super::stored::{Answer, From, Stored, tell};
use super::{Answers, CacheRules, Errand, Key, Target, key_of};
use crate::forward::NoAnswer;
use crate::telemetry::RouteMeter;

/// How long it is remembered what an address depends on: at least as long as its answers live.
const RECORD_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// What such a record weighs, about.
const RECORD_BYTES: usize = 512;
const TAGS_OF_FASTLY: &str = "surrogate-key";
const TAGS_OF_CLOUDFLARE: &str = "cache-tag";
/// How often a request looks anew because what it waited for turned out to be something else: an answer with variants, most often.
const LOOKS_MAX: u32 = 3;

type Held = Hit<Key, Stored>;

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
                    let in_need = stale.clone().filter(|_| may_serve_on_error);
                    let lead = match self.turn(rules, &own, &control).await {
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
        self.pass(rules, meter, errand, head).await
    }

    /// Whose turn it is to fetch a key; waits for those who do so already.
    async fn turn(&self, rules: &CacheRules, own: &Key, control: &RequestControl) -> Whose {
        if !rules.single_flight || control.no_cache {
            return Whose::Ours(self.store.fetch_alone(own));
        }
        match self.store.begin(own) {
            Turn::Found(_) => Whose::HasCome,
            Turn::Fetch(fetch) => Whose::Ours(fetch),
            Turn::Crowded => Whose::Nobodys,
            Turn::Wait(waiting) => match waiting.outcome().await {
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
            Stored::Answer(_) => Some(Arc::clone(primary)),
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

    fn give(&self, rules: &CacheRules, meter: &RouteMeter, held: &Held, from: From, head: &Parts) -> Option<Response> {
        let Stored::Answer(answer) = &**held else { return None };
        let now = SystemTime::now();
        let mut response = answer.answer(head, now)?;
        match from {
            From::Stale => meter.cache_stale.one(),
            From::Hit => meter.cache_hits.one(),
            From::Miss | From::Revalidated | From::Pass => {}
        }
        if rules.status_header {
            let left = answer.storable.lifetime.saturating_sub(answer.storable.age(now));
            tell(&mut response, from, Some(left), true);
        }
        Some(response)
    }

    /// Past the cache: nothing of it is kept.
    async fn pass(
        &self,
        rules: &CacheRules,
        meter: &RouteMeter,
        errand: &Errand,
        head: &Parts,
    ) -> Result<Response, NoAnswer> {
        meter.cache_passed.one();
        let mut response = errand.go(head, Body::empty()).await?;
        if rules.status_header {
            tell(&mut response, From::Pass, None, false);
        }
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

    /// Asks the upstream for an answer, or whether the one that is there still holds, and keeps what comes.
    #[expect(clippy::too_many_arguments, reason = "all of a fetch, and none of it belongs together elsewhere")]
    async fn fetch(
        self: &Arc<Self>,
        rules: &Arc<CacheRules>,
        meter: &RouteMeter,
        errand: &Errand,
        primary: &Key,
        fetch: Fetch<Key, Stored>,
        stale: Option<Held>,
        head: &Parts,
    ) -> Result<Response, NoAnswer> {
        let mut asking = head.clone();
        for name in &OF_THE_CLIENT {
            asking.headers.remove(name);
        }
        let old = stale.as_ref().and_then(|held| if let Stored::Answer(old) = &**held { Some(&**old) } else { None });
        let asks_whether = old.is_some_and(|old| revalidate(&mut asking.headers, &old.headers));
        let asked_at = SystemTime::now();
        let mut response = match errand.go(&asking, Body::empty()).await {
            Ok(response) => response,
            Err(why) => {
                fetch.fail("the upstream gave no answer");
                return Err(why);
            }
        };
        let mut times = Times { asked_at, answered_at: SystemTime::now() };
        if let Some(old) = old.filter(|_| asks_whether && response.status() == StatusCode::NOT_MODIFIED) {
            let mut headers = old.headers.clone();
            if freshen(&mut headers, response.headers(), times.answered_at) == Freshened::Updated {
                let old = (old, headers);
                return self.still_holds(rules, meter, errand, primary, fetch, old, times, (head, &asking)).await;
            }
            // It speaks of another answer: that one is fetched whole.
            OF_THE_CLIENT.iter().for_each(|name| drop(asking.headers.remove(name)));
            times.asked_at = SystemTime::now();
            response = errand.go(&asking, Body::empty()).await?;
            times.answered_at = SystemTime::now();
        }
        if response.status().is_server_error() && stale.is_some() {
            fetch.fail("the upstream answered with an error");
            return Ok(response);
        }
        meter.cache_misses.one();
        Ok(self.keep(rules, errand, primary, fetch, response, times, (head, &asking)))
    }

    /// The upstream said 304: what was kept gets a new head and a new life.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    async fn still_holds(
        self: &Arc<Self>,
        rules: &CacheRules,
        meter: &RouteMeter,
        errand: &Errand,
        primary: &Key,
        fetch: Fetch<Key, Stored>,
        (old, headers): (&Answer, HeaderMap),
        times: Times,
        (head, asking): (&Parts, &Parts),
    ) -> Result<Response, NoAnswer> {
        let (mut judged, ()) = http::Response::new(()).into_parts();
        judged.status = old.status;
        judged.headers = headers;
        let own_tags = take_tags(&mut judged.headers);
        let judged_policy = Policy::of_response(&errand.judged(asking), &judged, &times, &rules.rules);
        let Policy::Storable(storable) = judged_policy else {
            // It may not be kept any longer: this client gets it, and then it is forgotten.
            let response = old.answer(head, times.answered_at);
            drop(fetch);
            self.store.purge(primary);
            return match response {
                Some(response) => Ok(response),
                None => self.pass(rules, meter, errand, head).await,
            };
        };
        let Some(answer) = old.freshened(judged.headers, storable) else {
            drop(fetch);
            return self.pass(rules, meter, errand, head).await;
        };
        let answer = if own_tags.is_empty() { answer } else { answer.tagged(own_tags) };
        let hit = self.put(rules, fetch, answer, times.answered_at);
        meter.cache_hits.one();
        match self.give(rules, meter, &hit, From::Revalidated, head) {
            Some(response) => Ok(response),
            None => self.pass(rules, meter, errand, head).await,
        }
    }

    /// Keeps an answer, if it may be, while it goes to the client.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn keep(
        self: &Arc<Self>,
        rules: &Arc<CacheRules>,
        errand: &Errand,
        primary: &Key,
        fetch: Fetch<Key, Stored>,
        response: Response,
        times: Times,
        (head, asking): (&Parts, &Parts),
    ) -> Response {
        let route = &*errand.plan.table.routes()[errand.route.0].name;
        let (mut parts, body) = response.into_parts();
        let own_tags = take_tags(&mut parts.headers);
        let kept_as = match Policy::of_response(&errand.judged(asking), &parts, &times, &rules.rules) {
            Policy::NotStorable(reason) => {
                end(fetch, reason);
                Err(reason)
            }
            Policy::Storable(storable) => self.place(rules, primary, fetch, storable, head),
        };
        let (fetch, storable) = match kept_as {
            Ok(both) => both,
            Err(reason) => {
                self.advice.not_kept(route, reason);
                return through(rules, parts, body);
            }
        };
        let keeping = Keeping {
            answers: Arc::clone(self),
            rules: Arc::clone(rules),
            route: route.into(),
            status: parts.status,
            headers: kept(&parts.headers, &storable.omitted, times.answered_at),
            tags: own_tags,
            storable,
            fetch,
        };
        if let Some(whole) = body.whole().cloned() {
            let hit = keeping.done(&whole);
            let answered = match &*hit {
                Stored::Answer(answer) => answer.answer(head, times.answered_at),
                Stored::Variants(_) => None,
            };
            let mut response = answered.unwrap_or_else(|| Response::from_parts(parts, body));
            if rules.status_header {
                tell(&mut response, From::Miss, None, true);
            }
            return response;
        }
        let bytes_max = usize::try_from(self.settings.answer_max.0).unwrap_or(usize::MAX);
        let finish = Box::new(move |whole: Option<Bytes>| match whole {
            Some(whole) => drop(keeping.done(&whole)),
            None => keeping.too_large(),
        });
        through(rules, parts, Body::boxed(Filling::new(body, bytes_max, finish)))
    }

    /// The place of an answer that may be kept: under its address, or under that of a variant.
    fn place(
        &self,
        rules: &CacheRules,
        primary: &Key,
        fetch: Fetch<Key, Stored>,
        storable: Storable,
        head: &Parts,
    ) -> Result<(Fetch<Key, Stored>, Storable), Reason> {
        let is_plain = fetch.key() == primary;
        if storable.vary.is_empty() && is_plain {
            return Ok((fetch, storable));
        }
        let hit = match self.store.lookup(primary) {
            Lookup::Fresh { hit, .. } | Lookup::Stale { hit, .. } => Some(hit),
            Lookup::Miss => None,
        };
        let record = hit.as_deref().and_then(|stored| match stored {
            Stored::Variants(variants) if *variants.vary() == storable.vary => Some(variants),
            _ => None,
        });
        if let Some(variants) = record {
            let is_own = variants.key(primary, &head.headers).is_some_and(|own| *own == **fetch.key());
            return match (is_own, variants.admits(&head.headers)) {
                (true, true) => Ok((fetch, storable)),
                (true, false) => {
                    end(fetch, Reason::Variants);
                    Err(Reason::Variants)
                }
                // Somebody else has just written the record; the next request finds its place.
                (false, _) => Err(Reason::Variants),
            };
        }
        if !is_plain {
            // What the answer depends on has changed: the old record goes, and the next request makes a new one.
            self.store.purge(primary);
            return Err(Reason::Variants);
        }
        let variants = Variants::new(storable.vary.clone(), rules.rules.variants_max);
        let own = variants.key(primary, &head.headers).filter(|_| variants.admits(&head.headers));
        let Some(own) = own else {
            end(fetch, Reason::Variants);
            return Err(Reason::Variants);
        };
        // The lead under the new key is taken before the record is there: whoever waits finds the record, and then waits for us.
        let Turn::Fetch(lead) = self.store.begin(&own.into()) else { return Err(Reason::Variants) };
        let terms = Terms { life: Life::fresh(RECORD_LIFE), bytes: RECORD_BYTES, tags: &[] };
        match fetch.insert(Stored::Variants(variants), &terms).outcome {
            Outcome::Stored => Ok((lead, storable)),
            // Something was purged since the request was sent: it may be out of date.
            _ => Err(Reason::Truncated),
        }
    }

    /// Puts an answer under the key of its fetch.
    fn put(&self, rules: &CacheRules, fetch: Fetch<Key, Stored>, answer: Answer, now: SystemTime) -> Held {
        let own = Arc::clone(&answer.tags);
        let tags: Vec<&str> = own.iter().chain(&rules.tags).map(String::as_str).collect();
        let terms = Terms { life: answer.storable.life(now), bytes: answer.bytes(), tags: &tags };
        fetch.insert(Stored::Answer(Box::new(answer)), &terms).hit
    }
}

/// An answer on its way into the cache.
struct Keeping {
    answers: Arc<Answers>,
    rules: Arc<CacheRules>,
    route: Box<str>,
    status: StatusCode,
    headers: HeaderMap,
    tags: Vec<String>,
    storable: Storable,
    fetch: Fetch<Key, Stored>,
}

impl Keeping {
    fn done(self, whole: &Bytes) -> Held {
        self.answers.advice.kept(&self.route);
        let answer = Answer::new(self.status, self.headers, self.storable, whole, self.rules.is_compressed);
        self.answers.put(&self.rules, self.fetch, answer.tagged(self.tags), SystemTime::now())
    }

    fn too_large(self) {
        self.answers.advice.not_kept(&self.route, Reason::TooLarge);
        self.fetch.not_storable();
    }
}

/// The tags that the upstream names; clients have no use for them.
fn take_tags(headers: &mut HeaderMap) -> Vec<String> {
    let named = tags(headers).into_iter().map(str::to_owned).collect();
    for name in [TAGS_OF_FASTLY, TAGS_OF_CLOUDFLARE] {
        headers.remove(name);
    }
    named
}

/// Ends a fetch whose answer is not kept. What lies in this request alone says nothing of the next one's.
fn end(fetch: Fetch<Key, Stored>, reason: Reason) {
    if reason.is_of_request() {
        drop(fetch);
    } else {
        fetch.not_storable();
    }
}

fn through(rules: &CacheRules, parts: http::response::Parts, body: Body) -> Response {
    let mut response = Response::from_parts(parts, body);
    if rules.status_header {
        tell(&mut response, From::Miss, None, false);
    }
    response
}

/// Reads a body to its end, for what happens on the way.
async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}
