//! What routes change: headers, paths and places to go, with what a client sent in them.

use homeostat_routing::edit::Came;
use homeostat_routing::settings::Gateway;
use homeostat_routing::{Action, Asked, Match, Table};
use http::{HeaderMap, HeaderValue, Method};

fn with_match<R>(text: &str, path: &str, then: impl FnOnce(Match<'_, '_>) -> R) -> R {
    let settings: Gateway = toml::from_str(text).unwrap();
    let table = Table::compile(&settings).unwrap_or_else(|problems| panic!("{problems}"));
    let headers = HeaderMap::new();
    then(table.find(&Asked { method: &Method::GET, host: "h", path, query: None, headers: &headers }).unwrap())
}

#[test]
fn headers_are_removed_then_set_then_added() {
    // Would break: a header that a route takes away survives, or one that it sets is there twice.
    let text = r#"
        [routes.r]
        path = "/u/{id}"
        to = "a"
        request_headers = { remove = ["X-Gone"], set = { X-Id = "user {id} {{x}}" }, add = { Via-Us = "1" } }
    "#;
    with_match(text, "/u/7%0D%0A", |found| {
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-gone", "1"), ("x-id", "forged"), ("via-us", "0")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        found.route.request_edits.apply(&mut headers, &found.captures);
        assert_eq!(headers.get("x-gone"), None);
        assert_eq!(headers.get_all("x-id").iter().collect::<Vec<_>>(), ["user 7%0D%0A {x}"]);
        assert_eq!(headers.get_all("via-us").iter().collect::<Vec<_>>(), ["0", "1"]);
    });
}

#[test]
fn a_path_is_rewritten_with_what_was_caught() {
    // Would break: the upstream is asked for a path that nobody meant.
    let rewritten = |text: &str, path: &str| {
        with_match(text, path, |found| found.route.rewrite.as_ref().unwrap().path(&found.captures).unwrap())
    };
    let prefix = "[routes.r]\npath_prefix = \"/api\"\nto = \"a\"\nrewrite = { path = \"/{rest}\" }\n";
    assert_eq!(rewritten(prefix, "/api/v1/x"), "/v1/x");
    assert_eq!(rewritten(prefix, "/api"), "/");
    assert_eq!(rewritten(prefix, "/api/"), "/");
    let named = "[routes.r]\npath = \"/a/{x}/{y}/{z..}\"\nto = \"a\"\nrewrite = { path = \"/{y}/{x}/{z}\" }\n";
    assert_eq!(rewritten(named, "/a/1/2/3/4"), "/2/1/3/4");
}

#[test]
fn a_redirect_leads_where_the_settings_say_and_never_where_a_client_wants() {
    // Would break: `//evil.example` behind our name sends people to evil.example.
    let location = |redirect: &str, path: &str, query| {
        let text = format!("[routes.r]\npath_prefix = \"/\"\nredirect = {{ {redirect} }}\n");
        with_match(&text, path, |found| {
            let Action::Redirect(redirect) = &found.route.action else { panic!("a redirect") };
            let came = Came { scheme: "http", host: "shop.example.org:8080", path, query };
            redirect.location(&came, &found.captures).unwrap().to_str().unwrap().to_owned()
        })
    };
    assert_eq!(location("scheme = \"https\"", "/a", Some("x=1")), "https://shop.example.org/a?x=1");
    assert_eq!(location("host = \"new.example.org\"", "/a", None), "http://new.example.org/a");
    let moved = "path = \"/{rest}\", keep_query = false";
    assert_eq!(location(moved, "//evil.example/x", Some("y")), "http://shop.example.org:8080//evil.example/x");
}
