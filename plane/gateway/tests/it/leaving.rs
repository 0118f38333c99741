//! Clients that leave while they are held, in line, between attempts, beside a second attempt, within an answer, and anywhere else:
//! nothing of them stays behind, and nobody else gets what was theirs.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::house::House;
use crate::stage::{Stage, answered, body_of, in_front_of, is_at_rest, number, when};

fn asks(house: &House, request: &str) -> TcpStream {
    let mut stream = house.connect();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n")
}

#[test]
fn a_held_request_whose_client_leaves_is_not_held_any_more() {
    // Would break: places of a service that starts are taken by people who have long left, also by those with half a body.
    let house = House::open(
        "[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nactivation = { waiting_max = 1, wait_max = \"60s\" }\n",
    );
    let half = "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 10\r\n\r\nhalf";
    let waits = "PUT / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n";
    for (round, request) in [&get("/"), half, waits, &get("/")].into_iter().enumerate() {
        let held = asks(&house, request);
        when(&house, "held", |seen| number(seen, "gateway_waiting{upstream=\"shop\"}") == 1.0);
        drop(held);
        let seen = when(&house, "let go", |seen| number(seen, "gateway_waiting{upstream=\"shop\"}") == 0.0);
        assert_eq!(answered(&seen, "left"), round as f64 + 1.0, "{request}");
    }
}

#[test]
fn a_place_in_line_and_a_place_inside_are_given_back() {
    // Would break: each client that leaves takes a place with it, until nobody gets in.
    let stage = Stage::open();
    let house = in_front_of(&[&stage], "resilience = { limit = 1, wait_ms_max = 60000, deadline_ms = 60000 }");
    for round in 1..=5 {
        let inside = asks(&house, &get("/hang"));
        when(&house, "inside", |seen| number(seen, "gateway_requests_in_flight{route=\"shop\"}") == 1.0);
        let in_line = asks(&house, &get("/fast"));
        when(&house, "in line", |seen| number(seen, "gateway_requests_in_flight{route=\"shop\"}") == 2.0);
        let first_of_both = if round % 2 == 0 { [in_line, inside] } else { [inside, in_line] };
        for (place, one) in first_of_both.into_iter().enumerate() {
            // Whoever is in line gets in when the one inside leaves: it may have its answer before it leaves too.
            drop(one);
            when(&house, "left", |seen| {
                number(seen, "gateway_requests_in_flight{route=\"shop\"}") <= 1.0 - place as f64
            });
        }
        when(&house, "at rest", is_at_rest);
        assert!(house.get("/fast/next").ends_with(&body_of("/fast/next")), "round {round}");
    }
    assert_eq!(stage.seen.mixed.load(Ordering::SeqCst), 0);
}

#[test]
fn whoever_leaves_between_attempts_or_beside_a_second_one_ends_them_all() {
    // Would break: attempts go on, and are paid for, for somebody who is gone.
    let stages = [Stage::open(), Stage::open()];
    let house = in_front_of(
        &[&stages[0], &stages[1]],
        "resilience = { deadline_ms = 60000, extra_share = 1.0, extra_min_per_s = 100.0, breaker_failure_share = 1.0 }",
    );
    // Only by good answers is learned when an attempt takes too long.
    for place in 0..60 {
        house.get(&format!("/fast/{place}"));
    }
    let under_way = |seen: &str| number(seen, "resilience_endpoints_in_flight{stack=\"shop>shop\"}");
    for _ in 0..3 {
        let hedged = asks(&house, &get("/hang"));
        when(&house, "hedged", |seen| under_way(seen) >= 2.0);
        drop(hedged);
        when(&house, "at rest", is_at_rest);
    }
    let asked = || stages.iter().map(|stage| stage.seen.asked.load(Ordering::SeqCst)).sum::<usize>();
    for _ in 0..3 {
        let before = asked();
        let retried = asks(&house, &get("/fail"));
        while asked() == before {
            std::thread::yield_now();
        }
        drop(retried);
        when(&house, "at rest", is_at_rest);
    }
    let seen = when(&house, "at rest", is_at_rest);
    assert_eq!(answered(&seen, "left") + answered(&seen, "5xx"), 6.0, "{seen}");
    assert!(answered(&seen, "left") >= 3.0, "{seen}");
    only_idle_connections_stay(&house, &stages);
}

#[test]
fn half_an_answer_takes_its_connection_with_it() {
    // Would break: the other half of an answer that somebody did not wait for is the beginning of somebody else's.
    let stages = [Stage::open()];
    let house = in_front_of(&[&stages[0]], "");
    for round in 1..=5 {
        let mut reader = asks(&house, &get("/half"));
        let mut piece = [0; 64];
        assert!(reader.read(&mut piece).unwrap() > 0);
        drop(reader);
        let seen = when(&house, "at rest", is_at_rest);
        assert_eq!((answered(&seen, "2xx"), answered(&seen, "left")), (f64::from(2 * round - 1), 0.0), "{seen}");
        assert!(house.get("/fast/next").ends_with(&body_of("/fast/next")));
    }
    only_idle_connections_stay(&house, &stages);
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A GET over HTTP/2, with the whole request in one frame.
fn opens(stream: u32, path: &str) -> Vec<u8> {
    let path_length = u8::try_from(path.len()).unwrap();
    let block = [&[0x82, 0x86, 0x04, path_length], path.as_bytes(), &[0x01, 9], b"shop.test"].concat();
    frame(1, 5, stream, &block)
}

#[test]
fn streams_that_are_given_up_end_alone_or_with_their_connection() {
    // Would break: what a client resets goes on behind it, as long as the connection that it came on lives, or longer.
    let stages = [Stage::open()];
    let house = in_front_of(&[&stages[0]], "");
    let open = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat();
    let mut client = house.connect();
    client.write_all(&open).unwrap();
    let begins = |client: &mut TcpStream, number: u32, path: &str| {
        let before = stages[0].seen.asked.load(Ordering::SeqCst);
        client.write_all(&opens(number, path)).unwrap();
        while stages[0].seen.asked.load(Ordering::SeqCst) == before {
            std::thread::yield_now();
        }
    };
    for (round, path) in (0..).zip(["/hang", "/half", "/hang", "/half"]) {
        let number = round * 2 + 1;
        begins(&mut client, number, path);
        if path == "/half" {
            when(&house, "answered", |seen| answered(seen, "2xx") == f64::from(round.div_ceil(2)));
        }
        client.write_all(&frame(3, 0, number, &8_u32.to_be_bytes())).unwrap();
        only_idle_connections_stay(&house, &stages);
    }
    begins(&mut client, 9, "/hang");
    begins(&mut client, 11, "/hang");
    drop(client);
    only_idle_connections_stay(&house, &stages);
    let seen = house.order("GET /metrics", "");
    assert_eq!((answered(&seen, "2xx"), answered(&seen, "left")), (2.0, 4.0), "{seen}");
}

/// Connections to origins end with what was asked on them, or wait for the next request: there are no others.
fn only_idle_connections_stay(house: &House, stages: &[Stage]) {
    let open = || stages.iter().map(|stage| stage.seen.open.load(Ordering::SeqCst)).sum::<usize>();
    when(house, "only idle connections", |seen| {
        let idle = seen.lines().filter(|line| line.starts_with("gateway_endpoint_connections_idle{"));
        let idle: usize = idle.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum();
        is_at_rest(seen) && idle == open()
    });
    assert!(stages.iter().all(|stage| stage.seen.mixed.load(Ordering::SeqCst) == 0));
}

/// The same numbers for the same seed, whatever else runs.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// One client that leaves somewhere, or does not; whether the head of its request was whole.
fn comes_and_leaves(house: &House, dice: &mut Dice, number: usize) -> bool {
    let leaves = dice.below(4);
    // Whoever stays to the end wants one.
    let kinds = if leaves == 3 { &["fast", "fail", "drip"][..] } else { &["fast", "fail", "drip", "half", "hang"][..] };
    let path = format!("/{}/{number}", kinds[dice.below(kinds.len())]);
    let (method, body) = [("GET", 0), ("PUT", 300), ("POST", 300), ("POST", 100_000)][dice.below(4)];
    let length = if body == 0 { String::new() } else { format!("Content-Length: {body}\r\n") };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: shop.test\r\n{length}Connection: close\r\n\r\n");
    let whole = format!("{head}{}", "b".repeat(body));
    let mut stream = house.connect();
    let sent = if leaves == 0 { dice.below(whole.len()) } else { whole.len() };
    // An answer may come early, and the connection with it to an end.
    let _ = stream.write_all(&whole.as_bytes()[..sent]);
    match leaves {
        0 => {}
        1 => std::thread::sleep(Duration::from_micros(dice.below(6_000) as u64)),
        2 => {
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let _ = stream.read(&mut vec![0; 1 + dice.below(600)]);
        }
        _ => {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let is_own =
                answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&format!("\r\n\r\n{}", body_of(&path)));
            assert!(is_own || answer.starts_with("HTTP/1.1 5"), "{path}: {answer}");
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
    sent >= head.len()
}

#[test]
fn leaving_anywhere_leaves_nothing_behind() {
    // Would break: at some await, a client that leaves takes a place, a level or a connection with it, or is counted twice or never.
    const CLIENTS: usize = 8;
    const EACH: usize = 60;
    let stages = [Stage::open(), Stage::open()];
    let house = in_front_of(
        &[&stages[0], &stages[1]],
        "resilience = { limit = 6, wait_ms_max = 200, deadline_ms = 1500, breaker_failure_share = 1.0 }",
    );
    let heads = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (house, heads) = (&house, &heads);
            scope.spawn(move || {
                let mut dice = Dice(client as u64);
                for place in 0..EACH {
                    let was_whole = comes_and_leaves(house, &mut dice, client * EACH + place);
                    heads.fetch_add(usize::from(was_whole), Ordering::SeqCst);
                }
            });
        }
    });
    let heads = heads.into_inner() as f64;
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx", "left"];
    let counted = |seen: &str| -> f64 { classes.iter().map(|class| answered(seen, class)).sum() };
    // Nothing may be under way while requests whose clients have long left have not been read yet: that is no rest.
    when(&house, "all counted", |seen| counted(seen) >= heads);
    only_idle_connections_stay(&house, &stages);
    let seen = house.order("GET /metrics", "");
    assert_eq!(counted(&seen), heads, "{seen}");
    assert!(answered(&seen, "left") > 20.0 && answered(&seen, "2xx") > 20.0, "{seen}");
    // All places are free again.
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(|| house.get("/drip/last"))).collect();
        assert!(all.into_iter().all(|one| one.join().unwrap().ends_with(&body_of("/drip/last"))));
    });
}
