//! Feeds over WebSocket in normal life: followed and pushed, held back, broken off and resumed.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use homeostat_adapters::websocket::{
    Arrival, Feed, FeedLimits, FeedServer, FeedSink, Gap, GapCause, Incoming, Keep, Liveness, Origin, ReceiveOptions,
    Start, Unpublished, collect, follow, push, serve,
};
use homeostat_adapters::{Door, Remote};
use homeostat_reactor::reactor::Backoff;
use homeostat_reactor::route::Target;
use homeostat_reactor::{Clock, Event, Lane, Outcome, Overflow};

use super::cable::Cable;
use super::http_out::{router, tracked};
use super::order::{Heard, Order, soon, token, until};

pub fn feed(keep: Keep, messages_max: usize) -> Feed {
    Feed::new(FeedLimits { messages_max, keep, ..FeedLimits::default() })
}

pub async fn offer(feed: &Feed, port: u16) -> FeedServer {
    let door = Door::local(port).path("/feed").token(token());
    serve(feed, door, Liveness::default(), Clock::machine()).await.unwrap()
}

pub fn remote(address: SocketAddr) -> Remote {
    Remote::new(&format!("ws://{address}/feed")).unwrap().token(token())
}

pub fn listen(address: SocketAddr, start: Start) -> Incoming<Order> {
    follow(remote(address), start, ReceiveOptions::default(), Clock::machine())
}

pub async fn counter(known: Vec<Origin>, options: ReceiveOptions) -> (Incoming<Order>, SocketAddr) {
    let door = Door::local(0).path("/feed").token(token());
    let incoming = collect(door, known, options, Clock::machine()).await.unwrap();
    let address = incoming.address().unwrap();
    (incoming, address)
}

/// The next event, handled.
pub async fn next_id(orders: &mut Incoming<Order>) -> u64 {
    match soon(orders.next()).await {
        Some(Arrival::Event { delivery, .. }) => delivery.settle(Outcome::Done).id,
        other => panic!("an event should have come, not {other:?}"),
    }
}

pub async fn next_gap(orders: &mut Incoming<Order>) -> Gap {
    match soon(orders.next()).await {
        Some(Arrival::Gap(gap)) => gap,
        other => panic!("a gap should have come, not {other:?}"),
    }
}

async fn publish(feed: &Feed, ids: std::ops::RangeInclusive<u64>) {
    for id in ids {
        soon(feed.publish(&Order::new(id))).await.unwrap();
    }
}

#[tokio::test]
async fn who_follows_begins_where_it_wants_and_gets_all_that_comes() {
    // Would break: the plain use: a console that shows what happens from now on, or from as long ago as is known.
    let feed = feed(Keep::Latest, 1_000);
    publish(&feed, 1..=3).await;
    let server = offer(&feed, 0).await;
    let mut all = listen(server.address(), Start::Oldest);
    let mut new = listen(server.address(), Start::Now);
    let mut rest = listen(server.address(), Start::After(Origin { feed: feed.snapshot().name, number: 2 }));
    until("three to follow", || feed.snapshot().sessions_open == 3).await;
    until("who wants new ones to be there", || new.snapshot().sessions_open == 1).await;
    assert_eq!((next_id(&mut all).await, next_id(&mut rest).await), (1, 3));
    publish(&feed, 4..=200).await;
    for id in 2..=200 {
        assert_eq!(next_id(&mut all).await, id);
    }
    for (orders, first) in [(&mut new, 4), (&mut rest, 4)] {
        for id in first..=200 {
            assert_eq!(next_id(orders).await, id);
        }
    }
    until("all to have been told", || feed.snapshot().seen == 200).await;
    drop(all);
    until("one to have gone", || feed.snapshot().sessions_open == 2).await;
}

#[tokio::test]
async fn the_largest_message_comes_through_and_a_larger_one_is_refused_before_it_has_a_number() {
    // Would break: a connection that falls over a message that the feed itself has taken, again and again.
    let feed = feed(Keep::Latest, 100);
    let server = offer(&feed, 0).await;
    let mut orders = listen(server.address(), Start::Oldest);
    let order = |length: usize| Order { text: "x".repeat(length), ..Order::new(1) };
    let frame = serde_json::to_string(&order(1)).unwrap().len() - 1;
    let largest = 256 * 1024 - frame;
    for _ in 0..20 {
        feed.publish(&order(largest)).await.unwrap();
    }
    assert!(matches!(feed.publish(&order(largest + 1)).await, Err(Unpublished::TooLarge { .. })));
    for _ in 0..20 {
        assert_eq!(next_id(&mut orders).await, 1);
    }
    assert_eq!((feed.snapshot().sessions, orders.snapshot().gaps), (1, 0));
}

#[tokio::test]
async fn several_push_and_each_is_taken_in_its_order() {
    // Would break: senders behind a wall that can only call out, or one sender's events among another's numbers.
    let (mut orders, address) = counter(Vec::new(), ReceiveOptions::default()).await;
    let feeds = [feed(Keep::UntilSeen, 16), feed(Keep::UntilSeen, 16)];
    let _pushers = feeds.each_ref().map(|feed| push(feed, remote(address), Liveness::default(), Clock::machine()));
    let publishing = feeds.clone().map(|feed| tokio::spawn(async move { publish(&feed, 1..=300).await }));
    let mut next = std::collections::BTreeMap::new();
    for _ in 0..600 {
        let Some(Arrival::Event { delivery, origin }) = soon(orders.next()).await else { panic!("an event") };
        let number: &mut u64 = next.entry(origin.feed).or_default();
        *number += 1;
        assert_eq!((delivery.id, origin.number), (*number, *number));
        delivery.settle(Outcome::Done);
    }
    for publishing in publishing {
        soon(publishing).await.unwrap();
    }
    until("all to have been told", || feeds.iter().all(|feed| feed.snapshot().seen == 300)).await;
    let now = orders.snapshot();
    assert_eq!((now.events, now.duplicates, now.gaps, now.feeds, now.unsettled), (600, 0, 0, 2, 0));
    assert!(feeds.iter().all(|feed| feed.snapshot().kept == 0), "what was seen is not kept");
}

#[tokio::test]
async fn an_event_for_a_feed_that_keeps_until_seen_is_done_when_the_other_side_has_handled_it() {
    // Would break: an acknowledgement that says no more than that something was put into a socket.
    let feed = feed(Keep::UntilSeen, 1_000);
    let server = offer(&feed, 0).await;
    let patient = Backoff { failures_max: 1_000, first: Duration::from_millis(1), longest: Duration::from_millis(1) };
    let sink = FeedSink::new("out", feed.clone());
    let router = router(Target::sink(sink).timeout(Duration::from_millis(20)).retry(patient));
    let mut receipts = Vec::new();
    for id in 1..=3 {
        let (order, receipt) = tracked(Order::new(id));
        router.route(order).await;
        receipts.push(receipt);
    }
    let mut orders = listen(server.address(), Start::Oldest);
    let mut held = Vec::new();
    for _ in 0..3 {
        let Some(Arrival::Event { delivery, .. }) = soon(orders.next()).await else { panic!("an event") };
        held.push(delivery);
    }
    until("the sink to have been asked again", || router.snapshot().targets[0].retries > 2).await;
    assert!(receipts.iter_mut().all(|receipt| receipt.now_or_never().is_none()), "nothing has been handled yet");
    held.into_iter().for_each(|delivery| drop(delivery.settle(Outcome::Done)));
    for receipt in receipts {
        assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    }
    assert_eq!(feed.snapshot().published, 3, "however often the sink was asked");
}

#[tokio::test]
async fn an_event_too_large_for_the_feed_is_a_dead_letter() {
    // Would break: a batch that is retried for ever because of one event in it.
    let limits = FeedLimits { message_bytes_max: 50, ..FeedLimits::default() };
    let router = router(Target::sink(FeedSink::new("out", Feed::new(limits))));
    let (order, receipt) = tracked(Order { text: "x".repeat(100), ..Order::new(1) });
    router.route(order).await;
    assert!(soon(receipt).await.cause.unwrap().contains("at most 50 are allowed"));
}

#[tokio::test]
async fn what_comes_in_goes_on_as_events_and_a_gap_is_one_of_them() {
    // Would break: missing messages that whoever handles the events never hears of.
    let feed = feed(Keep::Latest, 2);
    publish(&feed, 1..=5).await;
    let server = offer(&feed, 0).await;
    let start = Start::After(Origin { feed: feed.snapshot().name, number: 1 });
    let mut heard = listen(server.address(), start).deliveries::<Heard>();
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(soon(heard.next()).await.unwrap().event);
    }
    let gap = Gap { feed: feed.snapshot().name, after: 1, next: 4, cause: GapCause::Overwritten };
    assert_eq!((gap.missed(), gap.to_string().as_str()), (Some(2), "messages after 1 are no longer kept"));
    assert_eq!(kinds, [Heard::Missed(gap), Heard::Order(Order::new(4)), Heard::Order(Order::new(5))]);
    assert_eq!(kinds[0].kind(), "missed");
}

#[tokio::test]
async fn a_slow_reader_holds_back_its_sender_and_nobody_else() {
    // Would break: memory of either side that grows with a slow reader, or a publisher that waits for it.
    let feed = feed(Keep::Latest, 50);
    let server = offer(&feed, 0).await;
    let options = ReceiveOptions { capacity: 4, unsettled_max: 8, ..ReceiveOptions::default() };
    let mut slow = follow::<Order>(remote(server.address()), Start::Oldest, options, Clock::machine());
    let mut quick = listen(server.address(), Start::Oldest);
    until("both to follow", || feed.snapshot().sessions_open == 2).await;
    let text = "x".repeat(100_000);
    for id in 1..=400 {
        soon(feed.publish(&Order { text: text.clone(), ..Order::new(id) })).await.unwrap();
        assert_eq!(next_id(&mut quick).await, id);
    }
    assert!(slow.snapshot().unsettled <= 8 && feed.snapshot().bytes <= 8 * 1024 * 1024);
    let (mut taken, mut missed) = (Vec::new(), 0);
    while taken.last() != Some(&400) {
        match soon(slow.next()).await.unwrap() {
            Arrival::Event { delivery, .. } => taken.push(delivery.settle(Outcome::Done).id),
            Arrival::Gap(gap) => missed += gap.missed().unwrap(),
        }
    }
    assert!(taken.is_sorted() && missed > 0, "{missed}");
    assert_eq!(taken.len() as u64 + missed, 400, "each was taken or told as missing");
}

#[tokio::test]
async fn a_server_that_goes_away_and_returns_with_its_feed_is_resumed_without_a_gap() {
    // Would break: a restart of a listener that loses what happened meanwhile, or tells it twice.
    let feed = feed(Keep::Latest, 1_000);
    let server = offer(&feed, 0).await;
    let address = server.address();
    let mut orders = listen(address, Start::Oldest);
    publish(&feed, 1..=10).await;
    for id in 1..=10 {
        assert_eq!(next_id(&mut orders).await, id);
    }
    drop(server);
    publish(&feed, 11..=20).await;
    until("it to notice", || orders.snapshot().sessions_open == 0).await;
    until("it to try in vain", || orders.snapshot().last_end.is_some_and(|end| end.contains("refused"))).await;
    let _server = offer(&feed, address.port()).await;
    for id in 11..=20 {
        assert_eq!(next_id(&mut orders).await, id);
    }
    let now = orders.snapshot();
    assert_eq!((now.events, now.duplicates, now.gaps), (20, 0, 0));
}

#[tokio::test]
async fn a_sender_that_begins_anew_is_noticed() {
    // Would break: a receiver that waits for number 11 of a feed that has begun with 1 again.
    let before = feed(Keep::Latest, 1_000);
    let server = offer(&before, 0).await;
    let address = server.address();
    let mut orders = listen(address, Start::Oldest);
    publish(&before, 1..=10).await;
    for id in 1..=10 {
        assert_eq!(next_id(&mut orders).await, id);
    }
    drop(server);
    until("the port to be free", || std::net::TcpStream::connect(address).is_err()).await;
    let anew = feed(Keep::Latest, 1_000);
    publish(&anew, 1..=2).await;
    let _server = offer(&anew, address.port()).await;
    let gap = next_gap(&mut orders).await;
    let last = Origin { feed: before.snapshot().name, number: 10 };
    assert_eq!((gap.missed(), gap.cause), (None, GapCause::BegunAnew { before: last }));
    assert_eq!((next_id(&mut orders).await, next_id(&mut orders).await), (1, 2));
}

#[tokio::test]
async fn over_a_cable_that_breaks_anywhere_each_event_arrives_once() {
    // Would break: an event lost or doubled when a frame, an acknowledgement or half of one is lost on the way.
    const EVENTS: u64 = 400;
    let followed = feed(Keep::UntilSeen, 32);
    let server = offer(&followed, 0).await;
    let pushed = feed(Keep::UntilSeen, 32);
    let (mut collected, address) = counter(Vec::new(), ReceiveOptions::default()).await;
    let cables = [Cable::to(server.address()).await, Cable::to(address).await];
    let mut following = listen(cables[0].address, Start::Oldest);
    let _pusher = push(&pushed, remote(cables[1].address), Liveness::default(), Clock::machine());
    let publishing = [followed, pushed].map(|feed| tokio::spawn(async move { publish(&feed, 1..=EVENTS).await }));
    for id in 1..=EVENTS {
        assert_eq!(next_id(&mut following).await, id);
        assert_eq!(next_id(&mut collected).await, id);
        if id % 17 == 0 {
            // Somewhere in a greeting, a message, or a word of the receiver.
            cables.iter().for_each(|cable| cable.break_after(1 + id * 37 % 600));
        }
    }
    for publishing in publishing {
        soon(publishing).await.unwrap();
    }
    assert!(cables.iter().all(|cable| cable.connections() > 10), "the cables did break");
    for orders in [&mut following, &mut collected] {
        assert!(futures::poll!(orders.next()).is_pending(), "nothing came twice");
        assert_eq!((orders.snapshot().events, orders.snapshot().gaps), (EVENTS, 0));
    }
}

#[tokio::test]
async fn a_feed_is_a_source_of_a_router_and_a_target_of_another() {
    // Would break: the way an event takes from one engine to the next, with its receipt all the way back.
    let feed = feed(Keep::UntilSeen, 100);
    let server = offer(&feed, 0).await;
    let (here, mut arrived) = Target::stream("out", Lane { capacity: 10, overflow: Overflow::Block });
    let far = router(here);
    let orders = listen(server.address(), Start::Oldest);
    let events = orders.filter_map(|arrival| async {
        match arrival {
            Arrival::Event { delivery, .. } => Some(delivery),
            Arrival::Gap(_) => None,
        }
    });
    let routing = tokio::spawn(async move { far.run(events).await });
    let near = router(Target::sink(FeedSink::new("out", feed.clone())));
    let (order, mut receipt) = tracked(Order::new(1));
    near.route(order).await;
    let delivery = soon(arrived.next()).await.unwrap();
    assert!((&mut receipt).now_or_never().is_none());
    delivery.settle(Outcome::Done);
    assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    routing.abort();
}
