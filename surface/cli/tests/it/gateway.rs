//! `gateway`: what it says of routes, of a request that somebody types, and of where endpoints come from.

use crate::home::Home;
use homeostat_cli::Exit;
use std::ffi::OsString;

const GATEWAY: &str = r#"
[services.shop]
command = ["sleep", "1000"]
port = "auto"

[gateway.routes.shop]
host = "shop.example.org"
to = "shop"

[gateway.routes.canary]
host = "shop.example.org"
path_prefix = "/cart"
methods = "GET"
headers = { X-Cohort = "new*" }
split = { shop = 90, next = 10 }

[gateway.routes.old]
path = "/old/{rest..}"
redirect = { path = "/new/{rest}" }

[gateway.routes.alive]
path = "/alive"
respond = { body = "yes" }

[gateway.upstreams.next]
endpoints = ["127.0.0.1:9001", "127.0.0.1:9002"]

[gateway.upstreams.far]
dns = "far.internal:80"
"#;

fn home() -> Home {
    let home = Home::new();
    std::fs::write(home.configuration(), format!("[engine]\ndata_folder = \"data\"\n{GATEWAY}")).unwrap();
    home
}

fn attempt(home: &Home, request: &str, further: &[&str]) -> crate::home::Ran {
    let config = home.configuration();
    let words = [OsString::from("homeostat"), "--config".into(), config.into_os_string()];
    let asked = ["gateway", "routes", "--try", request].into_iter().chain(further.iter().copied());
    home.run_words(words.into_iter().chain(asked.map(OsString::from)))
}

#[test]
fn the_gateway_is_shown_in_words() {
    // Would break: nobody can see what a gateway will do without sending it users.
    let home = home();
    insta::assert_snapshot!("gateway_check", home.run("gateway check").all());
    insta::assert_snapshot!("gateway_routes", home.run("gateway routes").all());
    insta::assert_snapshot!("gateway_routes_es", home.run("gateway routes --lang es").all());
    insta::assert_snapshot!("gateway_endpoints", home.run("gateway endpoints").all());
    insta::assert_snapshot!("gateway_endpoints_es", home.run("gateway endpoints --lang es").all());
}

#[test]
fn a_request_that_is_typed_finds_its_route_and_the_others_say_why_not() {
    // Would break: the question "why does this go there" is answered by trial on live traffic.
    let home = home();
    let header = ["--header", "X-Cohort: new-1"];
    insta::assert_snapshot!("gateway_try", attempt(&home, "GET http://shop.example.org/a/../cart/7", &header).all());
    insta::assert_snapshot!("gateway_try_es", attempt(&home, "http://shop.example.org/cart", &["--lang", "es"]).all());
    let none = attempt(&home, "POST /nowhere", &[]);
    assert_eq!(none.exit, Exit::Findings);
    insta::assert_snapshot!("gateway_try_none", none.all());
    let json: serde_json::Value = serde_json::from_str(&attempt(&home, "/old/x/y", &["--output", "json"]).out).unwrap();
    assert_eq!((json["route"].as_str(), json["caught"]["rest"].as_str()), (Some("old"), Some("x/y")));
    assert_eq!(attempt(&home, "/a/..%2Fb", &[]).exit, Exit::Usage);
}

#[test]
fn routes_stand_as_they_are_asked_and_say_who_may_in_and_what_is_kept() {
    // Would break: the list says another order than the gateway has, and nobody sees that a route is open to all.
    let home = home();
    let text = std::fs::read_to_string(home.configuration()).unwrap();
    let more = "[gateway.auth.partners]\njwt = { issuer = \"i\", audience = \"a\", jwks_file = \"keys.json\" }\n\
                [gateway.routes.pictures]\npath_prefix = \"/pictures\"\nto = \"shop\"\ncache = { fresh_default = \"5m\" }\n\
                [gateway.routes.api]\nhost = \"*.example.org\"\nto = \"shop\"\nauth = \"partners\"\ncache = {}\n";
    std::fs::write(home.configuration(), format!("{text}\n{more}")).unwrap();
    std::fs::write(home.configuration().with_file_name("keys.json"), "{\"keys\":[]}").unwrap();
    insta::assert_snapshot!("gateway_routes_guarded", home.run("gateway routes").all());
    insta::assert_snapshot!("gateway_routes_guarded_es", home.run("gateway routes --lang es").all());
}

#[test]
fn what_is_no_request_is_told_with_what_was_expected() {
    // Would break: a slip is taken for another request, and its answer for that of the gateway.
    let home = home();
    let bad = [
        "",
        "G(T /x",
        "GET /x extra",
        "ftp://shop.example.org/x",
        "http:///x",
        "http://u@shop.example.org/",
        "shop<>/x",
        "/a/..%2Fb",
    ];
    let said = bad.map(|request| {
        let ran = attempt(&home, request, &[]);
        assert_eq!(ran.exit, Exit::Usage, "{request:?}: {}", ran.all());
        ran.err
    });
    let (header, bare) = (attempt(&home, "/", &["--header", "blue"]), home.run("gateway routes --try"));
    assert_eq!((header.exit, bare.exit), (Exit::Usage, Exit::Usage));
    insta::assert_snapshot!("gateway_try_bad", format!("{}{}{}", said.concat(), header.err, bare.err));
    assert_eq!(attempt(&home, "get shop.example.org:80/", &[]).exit, Exit::Ok);
}

#[test]
fn a_route_that_is_not_there_is_not_watched() {
    // Would break: somebody waits without end for requests of a route whose name they mistyped.
    let ran = home().run("tap --route shp");
    assert_eq!(ran.exit, Exit::Usage);
    insta::assert_snapshot!("tap_no_route", ran.err);
    insta::assert_snapshot!("tap_no_route_es", home().run("tap --route shp --lang es").err);
    assert_eq!(home().run("tap --route shop").exit, Exit::Unreachable);
    assert_eq!(Home::new().run("tap --route shop").exit, Exit::Usage);
}

#[test]
fn what_is_not_there_is_said() {
    // Would break: an empty answer is taken for a gateway without routes.
    let none = Home::new().run("gateway check");
    assert_eq!(none.exit, Exit::Findings);
    insta::assert_snapshot!("gateway_none", none.all());
}
