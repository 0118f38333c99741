//! Peers over WebSocket that are hostile, wrong, slow or gone.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use homeostat_adapters::websocket::{
    Arrival, GapCause, Incoming, Keep, Liveness, Origin, ReceiveOptions, Start, collect, follow, push, serve,
};
use homeostat_adapters::{Door, Remote, Token};
use homeostat_reactor::{Clock, ManualClock, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

use super::cable::Cable;
use super::order::{Order, soon, token, until};
use super::websocket::{counter, feed, listen, next_gap, next_id, offer, remote};

const PROTOCOL: &str = "homeostat.events.v1";

/// Impatient, so that a test need not be patient.
const BRIEF: Liveness = Liveness {
    ping_every: Duration::from_millis(50),
    silence_max: Duration::from_millis(300),
    write_time_max: Duration::from_millis(300),
    greeting_time_max: Duration::from_millis(300),
};

type Socket = WebSocketStream<TcpStream>;

/// Knocks with these headers.
async fn knock(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("ws://{address}/feed").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    soon(client_async(request, stream)).await.map(|(socket, _)| socket)
}

const BEARER: (&str, &str) = ("authorization", "Bearer a-secret-of-enough-letters");

/// A peer that is let in, and may then say what it likes.
async fn intruder(address: SocketAddr) -> Socket {
    knock(address, &[BEARER, ("sec-websocket-protocol", PROTOCOL)]).await.unwrap()
}

async fn say(socket: &mut Socket, text: &str) {
    // It may have been cut off by now.
    let _ = socket.send(Message::text(text.to_owned())).await;
}

/// How the other side ends the conversation: with a code, or without a word.
async fn end_of(socket: &mut Socket) -> Option<CloseCode> {
    loop {
        match soon(socket.next()).await {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code),
            Some(Ok(_)) => {}
            None | Some(Err(_)) => return None,
        }
    }
}

#[tokio::test]
async fn whoever_may_not_come_in_is_turned_away_before_a_word_is_spoken() {
    // Would break: a web page or a neighbour that reads along, or feeds events to the engine.
    let feed = feed(Keep::Latest, 10);
    feed.publish(&Order::new(1)).await.unwrap();
    let server = offer(&feed, 0).await;
    let ours = ("sec-websocket-protocol", PROTOCOL);
    for (headers, status) in [
        (vec![ours], 401),
        (vec![ours, ("authorization", "Bearer a-secret-of-enough-letterz")], 401),
        (vec![ours, ("authorization", "Bearer ")], 401),
        (vec![ours, BEARER, ("authorization", "Bearer another-secret-altogether")], 401),
        (vec![ours, BEARER, ("origin", "https://evil.example")], 403),
        (vec![BEARER], 426),
        (vec![BEARER, ("sec-websocket-protocol", "chat, homeostat.events.v0")], 426),
    ] {
        let Err(Error::Http(answer)) = knock(server.address(), &headers).await else { panic!("{headers:?}") };
        assert_eq!(answer.status(), status, "{headers:?}");
    }
    assert_eq!((feed.snapshot().sessions, server.snapshot().turned_away), (0, 5));
    let mut welcome = intruder(server.address()).await;
    assert!(soon(welcome.next()).await.unwrap().unwrap().to_text().unwrap().starts_with("{\"hello\""));
}

#[tokio::test]
async fn a_wrong_token_is_told_to_who_bears_it_and_shown_to_nobody() {
    // Would break: a receiver that stays silent for a reason nobody finds, or a secret in a log.
    let feed = feed(Keep::Latest, 10);
    let server = offer(&feed, 0).await;
    let url = format!("ws://{}/feed?key=hidden", server.address());
    let wrong = Remote::new(&url).unwrap().token(Token::new("not-the-secret-at-all").unwrap());
    let orders = follow::<Order>(wrong.clone(), Start::Now, ReceiveOptions::default(), Clock::machine());
    let pusher = push(&feed, wrong.clone(), Liveness::default(), Clock::machine());
    until("both to be refused", || orders.snapshot().last_end.is_some() && pusher.last_end().is_some()).await;
    let shown = format!("{orders:?} {pusher:?} {wrong:?} {server:?} {feed:?} {:?}", Door::local(0).token(token()));
    assert!(shown.contains("answered 401"), "{shown}");
    assert!(["secret", "hidden", "Bearer"].iter().all(|hidden| !shown.contains(hidden)), "{shown}");
    let refused = Remote::new("http://me:my-password@host/?key=hidden").unwrap_err();
    let shown = format!("{refused} {refused:?}");
    assert!(shown.contains("http://host/") && !shown.contains("my-password") && !shown.contains("hidden"), "{shown}");
}

#[tokio::test]
async fn a_receiver_that_talks_nonsense_is_sent_away_and_others_do_not_notice() {
    // Would break: a session, or the whole server, that one line of nonsense brings down.
    let feed = feed(Keep::Latest, 100);
    let server = offer(&feed, 0).await;
    let mut honest = listen(server.address(), Start::Oldest);
    let resume = r#"{"resume":{"after":0}}"#;
    let deep = "[".repeat(2_000);
    for words in [
        vec!["nonsense"],
        vec![""],
        vec![deep.as_str()],
        vec![r#"{"resume":{"after":-1}}"#],
        vec![r#"{"resume":{"after":18446744073709551615}}"#],
        vec![r#"{"seen":{"n":0}}"#],
        vec![resume, resume],
        vec![resume, r#"{"seen":{"n":18446744073709551615}}"#],
        vec![resume, r#"{"seen":{"n":1,"n":2}}"#],
    ] {
        let mut socket = intruder(server.address()).await;
        for word in &words {
            say(&mut socket, word).await;
        }
        assert_eq!(end_of(&mut socket).await, Some(CloseCode::Policy), "{words:?}");
    }
    let mut binary = intruder(server.address()).await;
    binary.send(Message::binary(vec![0; 8])).await.unwrap();
    assert_eq!(end_of(&mut binary).await, Some(CloseCode::Policy));
    let mut large = intruder(server.address()).await;
    say(&mut large, &"x".repeat(5_000)).await;
    assert_eq!(end_of(&mut large).await, Some(CloseCode::Size));
    assert_eq!(feed.snapshot().misbehaved, 11);
    feed.publish(&Order::new(1)).await.unwrap();
    assert_eq!(next_id(&mut honest).await, 1);
    assert_eq!(honest.snapshot().sessions, 1);
}

#[tokio::test]
async fn a_frame_that_announces_more_than_is_allowed_is_not_waited_for() {
    // Would break: memory that is put aside for a gigabyte because four bytes said so.
    let (orders, address) = counter(Vec::new(), ReceiveOptions::default()).await;
    for length in [1_u64 << 20, 1 << 40, u64::MAX >> 1] {
        let mut socket = intruder(address).await;
        let mut head = vec![0x81, 0xff];
        head.extend_from_slice(&length.to_be_bytes());
        head.extend_from_slice(&[1, 2, 3, 4]);
        socket.get_mut().write_all(&head).await.unwrap();
        assert_eq!(end_of(&mut socket).await, Some(CloseCode::Size));
    }
    // A client must mask, and bits without a meaning must not be set: whoever does otherwise is cut off.
    for bytes in [&[0x81, 0x02, b'h', b'i'][..], &[0xf1, 0x80, 0, 0, 0, 0]] {
        let mut socket = intruder(address).await;
        socket.get_mut().write_all(bytes).await.unwrap();
        assert_eq!(end_of(&mut socket).await, Some(CloseCode::Policy));
    }
    until("all to be gone", || orders.snapshot().sessions_open == 0).await;
}

#[tokio::test]
async fn a_sender_that_lies_about_its_numbers_is_sent_away_or_told_as_it_is() {
    // Would break: numbers of others that make an event vanish, come twice, or overflow a counter.
    let (mut orders, address) = counter(Vec::new(), ReceiveOptions::default()).await;
    let long = format!(r#"{{"hello":{{"feed":"{}","oldest":1,"next":1}}}}"#, "x".repeat(129));
    for greeting in [
        r#"{"hello":{"feed":"","oldest":1,"next":1}}"#,
        r#"{"hello":{"feed":"a","oldest":0,"next":1}}"#,
        r#"{"hello":{"feed":"a","oldest":2,"next":1}}"#,
        r#"{"event":{"n":1,"it":{"id":1}}}"#,
        &long,
        "{",
    ] {
        let mut socket = intruder(address).await;
        say(&mut socket, greeting).await;
        assert_eq!(end_of(&mut socket).await, Some(CloseCode::Policy), "{greeting}");
    }
    let mut socket = intruder(address).await;
    for word in [
        r#"{"hello":{"feed":"a","oldest":1,"next":9}}"#,
        r#"{"event":{"n":1,"it":{"id":1}}}"#,
        r#"{"event":{"n":1,"it":{"id":1}}}"#,
        r#"{"event":{"n":0,"it":{"id":0}}}"#,
        r#"{"event":{"n":4,"it":{"id":4}}}"#,
        r#"{"event":{"n":5,"it":{"id":"five"}}}"#,
        r#"{"event":{"n":6,"it":{"id":6}}}"#,
        r#"{"gap":{"next":3}}"#,
        r#"{"gap":{"next":8}}"#,
        r#"{"event":{"n":8,"it":{"id":8}}}"#,
        r#"{"event":{"n":18446744073709551615,"it":{"id":9}}}"#,
        r#"{"event":{"n":18446744073709551615,"it":{"id":9}}}"#,
        r#"{"gap":{"next":18446744073709551615}}"#,
    ] {
        say(&mut socket, word).await;
    }
    assert_eq!(next_id(&mut orders).await, 1);
    let gap = next_gap(&mut orders).await;
    assert_eq!((gap.missed(), gap.cause), (Some(2), GapCause::LeftOut));
    assert_eq!(next_id(&mut orders).await, 4);
    let gap = next_gap(&mut orders).await;
    assert!(matches!((gap.missed(), &gap.cause), (Some(1), GapCause::Unreadable(why)) if why.contains("invalid type")));
    assert_eq!(next_id(&mut orders).await, 6);
    let gap = next_gap(&mut orders).await;
    assert_eq!((gap.missed(), gap.cause), (Some(1), GapCause::Overwritten));
    assert_eq!(next_id(&mut orders).await, 8);
    assert_eq!(next_gap(&mut orders).await.next, u64::MAX);
    assert_eq!(next_id(&mut orders).await, 9);
    until("the rest to be known", || orders.snapshot().duplicates == 5).await;
    say(&mut socket, "nonsense").await;
    assert_eq!(end_of(&mut socket).await, Some(CloseCode::Policy));
}

#[tokio::test]
async fn a_message_that_is_too_large_is_a_gap_and_what_follows_comes() {
    // Would break: a receiver that asks again and again for the one message it can never take.
    let feed = feed(Keep::UntilSeen, 100);
    let server = offer(&feed, 0).await;
    for id in 1..=3 {
        let text = if id == 2 { "x".repeat(2_000) } else { String::new() };
        feed.publish(&Order { text, ..Order::new(id) }).await.unwrap();
    }
    let options = ReceiveOptions { message_bytes_max: 1_000, ..ReceiveOptions::default() };
    let mut orders = follow::<Order>(remote(server.address()), Start::Oldest, options, Clock::machine());
    assert_eq!(next_id(&mut orders).await, 1);
    let gap = next_gap(&mut orders).await;
    assert_eq!((gap.after, gap.next, gap.cause), (1, 3, GapCause::TooLarge));
    assert_eq!(next_id(&mut orders).await, 3);
    until("the feed to be empty", || feed.snapshot().kept == 0).await;
}

#[tokio::test]
async fn whoever_says_nothing_or_takes_nothing_does_not_keep_its_place() {
    // Would break: a handful of sleepy peers that keep everybody else out, or a publisher that waits for them.
    let feed = feed(Keep::Latest, 100);
    let door = Door::local(0).token(token()).connections_max(3).head_time_max(BRIEF.greeting_time_max);
    let server = serve(&feed, door, BRIEF, Clock::machine()).await.unwrap();
    // One never upgrades, one never greets, one greets and then takes nothing.
    let mut sleepers = vec![TcpStream::connect(server.address()).await.unwrap()];
    let greets_not = intruder(server.address()).await;
    let mut takes_not = intruder(server.address()).await;
    say(&mut takes_not, r#"{"resume":{"after":0}}"#).await;
    let text = "x".repeat(200_000);
    for id in 1..=100 {
        soon(feed.publish(&Order { text: text.clone(), ..Order::new(id) })).await.unwrap();
    }
    let mut orders = listen_briefly(server.address());
    let Some(Arrival::Event { .. }) = soon(orders.next()).await else { panic!("an event") };
    assert_eq!(soon(sleepers[0].read(&mut [0; 64])).await.unwrap_or(0), 0);
    until("the sleepers to be gone", || feed.snapshot().sessions_open <= 1).await;
    drop((greets_not, takes_not));
    sleepers.clear();
}

fn listen_briefly(address: SocketAddr) -> Incoming<Order> {
    let options = ReceiveOptions { liveness: BRIEF, ..ReceiveOptions::default() };
    follow(remote(address), Start::Oldest, options, Clock::machine())
}

#[tokio::test]
async fn a_cable_that_carries_nothing_any_more_is_noticed_by_both_sides_and_resumed() {
    // Would break: a connection that looks open for ever because nobody said good-bye, as behind a firewall that forgot it.
    let feed = feed(Keep::UntilSeen, 10);
    let door = Door::local(0).token(token());
    let server = serve(&feed, door, BRIEF, Clock::machine()).await.unwrap();
    let cable = Cable::to(server.address()).await;
    let mut orders = listen_briefly(cable.address);
    feed.publish(&Order::new(1)).await.unwrap();
    assert_eq!(next_id(&mut orders).await, 1);
    cable.stall(true);
    feed.publish(&Order::new(2)).await.unwrap();
    until("both to notice", || orders.snapshot().sessions_open == 0 && feed.snapshot().sessions_open == 0).await;
    cable.cut();
    cable.stall(false);
    assert_eq!(next_id(&mut orders).await, 2);
    assert_eq!((orders.snapshot().events, orders.snapshot().gaps), (2, 0));
}

#[tokio::test]
async fn signs_of_life_are_not_asked_for_without_a_pause_whatever_the_options_say() {
    // Would break: a processor and a network that one zero in a configuration keeps busy.
    let begun = std::time::Instant::now();
    let liveness = Liveness { ping_every: Duration::ZERO, ..Liveness::default() };
    let (_orders, address) = counter(Vec::new(), ReceiveOptions { liveness, ..ReceiveOptions::default() }).await;
    let mut socket = intruder(address).await;
    say(&mut socket, r#"{"hello":{"feed":"a","oldest":1,"next":9}}"#).await;
    let mut pings = 0;
    while pings < 10 {
        pings += u32::from(matches!(soon(socket.next()).await, Some(Ok(Message::Ping(_)))));
    }
    assert!(begun.elapsed() >= Duration::from_millis(90), "ten in {:?}", begun.elapsed());
}

#[tokio::test]
async fn the_newest_connection_of_a_feed_takes_over() {
    // Would break: a sender that comes back before its dead connection is noticed, and is then heard twice or not at all.
    let (mut orders, address) = counter(Vec::new(), ReceiveOptions::default()).await;
    let hello = r#"{"hello":{"feed":"a","oldest":1,"next":9}}"#;
    let mut old = intruder(address).await;
    say(&mut old, hello).await;
    say(&mut old, r#"{"event":{"n":1,"it":{"id":1}}}"#).await;
    assert_eq!(next_id(&mut orders).await, 1);
    let mut new = intruder(address).await;
    say(&mut new, hello).await;
    assert_eq!(soon(new.next()).await.unwrap().unwrap().to_text().unwrap(), r#"{"resume":{"after":1}}"#);
    say(&mut old, r#"{"event":{"n":2,"it":{"id":22}}}"#).await;
    assert_eq!(end_of(&mut old).await, Some(CloseCode::Normal));
    say(&mut new, r#"{"event":{"n":2,"it":{"id":2}}}"#).await;
    assert_eq!(next_id(&mut orders).await, 2);
}

#[tokio::test]
async fn so_many_feeds_are_remembered_and_those_that_are_there_stay() {
    // Would break: memory that grows with every name that somebody makes up, or a good sender that is forgotten for it.
    let options = ReceiveOptions { feeds_max: 3, ..ReceiveOptions::default() };
    let known = Origin { feed: "known".to_owned(), number: 5 };
    let (orders, address) = counter(vec![known], options).await;
    let hello = |feed: &str| format!(r#"{{"hello":{{"feed":"{feed}","oldest":1,"next":9}}}}"#);
    let mut here = intruder(address).await;
    say(&mut here, &hello("known")).await;
    assert_eq!(soon(here.next()).await.unwrap().unwrap().to_text().unwrap(), r#"{"resume":{"after":5}}"#);
    for number in 0..20 {
        let mut passing = intruder(address).await;
        say(&mut passing, &hello(&number.to_string())).await;
        assert_eq!(soon(passing.next()).await.unwrap().unwrap().to_text().unwrap(), r#"{"resume":{"after":0}}"#);
        drop(passing);
        until("it to be gone", || orders.snapshot().sessions_open == 1).await;
    }
    assert_eq!(orders.snapshot().feeds, 3);
    let mut kept = Vec::new();
    for feed in ["a", "b"] {
        let mut staying = intruder(address).await;
        say(&mut staying, &hello(feed)).await;
        soon(staying.next()).await.unwrap().unwrap();
        kept.push(staying);
    }
    let mut one_more = intruder(address).await;
    say(&mut one_more, &hello("c")).await;
    assert_eq!(end_of(&mut one_more).await, Some(CloseCode::Again));
}

#[tokio::test]
async fn a_server_that_answers_with_something_else_is_tried_again_and_named() {
    // Would break: a follower that takes any server on the port for a feed, or gives up because of one.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut orders = listen(address, Start::Oldest);
    for (answer, says) in [
        ("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", "answered 500"),
        ("HTTP/1.1 301 Moved\r\nlocation: http://evil.example/\r\ncontent-length: 0\r\n\r\n", "answered 301"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "HTTP"),
        ("", "andshake"),
    ] {
        let (mut stream, _) = soon(listener.accept()).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        drop(stream);
        let end = || orders.snapshot().last_end.unwrap_or_default();
        until(says, || end().contains(says)).await;
    }
    // In the end there is a feed.
    let (stream, _) = soon(listener.accept()).await.unwrap();
    #[expect(clippy::result_large_err, reason = "the shape of the callback is given")]
    let agree = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        response.headers_mut().insert("sec-websocket-protocol", PROTOCOL.parse().unwrap());
        Ok(response)
    };
    let mut socket = soon(accept_hdr_async(stream, agree)).await.unwrap();
    say(&mut socket, r#"{"hello":{"feed":"a","oldest":1,"next":2}}"#).await;
    say(&mut socket, r#"{"event":{"n":1,"it":{"id":1}}}"#).await;
    assert_eq!(next_id(&mut orders).await, 1);
}

#[tokio::test]
async fn an_event_that_failed_or_was_left_out_is_seen_all_the_same() {
    // Would break: a sender that sends the same event for ever because it failed here, which the event's own end tells.
    let feed = feed(Keep::UntilSeen, 10);
    let server = offer(&feed, 0).await;
    let mut orders = listen(server.address(), Start::Oldest);
    for id in 1..=3 {
        feed.publish(&Order::new(id)).await.unwrap();
    }
    for id in 1..=3 {
        let Some(Arrival::Event { delivery, .. }) = soon(orders.next()).await else { panic!("an event") };
        match id {
            1 => drop(delivery.settle(Outcome::Done)),
            2 => drop(delivery.fail("no")),
            _ => drop(delivery.settle(Outcome::Skipped)),
        }
    }
    until("all to be seen", || feed.snapshot().seen == 3).await;
    assert_eq!(orders.snapshot().sessions, 1);
}

#[tokio::test]
async fn an_event_that_was_dropped_or_abandoned_comes_again_and_is_seen_when_it_was_handled() {
    // Would break: events that fall to a shutdown or a full queue of the receiver, and that the sender takes for handled: whoever
    // tracks them is told they are done, and a feed that keeps until seen forgets them.
    let followed = feed(Keep::UntilSeen, 10);
    let pushed = feed(Keep::UntilSeen, 10);
    let server = offer(&followed, 0).await;
    let (collected, address) = counter(Vec::new(), ReceiveOptions::default()).await;
    let _pusher = push(&pushed, remote(address), Liveness::default(), Clock::machine());
    for (feed, mut orders) in [(followed, listen(server.address(), Start::Oldest)), (pushed, collected)] {
        for id in 1..=3 {
            feed.publish(&Order::new(id)).await.unwrap();
        }
        assert_eq!(next_id(&mut orders).await, 1);
        for outcome in [Some(Outcome::Dropped), None, Some(Outcome::Abandoned)] {
            let mut taken = Vec::new();
            // What came behind it comes again with it.
            for id in 2..=3 {
                let Some(Arrival::Event { delivery, .. }) = soon(orders.next()).await else { panic!("an event") };
                assert_eq!(delivery.event.id, id);
                taken.push(delivery);
            }
            assert!(feed.snapshot().seen <= 1, "{:?}", feed.snapshot());
            for delivery in taken {
                match outcome {
                    Some(outcome) => drop(delivery.settle(outcome)),
                    None => drop(delivery),
                }
            }
        }
        assert_eq!((next_id(&mut orders).await, next_id(&mut orders).await), (2, 3));
        until("all to be seen", || feed.snapshot().seen == 3).await;
        let now = orders.snapshot();
        assert_eq!((now.events, now.sessions, now.gaps, now.given_up), (9, 4, 0, 0));
        assert!(now.last_end.unwrap().contains("lost here"));
    }
}

#[tokio::test]
async fn an_event_that_is_lost_each_time_does_not_stop_its_feed() {
    // Would break: a feed that stands still for ever because of one event that its reader drops without a word.
    let feed = feed(Keep::UntilSeen, 10);
    let server = offer(&feed, 0).await;
    let time = ManualClock::new();
    let mut orders = follow::<Order>(remote(server.address()), Start::Oldest, ReceiveOptions::default(), time.clock());
    feed.publish(&Order::new(1)).await.unwrap();
    for lost in 0..8 {
        assert_eq!(orders.snapshot().events, lost);
        let mut waited = Duration::ZERO;
        let arrival = loop {
            if let Ok(arrival) = tokio::time::timeout(Duration::from_millis(20), orders.next()).await {
                break arrival;
            }
            time.turn(Duration::from_millis(50)).await;
            waited += Duration::from_millis(50);
            assert!(waited < Duration::from_secs(30), "it must come again");
        };
        drop(arrival);
    }
    feed.publish(&Order::new(2)).await.unwrap();
    assert_eq!(next_id(&mut orders).await, 2);
    until("both to be seen", || feed.snapshot().seen == 2).await;
    assert_eq!((orders.snapshot().given_up, orders.snapshot().sessions), (1, 8));
}

#[tokio::test]
async fn a_door_for_feeds_to_other_machines_needs_a_token_too() {
    // Would break: a feed that the whole network can read or fill.
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let feed = feed(Keep::Latest, 10);
    assert!(serve(&feed, Door::at(everywhere), BRIEF, Clock::machine()).await.is_err());
    let open = collect::<Order>(Door::at(everywhere), Vec::new(), ReceiveOptions::default(), Clock::machine()).await;
    assert!(open.is_err());
}
