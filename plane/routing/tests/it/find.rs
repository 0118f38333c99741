//! Which route takes a request: settings as people write them are compiled, and asked with whole URLs.

use homeostat_routing::settings::Gateway;
use homeostat_routing::{Asked, Table};
use http::Request;

fn table(text: &str) -> Table {
    let settings: Gateway = toml::from_str(text).unwrap();
    Table::compile(&settings).unwrap_or_else(|problems| panic!("{problems}"))
}

fn found(table: &Table, method: &str, url: &str) -> Option<String> {
    let (parts, ()) = Request::builder().method(method).uri(url).body(()).unwrap().into_parts();
    let found = table.find(&Asked::from(&parts))?;
    let caught: Vec<String> =
        found.route.capture_names().iter().zip(found.captures.as_slice()).map(|(n, v)| format!("{n}={v}")).collect();
    Some(format!("{} {}", found.route.name, caught.join(" ")).trim_end().to_owned())
}

#[test]
fn the_most_specific_route_takes_the_request() {
    // Would break: an administrator's path is served by the public route that lies above it.
    let table = table(
        r#"
        [routes.all]
        to = "site"
        [routes.shop]
        host = "shop.example.org"
        to = "shop"
        [routes.any-below]
        host = "*.example.org"
        path = "/only/{rest..}"
        to = "shop"
        [routes.user]
        path = "/users/{id}"
        to = "api"
        [routes.me]
        path = "/users/me"
        methods = "GET"
        to = "api"
        [routes.api]
        path_prefix = "/api"
        to = "api"
        "#,
    );
    let found = |method, url| found(&table, method, url).unwrap_or_default();
    assert_eq!(found("GET", "http://other/x/y"), "all rest=x/y");
    assert_eq!(found("GET", "http://SHOP.example.org:80/x"), "shop rest=x");
    assert_eq!(found("GET", "http://a.b.example.org/only/"), "any-below rest=");
    assert_eq!(found("GET", "http://a.b.example.org/only"), "all rest=only");
    assert_eq!(found("GET", "http://other/users/7"), "user id=7");
    assert_eq!(found("GET", "http://other/users/me"), "me");
    assert_eq!(found("PUT", "http://other/users/me"), "user id=me");
    assert_eq!(found("GET", "http://other/users/"), "all rest=users/");
    assert_eq!(found("GET", "http://other/api"), "api rest=");
    assert_eq!(found("GET", "http://other/api/v1/x"), "api rest=v1/x");
    assert_eq!(found("GET", "http://other/apis"), "all rest=apis");
}
