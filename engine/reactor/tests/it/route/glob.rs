//! The pattern matcher against one that is obviously right and hopelessly slow.

use homeostat_reactor::route::{BadPattern, Glob, PATTERN_BYTES_MAX, TEXT_BYTES_MAX};
use proptest::prelude::*;

/// By the definition alone.
fn naive(pattern: &str, text: &str) -> bool {
    fn letters(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|taken| letters(rest, &text[taken..])),
            Some((wanted, rest)) => text
                .split_first()
                .is_some_and(|(letter, tail)| (*wanted == '?' || wanted == letter) && letters(rest, tail)),
        }
    }
    fn names(pattern: &[&str], text: &[&str]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((&"**", rest)) => (0..=text.len()).any(|taken| names(rest, &text[taken..])),
            Some((wanted, rest)) => text.split_first().is_some_and(|(name, tail)| {
                let (wanted, name): (Vec<char>, Vec<char>) = (wanted.chars().collect(), name.chars().collect());
                letters(&wanted, &name) && names(rest, tail)
            }),
        }
    }
    let pattern: Vec<&str> = pattern.split('.').collect();
    let text: Vec<&str> = if text.is_empty() { Vec::new() } else { text.split('.').collect() };
    names(&pattern, &text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_pattern_matches_what_its_definition_says(
        pattern in proptest::collection::vec("(\\*\\*|[ab*?é]{1,4})", 1..6),
        text in "[abé.]{0,14}",
    ) {
        // Would break: events that go elsewhere than the rules say.
        let pattern = pattern.join(".");
        if let Ok(glob) = Glob::new(&pattern) {
            prop_assert_eq!(glob.matches(&text), naive(&pattern, &text), "{} on {:?}", pattern, text);
        }
    }
}

#[test]
fn patterns_say_what_they_seem_to_say() {
    // Would break: a rule for `shop.**` that misses the shop itself, or one for `shop.*` that takes everything in it.
    for (pattern, matches, others) in [
        ("shop.orders.*", vec!["shop.orders.17"], vec!["shop.orders", "shop.orders.17.lines", "shop.carts.1"]),
        ("shop.**", vec!["shop", "shop.a", "shop.a.b"], vec!["", "shops", "shopping.a"]),
        ("**.lines", vec!["lines", "a.lines", "a.b.lines"], vec!["a.lines.b"]),
        ("a.**.b.**.c", vec!["a.b.c", "a.x.b.y.z.c", "a.b.b.c"], vec!["a.c", "a.b", "a.x.c"]),
        ("Order*", vec!["Order", "OrderPlaced"], vec!["order", "Order.x", "ReOrder"]),
        ("v?.x", vec!["v1.x"], vec!["v.x", "v10.x"]),
        ("**", vec!["", "a", "a.b.c"], vec![]),
    ] {
        let glob = Glob::new(pattern).unwrap();
        assert_eq!(glob.to_string(), pattern);
        assert!(matches.iter().all(|text| glob.matches(text)), "{pattern} on {matches:?}");
        assert!(!others.iter().any(|text| glob.matches(text)), "{pattern} not on {others:?}");
    }
}

#[test]
fn patterns_that_cannot_be_meant_are_refused() {
    // Would break: a typing mistake that matches nothing for months.
    assert_eq!(Glob::new(""), Err(BadPattern::Empty));
    assert!(matches!(Glob::new("a..b"), Err(BadPattern::EmptyName(_))));
    assert!(matches!(Glob::new(".a"), Err(BadPattern::EmptyName(_))));
    assert!(matches!(Glob::new("a.b**"), Err(BadPattern::MixedStars(_))));
    assert!(matches!(Glob::new("***"), Err(BadPattern::MixedStars(_))));
    assert_eq!(Glob::new(&"a".repeat(PATTERN_BYTES_MAX + 1)), Err(BadPattern::TooLong(PATTERN_BYTES_MAX + 1)));
}

#[test]
fn the_worst_pattern_on_the_worst_text_is_done_at_once() {
    // Would break: an event with a crafted subject that stops the router for minutes; naively this takes longer than the universe.
    let stars = Glob::new(&"*a".repeat(PATTERN_BYTES_MAX / 2)).unwrap();
    let names = Glob::new(&format!("{}b", "**.a.".repeat(51))).unwrap();
    for _ in 0..100 {
        assert!(!stars.matches(&format!("{}b", "a".repeat(TEXT_BYTES_MAX - 1))));
        assert!(!names.matches(&"a.".repeat(TEXT_BYTES_MAX / 2)[..TEXT_BYTES_MAX - 1]));
    }
    assert!(!Glob::new("**").unwrap().matches(&"a".repeat(TEXT_BYTES_MAX + 1)));
}
