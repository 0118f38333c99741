//! Settings that would do nothing are refused, with what to do about it.

use homeostat_routing::check::{Services, check};
use homeostat_routing::settings::Gateway;

fn refused(route: &str) -> String {
    let text = format!("[routes.shop]\n{route}\n[upstreams.shop]\nendpoints = [\"127.0.0.1:1\"]\n");
    let settings: Gateway = toml::from_str(&text).unwrap();
    check(&settings, &Services::new()).to_string()
}

#[test]
fn equal_requests_are_made_together_where_that_means_something() {
    // Would break: `coalesce` is written where it does nothing, and nobody says so.
    assert_eq!(refused("to = \"shop\"\ncoalesce = true"), "");
    assert_eq!(refused("to = \"shop\"\ncoalesce = true\ncache = { enabled = false }"), "");
    let beside = refused("to = \"shop\"\ncoalesce = true\ncache = {}");
    assert!(beside.contains("`coalesce` of route `shop` means nothing beside `cache`"), "{beside}");
    let nowhere = refused("respond = {}\ncoalesce = true");
    assert!(nowhere.contains("`coalesce` of route `shop` means nothing: its requests go nowhere"), "{nowhere}");
}

#[test]
fn policies_are_shared_with_a_route_that_has_some() {
    // Would break: routes that should make way for each other do not, because of a slip in a name.
    let with = |more: &str| refused(&format!("to = \"shop\"\n{more}\n[routes.pay]\npath = \"/pay\"\nto = \"shop\""));
    assert_eq!(with("policies_of = \"pay\""), "");
    let unknown = with("policies_of = \"pai\"");
    assert!(unknown.contains("shares the policies of `pai`, which is no route with policies of its own"), "{unknown}");
    let itself = with("policies_of = \"shop\"");
    assert!(itself.contains("shares the policies of `shop`, which is no route"), "{itself}");
    let elsewhere = |action: &str| {
        refused(&format!("to = \"shop\"\npolicies_of = \"pay\"\n[routes.pay]\npath = \"/pay\"\n{action}"))
    };
    for action in ["respond = {}", "redirect = { host = \"pay.test\" }", "to = \"bank\""] {
        let nothing = elsewhere(action);
        assert!(nothing.contains("but the two lead to no upstream in common"), "{action}: {nothing}");
    }
    assert_eq!(elsewhere("split = { shop = 1 }"), "");
    let both = with("policies_of = \"pay\"\nresilience = {}");
    assert!(both.contains("`resilience` of route `shop` means nothing beside `policies_of`"), "{both}");
}
