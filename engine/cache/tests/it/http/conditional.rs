//! Questions whether something has changed, in both directions.

use homeostat_cache::http::{
    Freshened, freshen, freshen_by_head, is_not_modified, kept, not_modified, revalidate, set_age,
};
use http::{Method, StatusCode};

use super::{date, head, now, secs};

fn is_304(request: &[&str], stored: &[&str]) -> bool {
    is_not_modified(&Method::GET, &head(request), StatusCode::OK, &head(stored), now())
}

#[test]
fn a_client_that_has_it_is_told_so() {
    // Would break: a body sent again for nothing, or 304 for something the client never had.
    let stored = ["etag: \"abc\""];
    assert!(is_304(&["if-none-match: \"abc\""], &stored));
    assert!(is_304(&["if-none-match: W/\"abc\""], &stored));
    assert!(is_304(&["if-none-match: \"1\", \"a,b\", \"abc\""], &stored));
    assert!(is_304(&["if-none-match: \"1\"", "if-none-match: \"abc\""], &stored));
    assert!(is_304(&["if-none-match: *"], &stored));
    assert!(
        is_304(&["if-none-match: abc"], &stored) && is_304(&["if-none-match: \"a\u{fc}\""], &["etag: \"a\u{fc}\""])
    );
    assert!(!is_304(&["if-none-match: \"ab\""], &stored) && !is_304(&["if-none-match: \"abc"], &stored));
    assert!(!is_304(&["if-none-match: \"abc\""], &[]) && !is_304(&[], &stored));
    let changed = format!("last-modified: {}", date(-100));
    let since = |seconds| format!("if-modified-since: {}", date(seconds));
    assert!(is_304(&[&since(-100)], &[&changed]) && is_304(&[&since(-50)], &[&changed]));
    assert!(!is_304(&[&since(-101)], &[&changed]) && !is_304(&["if-modified-since: soon"], &[&changed]));
    // Without a date of the change, that of the answer.
    assert!(!is_304(&[&since(-100)], &[]) && is_304(&[&since(0)], &[]));
    // The tag goes first.
    assert!(!is_304(&["if-none-match: \"1\"", &since(0)], &["etag: \"abc\"", &changed]));
    let post = is_not_modified(&Method::POST, &head(&["if-none-match: *"]), StatusCode::OK, &head(&stored), now());
    let missing =
        is_not_modified(&Method::GET, &head(&["if-none-match: *"]), StatusCode::NOT_FOUND, &head(&stored), now());
    assert!(!post && !missing);
}

#[test]
fn a_304_says_what_the_standard_asks_for_and_nothing_of_the_body() {
    // Would break: a client that updates its copy with the length of an empty body.
    let stored = head(&[
        "etag: \"a\"",
        "vary: a",
        "vary: b",
        "content-length: 10",
        "content-type: x/y",
        "cache-control: max-age=1",
        "x-other: 1",
    ]);
    let mut answer = not_modified(&stored);
    set_age(&mut answer, secs(7));
    assert_eq!(answer, head(&["etag: \"a\"", "vary: a", "vary: b", "cache-control: max-age=1", "age: 7"]));
}

#[test]
fn the_origin_is_asked_about_what_we_have_and_not_what_the_client_has() {
    // Would break: a 304 about the client's copy that is taken for one about ours.
    let mut request = head(&["if-none-match: \"client\"", "range: bytes=0-1", "if-range: \"client\"", "accept: a/b"]);
    let changed = format!("last-modified: {}", date(-9));
    assert!(revalidate(&mut request, &head(&["etag: W/\"ours\"", &changed])));
    assert_eq!(
        request,
        head(&["if-none-match: W/\"ours\"", &format!("if-modified-since: {}", date(-9)), "accept: a/b"])
    );
    assert!(!revalidate(&mut request, &head(&["last-modified: yesterday"])));
    assert_eq!(request, head(&["accept: a/b"]));
}

#[test]
fn a_304_brings_the_stored_head_up_to_date_but_not_what_describes_the_body() {
    // Would break: a stored body with the length or the coding of another one.
    let stored = || {
        head(&[
            "etag: \"a\"",
            "content-length: 10",
            "content-encoding: gzip",
            "x-one: 1",
            "x-many: 1",
            "age: 50",
            "date: x",
        ])
    };
    let mut updated = stored();
    let answer = head(&[
        "etag: \"a\"",
        "content-length: 0",
        "content-encoding: br",
        "x-many: 2",
        "x-many: 3",
        "connection: x-hop",
        "x-hop: 1",
        "date: y",
    ]);
    assert_eq!(freshen(&mut updated, &answer, now()), Freshened::Updated);
    assert_eq!(
        updated,
        head(&[
            "etag: \"a\"",
            "content-length: 10",
            "content-encoding: gzip",
            "x-one: 1",
            "x-many: 2",
            "x-many: 3",
            "date: y"
        ])
    );
    let mut other = stored();
    assert_eq!(freshen(&mut other, &head(&["etag: \"b\""]), now()), Freshened::Mismatch);
    assert_eq!(other, stored());
    assert_eq!(freshen(&mut other, &head(&["x-one: 2"]), now()), Freshened::Updated);
    let mut plain = head(&["x: 1"]);
    assert_eq!(freshen(&mut plain, &head(&["etag: \"b\""]), now()), Freshened::Mismatch);
    // A HEAD that speaks of another body makes the stored one worthless.
    assert_eq!(freshen_by_head(&mut stored(), &head(&["content-length: 11"]), now()), Freshened::Mismatch);
    assert_eq!(freshen_by_head(&mut stored(), &head(&["content-length: 10", "x-one: 5"]), now()), Freshened::Updated);
}

#[test]
fn what_belongs_to_a_connection_is_not_kept() {
    // Would break: one client's connection described to another.
    let answer = head(&[
        "connection: a, B",
        "a: 1",
        "b: 2",
        "c: 3",
        "keep-alive: x",
        "transfer-encoding: chunked",
        "proxy-authenticate: x",
        "d: 4",
    ]);
    let stored = kept(&answer, &["d".parse().unwrap()], now());
    assert_eq!(stored, head(&["c: 3", &format!("date: {}", date(0))]));
}
