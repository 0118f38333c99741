//! The normal form of paths: what it makes of the tricks by which two sides are made to read one path differently, and its laws.

use homeostat_routing::normal::{NotNormal, normal_path};
use proptest::prelude::*;

#[test]
fn paths_have_one_form() {
    // Would break: a rule about `/admin` is passed by with `/%61dmin` or `/x/../admin`.
    let cases = [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/%61dmin", "/admin"),
        ("/a%2fb", "/a%2Fb"),
        ("/a/./b/../c", "/a/c"),
        ("/a/%2e%2E/c", "/c"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a//b", "/a//b"),
        ("//a", "//a"),
        ("/a//../b", "/a/b"),
        ("/.well-known/x", "/.well-known/x"),
        ("/...", "/..."),
        ("/a;b=c/d", "/a;b=c/d"),
        ("/ä\"<>\\^`{|}", "/%C3%A4%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/%252e%252e/x", "/%252e%252e/x"),
        ("/a%2Fb/..c", "/a%2Fb/..c"),
    ];
    for (written, normal) in cases {
        assert_eq!(normal_path(written).as_deref(), Ok(normal), "{written}");
    }
}

#[test]
fn what_has_two_readings_is_refused() {
    // Would break: the gateway guards one file and the origin serves another.
    let cases = [
        ("", NotNormal::NoSlash),
        ("a", NotNormal::NoSlash),
        ("*", NotNormal::NoSlash),
        ("/%", NotNormal::BadEscape),
        ("/%4", NotNormal::BadEscape),
        ("/%zz", NotNormal::BadEscape),
        ("/a%00b", NotNormal::Control),
        ("/a\tb", NotNormal::Control),
        ("/a b", NotNormal::Control),
        ("/..", NotNormal::AboveRoot),
        ("/a/../../b", NotNormal::AboveRoot),
        ("/a/..%2Fb", NotNormal::HiddenDots),
        ("/a/%2e%2e%2fb", NotNormal::HiddenDots),
        ("/a/..%5cb", NotNormal::HiddenDots),
        ("/a/..\\b", NotNormal::HiddenDots),
        ("/a%2F../b", NotNormal::HiddenDots),
        ("/a/..;x/b", NotNormal::HiddenDots),
        ("/a/.;/b", NotNormal::HiddenDots),
    ];
    for (written, error) in cases {
        assert_eq!(normal_path(written), Err(error), "{written}");
    }
}

/// Paths of the letters that matter: dots, slashes, escapes whole and torn, and bytes of all kinds.
fn paths() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => Just("/".to_owned()),
        3 => Just(".".to_owned()),
        2 => prop::sample::select(vec!["%2e", "%2E", "%2f", "%5C", "%41", "%00", "%", "%2", ";", "\\", "a", "B"])
            .prop_map(str::to_owned),
        1 => any::<char>().prop_map(|letter| letter.to_string()),
    ];
    prop::collection::vec(part, 0..20).prop_map(|parts| format!("/{}", parts.concat()))
}

proptest! {
    #[test]
    fn a_normal_form_is_its_own_and_safe(path in paths()) {
        // Would break: a second proxy, the cache or the origin makes another path of what was already normal.
        if let Ok(normal) = normal_path(&path) {
            let again = normal_path(&normal);
            prop_assert_eq!(again.as_deref(), Ok(&*normal));
            prop_assert!(normal.starts_with('/'));
            prop_assert!(normal.split('/').all(|segment| segment != "." && segment != ".."), "{}", normal);
            prop_assert!(normal.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#?".contains(&byte)) , "{}", normal);
            // Who unescapes slashes before resolving dots comes to no other folder.
            let unescaped = normal.replace("%2F", "/").replace("%5C", "/");
            prop_assert!(unescaped.split('/').all(|segment| segment != "." && segment != ".."), "{}", normal);
        }
    }
}
