//! What the edge does for every request, put together: ids, forwarded headers, limits, keys, other origins, compression.

use std::io::{Read, Write};

use crate::house::{House, Origin, ok};

fn shop(origin: &Origin, route: &str) -> String {
    format!(
        "[gateway.routes.shop]\nto = \"shop\"\n{route}\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        origin.address
    )
}

#[test]
fn who_the_client_is_cannot_be_made_up() {
    // Would break: a client names itself by headers that only a trusted proxy may write.
    let origin = Origin::start(|head, _| ok(head));
    let house = House::open(&shop(&origin, ""));
    let answer = house
        .talk(
            "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n\
             X-Real-IP: 6.6.6.6\r\nConnection: close\r\n\r\n",
        )
        .to_lowercase();
    assert!(!answer.contains("6.6.6.6"), "{answer}");
    assert!(answer.contains("x-forwarded-for: 127.0.0.1\r\n"), "{answer}");
    assert!(answer.contains("x-forwarded-proto: http\r\n"), "{answer}");
}

#[test]
fn a_request_has_one_id_at_the_upstream_and_at_the_client() {
    // Would break: nobody can find the log line of a request that failed.
    let origin = Origin::start(|head, _| ok(head));
    let house = House::open(&shop(&origin, ""));
    let answer = house.get("/").to_lowercase();
    let ids: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
    assert_eq!(ids.len(), 2, "{answer}");
    assert_eq!(ids[0], ids[1], "{answer}");
    assert!(answer.contains("traceparent: 00-"), "{answer}");
}

#[test]
fn a_client_over_its_limit_is_told_when_to_come_back() {
    // Would break: one client takes what is for all.
    let origin = Origin::named("shop");
    let limit = "rate_limits.each = { per = \"address\", requests = 2, window = \"60s\" }";
    let house = House::open(&shop(&origin, limit));
    assert!(house.get("/").starts_with("HTTP/1.1 200"));
    let second = house.get("/").to_lowercase();
    assert!(second.contains("ratelimit-policy: \"each\";q=2;w=60\r\n"), "{second}");
    let third = house.get("/").to_lowercase();
    assert!(third.starts_with("http/1.1 429"), "{third}");
    assert!(third.contains("retry-after: "), "{third}");
    assert!(third.contains("h0610"), "{third}");
}

#[test]
fn only_who_has_a_key_comes_in_and_the_key_stays_here() {
    // Would break: a route for partners is open, or a name can be claimed by a header.
    let origin = Origin::start(|head, _| ok(head));
    let mut keys = tempfile::NamedTempFile::new().unwrap();
    // SHA-256 of "open sesame".
    writeln!(keys, "partner 41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb").unwrap();
    let auth = format!(
        "auth = \"partners\"\n[gateway.auth.partners.api_keys]\nfile = {:?}\nforward_name = \"X-Partner\"\n",
        keys.path()
    );
    let house = House::open(&shop(&origin, &auth));
    let refused = house.get("/");
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    let ask = |key: &str| {
        house.talk(format!(
            "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Api-Key: {key}\r\nX-Partner: root\r\nConnection: close\r\n\r\n"
        ))
    };
    assert!(ask("wrong").starts_with("HTTP/1.1 401"));
    let answer = ask("open sesame").to_lowercase();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(answer.contains("x-partner: partner\r\n"), "{answer}");
    assert!(!answer.contains("root"), "{answer}");
}

#[test]
fn a_page_of_another_origin_may_call_what_it_is_allowed_to() {
    // Would break: browsers refuse the pages of a partner, or let in those of anybody.
    let origin = Origin::named("shop");
    let house = House::open(&shop(&origin, "cors = { origins = [\"https://app.test\"] }"));
    let ask = |origin: &str| {
        house
            .talk(format!(
                "OPTIONS / HTTP/1.1\r\nHost: shop.test\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
                 Connection: close\r\n\r\n"
            ))
            .to_lowercase()
    };
    let allowed = ask("https://app.test");
    assert!(allowed.starts_with("http/1.1 204"), "{allowed}");
    assert!(allowed.contains("access-control-allow-origin: https://app.test\r\n"), "{allowed}");
    assert!(!ask("https://evil.test").contains("access-control-allow-origin"));
}

#[test]
fn answers_are_compressed_for_those_who_take_it() {
    // Would break: a page of text goes out at five times its size, or compressed to a client that cannot read it.
    let origin = Origin::start(|_, _| {
        let text = "all the same ".repeat(500);
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}", text.len())
            .into_bytes()
    });
    let house = House::open(&shop(&origin, "compression = {}"));
    let ask = |accepts: &str| {
        house.talk(format!(
            "GET / HTTP/1.1\r\nHost: shop.test\r\nAccept-Encoding: {accepts}\r\nConnection: close\r\n\r\n"
        ))
    };
    let small = ask("gzip");
    assert!(small.to_lowercase().contains("content-encoding: gzip\r\n"), "{small}");
    assert!(small.len() < 1_500, "{}", small.len());
    let plain = ask("identity");
    assert!(plain.len() > 6_500 && plain.to_lowercase().contains("vary: accept-encoding"), "{plain}");
}

#[test]
fn a_browser_gets_a_page_and_a_program_gets_json() {
    // Would break: people read JSON, or programs have to read HTML.
    let house = House::open("");
    let page = house.talk(
        "GET / HTTP/1.1\r\nHost: shop.test\r\nAccept: text/html\r\nAccept-Language: es\r\nConnection: close\r\n\r\n",
    );
    assert!(page.starts_with("HTTP/1.1 404") && page.contains("<html lang=\"es\""), "{page}");
    assert!(house.get("/").contains("\"code\":\"H0601\""));
}

#[test]
fn spans_of_a_request_and_its_attempt_hang_together() {
    // Would break: a trace ends at the gateway, or an attempt belongs to nobody.
    let origin = Origin::start(|head, _| ok(head));
    let settings =
        shop(&origin, "").replacen("[gateway.routes", "[gateway.trace]\nsample = \"100%\"\n[gateway.routes", 1);
    let house = House::open(&settings);
    let mut collector = house.control();
    collector.write_all(b"GET /v1/spans HTTP/1.1\r\nHost: gateway\r\n\r\n").unwrap();
    let mut head = [0; 4096];
    assert!(collector.read(&mut head).unwrap() > 0);
    let answer = house.get("/a");
    let parent = answer.split("traceparent: 00-").nth(1).unwrap();
    let (trace, attempt) = (&parent[..32], &parent[33..49]);
    let mut told = String::new();
    while !told.contains("url.path") {
        let mut piece = [0; 4096];
        let count = collector.read(&mut piece).unwrap();
        told.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    assert_eq!(told.matches(&format!("\"traceId\":\"{trace}\"")).count(), 2, "{told}");
    assert!(told.contains(&format!("\"spanId\":\"{attempt}\"")), "{told}");
}
