//! What a scraper gets: names, labels and help texts are a promise to dashboards and alerts.

use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::ManualClock;
use homeostat_resilience::coalesce::{Coalesce, CoalesceSettings};
use homeostat_resilience::deadline::{Deadline, DeadlineSettings};
use homeostat_resilience::metrics::{Numbers, PolicyMetrics};
use homeostat_resilience::stack::{Limit, Stack, StackSettings};
use homeostat_resilience::{Attempt, Call, Priority, Verdict};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

fn exposition(metrics: PolicyMetrics) -> String {
    let mut registry = Registry::with_prefix("homeostat");
    registry.register_collector(Box::new(metrics));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text.lines().map(rounded).collect::<Vec<_>>().join("\n")
}

/// Logarithms differ in their last digits from one machine to another.
fn rounded(line: &str) -> String {
    match line.rsplit_once(' ') {
        Some((series, value)) if value.contains('.') && !line.starts_with('#') => {
            format!("{series} {:.3}", value.parse::<f64>().unwrap())
        }
        _ => line.to_owned(),
    }
}

/// A good call of each priority to the only endpoint; then there is another one. Nothing here hangs on a choice.
async fn use_of(stack: &Stack<()>, time: &ManualClock) {
    stack.endpoints().insert("10.0.0.1:80\"", ());
    for priority in Priority::ALL {
        let clock = time.clock();
        let ask = |_: Attempt, _: Arc<()>| {
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_millis(20)).await;
                Ok::<u32, ()>(1)
            }
        };
        let call = Call::idempotent().priority(priority);
        let asked = stack.call(&call, |_| Verdict::Good, ask);
        let (answer, ()) = tokio::join!(asked, time.turn(Duration::from_millis(100)));
        assert!(answer.is_ok());
    }
    stack.endpoints().insert("10.0.0.2:80", ());
}

#[tokio::test]
async fn a_stack_is_seen_whole() {
    // Would break: a dashboard that is empty after an upgrade because a name, a label or a unit has changed.
    let time = ManualClock::new();
    let stack = Stack::builder("orders", &time.clock()).seed(1).build().unwrap();
    use_of(&stack, &time).await;
    insta::assert_snapshot!("stack", exposition(stack.metrics()));
}

#[tokio::test]
async fn an_essential_stack_with_a_rate_and_a_given_limit_is_seen_whole() {
    // Would break: eternal mode that degrades without anybody being able to alert on it.
    let time = ManualClock::new();
    let settings =
        StackSettings { essential: true, rate_per_s: Some(100), limit: Limit::AtMost(4), ..StackSettings::default() };
    let stack = Stack::builder("prices", &time.clock()).settings(settings).seed(1).build().unwrap();
    use_of(&stack, &time).await;
    insta::assert_snapshot!("essential", exposition(stack.metrics().endpoints_max(1)));
}

#[tokio::test]
async fn policies_that_stand_alone_are_seen_too_and_two_of_one_name_are_told_apart() {
    // Would break: a scrape that is refused whole because a series comes twice.
    let time = ManualClock::new();
    let deadline = Deadline::new("d", DeadlineSettings::of_millis(5), time.clock());
    let coalesce: Coalesce<u8, u32, ()> = Coalesce::new("c", CoalesceSettings::default(), time.clock());
    assert_eq!(coalesce.call(&1, &Call::idempotent(), |_| async { Ok(1) }).await, Ok(1));
    let call = Call::default();
    let silent = deadline.call(&call, |_| std::future::pending::<Result<(), ()>>());
    let (late, ()) = tokio::join!(silent, time.turn(Duration::from_millis(6)));
    assert!(late.is_err());
    let look = move || {
        let deadline = Numbers { deadline: Some(deadline.snapshot()), ..Numbers::named("mail") };
        vec![deadline, Numbers { coalesce: Some(coalesce.snapshot()), ..Numbers::named("mail") }]
    };
    insta::assert_snapshot!("alone", exposition(PolicyMetrics::of(look)));
}

/// Every series, without its value.
fn series(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect()
}

#[test]
fn no_series_comes_twice_whatever_the_names_are() {
    // Would break: a scrape that is refused whole because a name looks like one that was made up to tell two others apart.
    let time = ManualClock::new();
    let stack = Stack::builder("orders", &time.clock()).seed(1).build().unwrap();
    ["(others)", "(others-2)", "a", "b"].into_iter().for_each(|name| stack.endpoints().insert(name, ()));
    let names = ["a", "a", "a-2", "a-2", "a-2-2", "a"];
    let look = move || names.map(|name| Numbers { name: name.to_owned(), ..stack.snapshot().into() }).to_vec();
    let text = exposition(PolicyMetrics::of(look).endpoints_max(2));
    let all = series(&text);
    let distinct: std::collections::HashSet<&str> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len());
    for name in ["a", "a-2", "a-3", "a-4", "a-2-2", "a-2-3"] {
        let of_others = format!("ejections_total{{stack=\"{name}\",endpoint=\"(others-3)\"}}");
        assert!(all.iter().any(|series| series.ends_with(&of_others)), "{name}: {text}");
    }
}

#[test]
fn the_page_of_the_module_lists_every_metric() {
    // Would break: a metric that nobody finds, or a page that promises one that is not there.
    let page = include_str!("../../src/metrics/mod.rs");
    let documented: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next()).collect();
    let tables = [include_str!("../../src/metrics/table.rs"), include_str!("../../src/metrics/endpoints.rs"), page];
    let quoted = tables.iter().flat_map(|text| text.split('"').skip(1).step_by(2));
    let mut declared: Vec<&str> = quoted.filter(|text| text.starts_with("resilience_")).collect();
    let mut named: Vec<&str> = documented.into_iter().map(|name| name.strip_suffix("_total").unwrap_or(name)).collect();
    declared.sort_unstable();
    named.sort_unstable();
    assert_eq!(named, declared);
}
