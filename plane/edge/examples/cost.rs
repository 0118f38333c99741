//! What the filters cost on the path of a request: `cargo run --release -p homeostat-edge --example cost`.
//!
//! Each figure is the median of several rounds on one thread; the machine's other work shows in their spread, so run it when it is quiet.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use homeostat_edge::compress::Compressing;
use homeostat_edge::{AccessLog, Client, Compressor, Guards, Now, Record, RequestId, RouteGuard, Trace, TrustedHops};
use homeostat_reactor::Moment;
use homeostat_routing::settings::{self, Auth, Coding, EdgeRate, Gateway, Jwt, Route, Texts};
use homeostat_vocabulary::Timestamp;
use homeostat_vocabulary::quantity::Share;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use http_body::{Body, Frame};
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, KeyPair};
use std::hint::black_box;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const ROUNDS: usize = 11;
const CALLS_A_ROUND: u32 = 100_000;
const LOG_PAUSE: Duration = Duration::from_millis(300);
const WALL_MS: u64 = 1_750_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let headers = browser();
    let hop: IpAddr = "203.0.113.9".parse()?;
    let trusted = TrustedHops::parse(&["10.0.0.0/8", "192.168.0.0/16"])?;
    let client = Client::of(&trusted, hop, hop, true, &headers);
    let trace = settings::Trace::default();

    measure("client address, id, trace, forwarded headers", || {
        let mut headers = black_box(headers.clone());
        let client = Client::of(&trusted, hop, hop, true, &headers);
        let id = RequestId::of(None, true, &client, &headers);
        let trace = Trace::of(&trace, &client, &mut headers);
        client.write_forwarded(&mut headers);
        trace.child().write(&mut headers);
        headers.insert("x-request-id", id.value());
        black_box(headers);
    });
    measure("  of which the copy of the headers, which only this example makes", || {
        black_box(black_box(&headers).clone());
    });

    let limited = rate_limited()?;
    let mut head = head(&headers);
    let mut ticks = 0;
    measure("guard with a rate limit", || {
        ticks += 1;
        let now = Now { at: Moment::from_millis(ticks), wall: Timestamp(WALL_MS) };
        black_box(limited.check(black_box(&mut head), &client, now).is_ok());
    });

    let folder = tempfile::tempdir()?;
    let (behind_tokens, token) = with_tokens(folder.path())?;
    head.headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?);
    let now = Now { at: Moment::from_millis(1), wall: Timestamp(WALL_MS) };
    assert!(behind_tokens.check(&mut head, &client, now).is_ok(), "the token is good");
    measure("guard with a token that was seen", || {
        black_box(behind_tokens.check(black_box(&mut head), &client, now).is_ok());
    });

    let everything = settings::AccessLog {
        file: Some("access.log".to_owned()),
        sample: Share(1_000_000),
        ..settings::AccessLog::default()
    };
    let log = AccessLog::open(&everything, folder.path())?;
    // As many lines as the buffer holds, then time to write them: a line that is dropped would look cheap.
    measure_with("access log, every request written", 3_000, LOG_PAUSE, || log.note(black_box(&record())));
    let one_in_a_hundred = settings::AccessLog { sample: Share(10_000), ..everything };
    let sampled = AccessLog::open(&one_in_a_hundred, folder.path())?;
    measure("access log, one request in a hundred", || sampled.note(black_box(&record())));
    log.close(Duration::from_secs(10));
    println!("access log: {:?}", log.counts());
    for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
        compressing(coding)?;
    }
    Ok(())
}

/// Prints what it takes to compress 64 KiB of JSON, and the memory of an answer that is half way.
fn compressing(coding: Coding) -> Result<(), Box<dyn std::error::Error>> {
    const ANSWERS: u32 = 100;
    let row = |number: u32| {
        format!("{{\"id\":{number},\"name\":\"product {}\",\"price\":{}}},", number * 7 % 1_000, number * 31 % 9_973)
    };
    let text: String = (0..1_400).map(row).collect();
    let text = Bytes::from(text);
    let compressor =
        Compressor::new(&settings::Compression { codings: vec![coding], ..settings::Compression::default() });
    let mut accepted = HeaderMap::new();
    accepted.insert(ACCEPT_ENCODING, HeaderValue::from_static("*"));
    let begin = || {
        let mut response = http::Response::new(Half::Plain(Some(text.clone())));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = compressor.compress(&Method::GET, &accepted, response, |body| Half::Compressed(Box::new(body)));
        let mut body = response.into_body();
        let mut made = 0;
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut cx) {
            made += frame.data_ref().map_or(0, Bytes::len);
        }
        (body, made)
    };
    let (_, made) = begin();
    let before = resident_kib()?;
    let start = Instant::now();
    let held: Vec<_> = (0..ANSWERS).map(|_| begin().0).collect();
    let micros = start.elapsed().as_micros() / u128::from(ANSWERS);
    let memory = resident_kib()?.saturating_sub(before) / u64::from(ANSWERS);
    println!("{coding:?}: {} bytes to {made} in {micros} us, {memory} KiB while it lasts", text.len());
    drop(held);
    Ok(())
}

/// A body that brings one piece and then waits, or the compressed one around it.
enum Half {
    Plain(Option<Bytes>),
    Compressed(Box<Compressing<Half>>),
}

impl Body for Half {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        match self.get_mut() {
            Self::Plain(piece) => piece.take().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(piece))))),
            Self::Compressed(body) => Pin::new(body).poll_frame(cx).map_err(|error| error.to_string()),
        }
    }
}

fn resident_kib() -> Result<u64, Box<dyn std::error::Error>> {
    const KIB_A_PAGE: u64 = 4;
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    Ok(pages.split(' ').nth(1).ok_or("statm has seven fields")?.parse::<u64>()? * KIB_A_PAGE)
}

/// Prints the median over some rounds of what one call takes.
fn measure(name: &str, call: impl FnMut()) {
    measure_with(name, CALLS_A_ROUND, Duration::ZERO, call);
}

/// The same, with so many calls a round and a pause between rounds.
fn measure_with(name: &str, calls: u32, pause: Duration, mut call: impl FnMut()) {
    let mut rounds: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            std::thread::sleep(pause);
            let start = Instant::now();
            for _ in 0..calls {
                call();
            }
            start.elapsed().as_nanos() / u128::from(calls)
        })
        .collect();
    rounds.sort_unstable();
    println!("{:>6} ns  {name} ({} to {})", rounds[ROUNDS / 2], rounds[0], rounds[ROUNDS - 1]);
}

fn browser() -> HeaderMap {
    let fields = [
        ("host", "shop.example.org"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "es-ES,es;q=0.8,en-US;q=0.5,en;q=0.3"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("cookie", "session=0af7651916cd43dd8448eb211c80319c"),
        ("sec-fetch-mode", "navigate"),
        ("cache-control", "no-cache"),
    ];
    fields.map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value))).into_iter().collect()
}

fn head(headers: &HeaderMap) -> http::request::Parts {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.headers = headers.clone();
    head
}

fn rate_limited() -> Result<RouteGuard, Box<dyn std::error::Error>> {
    let generous = EdgeRate { requests: 10_000, ..EdgeRate::default() };
    let route = Route { rate_limits: [("fair".to_owned(), generous)].into(), ..Route::default() };
    Ok(RouteGuard::compile(&Guards::new(), &Gateway::default(), "shop", &route)?)
}

/// A route behind tokens, and a token for it.
fn with_tokens(folder: &std::path::Path) -> Result<(RouteGuard, String), Box<dyn std::error::Error>> {
    let (random, algorithm) = (SystemRandom::new(), &signature::ECDSA_P256_SHA256_FIXED_SIGNING);
    let unspecified = |_| "ring makes a key";
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(unspecified)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).map_err(|_| "ring reads its key")?;
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = serde_json::json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": text(x), "y": text(y) });
    let file = folder.join("jwks.json");
    std::fs::write(&file, serde_json::json!({ "keys": [jwk] }).to_string())?;
    let groups: Vec<String> = (0..20).map(|number| format!("group-number-{number}")).collect();
    let claims = serde_json::json!({ "iss": "issuer", "aud": "shop", "sub": "mia", "exp": WALL_MS / 1_000 + 600, "groups": groups });
    let signed = format!("{}.{}", text(br#"{"alg":"ES256","kid":"k"}"#), text(claims.to_string().as_bytes()));
    let signature = pair.sign(&random, signed.as_bytes()).map_err(|_| "ring signs")?;
    let jwt = Jwt {
        issuer: "issuer".to_owned(),
        audience: Texts(vec!["shop".to_owned()]),
        jwks_file: Some(file.display().to_string()),
        ..Jwt::default()
    };
    let mut gateway = Gateway::default();
    gateway.auth.insert("users".to_owned(), Auth { jwt: Some(jwt), api_keys: None });
    let route = Route { auth: Some("users".to_owned()), ..Route::default() };
    let guard = RouteGuard::compile(&Guards::new(), &gateway, "shop", &route)?;
    Ok((guard, format!("{signed}.{}", text(signature.as_ref()))))
}

fn record() -> Record<'static> {
    Record {
        at: Timestamp(WALL_MS),
        client: IpAddr::from([203, 0, 113, 9]),
        method: "GET",
        host: "shop.example.org",
        path: "/products/4711/reviews",
        protocol: "2",
        status: 200,
        bytes: 4_096,
        duration: Duration::from_micros(1_234),
        route: "shop",
        upstream: "shop",
        endpoint: "127.0.0.1:9001",
        attempts: 1,
        cache: "miss",
        code: "",
        caller: "mia",
        agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        request_id: RequestId::parse(b"0af7651916cd43dd8448eb211c80319c").expect("an id"),
        trace_id: None,
    }
}
