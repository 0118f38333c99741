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
