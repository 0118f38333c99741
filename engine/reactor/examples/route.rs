//! Events routed by rules that are data, and a picture of where they went:
//! `cargo run -p homeostat-reactor --example route`

use std::borrow::Cow;
use std::time::Duration;

use homeostat_reactor::route::{Router, Rules, SinkError, SinkFn, Target};
use homeostat_reactor::{Reactor, events};

#[derive(Clone, Debug)]
struct OrderPlaced(u64, &'static str);
#[derive(Clone, Debug)]
struct PageSeen(&'static str);

events! {
    #[derive(Debug)]
    enum Shop { OrderPlaced, PageSeen }

    fn subject(&self) -> Cow<'_, str> {
        match self {
            Self::OrderPlaced(order) => format!("shop.orders.{}", order.0).into(),
            Self::PageSeen(page) => format!("shop.pages.{}", page.0).into(),
        }
    }
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::OrderPlaced(order) if name == "region" => Some(order.1.into()),
            _ => None,
        }
    }
}

const RULES: &str = r#"{ "choose": "all", "default": ["archive"], "rule": [
    { "name": "orders", "when": { "subject": "shop.orders.*" }, "to": ["billing"] },
    { "name": "europe", "when": { "attributes": { "region": { "in": ["eu", "ch"] } } }, "to": ["customs"] }
] }"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reactor = Reactor::<Shop>::builder().start();
    let rules: Rules = serde_json::from_str(RULES)?;
    let router = Router::builder()
        .target(Target::handler("billing", |event: Shop| async move { println!("bill {event:?}") }))
        .target(Target::sink(SinkFn::new("customs", |_| async { Err(SinkError::refused("no such form")) })))
        .target(Target::handler("archive", |_| async {}))
        .rules(rules)
        .start()?;
    let events = reactor.on::<Shop>().named("router").lossless().events();
    let emitter = reactor.emitter();
    for order in 0..3 {
        emitter.emit(OrderPlaced(order, ["eu", "us", "ch"][order as usize])).await?;
    }
    emitter.emit(PageSeen("home")).await?;
    let (_, _) = tokio::join!(router.run(events), reactor.shutdown(Duration::from_secs(5)));
    router.shutdown(Duration::from_secs(5)).await;
    println!("{}", router.mermaid());
    Ok(())
}
