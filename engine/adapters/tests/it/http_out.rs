//! Batches that we post to others.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use homeostat_adapters::http::{BatchFormat, HttpLimits, HttpSink, receive};
use homeostat_adapters::{AdapterError, Door, Remote};
use homeostat_reactor::reactor::Backoff;
use homeostat_reactor::route::{Router, Rule, Rules, Target, When};
use homeostat_reactor::{Ack, Class, Clock, Delivery, Moment, Outcome, Receipt};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::cable::Cable;
use super::order::{Order, soon, token, until};
use super::raw::read_head;

const QUICK: Backoff =
    Backoff { first: Duration::from_millis(5), longest: Duration::from_millis(50), failures_max: 200 };

pub fn everything_to(name: &str) -> Rules {
    let rule =
        Rule { name: "all".to_owned(), when: When::default(), to: vec![name.to_owned()], sample: None, limit: None };
    Rules { rules: vec![rule], ..Rules::default() }
}

pub fn router(target: Target<Order>) -> Router<Order> {
    let name = "out";
    Router::builder().target(target).rules(everything_to(name)).start().unwrap()
}

pub fn tracked(order: Order) -> (Delivery<Order>, Receipt) {
    let (ack, receipt) = Ack::new();
    (Delivery::new(order, Class::Sense, Moment::ZERO).with_trail(ack, tracing::Span::none()), receipt)
}

fn sink(address: SocketAddr) -> HttpSink<Order> {
    let remote = Remote::new(&format!("http://{address}/in?x=1")).unwrap().token(token());
    HttpSink::new("out", remote, Clock::machine()).unwrap()
}

/// What a scripted server has heard: the head and the body of each request.
type HeardRequests = Arc<Mutex<Vec<(String, String)>>>;

/// A server that answers with what the script says, one request after the other, and counts connections.
async fn scripted(script: Vec<&'static str>) -> (SocketAddr, HeardRequests, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, connections) = (HeardRequests::default(), Arc::new(AtomicUsize::new(0)));
    let mut task = JoinSet::new();
    let (requests, count) = (Arc::clone(&heard), Arc::clone(&connections));
    task.spawn(async move {
        let mut script = script.into_iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            while let Some((head, mut body)) = read_head(&mut stream).await {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                while body.len() < length.parse().unwrap() {
                    let mut more = [0; 1024];
                    let count = tokio::io::AsyncReadExt::read(&mut stream, &mut more).await.unwrap();
                    body.extend_from_slice(&more[..count]);
                }
                requests.lock().unwrap().push((head, String::from_utf8(body).unwrap()));
                match script.next() {
                    Some("") | None => break,
                    Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                }
            }
        }
    });
    (address, heard, connections, task)
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value).unwrap_or_default()
}

#[tokio::test]
async fn a_batch_keeps_its_key_over_all_attempts_and_its_connection_over_batches() {
    // Would break: repeated orders at the other side, or a new connection for each batch.
    let (address, heard, connections, _server) = scripted(vec![
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 4\r\n\r\nbusy",
        "",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ])
    .await;
    let router = router(Target::sink(sink(address)).retry(QUICK));
    let mut receipts = Vec::new();
    for id in 1..=2 {
        let (order, receipt) = tracked(Order::new(id));
        router.route(order).await;
        receipts.push(receipt);
    }
    for receipt in receipts {
        assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    }
    let (order, receipt) = tracked(Order::new(3));
    router.route(order).await;
    assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    let heard = heard.lock().unwrap();
    let keys: Vec<&str> = heard.iter().map(|(head, _)| header(head, "idempotency-key")).collect();
    assert_eq!(heard[0].1, "{\"id\":1}\n{\"id\":2}");
    assert!(heard[0].0.starts_with("POST /in?x=1 HTTP/1.1\r\n"));
    assert_eq!(header(&heard[0].0, "authorization"), "Bearer a-secret-of-enough-letters");
    assert_eq!(header(&heard[0].0, "content-type"), "application/x-ndjson");
    assert_eq!(header(&heard[0].0, "host"), address.to_string());
    // The closed connection is tried anew at once, with the same key, before the router hears of it.
    assert!(keys.len() == 4 && keys[..3].iter().all(|key| *key == keys[0]) && keys[3] != keys[0], "{keys:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_post_says_how_long_it_is_waited_for_and_a_new_connection_that_breaks_is_not_tried_behind_the_router() {
    // Would break: a receiver that works for nobody, and one that is broken and gets twice the posts that the router counts.
    let (address, heard, _, _server) = scripted(vec!["", "", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"]).await;
    let router = router(Target::sink(sink(address).answer_time_max(Duration::from_secs(3))).retry(QUICK));
    let (order, receipt) = tracked(Order::new(1));
    router.route(order).await;
    assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    assert_eq!(router.snapshot().targets[0].retries, 2);
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 3);
    for (head, _) in heard.iter() {
        let remaining: u64 = header(head, "x-remaining-ms").parse().unwrap();
        assert!((1..=3_000).contains(&remaining), "{remaining}");
    }
}

#[tokio::test]
async fn connections_that_always_break_do_not_double_the_posts_for_ever() {
    // Would break: a server that drops every second request, and is asked twice at once each time for as long as it does.
    const BATCHES: u64 = 40;
    let script = (0..=BATCHES).flat_map(|_| ["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""]).collect();
    let (address, _heard, _, _server) = scripted(script).await;
    let router = router(Target::sink(sink(address)).retry(QUICK));
    for id in 0..BATCHES {
        let (order, receipt) = tracked(Order::new(id));
        router.route(order).await;
        assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    }
    assert!(
        router.snapshot().targets[0].retries > 0,
        "once the budget is spent, the router waits as after any failure"
    );
}

#[tokio::test]
async fn what_the_other_side_refuses_is_given_up_and_what_it_asks_for_is_granted() {
    // Would break: a bad event that is posted for ever, or a Retry-After that nobody reads.
    let (address, heard, _, _server) = scripted(vec![
        "HTTP/1.1 422 Unprocessable Entity\r\ncontent-length: 11\r\n\r\nno such sku",
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ])
    .await;
    let posting = sink(address).format(BatchFormat::Array);
    let router = router(Target::sink(posting).retry(QUICK));
    let (order, receipt) = tracked(Order::new(1));
    router.route(order).await;
    let end = soon(receipt).await;
    assert_eq!(end.cause.as_deref(), Some("failed: 422 Unprocessable Entity: no such sku"));
    let begun = std::time::Instant::now();
    let (order, receipt) = tracked(Order::new(2));
    router.route(order).await;
    assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    assert!(begun.elapsed() >= Duration::from_secs(1), "it asked for a second");
    assert_eq!(heard.lock().unwrap()[2].1, "[{\"id\":2}]");
}

#[tokio::test]
async fn a_server_that_says_nothing_or_never_ends_costs_its_time_and_no_more() {
    // Would break: a sink that hangs with its server, or that reads an endless answer into memory.
    let endless: &'static str =
        Box::leak(format!("HTTP/1.1 500 No\r\ncontent-length: 9999999\r\n\r\n{}", "x".repeat(40_000)).into_boxed_str());
    let (address, heard, connections, _server) = scripted(vec![endless, "HTTP/1.1 200 OK\r\n", ""]).await;
    let posting = sink(address).answer_time_max(Duration::from_millis(200));
    let twice = Backoff { failures_max: 2, ..QUICK };
    let router = router(Target::sink(posting).retry(twice));
    let (order, receipt) = tracked(Order::new(1));
    router.route(order).await;
    let end = soon(receipt).await;
    assert_eq!(end.outcome, Outcome::Failed);
    assert!(end.cause.unwrap().contains("did not answer within"));
    assert_eq!((heard.lock().unwrap().len(), connections.load(Ordering::SeqCst)), (2, 2));
}

#[tokio::test]
async fn our_two_sides_carry_every_event_once_over_a_cable_that_breaks() {
    // Would break: an event lost or doubled when an answer, a request or half of one is lost on the way.
    const EVENTS: u64 = 400;
    let door = Door::local(0).path("/in").token(token());
    let (server, mut orders) = receive::<Order>(door, HttpLimits::default(), Clock::machine()).await.unwrap();
    let cable = Cable::to(server.address()).await;
    let patient = Backoff { failures_max: 10_000, ..QUICK };
    let router =
        router(Target::sink(sink(cable.address)).batch_max(NonZeroU32::new(7).unwrap().get() as usize).retry(patient));
    let reading = tokio::spawn(async move {
        let mut ids = Vec::new();
        while ids.len() < EVENTS as usize {
            ids.push(orders.next().await.unwrap().settle(Outcome::Done).id);
        }
        (ids, orders)
    });
    let mut receipts = Vec::new();
    for id in 0..EVENTS {
        let (order, receipt) = tracked(Order::new(id));
        router.route(order).await;
        receipts.push(receipt);
        if id % 5 == 0 {
            // Somewhere in a head, a body or an answer.
            cable.break_after(1 + id * 37 % 900);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    for receipt in receipts {
        assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    }
    let (ids, mut orders) = soon(reading).await.unwrap();
    assert_eq!(ids, (0..EVENTS).collect::<Vec<_>>());
    assert!(futures::poll!(orders.next()).is_pending(), "nothing came twice");
    assert!(cable.connections() > 10, "the cable did break");
    assert!(router.snapshot().targets[0].retries > 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for_and_gets_everything_in_order() {
    // Would break: events given up, or shuffled, because the other side was restarted.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let patient = Backoff { failures_max: 10_000, ..QUICK };
    let router = router(Target::sink(sink(address)).batch_max(3).retry(patient));
    let mut receipts = Vec::new();
    for id in 0..10 {
        let (order, receipt) = tracked(Order::new(id));
        router.route(order).await;
        receipts.push(receipt);
    }
    until("it to have been tried in vain", || router.snapshot().targets[0].retries > 3).await;
    let door = Door::local(address.port()).path("/in").token(token());
    let (_server, orders) = receive::<Order>(door, HttpLimits::default(), Clock::machine()).await.unwrap();
    let ids: Vec<u64> = soon(orders.take(10).map(|order| order.settle(Outcome::Done).id).collect()).await;
    assert_eq!(ids, (0..10).collect::<Vec<_>>());
    for receipt in receipts {
        assert_eq!(soon(receipt).await.outcome, Outcome::Done);
    }
}

#[test]
fn addresses_that_cannot_be_meant_are_refused() {
    // Would break: a password in a log, or a message that is believed to be encrypted.
    for url in ["https://x/", "wss://x/", "ftp://x/", "x", "", "http://", "http://user:secret@host/", "http:///path"] {
        let refused = Remote::new(url);
        assert!(matches!(refused, Err(AdapterError::Url { .. })), "{url}");
    }
    assert!(HttpSink::<Order>::new("x", Remote::new("ws://127.0.0.1/").unwrap(), Clock::machine()).is_err());
    assert!(Remote::new("http://[::1]:8080/path").is_ok());
}
