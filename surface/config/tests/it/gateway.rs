//! `[gateway]`: read with its defaults, judged with the services beside it, and compiled into what a gateway is started with.

use crate::place::Place;
use homeostat_config::Loaded;

const SHOP: &str = "[services.shop]\ncommand = [\"./server\"]\nport = \"auto\"\n";

fn loaded(gateway: &str) -> Loaded {
    let place = Place::with(format!("{SHOP}{gateway}"));
    place.load().unwrap_or_else(|_| panic!("{}", place.says()))
}

#[test]
fn two_lines_are_a_gateway() {
    // Would break: whoever wants one route has to learn thirty keys.
    let loaded = loaded("[gateway.routes.shop]\nto = \"shop\"\n");
    let plan = loaded.gateway.unwrap();
    assert_eq!(plan.settings.all_listeners()[0].1.address, "127.0.0.1:8080");
    let source = &plan.table.upstreams()[0].source;
    let instances = homeostat_routing::Source::Service { name: "shop".into(), port: "port".into() };
    assert_eq!(*source, instances);
    let place = Place::with(SHOP);
    assert!(place.load().unwrap().gateway.is_none(), "no section, no gateway");
}

#[test]
fn a_gateway_may_stand_alone() {
    // Would break: a gateway in front of machines elsewhere is told off for having no services.
    let place = Place::with("[gateway.upstreams.a]\nendpoints = [\"127.0.0.1:1\"]\n[gateway.routes.a]\nto = \"a\"\n");
    assert!(place.problems().is_empty(), "{}", place.says());
}

#[test]
fn files_begin_at_the_folder_and_orders_in_the_data_folder() {
    // Would break: a gateway started elsewhere finds no certificate, or two engines share one socket.
    let tls = "[gateway.listeners.secure]\naddress = \"127.0.0.1:8443\"\ntls = { certificate = \"c.pem\", key = \"/etc/passwd\" }\n";
    let place = Place::with(format!("{SHOP}[gateway.routes.shop]\nto = \"shop\"\n{tls}")).file("c.pem", "");
    let settings = place.load().unwrap().gateway.unwrap().settings;
    let tls = settings.listeners["secure"].tls.as_ref().unwrap();
    let within = |name: &str| place.folder().join(name).display().to_string();
    assert_eq!((tls.certificate.clone(), tls.key.as_str()), (within("c.pem"), "/etc/passwd"));
    assert_eq!(settings.control.socket, Some(within(".homeostat/gateway.sock")));
}

#[test]
fn a_file_that_is_not_there_is_told_before_anything_starts() {
    // Would break: `check` is content, and the gateway starts again and again without its certificate or its keys.
    let text = "[gateway.listeners.secure]\naddress = \"127.0.0.1:8443\"\ntls = { certificate = \"c.pem\", key = \"c.pem\", more = [{ \
                certificate = \"c.pem\", key = \"none.pem\" }] }\n[gateway.auth.a]\njwt = { issuer = \"i\", audience = \"a\", jwks_file = \
                \"none.json\" }\n[gateway.auth.b]\napi_keys = { file = \"none.txt\" }\n[gateway.routes.shop]\nto = \"shop\"\n";
    let place = Place::with(format!("{SHOP}{text}")).file("c.pem", "");
    assert_eq!(place.codes(), ["H0037", "H0037", "H0037"], "{}", place.says());
}

#[test]
fn a_change_of_the_gateway_is_a_change() {
    // Would break: a reload that changes only a route is taken for none.
    let with = |path: &str| {
        let loaded = loaded(&format!("[gateway.routes.shop]\nto = \"shop\"\npath_prefix = \"{path}\"\n"));
        loaded.fingerprint()
    };
    assert_ne!(with("/a"), with("/b"));
}

#[test]
fn numbers_texts_and_lists_are_read_as_what_they_are() {
    // Would break: a share with a point or one host without brackets is refused by a shape that knows neither.
    let text = r#"
        [gateway]
        resilience = { extra_share = 0.2, limit = 50, breaker_slow_ms = 100 }
        [gateway.routes.shop]
        host = "a.example.org"
        methods = ["GET", "POST"]
        to = "shop"
        resilience = { limit = "off", extra_share = 1 }
    "#;
    let settings = loaded(text).gateway.unwrap().settings;
    let stack = settings.resilience_of("shop", "shop");
    assert!(
        (settings.resilience.extra_share - 0.2).abs() < f64::EPSILON && (stack.extra_share - 1.0).abs() < f64::EPSILON
    );
    assert_eq!(settings.routes["shop"].host.0, ["a.example.org"]);
    let bad =
        Place::with(format!("{SHOP}[gateway]\nresilience = {{ limit = -1, extra_share = nan, deadline_ms = 1.5 }}\n"));
    insta::assert_snapshot!("gateway_bad_numbers", bad.says());
}

#[test]
fn many_mistakes_are_told_at_once_with_place_and_remedy() {
    // Would break: mending one mistake to meet the next, or a mistake that is underlined in the wrong line.
    let place = Place::with(format!(
        r#"{SHOP}
[gateway]
listen = "0.0.0.0:5000"
worker = 2
trusted_hops = ["10.0.0.0/33"]

[gateway.auth.staff]
jwt = {{ issuer = "https://id.example.org", audience = "shop" }}

[gateway.routes.api]
host = "*.*.example.org"
path = "/v1/{{rest}}/{{rest}}"
to = "shpo"
auth = "stuff"

[gateway.routes.canary]
split = {{ shop = 99, shop-next = 5000000000 }}
headers = {{ "X Colour" = "a*b" }}
request_headers = {{ set = {{ Host = "x" }} }}

[gateway.routes.moved]
path = "/old/../x"
redirect = {{ path = "/new/{{what}}", status = 200 }}
cache = {{ negative = "1y" }}

[gateway.upstreams.two]
dns = "api.internal"
endpoints = ["localhost:9001"]
"#
    ));
    insta::assert_snapshot!("gateway_many_mistakes", place.says());
}

#[test]
fn what_is_shown_of_a_gateway_reads_back_as_the_same() {
    // Would break: `config show` prints a gateway that another `homeostat` reads differently, or cannot read.
    let text = r#"
        [gateway.listeners.secure]
        address = "127.0.0.1:8443"
        tls = { certificate = "c.pem", key = "k.pem", more = [{ certificate = "d.pem", key = "e.pem" }] }
        [gateway.routes.shop]
        split = { shop = 3, other = 1 }
        sticky = { cookie = {} }
        host = ["a.example.org", "b.example.org"]
        cache = { fresh_default = "5s" }
        rate_limits.each.requests = 3
        [gateway.upstreams.other]
        endpoints = ["127.0.0.1:9001"]
        resilience = { rate_per_s = 5 }
    "#;
    let with_files =
        |place: Place| ["c.pem", "k.pem", "d.pem", "e.pem", "***"].iter().fold(place, |at, name| at.file(name, ""));
    let written = with_files(Place::with(format!("{SHOP}{text}")));
    let first = written.load().unwrap_or_else(|_| panic!("{}", written.says()));
    let shown = first.show(false);
    let place = with_files(Place::with(&shown));
    let second = place.load().unwrap_or_else(|_| panic!("{}\n{shown}", place.says()));
    assert_eq!(first.gateway.unwrap().settings.routes, second.gateway.unwrap().settings.routes);
}

#[test]
fn a_gateway_has_as_long_to_end_as_its_requests_have() {
    // Would break: whoever gives uploads ten minutes to end has them cut by the engine after two.
    let grace = |gateway: &str| {
        let place = Place::with(format!("{SHOP}{gateway}[gateway.routes.shop]\nto = \"shop\"\n"));
        let mut loaded = place.load().unwrap_or_else(|_| panic!("{}", place.says()));
        loaded.declare_gateway("homeostat", "one").unwrap();
        loaded.policy.services.values().find(|service| service.takes_over).unwrap().stop.grace.0
    };
    assert!(grace("[gateway.limits]\ndrain = \"10m\"\n") > 600_000);
    // The grace is part of what is run: a change of it would have the gateway replaced.
    assert_eq!(grace("[gateway.limits]\ndrain = \"5s\"\n"), grace(""));
}

#[test]
fn a_value_of_another_kind_is_told_with_a_line_of_the_right_one() {
    // Would break: who writes `cache = true` is told that a table is wanted, and has to find out how one is written.
    let place = Place::with(format!("{SHOP}[gateway.routes.shop]\nto = 5\ncache = true\nmethods = 7\n"));
    let said = place.says();
    assert!(said.contains("as in to = \"...\"") && said.contains("as in cache = {}"), "{said}");
}
