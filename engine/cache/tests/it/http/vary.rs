//! Variants of one address: which requests share an answer, and what bounds their number.

use homeostat_cache::http::{Reason, Variants, Vary, tags};

use super::{head, judge};

fn secondary(vary: &str, request: &[&str]) -> String {
    Vary::of(&head(&[&format!("vary: {vary}")])).unwrap().secondary(&head(request)).unwrap()
}

#[test]
fn equal_wishes_share_a_variant_and_others_do_not() {
    // Would break: a page in the wrong language, or as many copies of it as there are browsers.
    let same = |vary: &str, one: &[&str], other: &[&str]| secondary(vary, one) == secondary(vary, other);
    assert!(same("foo", &["foo: 1", "bar: 1"], &["foo: 1", "bar: 2"]));
    assert!(!same("foo", &["foo: 1"], &["foo: 2"]) && !same("foo", &["foo: 1"], &[]) && !same("foo", &["foo: "], &[]));
    assert!(same("foo", &["foo: 1, 2"], &["foo: 1", "foo: 2"]) && same("foo", &["foo: 1,2"], &["foo:  1, 2 "]));
    assert!(!same("foo", &["foo: 1, 2"], &["foo: 2, 1"]) && !same("foo", &["foo: A"], &["foo: a"]));
    let language = |one: &str, other: &str| {
        same("Accept-Language", &[&format!("accept-language: {one}")], &[&format!("accept-language: {other}")])
    };
    assert!(language("en, de", "de, EN") && language("en;q=0.5, de", "de;q=1.0 , en; q=0.5"));
    assert!(!language("en;q=0.5, de", "en, de;q=0.5") && !language("en", "en, de") && language("en, fr;q=0", "en"));
    // Who takes anything but one thing, or refuses the plain form, does not get what others take.
    assert!(!language("*", "*, fr;q=0") && !language("en;q=x", "en") && !language("en;q=0.57", "en;q=0.569"));
    let coding = |one: &str, other: &str| {
        same("Accept-Encoding", &[&format!("accept-encoding: {one}")], &[&format!("accept-encoding: {other}")])
    };
    assert!(!coding("gzip", "gzip, identity;q=0") && coding("gzip", "gzip, br;q=0") && !coding("*", "br;q=0, *"));
    assert!(!same("accept", &["accept: a;b=\"c;q=0.5\""], &["accept: a;b=\"c\";q=0.5"]));
    // Nor can bytes that are no text look like text that names them.
    assert!(!same("foo", &["foo: \u{fc}"], &["foo: \\xc3\\xbc"]));
    // The order of the fields says nothing, and no value can look like another field.
    assert_eq!(secondary("a, b", &["a: 1", "b: 2"]), secondary("B, A, a", &["b: 2", "a: 1"]));
    assert_ne!(secondary("a, b", &["a: 1", "b: 2"]), secondary("a, b", &["a: 1\tb:2"]));
}

#[test]
fn variants_are_bounded_and_die_with_their_record() {
    // Would break: a header from outside that fills the cache, or a purged page that comes back as a variant.
    let vary = judge(&["cache-control: max-age=1", "vary: foo"]).unwrap().vary;
    let variants = Variants::new(vary.clone(), 2);
    let request = |value: &str| head(&[&format!("foo: {value}")]);
    assert!(variants.admits(&request("1")) && variants.admits(&request("2")) && !variants.admits(&request("3")));
    assert!(variants.admits(&request("1")));
    let key = variants.key("https://a/", &request("1")).unwrap();
    assert!(key.starts_with("https://a/\n") && key != Variants::new(vary, 2).key("https://a/", &request("1")).unwrap());
    let long = "x".repeat(2_000);
    assert!(variants.key("https://a/", &request(&long)).is_none() && !variants.admits(&request(&long)));
}

#[test]
fn what_cannot_be_told_apart_is_not_kept() {
    // Would break: one client's page for all, because of a star that was overlooked.
    for star in ["*", "*, *", ", *", "foo, *", "*, foo"] {
        assert_eq!(Vary::of(&head(&[&format!("vary: {star}")])), Err(Reason::VaryStar), "{star}");
    }
    assert_eq!(Vary::of(&head(&["vary: ", "vary: *"])), Err(Reason::VaryStar));
    assert_eq!(Vary::of(&head(&["vary: b\u{fc}"])), Err(Reason::Vary));
    assert_eq!(Vary::of(&head(&["vary: a b"])), Err(Reason::Vary));
    let many: Vec<String> = (0..17).map(|name| format!("f{name}")).collect();
    assert_eq!(Vary::of(&head(&[&format!("vary: {}", many.join(","))])), Err(Reason::Vary));
    assert!(Vary::of(&head(&["vary: , ,"])).unwrap().is_empty());
}

#[test]
fn tags_are_read_and_bounded() {
    // Would break: a purge that takes nothing with it.
    let answer = head(&["surrogate-key: a b  c", "cache-tag: d, e f"]);
    assert_eq!(tags(&answer), ["a", "b", "c", "d", "e f"]);
    let many = "x ".repeat(500);
    assert_eq!(tags(&head(&[&format!("surrogate-key: {many}"), &format!("surrogate-key: {many}")])).len(), 128);
}
