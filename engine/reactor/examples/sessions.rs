//! Sessions by user, corrected by a late event: `cargo run -p homeostat-reactor --example sessions`

use std::time::Duration;

use futures::{StreamExt, stream};
use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{Collect, Recipe};
use homeostat_reactor::window::{EventTime, KeyLimits, Part, WindowExt, Windows};

struct View {
    user: &'static str,
    minute: u64,
    page: &'static str,
}

const VIEWS: [(&str, u64, &str); 10] = [
    ("ann", 0, "home"),
    ("bob", 2, "home"),
    ("ann", 5, "shoes"),
    ("bob", 30, "search"), // more than a quarter of an hour later: another session of bob's
    ("ann", 31, "basket"), // and of ann's
    ("cleo", 50, "home"),  // by now the first sessions are over
    ("ann", 18, "shoes"),  // from a phone without reception: joins both of ann's
    ("cleo", 58, "paid"),
    ("dora", 180, "home"), // by now all of them
    ("bob", 3, "shoes"),   // too late to correct anything
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let views = stream::iter(VIEWS).map(|(user, minute, page)| View { user, minute, page });
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let time = EventTime::of(|view: &View| Moment::from_secs(view.minute * 60)).lag(minutes(2)).lateness(minutes(60));

    let (mut sessions, late) = views
        .group_by(|view| view.user, KeyLimits::at_most(10_000).ttl(minutes(24 * 60)))
        .window(Windows::session(minutes(15)), time)
        .aggregate(Collect::up_to(100).of(|view: &View| view.page.to_owned()))
        .side_output(100);

    while let Some(session) = sessions.next().await {
        let [start, end] = [session.start, session.end].map(|moment| moment.0 / 60_000_000_000);
        let correction = if session.part == Part::Update { ", in place of what was told before" } else { "" };
        println!("{:>4}, minute {start:>3} to {end:>3}: {}{correction}", session.key, session.output.values.join(", "));
    }
    let counts = sessions.counts();
    let late: Vec<_> =
        late.map(|aside| format!("{}'s of minute {}", aside.event.user, aside.event.minute)).collect().await;
    println!(
        "{} views: {} in sessions, {} too late ({})",
        counts.taken,
        counts.accepted(),
        counts.late,
        late.join(", ")
    );
}
