//! What changes while the gateway runs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::house::{House, Origin};

fn shop() -> &'static str {
    "[gateway.routes.shop]\nto = \"shop\"\n"
}

fn told(origins: &[&Origin]) -> String {
    let list: Vec<String> = origins
        .iter()
        .enumerate()
        .map(|(place, origin)| format!("{{\"name\":\"shop/{place}\",\"address\":\"{}\"}}", origin.address))
        .collect();
    format!("{{\"services\":{{\"shop\":[{}]}}}}", list.join(","))
}

#[test]
fn instances_come_and_go_as_the_engine_tells() {
    // Would break: a request goes to an instance that is gone, or not to one that has come.
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let house = House::open(shop());
    assert!(house.get("/").starts_with("HTTP/1.1 503"));
    assert!(house.order("PUT /v1/endpoints", &told(&[&first])).starts_with("HTTP/1.1 204"));
    assert!(house.get("/").ends_with("first"));
    house.order("PUT /v1/endpoints", &told(&[&second]));
    assert!(house.get("/").ends_with("second"));
}

#[test]
fn an_instance_that_left_is_told_as_long_as_requests_are_under_way_there() {
    // Would break: the engine cannot tell when an instance may be stopped, and cuts the answer that is being sent.
    let (tell, told) = std::sync::mpsc::sync_channel::<()>(1);
    let told = std::sync::Mutex::new(told);
    let slow = Origin::start(move |_, _| {
        told.lock().unwrap().recv().unwrap();
        crate::house::ok(&"slow".repeat(1 << 20))
    });
    let other = Origin::named("other");
    let house = House::open(shop());
    assert!(house.order("PUT /v1/endpoints", &told_as("shop/0", &slow)).starts_with("HTTP/1.1 204"));
    let mut asked = house.connect();
    // Not a GET: who is thought to be slow is not the only one who is asked that.
    asked.write_all(b"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    while slow.requests.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let leaving = || house.order("GET /v1/leaving", "").ends_with("[\"shop/0\"]");
    assert!(!leaving(), "it is in the list");
    house.order("PUT /v1/endpoints", &told_as("shop/1", &other));
    assert!(leaving(), "its answer has not begun");
    tell.send(()).unwrap();
    let mut first = [0; 1_024];
    asked.read_exact(&mut first).unwrap();
    assert!(leaving(), "its answer is under way, of which the client has read little");
    asked.read_to_end(&mut Vec::new()).unwrap();
    let began = Instant::now();
    while leaving() {
        assert!(began.elapsed() < Duration::from_secs(20), "it has nothing to do any more");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The list with one instance.
fn told_as(name: &str, origin: &Origin) -> String {
    format!("{{\"services\":{{\"shop\":[{{\"name\":\"{name}\",\"address\":\"{}\"}}]}}}}", origin.address)
}

#[test]
fn a_gateway_that_starts_anew_knows_the_instances() {
    // Would break: while the engine is dead, a restarted gateway has nobody to ask.
    let origin = Origin::named("known");
    let house = House::open(shop());
    house.order("PUT /v1/endpoints", &told(&[&origin]));
    let folder = Arc::clone(&house.folder);
    drop(house);
    let again = House::open_in(folder, shop(), "127.0.0.1:0");
    assert!(again.get("/").ends_with("known"));
}

#[test]
fn the_first_request_is_held_until_somebody_is_there() {
    // Would break: a service that starts on request refuses the request that starts it.
    let origin = Origin::named("awake");
    let house = House::open(
        "[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nactivation = { waiting_max = 2, wait_max = \"10s\" }\n",
    );
    let asked = std::thread::scope(|scope| {
        let held = [scope.spawn(|| house.get("/")), scope.spawn(|| house.get("/"))];
        let calls = house.order("GET /v1/activations?after=0&wait_ms=5000", "");
        assert!(calls.contains("\"service\":\"shop\""), "{calls}");
        // The third is one too many.
        while !house.order("GET /v1/endpoints", "").contains("\"waiting\":2") {
            std::thread::sleep(Duration::from_millis(5));
        }
        let refused = house.get("/");
        assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
        let began = Instant::now();
        house.order("PUT /v1/endpoints", &told(&[&origin]));
        let answers = held.map(|held| held.join().unwrap());
        println!("released after {:?}", began.elapsed());
        answers
    });
    assert!(asked.iter().all(|answer| answer.ends_with("awake")), "{asked:?}");
}

#[test]
fn settings_change_under_load_and_no_request_fails() {
    // Would break: a swap of the settings cuts or fails a request.
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let to = |origin: &Origin| {
        format!(
            "[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
            origin.address
        )
    };
    let house = House::open(&to(&first));
    let (asked, bad) = under_load(&house, || {
        for round in 0..20 {
            let answer = house.reload(&to(if round % 2 == 0 { &second } else { &first }));
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            std::thread::sleep(Duration::from_millis(10));
        }
        let refused = house.reload("[gateway.routes.shop]\nto = 1\n");
        assert!(refused.starts_with("HTTP/1.1 422"), "{refused}");
    });
    assert!(asked > 0);
    assert!(bad.is_empty(), "{} of {asked}: {:?}", bad.len(), bad.first());
}

#[test]
fn another_gateway_takes_over_and_no_request_fails() {
    // Would break: an upgrade of the binary refuses or cuts connections.
    let origin = Origin::named("shop");
    let settings = format!(
        "[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        origin.address
    );
    let old = House::open(&settings);
    let (folder, address) = (Arc::clone(&old.folder), old.address);
    let mut new = None;
    let (asked, bad) = under_load_at(address, || {
        std::thread::sleep(Duration::from_millis(100));
        new = Some(House::open_in(folder, &settings, &address.to_string()));
        old.ended();
        std::thread::sleep(Duration::from_millis(100));
    });
    assert!(asked > 0);
    assert!(bad.is_empty(), "{} of {asked}: {:?}", bad.len(), bad.first());
    assert!(new.unwrap().get("/").ends_with("shop"));
}

fn under_load(house: &House, work: impl FnOnce()) -> (usize, Vec<String>) {
    under_load_at(house.address, work)
}

/// Requests on kept connections, and each on one of its own, while `work` is done: how many, and how those ended that failed. A kept
/// connection that was closed between two requests is opened again, as every client does.
fn under_load_at(address: SocketAddr, work: impl FnOnce()) -> (usize, Vec<String>) {
    let (ended, asked, bad) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let ask = |kept: &mut Option<TcpStream>, keep: bool| -> io::Result<()> {
        let mut stream = kept.take().map_or_else(|| TcpStream::connect(address), Ok)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let close = if keep { "" } else { "Connection: close\r\n" };
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{close}\r\n").as_bytes())?;
        let mut answer = vec![0; 4096];
        let count = stream.read(&mut answer)?;
        let text = String::from_utf8_lossy(&answer[..count]).into_owned();
        if !text.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(text));
        }
        if keep && !text.to_lowercase().contains("connection: close") {
            *kept = Some(stream);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (ask, ended, asked, bad) = (&ask, &ended, &asked, &bad);
            scope.spawn(move || {
                let mut kept = None;
                while !ended.load(Ordering::Relaxed) {
                    let was_kept = kept.is_some();
                    let mut result = ask(&mut kept, number % 2 == 0);
                    if result.is_err() && was_kept {
                        result = ask(&mut None, false);
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = result {
                        bad.lock().unwrap().push(error.to_string());
                    }
                }
            });
        }
        work();
        ended.store(true, Ordering::Relaxed);
    });
    (asked.into_inner(), bad.into_inner().unwrap())
}

#[test]
fn settings_that_cannot_be_in_force_change_nothing() {
    // Would break: a mistake in one route moves the endpoints of another, empties the cache, or switches the log off.
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let settings = |origin: &Origin, attempts: u32, more: &str| {
        format!(
            "[gateway.routes.a]\nto = \"shop\"\n[gateway.routes.z]\npath = \"/z\"\nto = \"shop\"\n\
             resilience = {{ attempts_max = {attempts} }}\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n{more}",
            origin.address
        )
    };
    let house = House::open(&settings(&first, 1, ""));
    assert!(house.get("/").ends_with("first"));
    let bad = house.reload(&settings(&second, 0, ""));
    assert!(bad.starts_with("HTTP/1.1 422") && bad.contains("attempts_max"), "{bad}");
    let told = house.order("GET /v1/status", "");
    assert!(told.contains("\"kind\":\"settings_refused\"") && told.contains("attempts_max"), "{told}");
    let bad = house.reload(&settings(
        &second,
        1,
        "[gateway.cache]\nmemory_max = \"32MiB\"\n[gateway.access_log]\nfile = \"no/such/folder/log\"\n",
    ));
    assert!(bad.starts_with("HTTP/1.1 422") && bad.contains("access_log"), "{bad}");
    for _ in 0..4 {
        assert!(house.get("/").ends_with("first"));
    }
    assert!(house.reload(&settings(&first, 1, "")).starts_with("HTTP/1.1 200"));
    assert!(house.order("GET /v1/status", "").contains("\"complaints\":[]"), "put right, it is told no more");
    let endpoints = house.order("GET /v1/endpoints", "");
    assert!(endpoints.contains(&first.address.to_string()), "{endpoints}");
    assert!(!endpoints.contains(&second.address.to_string()), "{endpoints}");
}

#[test]
fn a_route_that_shares_policies_from_now_on_leaves_none_behind() {
    // Would break: whoever looks at the numbers sees policies that no request goes through any more, with all that they hold.
    let origin = Origin::named("a");
    let with = |shared: &str| {
        format!(
            "[gateway.routes.suggest]\npath = \"/suggest\"\nto = \"shop\"\n{shared}[gateway.routes.pay]\npath = \"/pay\"\n\
             to = \"shop\"\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
            origin.address
        )
    };
    let house = House::open(&with(""));
    let has = |stack: &str| house.order("GET /metrics", "").contains(&format!("stack=\"{stack}\""));
    assert!(has("suggest>shop") && has("pay>shop"));
    let answer = house.reload(&with("policies_of = \"pay\"\n"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(house.get("/suggest").ends_with('a'));
    assert!(has("pay>shop") && !has("suggest>shop"));
}
