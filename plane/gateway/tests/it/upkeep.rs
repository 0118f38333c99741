//! How a gateway is looked after: what it owns, what follows its settings, and what it tells of itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use homeostat_gateway::{Options, RunError, run};

use crate::house::{House, Origin, ok};

fn to(origin: &Origin) -> String {
    format!("[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n", origin.address)
}

/// How many sockets listen on a port of this machine.
fn listening(port: u16) -> usize {
    let all = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (local, state) = (format!(":{port:04X}"), "0A");
    let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    all.lines().map(fields).filter(|line| line[1].ends_with(&local) && line[3] == state).count()
}

/// Tries again until it holds, for as long as a test may take.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain: {what}");
}

#[test]
fn a_successor_with_more_workers_has_a_socket_for_each_and_one_with_fewer_reads_them_all() {
    // Would break: further workers stand idle for ever, or connections wait on a socket that nobody reads.
    let origin = Origin::named("shop");
    let one = House::with_workers(1, Arc::new(tempfile::tempdir().unwrap()), &to(&origin), "127.0.0.1:0");
    let (folder, address) = (Arc::clone(&one.folder), one.address);
    assert_eq!(listening(address.port()), 1);
    let many = House::with_workers(4, Arc::clone(&folder), &to(&origin), &address.to_string());
    one.ended();
    assert_eq!(listening(address.port()), 4);
    let few = House::with_workers(1, folder, &to(&origin), &address.to_string());
    many.ended();
    assert_eq!(listening(address.port()), 4, "each may have connections that wait");
    for _ in 0..64 {
        assert!(few.get("/").ends_with("shop"));
    }
}

#[test]
fn a_listener_has_one_limit_of_connections_for_all_workers() {
    // Would break: a limit that holds on one machine is eight times as high on another.
    let origin = Origin::named("shop");
    let house = House::with_workers(
        4,
        Arc::new(tempfile::tempdir().unwrap()),
        &format!("{}[gateway.limits]\nconnections_max = 3\n", to(&origin)),
        "127.0.0.1:0",
    );
    let mut open: Vec<TcpStream> = Vec::new();
    for _ in 0..3 {
        let mut stream = house.connect();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        open.push(stream);
    }
    for _ in 0..8 {
        let mut refused = house.connect();
        let _ = refused.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        let mut text = Vec::new();
        // Closed, or reset because there were bytes that nobody read.
        let _ = refused.read_to_end(&mut text);
        assert_eq!(String::from_utf8_lossy(&text), "");
    }
    drop(open);
}

#[test]
fn the_wires_own_refusals_are_counted_by_reason() {
    // Would break: an attack or a broken client shows in no number.
    let house = House::open("[gateway.routes.shop]\nrespond = { status = 204 }\n");
    assert!(house.talk("GET / HTTP/1.1\nHost: a\n\n").starts_with("HTTP/1.1 400"));
    assert!(house.talk("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400"));
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    assert!(house.talk(long).starts_with("HTTP/1.1 431"));
    let numbers = house.order("GET /metrics", "");
    for (reason, count) in [("bare_line_feed", 1), ("host", 1), ("head_too_long", 1), ("field_name", 0)] {
        let line = format!("gateway_wire_refused_total{{reason=\"{reason}\"}} {count}\n");
        assert!(numbers.contains(&line), "{reason} in {numbers}");
    }
}

#[test]
fn the_run_folder_is_its_owners_alone() {
    // Would break: another user of the machine gives orders to the gateway, or is handed its sockets.
    let outer = tempfile::tempdir().unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let started = |folder: std::path::PathBuf| {
        let reader = || Err(vec!["far enough".to_owned()]);
        run(Options { folder, reader: Box::new(reader), ready: Box::new(|_| {}) }).unwrap_err()
    };
    let fresh = outer.path().join("fresh");
    assert!(matches!(started(fresh.clone()), RunError::Settings(_)));
    assert_eq!(mode(&fresh), 0o700);
    for others in [0o770, 0o707, 0o720] {
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(others)).unwrap();
        let refused = started(fresh.clone()).to_string();
        assert!(refused.contains("others may write in it") && refused.contains("chmod"), "{refused}");
    }
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(started(fresh.clone()), RunError::Settings(_)));
    // Only root can give a folder away; everybody else finds one that is another's.
    if std::os::unix::fs::chown(&fresh, Some(12_345), None).is_ok() {
        let refused = started(fresh).to_string();
        assert!(refused.contains("belongs to user 12345"), "{refused}");
    }
}

#[test]
fn a_control_elsewhere_is_not_where_others_may_write() {
    // Would break: another user of the machine puts a socket in the control's place and is given its orders.
    let outer = tempfile::tempdir().unwrap();
    let open = outer.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let route = "[gateway.routes.shop]\nrespond = { status = 204 }\n";
    let elsewhere = |folder: &std::path::Path| {
        format!("{route}[gateway.control]\nsocket = \"{}\"\n", folder.join("control").display())
    };
    let house = House::open(route);
    house.reload(&elsewhere(&open));
    house.reload(&elsewhere(&outer.path().join("own")));
    let began = std::time::Instant::now();
    while !outer.path().join("own/control").exists() {
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "it follows to a folder of its own");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(!open.join("control").exists());
    house.order_at(outer.path().join("own/control").to_str().unwrap(), "POST /v1/reload", route);
    while !house.folder.path().join("gateway.sock").exists() {
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "and back");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn its_sockets_go_with_it_unless_a_successor_has_them() {
    // Would break: a socket of a dead gateway misleads whoever asks, or an ending one takes away the control of its successor.
    let settings = "[gateway.routes.shop]\nrespond = { status = 204 }\n";
    let old = House::open(settings);
    let (folder, address) = (Arc::clone(&old.folder), old.address);
    let sockets = ["gateway.sock", "gateway.handover"].map(|name| folder.path().join(name));
    for _ in 0..5 {
        let next = House::open_in(Arc::clone(&folder), settings, &address.to_string());
        drop(next);
        assert!(sockets.iter().all(|socket| !socket.exists()));
        let next = House::open_in(Arc::clone(&folder), settings, "127.0.0.1:0");
        let after = House::open_in(Arc::clone(&folder), settings, &next.address.to_string());
        next.ended();
        assert!(sockets.iter().all(|socket| socket.exists()));
        assert!(after.order("GET /v1/status", "").starts_with("HTTP/1.1 200"));
    }
    assert!(sockets.iter().all(|socket| !socket.exists()));
    old.ended();
}

#[test]
fn the_control_and_the_numbers_move_with_the_settings() {
    // Would break: a changed address of the control or of the numbers comes into force only with a restart.
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (first, second) = (free(), free());
    let at = |socket: &str, metrics: &str| {
        let control = format!("[gateway.control]\nsocket = \"{socket}\"\n{metrics}");
        format!("[gateway.routes.shop]\nrespond = {{ status = 204 }}\n{control}")
    };
    let metrics = |address| format!("metrics = \"{address}\"\n");
    let house = House::open(&at("gateway.sock", &metrics(first)));
    let scraped = |address: std::net::SocketAddr| {
        let Ok(mut stream) = TcpStream::connect(address) else { return false };
        let mut text = String::new();
        let asked = stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").and_then(|()| stream.read_to_string(&mut text));
        asked.is_ok() && text.contains("gateway_unrouted_total")
    };
    assert!(scraped(first));
    let answer = house.reload(&at("deeper/own.sock", &metrics(second)));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let there = |name: &str| house.folder.path().join(name).exists();
    until("the control has moved", || there("deeper/own.sock") && !there("gateway.sock"));
    until("the numbers have moved", || scraped(second) && !scraped(first));
    // Back to where the house asks it to end, and without numbers.
    let answer = house.order_at("deeper/own.sock", "POST /v1/reload", &at("gateway.sock", ""));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    until("the control is back", || there("gateway.sock") && !there("deeper/own.sock"));
    until("nobody gives numbers", || TcpStream::connect(second).is_err());
}

#[test]
fn each_upstreams_pages_are_warmed_when_it_has_an_endpoint() {
    // Would break: one upstream without anybody keeps the pages of all others cold.
    let shop =
        Origin::start(|_, _| b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nshop".to_vec());
    let blog = Origin::start(|_, _| ok("blog"));
    let house = House::open(&format!(
        "[gateway.cache]\nwarm = [\"/blog\", \"/shop\", \"/nowhere\"]\n[gateway.routes.blog]\npath_prefix = \"/blog\"\nto = \"blog\"\n\
         [gateway.routes.shop]\npath_prefix = \"/shop\"\nto = \"shop\"\ncache = {{}}\n\
         [gateway.upstreams.blog]\nservice = \"blog\"\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        shop.address
    ));
    use std::sync::atomic::Ordering::SeqCst;
    until("the shop is asked", || shop.requests.load(SeqCst) == 1);
    assert_eq!(blog.requests.load(SeqCst), 0);
    let list = format!("{{\"services\":{{\"blog\":[{{\"name\":\"blog/0\",\"address\":\"{}\"}}]}}}}", blog.address);
    house.order("PUT /v1/endpoints", &list);
    until("the blog is asked", || blog.requests.load(SeqCst) == 1);
    assert_eq!(shop.requests.load(SeqCst), 1, "once is enough");
}
