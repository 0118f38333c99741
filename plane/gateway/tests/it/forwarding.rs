//! Requests go where their route says, and come back.

use std::io::{Read, Write};
use std::sync::atomic::Ordering;

use crate::house::{House, Origin, ok};

fn to_all(origins: &[&Origin]) -> String {
    let list: Vec<String> = origins.iter().map(|origin| format!("{:?}", origin.address.to_string())).collect();
    format!("[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nendpoints = [{}]\n", list.join(", "))
}

#[test]
fn a_request_reaches_its_upstream_and_the_answer_comes_back() {
    // Would break: the head of a request loses or gains what changes its meaning.
    let origin = Origin::start(|head, _| ok(head));
    let house = House::open(&to_all(&[&origin]));
    let answer = house.get("/cart?item=1");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("GET /cart?item=1 HTTP/1.1\r\n"), "{answer}");
    assert!(answer.to_lowercase().contains("host: shop.test\r\n"), "{answer}");
}

#[test]
fn connections_to_the_upstream_are_used_again() {
    // Would break: every request opens a connection of its own.
    let origin = Origin::named("shop");
    let house = House::open(&to_all(&[&origin]));
    let mut stream = house.connect();
    for _ in 0..20 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").unwrap();
        let mut answer = vec![0; 1024];
        let count = stream.read(&mut answer).unwrap();
        assert!(answer[..count].ends_with(b"shop"));
    }
    assert_eq!(origin.requests.load(Ordering::SeqCst), 20);
    assert_eq!(origin.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_connection_that_the_upstream_closed_fails_nobody() {
    // Would break: a request on a kept connection that is closed meanwhile is answered with an error.
    let origin = Origin::start(|_, _| {
        let mut answer = ok("once");
        answer.splice(17..17, b"Connection: close\r\n".iter().copied());
        answer
    });
    let house = House::open(&to_all(&[&origin]));
    for _ in 0..10 {
        assert!(house.get("/").ends_with("once"));
    }
}

#[test]
fn a_failed_endpoint_is_made_up_for_by_another() {
    // Would break: a GET that one endpoint fails is not asked of another.
    let bad = Origin::start(|_, _| b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec());
    let good = Origin::named("good");
    let house = House::open(&to_all(&[&bad, &good]));
    for _ in 0..20 {
        assert!(house.get("/").ends_with("good"));
    }
}

#[test]
fn a_page_that_fails_everywhere_is_answered_at_once_and_leaves_the_others_alone() {
    // Would break: a bug in one page makes its visitors wait for seconds, and each of them is six requests for the service.
    let answer = |path: &str| match path {
        "/broken" => b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood".to_vec(),
    };
    let origins = [(); 2].map(|()| Origin::start(move |head, _| answer(head.split(' ').nth(1).unwrap_or_default())));
    let house = House::open(&to_all(&[&origins[0], &origins[1]]));
    let asked = || origins.iter().map(|origin| origin.requests.load(Ordering::SeqCst)).sum::<usize>();
    for _ in 0..12 {
        let before = asked();
        assert!(house.get("/broken").starts_with("HTTP/1.1 500"));
        // Both have said so; a third goes out beside them where both are doubted already.
        assert!(asked() - before <= 3, "{} of six", asked() - before);
    }
    assert!(house.get("/").ends_with("good"));
}

#[test]
fn a_post_is_not_made_twice() {
    // Would break: an order is placed twice because the first answer was an error.
    let bad = Origin::start(|_, _| b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec());
    let other = Origin::start(|_, _| b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec());
    let house = House::open(&to_all(&[&bad, &other]));
    let answer =
        house.talk("POST /order HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert_eq!(bad.requests.load(Ordering::SeqCst) + other.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn nobody_listening_is_a_502_that_says_so_and_no_more() {
    // Would break: the address of an inner service is told to the client.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let house = House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\nresilience = {{ deadline_ms = 500 }}\n[gateway.upstreams.shop]\nendpoints = [\"{closed}\"]\n"
    ));
    let answer = house.get("/");
    assert!(answer.starts_with("HTTP/1.1 50"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(!answer.contains(&closed.port().to_string()), "{answer}");
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again_when_it_is_read_whole() {
    // Would break: half an answer reaches the client although another endpoint has the whole.
    let broken =
        Origin::start(|_, _| b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhalf".to_vec());
    let good = Origin::named("whole here");
    let settings = to_all(&[&broken, &good]).replace("to = \"shop\"\n", "to = \"shop\"\nwhole_answer = {}\n");
    let house = House::open(&settings);
    for _ in 0..10 {
        let answer = house.get("/");
        assert!(answer.ends_with("whole here"), "{answer}");
    }
}

#[test]
fn routes_answer_and_redirect_by_themselves() {
    // Would break: a fixed answer or a redirect needs an upstream.
    let house = House::open(
        "[gateway.routes.health]\npath = \"/health\"\nrespond = { status = 200, body = \"fine\" }\n\
         [gateway.routes.old]\npath = \"/old/{rest..}\"\nredirect = { path = \"/new/{rest}\", status = 301 }\n",
    );
    assert!(house.get("/health").ends_with("\r\n\r\nfine"));
    let moved = house.get("/old/a/b?c=d");
    assert!(moved.starts_with("HTTP/1.1 301"), "{moved}");
    assert!(moved.to_lowercase().contains("location: http://shop.test/new/a/b?c=d\r\n"), "{moved}");
    assert!(house.get("/nothing").starts_with("HTTP/1.1 404"));
}

#[test]
fn of_routes_that_share_their_policies_the_more_important_goes_first() {
    // Would break: under load a prefetch is served before a payment, since each has a line of its own.
    let (tell, told) = std::sync::mpsc::sync_channel(8);
    let (release, gate) = std::sync::mpsc::sync_channel::<()>(8);
    let gate = std::sync::Mutex::new(gate);
    let origin = Origin::start(move |head, _| {
        tell.send(head.split(' ').nth(1).unwrap().to_owned()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        ok("done")
    });
    let house = House::open(&format!(
        "[gateway.routes.suggest]\npath = \"/suggest\"\nto = \"shop\"\npriority = \"low\"\npolicies_of = \"pay\"\n\
         [gateway.routes.pay]\npath = \"/pay\"\nto = \"shop\"\npriority = \"critical\"\n\
         resilience = {{ limit = 1, wait_ms_max = 20000, deadline_ms = 20000, parallel_max = 1 }}\n\
         [gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        origin.address
    ));
    let patience = std::time::Duration::from_secs(20);
    let in_line = |priority: &str| {
        let line = format!("resilience_limit_waiting{{stack=\"pay>shop\",priority=\"{priority}\"}} 1");
        let until = std::time::Instant::now() + patience;
        while !house.order("GET /metrics", "").contains(&line) {
            assert!(std::time::Instant::now() < until, "nobody of that priority ever waited");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| house.get("/suggest"));
        assert_eq!(told.recv_timeout(patience).unwrap(), "/suggest");
        scope.spawn(|| house.get("/suggest"));
        in_line("low");
        scope.spawn(|| house.get("/pay"));
        in_line("critical");
        (0..3).for_each(|_| release.send(()).unwrap());
        let order: Vec<String> = (0..2).map(|_| told.recv_timeout(patience).unwrap()).collect();
        assert_eq!(order, ["/pay", "/suggest"]);
    });
}

#[test]
fn a_body_without_a_length_is_too_large_like_any_other() {
    // Would break: whoever uploads too much in chunks is told that his request cannot be read, and looks for the mistake there.
    let origin = Origin::start(|_, body| ok(&body.len().to_string()));
    let settings = to_all(&[&origin]).replace("to = \"shop\"\n", "to = \"shop\"\nrequest_body_max = \"1KiB\"\n");
    let house = House::open(&settings);
    let send = |bytes: usize| {
        let body = "x".repeat(bytes);
        let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        house.talk(format!("{head}{bytes:x}\r\n{body}\r\n0\r\n\r\n"))
    };
    assert!(send(1_024).starts_with("HTTP/1.1 200"));
    let refused = send(1_025);
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("H0604"), "{refused}");
}

#[test]
fn a_request_line_that_is_too_long_is_told_so() {
    // Would break: a form that should be sent with POST is refused for its headers, and its user deletes his cookies in vain.
    let origin = Origin::named("shop");
    let house = House::open(&format!("[gateway.limits]\nhead_max = \"2KiB\"\n{}", to_all(&[&origin])));
    let long = house.get(&format!("/{}", "x".repeat(2_048)));
    assert!(long.starts_with("HTTP/1.1 414"), "{long}");
    let cookie = "x".repeat(2_048);
    let large =
        house.talk(format!("GET / HTTP/1.1\r\nHost: shop.test\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"));
    assert!(large.starts_with("HTTP/1.1 431"), "{large}");
}

#[test]
fn a_rewrite_that_makes_no_path_never_sends_the_path_that_was_asked_for() {
    // Would break: what the rewrite was to keep from the upstream reaches it, because the rewritten path is too long.
    let origin = Origin::start(|head, _| ok(head.split(' ').nth(1).unwrap()));
    let settings = to_all(&[&origin]).replace(
        "to = \"shop\"\n",
        "to = \"shop\"\npath = \"/public/{rest..}\"\nrewrite = { path = \"/a/much/longer/place/within/{rest}\" }\n",
    );
    let house = House::open(&format!("[gateway.limits]\nhead_max = \"256KiB\"\n{settings}"));
    assert!(house.get("/public/x").ends_with("/a/much/longer/place/within/x"));
    let long = house.get(&format!("/public/{}", "x".repeat(65_520)));
    assert!(long.starts_with("HTTP/1.1 500") && long.contains("H0617"), "{long}");
    assert_eq!(origin.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn early_hints_are_dropped_and_the_answer_is_whole() {
    // Would break: a hint is taken for the answer, or stays on the connection and answers the next request.
    let origin = Origin::start(|head, _| {
        let hint = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n".to_vec();
        [hint, ok(head.split(' ').nth(1).unwrap())].concat()
    });
    let house = House::open(&to_all(&[&origin]));
    for path in ["/one", "/two", "/three"] {
        let answer = house.get(path);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(path), "{answer}");
        assert!(!answer.contains("103") && !answer.to_lowercase().contains("link:"), "{answer}");
    }
    assert_eq!(origin.requests.load(Ordering::SeqCst), 3);
}
