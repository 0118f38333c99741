//! Rules of a router in a file: that they route, and that every mistake in them is shown at its place.

use std::fs;

use homeostat_adapters::rules_file::{RulesFile, RulesFileError};
use homeostat_reactor::Outcome;
use homeostat_reactor::route::{Router, RouterError, Target};

use super::http_out::tracked;
use super::order::{Order, soon};

const GOOD: &str = r#"
choose = "all"
default = ["archive"]

[[rule]]
name = "early orders"
to = ["billing"]
when = { kind = "order", subject = "shop.orders.?" }
"#;

fn start(file: &RulesFile) -> Result<Router<Order>, RouterError> {
    let billing = Target::handler("billing", |_: Order| async {});
    let archive = Target::handler("archive", |_: Order| async { Err("full") });
    Router::builder().target(billing).target(archive).rules(file.rules().clone()).start()
}

#[tokio::test]
async fn a_file_decides_where_events_go() {
    // Would break: the one way by which a person changes routing without a compiler.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    fs::write(&path, GOOD).unwrap();
    let router = start(&RulesFile::open(&path).unwrap()).unwrap();
    let (order, receipt) = tracked(Order::new(7));
    router.route(order).await;
    assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    router.route(tracked(Order::new(77)).0).await;
    let counts = router.snapshot();
    assert_eq!((counts.routed, counts.by_default), (2, 1));
}

#[tokio::test]
async fn a_name_that_is_not_there_is_underlined_in_its_line() {
    // Would break: a person who looks for a slip of the pen in a file of a hundred rules.
    let text = GOOD.replace("[\"billing\"]", "[\"archive\", \"biling\"]").replace("shop.orders.?", "shop..orders");
    let file = RulesFile::parse("rules.toml", text).unwrap();
    let Err(RouterError::Rules(refused)) = start(&file) else { panic!("there is no such target") };
    assert_eq!(
        file.explain(&refused),
        r#"rules.toml:7:18: there is no target "biling"
7 | to = ["archive", "biling"]
  |                  ^^^^^^^^
  = did you mean "billing"? the targets are "billing", "archive"

rules.toml:8:36: `shop..orders` has an empty name beside a dot, which no subject has
8 | when = { kind = "order", subject = "shop..orders" }
  |                                    ^^^^^^^^^^^^^^
  = see the patterns of `route::Glob`
"#
    );
}

#[test]
fn what_is_no_file_of_rules_is_refused_with_the_place() {
    // Would break: a typo in a key that silently changes nothing, or a file that fills the memory.
    for (text, says) in [
        ("default = [", "line 1"),
        ("[[rule]]\nname = 'x'\nto = []\ntoo = ['y']\n", "unknown field `too`"),
        ("[[rule]]\nname = 'x'\nto = ['y']\nsample = 0\n", "line 4"),
        ("[[rule]]\nname = 'x'\nto = ['y']\nwhen.attributes.a = { in = ['b'], not = 'c' }\n", "takes one of"),
    ] {
        let refused = RulesFile::parse("rules.toml", text.to_owned());
        let Err(RulesFileError::NotRules { name, shown }) = refused else { panic!("{text}") };
        assert!(name == "rules.toml" && shown.contains(says), "{shown}");
    }
    let folder = tempfile::tempdir().unwrap();
    let unreadable = |path: &std::path::Path| matches!(RulesFile::open(path), Err(RulesFileError::Unreadable { .. }));
    assert!(unreadable(&folder.path().join("none.toml")));
    assert!(unreadable(folder.path()));
    let large = folder.path().join("large.toml");
    fs::write(&large, "#".repeat(1024 * 1024 + 1)).unwrap();
    assert!(unreadable(&large));
    fs::write(&large, [0xff, 0xfe]).unwrap();
    assert!(unreadable(&large));
}
