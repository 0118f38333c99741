//! Parts cut from what is stored whole.

use homeostat_cache::http::Part;
use http::{Method, StatusCode};

use super::{date, head};

fn part(request: &[&str]) -> Part {
    let stored = head(&["etag: \"a\"", &format!("last-modified: {}", date(-90)), &format!("date: {}", date(0))]);
    Part::of(&Method::GET, &head(request), StatusCode::OK, &stored, 10)
}

#[test]
fn one_range_is_cut_and_anything_else_gets_the_whole() {
    // Would break: a player that gets other bytes than it asked for.
    let bytes = |range: std::ops::Range<u64>| Part::Bytes(range);
    assert_eq!(part(&["range: bytes=0-1"]), bytes(0..2));
    assert_eq!(part(&["range: Bytes=1-"]), bytes(1..10));
    assert_eq!(part(&["range: bytes=-3"]), bytes(7..10));
    assert_eq!(part(&["range: bytes=-30"]), bytes(0..10));
    assert_eq!(part(&["range: bytes=5-99999999999999999999"]), bytes(5..10));
    for whole in ["bytes=0-1,3-4", "bytes=5-3", "bytes=a-b", "bytes=+1-2", "lines=0-1", "bytes", "bytes=-", "bytes= -"]
    {
        assert_eq!(part(&[&format!("range: {whole}")]), Part::Whole, "{whole}");
    }
    assert_eq!(part(&["range: bytes=0-1", "range: bytes=2-3"]), Part::Whole);
    assert_eq!(part(&["range: bytes=10-"]), Part::Unsatisfiable);
    assert_eq!(part(&["range: bytes=-0"]), Part::Unsatisfiable);
    let request = head(&["range: bytes=0-1"]);
    assert_eq!(Part::of(&Method::HEAD, &request, StatusCode::OK, &head(&[]), 10), Part::Whole);
    assert_eq!(Part::of(&Method::GET, &request, StatusCode::NOT_FOUND, &head(&[]), 10), Part::Whole);
    assert_eq!(Part::of(&Method::GET, &request, StatusCode::OK, &head(&[]), 0), Part::Unsatisfiable);
}

#[test]
fn if_range_takes_the_very_same_bytes() {
    // Would break: half of an old file continued with half of a new one.
    let range = "range: bytes=0-1";
    let is_cut = |if_range: &str| part(&[range, &format!("if-range: {if_range}")]) != Part::Whole;
    assert!(is_cut("\"a\"") && is_cut(&date(-90)));
    assert!(!is_cut("\"b\"") && !is_cut("W/\"a\"") && !is_cut(&date(-91)) && !is_cut(&date(-89)) && !is_cut("x"));
}

#[test]
fn the_head_of_a_part_says_which() {
    // Would break: a part that a client takes for the whole.
    let mut headers = head(&["content-length: 10", "x: 1"]);
    assert_eq!(part(&["range: bytes=2-4"]).apply(&mut headers, StatusCode::OK, 10), StatusCode::PARTIAL_CONTENT);
    assert_eq!(headers, head(&["content-length: 3", "x: 1", "accept-ranges: bytes", "content-range: bytes 2-4/10"]));
    let mut headers = head(&[]);
    assert_eq!(Part::Unsatisfiable.apply(&mut headers, StatusCode::OK, 10), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(headers, head(&["accept-ranges: bytes", "content-range: bytes */10", "content-length: 0"]));
}
