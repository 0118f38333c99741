//! What the log and the tap say of requests.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::house::{House, Origin};

fn origin() -> Origin {
    Origin::start(|_, _| b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\npage".to_vec())
}

fn shop(origin: &Origin) -> String {
    format!(
        "[gateway.routes.shop]\nhost = \"shop.test\"\nto = \"shop\"\ncache = {{ status_header = false }}\n\
         [gateway.upstreams.shop]\nendpoints = [\"{}\"]\n",
        origin.address
    )
}

/// Waits until the log has a line with all of these.
pub fn logged(house: &House, parts: &[&str]) -> String {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let log = std::fs::read_to_string(house.folder.path().join("access.log")).unwrap_or_default();
        if let Some(line) = log.lines().find(|line| parts.iter().all(|part| line.contains(part))) {
            return line.to_owned();
        }
        assert!(Instant::now() < until, "{parts:?} is not in:\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Looks from now on.
pub fn look(house: &House, query: &str) -> BufReader<UnixStream> {
    let mut stream = house.control();
    stream.write_all(format!("GET /v1/tap{query} HTTP/1.1\r\nHost: gateway\r\n\r\n").as_bytes()).unwrap();
    let mut seen = BufReader::new(stream);
    let head = next(&mut seen, "HTTP/1.1");
    assert!(head.contains("200"), "{head}");
    seen
}

pub fn next(seen: &mut BufReader<UnixStream>, part: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(seen.read_line(&mut line).unwrap() > 0, "no line with {part}");
        if line.contains(part) {
            return line;
        }
    }
}

#[test]
fn the_log_and_the_tap_say_what_the_cache_had() {
    // Would break: nobody sees which requests the origin was spared.
    let origin = origin();
    let house = House::open(&shop(&origin));
    let mut seen = look(&house, "");
    for _ in 0..2 {
        assert!(!house.get("/page").contains("cache-status"));
    }
    house.talk("POST /page HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    for (method, result) in [("GET", "miss"), ("GET", "hit"), ("POST", "pass")] {
        let result = format!("\"cache\":\"{result}\"");
        logged(&house, &[method, "/page", &result]);
        let line = next(&mut seen, "/page");
        assert!(line.contains(&result) && line.contains(method), "{line}");
        assert_eq!(line.contains("\"endpoint\""), !line.contains("hit"), "{line}");
    }
}

#[test]
fn requests_that_no_route_takes_are_told_of() {
    // Would break: who looks for a way in leaves no trace, and neither does a name that was forgotten in the settings.
    let origin = origin();
    let house = House::open(&shop(&origin));
    let mut seen = look(&house, "?status=4xx");
    house.talk("GET /admin HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n");
    let line = logged(&house, &["other.test", "/admin", "\"status\":404", "H0601"]);
    assert!(!line.contains("\"route\""), "{line}");
    let line = next(&mut seen, "other.test");
    assert!(line.contains("\"status\":404") && !line.contains("\"route\""), "{line}");
    house.talk("GET /%zz HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
    logged(&house, &["/%zz", "\"status\":400", "H0602"]);
}

#[test]
fn the_tap_shows_one_of_many() {
    // Would break: who looks at a busy gateway is shown the first thousand of a second and then nothing.
    let origin = origin();
    let house = House::open(&shop(&origin));
    let mut seen = look(&house, "?sample=3");
    for number in 0..7 {
        house.get(&format!("/{number}"));
    }
    for number in [0, 3, 6] {
        let line = next(&mut seen, "\"path\"");
        assert!(line.contains(&format!("\"path\":\"/{number}\"")), "{line}");
    }
    let refused = house.order("GET /v1/tap?sample=many", "");
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
}
