//! An origin that does what the path says and notices what must never happen, and a look at what a gateway says is under way.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::house::{House, ok, request};

/// Looks before a level that does not settle is a leak; each takes a few milliseconds.
const LOOKS_MAX: usize = 2_000;

/// What the connections of one origin have seen.
#[derive(Default)]
pub struct Seen {
    /// Connections that are open.
    pub open: AtomicUsize,
    /// Requests.
    pub asked: AtomicUsize,
    /// Bytes came on a connection whose answer was not at its end.
    pub mixed: AtomicUsize,
}

/// `/fast` is answered, `/fail` with a 500, `/drip` in two pieces, `/half` with one of two, `/hang` never; what follows is the answer.
pub struct Stage {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
}

impl Stage {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Seen::default()));
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                noted.open.fetch_add(1, Ordering::SeqCst);
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || {
                    let mut read = Vec::new();
                    while let Some((head, _)) = request(&mut stream, &mut read) {
                        noted.asked.fetch_add(1, Ordering::SeqCst);
                        if !play(&mut stream, head.split(' ').nth(1).unwrap(), &noted) {
                            break;
                        }
                    }
                    drop(stream);
                    noted.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen }
    }
}

/// What a request for this path is answered with, once it is.
pub fn body_of(path: &str) -> String {
    format!("{path} ").repeat(100)
}

/// Whether the connection can have another request.
fn play(stream: &mut TcpStream, path: &str, seen: &Seen) -> bool {
    let answer = ok(&body_of(path));
    let (first, second) = answer.split_at(answer.len() / 2);
    match path.split('/').nth(1).unwrap() {
        "fast" => stream.write_all(&answer).is_ok(),
        "fail" => stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n").is_ok(),
        "drip" => {
            let pause = Some(Duration::from_millis(2));
            stream.write_all(first).is_ok() && is_silent(stream, pause, seen) && stream.write_all(second).is_ok()
        }
        "half" => stream.write_all(first).is_ok() && is_silent(stream, None, seen),
        _ => is_silent(stream, None, seen),
    }
}

/// Waits for so long, or until the other side has left; whether it has not.
fn is_silent(stream: &mut TcpStream, pause: Option<Duration>, seen: &Seen) -> bool {
    stream.set_read_timeout(pause).unwrap();
    let came = stream.read(&mut [0; 1]);
    if matches!(came, Ok(1)) {
        seen.mixed.fetch_add(1, Ordering::SeqCst);
    }
    stream.set_read_timeout(None).unwrap();
    matches!(came, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// A gateway in front of these, with a route and an upstream of the name `shop`.
pub fn in_front_of(stages: &[&Stage], route: &str) -> House {
    let list: Vec<String> = stages.iter().map(|stage| format!("{:?}", stage.address.to_string())).collect();
    House::open(&format!(
        "[gateway.routes.shop]\nto = \"shop\"\n{route}\n[gateway.upstreams.shop]\nendpoints = [{}]\n",
        list.join(", ")
    ))
}

/// The number of one series; nothing is none.
pub fn number(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |number| number.parse().unwrap())
}

/// How many requests of the route `shop` had an answer of this class, or `left`.
pub fn answered(metrics: &str, class: &str) -> f64 {
    number(metrics, &format!("gateway_requests_total{{route=\"shop\",status=\"{class}\"}}"))
}

/// Waits until the numbers are so; the numbers then.
pub fn when(house: &House, what: &str, is_so: impl Fn(&str) -> bool) -> String {
    let mut metrics = String::new();
    for _ in 0..LOOKS_MAX {
        metrics = house.order("GET /metrics", "");
        if is_so(&metrics) {
            return metrics;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("never {what}: {metrics}");
}

/// Whether nothing is under way and nobody waits.
pub fn is_at_rest(metrics: &str) -> bool {
    let levels = metrics.lines().filter(|line| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        !line.starts_with('#') && (name.ends_with("in_flight") || name.ends_with("waiting"))
    });
    let mut seen = 0;
    let idle = levels.inspect(|_| seen += 1).all(|line| line.rsplit(' ').next().unwrap().parse() == Ok(0.0));
    assert!(!idle || seen >= 8, "the levels have other names by now: {metrics}");
    idle
}
