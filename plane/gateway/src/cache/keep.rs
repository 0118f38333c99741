//! Fetching an answer for the cache: asking the upstream, or asking it whether what is kept still holds, and keeping what comes.
//!
//! Called for requests whose turn it is, and for refreshes behind them. Always holds: every fetch has an end that those who wait are told
//! of; what may not be shared goes to the one who asked and to nobody else.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use homeostat_cache::http::{
    Freshened, OF_THE_CLIENT, Policy, Reason, Storable, Times, Variants, freshen, kept, revalidate, tags,
};
use homeostat_cache::{Fetch, Life, Lookup, Outcome, Terms, Turn};
use homeostat_wire::{Body, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::fill::{Reach, fill};
use super::serve::Held;
use super::stored::{Answer, From, Stored, tell};
use super::{Answers, CacheRules, Errand, Key};
use crate::forward::NoAnswer;
use crate::telemetry::RouteMeter;

/// How long it is remembered what an address depends on: at least as long as its answers live.
const RECORD_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// What such a record weighs, about.
const RECORD_BYTES: usize = 512;
const TAGS_OF_FASTLY: &str = "surrogate-key";
const TAGS_OF_CLOUDFLARE: &str = "cache-tag";

impl Answers {
    /// Asks the upstream for an answer, or whether the one that is there still holds, and keeps what comes.
    #[expect(clippy::too_many_arguments, reason = "all of a fetch, and none of it belongs together elsewhere")]
    pub(super) async fn fetch(
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
        let mut response = match errand.fetch(&asking, Body::empty()).await {
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
            response = errand.fetch(&asking, Body::empty()).await?;
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
                Stored::Variants(_) | Stored::Told(_) => None,
            };
            let mut response = match answered {
                Some(mut answered) => {
                    // Who gave it is told of like any other.
                    *answered.extensions_mut() = parts.extensions;
                    answered
                }
                None => Response::from_parts(parts, body),
            };
            tell(rules, &mut response, From::Miss, None, true);
            return response;
        }
        let reach = Reach { bytes_max: self.answer_bytes_max(), within: None, ahead: Arc::clone(&self.ahead) };
        let finish = Box::new(move |whole: Option<Bytes>| match whole {
            Some(whole) => drop(keeping.done(&whole)),
            None => keeping.too_large(),
        });
        through(rules, parts, fill(body, reach, finish))
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
    tell(rules, &mut response, From::Miss, None, false);
    response
}
