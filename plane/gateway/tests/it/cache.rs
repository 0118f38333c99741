//! Answers that are kept, through the whole gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::house::{House, Origin};

fn kept(origin: &Origin, cache: &str) -> String {
    format!(
        "[gateway.routes.shop]\nto = \"shop\"\ncache = {{ {cache} }}\nresilience = {{ deadline_ms = 2000, attempts_max = 1 }}\n\
         [gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        origin.address
    )
}

fn answer(headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn what_is_fresh_is_not_asked_for_again() {
    // Would break: the cache keeps nothing, or tells nobody that it does.
    let origin = Origin::start(|_, _| answer("Cache-Control: max-age=60\r\nETag: \"one\"\r\n", "page"));
    let house = House::open(&kept(&origin, ""));
    let first = house.get("/page");
    assert!(first.contains("cache-status: homeostat; fwd=miss; stored") && first.ends_with("page"), "{first}");
    let second = house.get("/page");
    assert!(second.contains("cache-status: homeostat; hit; ttl=") && second.ends_with("page"), "{second}");
    assert!(second.contains("\r\nage: "), "{second}");
    assert_eq!(origin.requests.load(Ordering::SeqCst), 1);
    let unchanged =
        house.talk("GET /page HTTP/1.1\r\nHost: shop.test\r\nIf-None-Match: \"one\"\r\nConnection: close\r\n\r\n");
    assert!(unchanged.starts_with("HTTP/1.1 304"), "{unchanged}");
    let part = house.talk("GET /page HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=1-2\r\nConnection: close\r\n\r\n");
    assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("\r\n\r\nag"), "{part}");
    assert_eq!(origin.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn many_who_miss_at_once_are_one_request() {
    // Would break: a page that expires under load brings its origin down.
    let origin = Origin::start(|_, _| {
        std::thread::sleep(Duration::from_millis(200));
        answer("Cache-Control: max-age=60\r\n", "dear")
    });
    let house = House::open(&kept(&origin, ""));
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..50).map(|_| scope.spawn(|| house.get("/dear"))).collect();
        assert!(all.into_iter().all(|one| one.join().unwrap().ends_with("dear")));
    });
    assert_eq!(origin.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn an_origin_that_fails_is_covered_by_what_is_stale() {
    // Would break: a page that was there a moment ago is an error because its origin has a bad minute.
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let origin = Origin::start(move |_, _| {
        if failing.load(Ordering::SeqCst) {
            return b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec();
        }
        answer("Cache-Control: max-age=1, stale-if-error=600\r\n", "still here")
    });
    let house = House::open(&kept(&origin, ""));
    assert!(house.get("/").ends_with("still here"));
    fails.store(true, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(1_300));
    let stale = house.get("/");
    assert!(stale.starts_with("HTTP/1.1 200") && stale.ends_with("still here"), "{stale}");
    assert!(stale.contains("fwd=stale"), "{stale}");
}

#[test]
fn what_depends_on_the_language_is_kept_for_each() {
    // Would break: a Spanish page is given to somebody who asked for English.
    let origin = Origin::start(|head, _| {
        let spanish = head.to_lowercase().contains("accept-language: es");
        answer("Cache-Control: max-age=60\r\nVary: Accept-Language\r\n", if spanish { "hola" } else { "hello" })
    });
    let house = House::open(&kept(&origin, ""));
    let ask = |language: &str| {
        house.talk(format!(
            "GET / HTTP/1.1\r\nHost: shop.test\r\nAccept-Language: {language}\r\nConnection: close\r\n\r\n"
        ))
    };
    for _ in 0..3 {
        assert!(ask("es").ends_with("hola"));
        assert!(ask("en").ends_with("hello"));
    }
    assert_eq!(origin.requests.load(Ordering::SeqCst), 2);
}

#[test]
fn what_is_purged_or_changed_is_asked_for_again() {
    // Would break: an editor's correction is not seen until the old page expires.
    let number = AtomicUsize::new(0);
    let origin = Origin::start(move |_, _| {
        let number = number.fetch_add(1, Ordering::SeqCst);
        answer("Cache-Control: max-age=60\r\nCache-Tag: articles\r\n", &format!("version {number}"))
    });
    let house = House::open(&kept(&origin, ""));
    let first = house.get("/articles/1");
    assert!(first.ends_with("version 0") && !first.contains("cache-tag"), "{first}");
    assert!(house.get("/articles/1").ends_with("version 0"));
    assert!(house.order("POST /v1/cache/purge", "{\"tag\":\"articles\"}").starts_with("HTTP/1.1 204"));
    assert!(house.get("/articles/1").ends_with("version 1"));
    house.order("POST /v1/cache/purge", "{\"pattern\":\"http://shop.test/articles/*\"}");
    assert!(house.get("/articles/1").ends_with("version 2"));
    house.talk("PUT /articles/1 HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    assert!(house.get("/articles/1").ends_with("version 4"));
}

#[test]
fn what_is_for_one_client_is_not_kept_and_the_advice_says_why() {
    // Would break: somebody's cookie is given to somebody else.
    let origin = Origin::start(|_, _| answer("Cache-Control: max-age=60\r\nSet-Cookie: session=1\r\n", "mine"));
    let house = House::open(&kept(&origin, ""));
    assert!(house.get("/").ends_with("mine"));
    assert!(house.get("/").ends_with("mine"));
    assert_eq!(origin.requests.load(Ordering::SeqCst), 2);
    let advice = house.order("GET /v1/cache", "");
    assert!(advice.contains("\"reason\":\"set_cookie\""), "{advice}");
}

#[test]
fn a_large_answer_that_comes_in_pieces_is_kept_whole() {
    // Would break: what is streamed to the first client is not kept for the second, or kept in part.
    let body = "0123456789".repeat(20_000);
    let whole = body.clone();
    let origin = Origin::start(move |_, _| answer("Cache-Control: max-age=60\r\n", &whole));
    let house = House::open(&kept(&origin, "store_as = \"zstd\""));
    for _ in 0..3 {
        assert!(house.get("/large").ends_with(&body));
    }
    assert_eq!(origin.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn a_confirmation_of_another_answer_is_none_of_the_kept_one() {
    // Would break: the kept body is given under the tag of a body that nobody has, or the client gets an error.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let origin = Origin::start(move |head, _| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        match (number, head.to_lowercase().contains("if-none-match: \"one\"")) {
            (_, true) => b"HTTP/1.1 304 Not Modified\r\nETag: \"two\"\r\nCache-Control: max-age=60\r\n\r\n".to_vec(),
            (0, false) => answer("Cache-Control: max-age=0\r\nETag: \"one\"\r\n", "old"),
            (_, false) => answer("Cache-Control: max-age=60\r\nETag: \"two\"\r\n", "new"),
        }
    });
    let house = House::open(&kept(&origin, ""));
    assert!(house.get("/").ends_with("old"));
    let second = house.get("/");
    assert!(second.starts_with("HTTP/1.1 200") && second.ends_with("new") && second.contains("\"two\""), "{second}");
    assert!(house.get("/").ends_with("new"));
    assert_eq!(asked.load(Ordering::SeqCst), 3, "the new one is kept");
}
