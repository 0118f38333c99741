//! Equal requests under way at the same time are one, and nobody is given what is for somebody else.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::ScopedJoinHandle;

use crate::house::{House, Origin, ok};

/// Holds answers back until it is opened.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn pass(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |is_open| !*is_open).unwrap());
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }
}

/// An origin that answers once the gate is open.
fn held(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Origin, Arc<Gate>) {
    let gate = Arc::<Gate>::default();
    let held = Arc::clone(&gate);
    let origin = Origin::start(move |head, _| {
        held.pass();
        answer(head)
    });
    (origin, gate)
}

fn together(origin: &Origin, more: &str) -> House {
    House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\ncoalesce = true\nresilience = {{ deadline_ms = 20000, attempts_max = 1 }}\n\
         [gateway.upstreams.shop]\nendpoints = [\"{}\"]\n{more}",
        origin.address
    ))
}

fn until_under_way(house: &House, count: usize) {
    let line = format!("gateway_requests_in_flight{{route=\"shop\"}} {count}\n");
    while !house.order("GET /metrics", "").contains(&line) {
        std::thread::yield_now();
    }
}

/// Asks in as many ways at once, opens the gate when all are under way, and gives the answers.
fn ask_at_once(house: &House, gate: &Gate, heads: &[&str]) -> Vec<String> {
    std::thread::scope(|scope| {
        let ask = |head: &&str| {
            let request = format!("GET /dear HTTP/1.1\r\nHost: shop.test\r\n{head}Connection: close\r\n\r\n");
            scope.spawn(move || house.talk(request))
        };
        let all: Vec<ScopedJoinHandle<'_, String>> = heads.iter().map(ask).collect();
        until_under_way(house, heads.len());
        gate.open();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn equal_requests_under_way_are_one_and_nothing_is_kept() {
    // Would break: `coalesce` does nothing, or keeps an answer that nobody allowed to be kept.
    let (origin, gate) = held(|_| ok("dear"));
    let house = together(&origin, "");
    let answers = ask_at_once(&house, &gate, &[""; 20]);
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200") && answer.ends_with("dear")), "{answers:?}");
    assert_eq!(origin.requests.load(Ordering::SeqCst), 1);
    let metrics = house.order("GET /metrics", "");
    assert!(metrics.contains("gateway_coalesced_total{route=\"shop\"} 19\n"), "{metrics}");
    assert!(house.get("/dear").ends_with("dear"));
    assert_eq!(origin.requests.load(Ordering::SeqCst), 2);
}

#[test]
fn who_says_who_he_is_or_asks_for_something_else_asks_alone() {
    // Would break: one client is given what another one was told, or another form of it than he asked for.
    let (origin, gate) = held(|head| ok(&head.len().to_string()));
    let house = together(&origin, "");
    let heads = [
        "Cookie: session=1\r\n",
        "Cookie: session=1\r\n",
        "Authorization: Bearer one\r\n",
        "Authorization: Bearer one\r\n",
        "Accept: text/html\r\n",
        "Accept: text/plain\r\n",
        "X-Api-Key: one\r\n",
        "X-Api-Key: two\r\n",
        "Range: bytes=0-1\r\n",
        "If-None-Match: \"one\"\r\n",
    ];
    let answers = ask_at_once(&house, &gate, &heads);
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200")), "{answers:?}");
    assert_eq!(origin.requests.load(Ordering::SeqCst), heads.len());
}

#[test]
fn an_answer_for_one_alone_is_not_shared() {
    // Would break: somebody's session, or a form that was made for another client, is given to all who asked at the same time.
    for headers in [
        "Set-Cookie: session=1\r\n",
        "Cache-Control: private\r\n",
        "Cache-Control: no-store\r\n",
        "Vary: *\r\n",
        "Vary: X-Request-Id\r\n",
    ] {
        let (origin, gate) =
            held(move |_| format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 4\r\n\r\nmine").into_bytes());
        let house = together(&origin, "");
        let answers = ask_at_once(&house, &gate, &[""; 5]);
        assert!(answers.iter().all(|answer| answer.ends_with("mine")), "{answers:?}");
        assert_eq!(origin.requests.load(Ordering::SeqCst), 5, "{headers}");
    }
}

#[test]
fn an_answer_without_an_end_or_too_large_holds_up_nobody() {
    // Would break: whoever opens a stream of events waits for the end of somebody else's.
    let large = "x".repeat(100_000);
    let (origin, gate) = held(move |_| ok(&large));
    let house = together(&origin, "[gateway.cache]\nanswer_max = \"64KiB\"\n");
    let answers = ask_at_once(&house, &gate, &[""; 4]);
    assert!(answers.iter().all(|answer| answer.len() > 100_000));
    assert_eq!(origin.requests.load(Ordering::SeqCst), 4);

    let (origin, gate) = held(|_| b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n".to_vec());
    let house = together(&origin, "");
    gate.open();
    let mut streams: Vec<_> = (0..3).map(|_| house.connect()).collect();
    for stream in &mut streams {
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: shop.test\r\n\r\n").unwrap();
    }
    for mut stream in streams {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("first") {
            let mut piece = [0; 1_024];
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..count]);
        }
    }
}

#[test]
fn a_failure_is_told_to_all_who_asked() {
    // Would break: an upstream that fails is asked by every one of them in turn.
    let (origin, gate) = held(|_| Vec::new());
    let house = together(&origin, "");
    let answers = ask_at_once(&house, &gate, &[""; 8]);
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 502")), "{answers:?}");
    assert_eq!(origin.requests.load(Ordering::SeqCst), 1);
}

/// Someone reads, and while that is under way somebody changes what is read, and reads it: `method` is answered with `answer`, and the
/// gateway's answer to it contains `told`.
#[track_caller]
fn changed_while_it_is_read(method: &'static str, answer: Vec<u8>, told: &str) {
    let gate = Arc::<Gate>::default();
    let (held, changes, reads) = (Arc::clone(&gate), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let read = Arc::clone(&reads);
    let origin = Origin::start(move |head, _| {
        if head.starts_with(method) {
            changes.fetch_add(1, Ordering::SeqCst);
            return answer.clone();
        }
        let seen = changes.load(Ordering::SeqCst);
        read.fetch_add(1, Ordering::SeqCst);
        if seen == 0 {
            held.pass();
        }
        ok(&format!("state {seen}"))
    });
    let house = together(&origin, "");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| house.get("/doc"));
        while reads.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let change =
            format!("{method} /doc HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
        let changed = house.talk(&change);
        assert!(changed.contains(told), "{changed}");
        let second = house.get("/doc");
        gate.open();
        assert!(second.ends_with("state 1"), "{second}");
        assert!(first.join().unwrap().ends_with("state 0"));
    });
}

#[test]
fn who_has_changed_something_reads_what_is_there_now() {
    // Would break: a client saves something, reads it, and is given what was asked for before.
    changed_while_it_is_read("PUT", ok("saved"), "saved");
}

#[test]
fn a_client_that_takes_nothing_holds_up_none_of_those_who_wait_for_the_same() {
    // Would break: one slow client keeps everybody else from a page that its origin has long given.
    let body = "0123456789".repeat(800_000);
    let whole = body.clone();
    let origin = Origin::start(move |_, _| {
        let length = whole.len();
        format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {length}\r\n\r\n{whole}").into_bytes()
    });
    for how in ["cache = {}", "coalesce = true"] {
        let house = House::open(&format!(
            "[gateway.cache]\nmemory_max = \"512MiB\"\nanswer_max = \"32MiB\"\n[gateway.routes.shop]\nto = \"shop\"\n{how}\n\
             [gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
            origin.address
        ));
        origin.requests.store(0, Ordering::SeqCst);
        let mut slow = house.connect();
        slow.write_all(b"GET /large HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").unwrap();
        let mut first = [0; 16];
        slow.read_exact(&mut first).unwrap();
        let quick = house.get("/large");
        assert!(quick.ends_with(&body[..100_000]) && quick.len() > body.len());
        let asked = origin.requests.load(Ordering::SeqCst);
        // Without a cache the slow one's answer may have landed before the other one asked.
        assert!(asked == 1 || (how != "cache = {}" && asked == 2), "{how}: {asked}");
        let mut rest = Vec::new();
        slow.read_to_end(&mut rest).unwrap();
        assert!(rest.len() > body.len() && rest.ends_with(&body.as_bytes()[..100_000]), "{how}");
    }
}

#[test]
fn who_waits_for_the_same_waits_no_longer_than_who_asks_at_once() {
    // Would break: the deadlines of a wait and of the request after it add up, and the origin is asked when the time is over.
    let (origin, gate) = held(|_| ok("late"));
    for how in ["coalesce = true", "cache = {}"] {
        let house = House::open(&format!(
            "[gateway.routes.shop]\nto = \"shop\"\n{how}\nresilience = {{ deadline_ms = 300, attempts_max = 1 }}\n\
             [gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
            origin.address
        ));
        let answers = std::thread::scope(|scope| {
            let all: Vec<ScopedJoinHandle<'_, String>> = (0..4).map(|_| scope.spawn(|| house.get("/slow"))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 504")), "{how}: {answers:?}");
    }
    gate.open();
}

#[test]
fn a_change_whose_answer_was_lost_is_a_change() {
    // Would break: whoever saved something and was told that the gateway does not know how it ended reads what was there before.
    changed_while_it_is_read("POST", Vec::new(), "HTTP/1.1 502");
}
