//! The whole way of a request through a caching proxy: key, look-up, variants, conditions and parts; a miss, its policy, and what is
//! kept of it. The origin is a function here; everything else is as a proxy would do it.
//!
//!     cargo run -p homeostat-cache --example http

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homeostat_cache::http::{
    Advice, Freshened, OF_THE_CLIENT, Part, Policy, QueryRule, Reason, RequestControl, Reuse, RouteRules, Storable,
    Times, Variants, Vary, freshen, is_not_modified, kept, key, not_modified, revalidate, set_age, tags,
};
use homeostat_cache::{Cache, CacheSettings, Fetch, Hit, Life, Lookup, Terms, Turn, Waited};
use homeostat_reactor::Clock;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, Method, Request, Response, StatusCode, request};

/// What stands under a key. The cache holds it in an `Arc`: a hit copies a pointer.
enum Kept {
    Answer {
        status: StatusCode,
        headers: HeaderMap,
        body: Arc<[u8]>,
        policy: Storable,
    },
    /// Under the plain key of an address whose answers vary.
    Variants(Variants),
}

type Pages = Cache<Arc<str>, Kept>;
type Page = Hit<Arc<str>, Kept>;
type Answer = Response<Arc<[u8]>>;

/// Where an answer belongs: the key of its address, that of its variant if it has one, and the fields that tell variants apart.
struct Place {
    primary: Arc<str>,
    name: Arc<str>,
    vary: Vary,
}

/// Looked up with its variant already chosen: at most so many times, for an address that changes what it varies by meanwhile.
const ROUNDS_MAX: u32 = 4;

/// How long it is remembered by which fields an address varies.
const VARIANTS_LIFE: Duration = Duration::from_secs(86_400);

struct Proxy {
    pages: Pages,
    rules: RouteRules,
    advice: Advice,
    origin: fn(&Request<()>) -> Answer,
}

impl Proxy {
    async fn serve(&self, request: Request<()>) -> Answer {
        let (parts, ()) = request.into_parts();
        let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("");
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let is_readable = parts.method == Method::GET || parts.method == Method::HEAD;
        let Some(primary) = key("https", host, target, &QueryRule::AsIs).filter(|_| is_readable) else {
            return (self.origin)(&Request::from_parts(parts, ()));
        };
        let mut place =
            Place { primary: primary.as_str().into(), name: primary.as_str().into(), vary: Vary::default() };
        for _ in 0..ROUNDS_MAX {
            let page = match self.page(&place, &parts).await {
                Ok(page) => page,
                Err(answer) => return *answer,
            };
            let Kept::Variants(variants) = &*page else { return answer(&page, &parts) };
            let variant = variants.key(&primary, &parts.headers).filter(|_| variants.admits(&parts.headers));
            let Some(variant) = variant else { break };
            (place.name, place.vary) = (variant.into(), variants.vary().clone());
        }
        (self.origin)(&Request::from_parts(parts, ()))
    }

    /// What stands under a key and may be used; fetched if need be. An answer that cannot be kept comes as the error.
    async fn page(&self, place: &Place, request: &request::Parts) -> Result<Page, Box<Answer>> {
        let name = &place.name;
        // Nearly every request goes without: then nothing is read.
        let wishes = request.headers.contains_key(CACHE_CONTROL).then(|| RequestControl::of(&request.headers));
        let (stale, is_fresh) = match self.pages.lookup(name) {
            Lookup::Fresh { hit, .. } => (Some(hit), true),
            Lookup::Stale { hit, .. } => (Some(hit), false),
            Lookup::Miss => (None, false),
        };
        if let Some(hit) = &stale {
            let Kept::Answer { policy, .. } = &**hit else { return Ok(hit.clone()) };
            match policy.reuse(is_fresh, &wishes.unwrap_or_default(), SystemTime::now()) {
                Reuse::Serve => return Ok(hit.clone()),
                Reuse::Unsatisfiable => return Err(refused(StatusCode::GATEWAY_TIMEOUT)),
                // A client that insists on a new answer does not get what somebody else has begun to fetch.
                Reuse::Revalidate if is_fresh => {
                    return self.fetch(self.pages.fetch_alone(name), place, stale.as_ref(), request);
                }
                Reuse::Revalidate => {}
            }
        } else if wishes.is_some_and(|wishes| wishes.only_if_cached) {
            return Err(refused(StatusCode::GATEWAY_TIMEOUT));
        }
        match self.pages.begin(name) {
            Turn::Found(hit) => Ok(hit),
            Turn::Fetch(fetch) => self.fetch(fetch, place, stale.as_ref(), request),
            Turn::Wait(waiting) => match waiting.outcome().await {
                Waited::Found(hit) => Ok(hit),
                Waited::Fetch(fetch) => self.fetch(fetch, place, stale.as_ref(), request),
                Waited::Failed(_) | Waited::TimedOut => Err(refused(StatusCode::BAD_GATEWAY)),
            },
            Turn::Crowded => Err(refused(StatusCode::SERVICE_UNAVAILABLE)),
        }
    }

    fn fetch(
        &self,
        fetch: Fetch<Arc<str>, Kept>,
        place: &Place,
        stale: Option<&Page>,
        asked: &request::Parts,
    ) -> Result<Page, Box<Answer>> {
        let mut request = asked.clone();
        // HEAD fills nothing; asked as GET, it does.
        request.method = Method::GET;
        OF_THE_CLIENT.iter().for_each(|name| drop(request.headers.remove(name)));
        if let Some(Kept::Answer { headers, .. }) = stale.map(|stale| &**stale) {
            revalidate(&mut request.headers, headers);
        }
        let asked_at = SystemTime::now();
        let (mut head, body) = (self.origin)(&Request::from_parts(request.clone(), ())).into_parts();
        let times = Times { asked_at, answered_at: SystemTime::now() };
        let mut body = body;
        if head.status == StatusCode::NOT_MODIFIED
            && let Some(Kept::Answer { status, headers, body: stored, .. }) = stale.map(|stale| &**stale)
        {
            let mut updated = headers.clone();
            if freshen(&mut updated, &head.headers, times.answered_at) == Freshened::Mismatch {
                fetch.fail("the origin confirmed something else");
                return Err(refused(StatusCode::BAD_GATEWAY));
            }
            (head.status, head.headers, body) = (*status, updated, Arc::clone(stored));
        }
        // The client's own head decides: it may have said `no-store`, or come in somebody's name.
        match Policy::of_response(&request, &head, &times, &self.rules) {
            Policy::Storable(policy) => self.keep(fetch, place, asked, Response::from_parts(head, body), policy),
            Policy::NotStorable(reason) => {
                self.advice.not_kept("all", reason);
                if reason.is_of_request() {
                    // Of this client alone: one of those who wait leads now.
                    drop(fetch);
                } else if head.status.is_server_error() {
                    // Not a page that cannot be kept, but one that is missing for now: nobody else tries at this moment.
                    fetch.fail(head.status.as_str());
                } else {
                    fetch.not_storable();
                }
                Err(Box::new(Response::from_parts(head, body)))
            }
        }
    }

    fn keep(
        &self,
        fetch: Fetch<Arc<str>, Kept>,
        place: &Place,
        asked: &request::Parts,
        answer: Answer,
        policy: Storable,
    ) -> Result<Page, Box<Answer>> {
        let (head, body) = answer.into_parts();
        let (life, vary) = (policy.life(policy.answered_at), policy.vary.clone());
        let headers = kept(&head.headers, &policy.omitted, policy.answered_at);
        // What the heads take is guessed: some hundred bytes more or less do not matter beside a body.
        let (bytes, tags) = (1_024 + fetch.key().len() + body.len(), tags(&head.headers));
        let terms = Terms { life, bytes, tags: &tags };
        let page = Kept::Answer { status: head.status, headers, body: Arc::clone(&body), policy };
        self.advice.kept("all");
        if vary == place.vary {
            return Ok(fetch.insert(page, &terms).hit);
        }
        let variants = Variants::new(vary, self.rules.variants_max);
        let variant = variants.key(&place.primary, &asked.headers).filter(|_| variants.admits(&asked.headers));
        let is_primary = place.name == place.primary;
        let Some(variant) = variant.filter(|_| is_primary) else {
            // A variant that suddenly varies by something else: its record is worth nothing any more.
            self.pages.purge(&place.primary);
            self.advice.not_kept("all", Reason::Variants);
            fetch.not_storable();
            return Err(Box::new(Response::from_parts(head, body)));
        };
        // The first answer of an address that varies: its variant first, then the record that leads to it.
        let page = self.pages.insert(&variant.into(), page, &terms).hit;
        let record = Terms { life: Life::fresh(VARIANTS_LIFE), bytes: 1_024, tags: &tags };
        fetch.insert(Kept::Variants(variants), &record);
        Ok(page)
    }
}

/// A stored answer as this client gets it.
fn answer(page: &Page, request: &request::Parts) -> Answer {
    let Kept::Answer { status, headers, body, policy } = &**page else { return empty(StatusCode::BAD_GATEWAY) };
    let length = body.len() as u64;
    let (status, mut headers, body) =
        if is_not_modified(&request.method, &request.headers, *status, headers, policy.answered_at) {
            (StatusCode::NOT_MODIFIED, not_modified(headers), [].into())
        } else {
            let (part, mut headers) =
                (Part::of(&request.method, &request.headers, *status, headers, length), headers.clone());
            let status = part.apply(&mut headers, *status, length);
            let body = match part {
                Part::Whole => Arc::clone(body),
                Part::Bytes(range) => body[range.start as usize..range.end as usize].into(),
                Part::Unsatisfiable => [].into(),
            };
            (status, headers, body)
        };
    set_age(&mut headers, policy.age(SystemTime::now()));
    let mut answer = Response::new(if request.method == Method::HEAD { [].into() } else { body });
    (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Arc::from([]));
    *answer.status_mut() = status;
    answer
}

fn refused(status: StatusCode) -> Box<Answer> {
    Box::new(empty(status))
}

/// An origin that speaks two languages, and knows its own tags.
fn origin(request: &Request<()>) -> Answer {
    let header =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let word = if header("accept-language").starts_with("de") { "Grüße" } else { "greetings" };
    let tag = format!("\"{}\"", word.len());
    let head =
        Response::builder().header("etag", &tag).header("vary", "Accept-Language").header("surrogate-key", "words");
    let path = request.uri().path();
    let head = head.header(CACHE_CONTROL, if path == "/private" { "private" } else { "max-age=60" });
    let is_same = header("if-none-match") == tag;
    let head = head.status(if is_same { 304 } else { 200 });
    head.body(if is_same { [].into() } else { word.as_bytes().into() })
        .unwrap_or_else(|_| empty(StatusCode::BAD_GATEWAY))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pages = Pages::new(CacheSettings::default(), Clock::machine())?;
    let proxy = Proxy { pages, rules: RouteRules::default(), advice: Advice::default(), origin };
    let ask = async |method: &str, path: &str, lines: &[(&str, &str)]| -> Result<(u16, String, bool), http::Error> {
        let request = Request::builder().method(method).uri(path).header("host", "words.example");
        let request = lines.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(())?;
        let answer = proxy.serve(request).await;
        let (status, is_kept) = (answer.status().as_u16(), answer.headers().contains_key("age"));
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        println!("{method} {path} {lines:?}: {status} {body:?}{}", if is_kept { ", kept" } else { "" });
        Ok((status, body, is_kept))
    };
    let fetches = || proxy.pages.snapshot().fetches;
    let kept = |status, body: &str| (status, body.to_owned(), true);

    assert_eq!(ask("GET", "/", &[("accept-language", "en")]).await?, kept(200, "greetings"));
    let after_first = fetches();
    assert_eq!(ask("GET", "/", &[("accept-language", "EN")]).await?, kept(200, "greetings"));
    assert_eq!(ask("HEAD", "/", &[("accept-language", "en")]).await?, kept(200, ""));
    assert_eq!(ask("GET", "/", &[("accept-language", "en"), ("range", "bytes=0-4")]).await?, kept(206, "greet"));
    assert_eq!(ask("GET", "/", &[("accept-language", "en"), ("if-none-match", "\"9\"")]).await?, kept(304, ""));
    assert_eq!(fetches(), after_first);
    assert_eq!(ask("GET", "/", &[("accept-language", "de")]).await?, kept(200, "Grüße"));
    // Asked for anew: the origin is asked whether it has changed, and it has not.
    assert_eq!(
        ask("GET", "/", &[("accept-language", "en"), ("cache-control", "no-cache")]).await?,
        kept(200, "greetings")
    );
    assert_eq!(ask("GET", "/new", &[("cache-control", "only-if-cached")]).await?.0, 504);
    assert!(!ask("GET", "/private", &[]).await?.2);
    for line in proxy.advice.lines() {
        println!("{} of {}: {}", line.count, line.of, line.says);
    }
    proxy.pages.purge_tag("words");
    assert_eq!(ask("GET", "/", &[("accept-language", "en"), ("cache-control", "only-if-cached")]).await?.0, 504);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_keeps_its_promises() {
        // Would break: what whoever writes a proxy reads first.
        super::main().unwrap();
    }
}
