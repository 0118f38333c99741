//! Answers that are kept are given only to those whom they were made for.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::house::{House, Origin};

fn page(headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn ask(house: &House, path: &str, headers: &str) -> String {
    house.talk(format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n{headers}Connection: close\r\n\r\n"))
}

#[test]
fn what_one_partner_was_told_no_other_partner_is() {
    // Would break: an answer made for the holder of one key is kept and given to the holder of another.
    let origin = Origin::start(|head, _| {
        let partner = head.lines().find_map(|line| line.to_lowercase().strip_prefix("x-caller: ").map(str::to_owned));
        page("Cache-Control: max-age=60\r\n", &partner.unwrap_or_else(|| "nobody".to_owned()))
    });
    let mut keys = tempfile::NamedTempFile::new().unwrap();
    // SHA-256 of "open sesame" and of "open barley".
    writeln!(keys, "one 41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb\ntwo 03cbfbf904bcf073e8a68b9dc130b451faa8eebcfc47377057f2085453875d63").unwrap();
    let house = House::open(&format!(
        "[gateway.auth.partners.api_keys]\nfile = {:?}\nforward_name = \"X-Caller\"\n\
         [gateway.routes.shop]\nto = \"shop\"\nauth = \"partners\"\ncache = {{}}\n\
         [gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        keys.path(),
        origin.address
    ));
    assert!(ask(&house, "/account", "X-Api-Key: open sesame\r\n").ends_with("\r\n\r\none"));
    let other = ask(&house, "/account", "X-Api-Key: open barley\r\n");
    assert!(other.ends_with("\r\n\r\ntwo"), "{other}");
}

#[test]
fn an_answer_of_one_route_is_not_given_on_another() {
    // Would break: a route that is told apart by a header gets what was kept for the route beside it.
    let (blue, green) = (
        Origin::start(|_, _| page("Cache-Control: max-age=60\r\n", "blue")),
        Origin::start(|_, _| page("Cache-Control: max-age=60\r\n", "green")),
    );
    let house = House::open(&format!(
        "[gateway.routes.usual]\nto = \"blue\"\ncache = {{}}\n\
         [gateway.routes.preview]\nto = \"green\"\ncache = {{}}\nheaders = {{ x-preview = \"*\" }}\nprecedence = 1\n\
         [gateway.upstreams.blue]\nendpoints = [\"{}\"]\n[gateway.upstreams.green]\nendpoints = [\"{}\"]\n",
        blue.address, green.address
    ));
    assert!(ask(&house, "/", "X-Preview: yes\r\n").ends_with("green"));
    let usual = ask(&house, "/", "");
    assert!(usual.ends_with("blue"), "{usual}");
}

#[test]
fn a_write_on_another_route_makes_what_was_kept_out_of_date() {
    // Would break: who has just saved a page reads the one from before, because reading and writing are two routes.
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let origin = Origin::start(move |head, _| {
        if head.starts_with("PUT") {
            count.fetch_add(1, Ordering::SeqCst);
        }
        page("Cache-Control: max-age=60\r\n", &format!("state {}", count.load(Ordering::SeqCst)))
    });
    let house = House::open(&format!(
        "[gateway.routes.read]\nto = \"shop\"\nmethods = [\"GET\", \"HEAD\"]\ncache = {{}}\n\
         [gateway.routes.write]\nto = \"shop\"\nmethods = [\"PUT\"]\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        origin.address
    ));
    assert!(ask(&house, "/doc", "").ends_with("state 0"));
    let put = "PUT /doc HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    assert!(house.talk(put).starts_with("HTTP/1.1 200"));
    let after = ask(&house, "/doc", "");
    assert!(after.ends_with("state 1"), "{after}");
}

#[test]
fn what_is_not_in_the_key_does_not_reach_the_origin() {
    // Would break: a parameter that makes no other answer is written into one, and that one is kept for everybody.
    let origin = Origin::start(|head, _| page("Cache-Control: max-age=60\r\n", head.lines().next().unwrap()));
    let house = House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\ncache = {{ query_without = [\"utm_source\"] }}\n\
         [gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        origin.address
    ));
    let first = ask(&house, "/a?utm_source=%3Cscript%3E&id=1", "");
    assert!(first.ends_with("GET /a?id=1 HTTP/1.1"), "{first}");
    assert!(ask(&house, "/a?id=1", "").ends_with("GET /a?id=1 HTTP/1.1"));
    assert_eq!(origin.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn a_tag_still_holds_after_the_origin_said_that_nothing_changed() {
    // Would break: a purge by tag misses what was confirmed since it was fetched.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let origin = Origin::start(move |head, _| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        if head.to_lowercase().contains("if-none-match") {
            return b"HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=600\r\nETag: \"one\"\r\n\r\n".to_vec();
        }
        let life = if number == 0 { "max-age=0" } else { "max-age=600" };
        page(
            &format!("Cache-Control: {life}\r\nETag: \"one\"\r\nSurrogate-Key: article\r\n"),
            &format!("text {number}"),
        )
    });
    let house = House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\ncache = {{}}\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        origin.address
    ));
    assert!(ask(&house, "/", "").ends_with("text 0"));
    assert!(ask(&house, "/", "").ends_with("text 0"));
    assert_eq!(asked.load(Ordering::SeqCst), 2, "the second was confirmed");
    assert!(house.order("POST /v1/cache/purge", "{\"tag\":\"article\"}").starts_with("HTTP/1.1 204"));
    let purged = ask(&house, "/", "");
    assert!(purged.ends_with("text 2"), "{purged}");
}
