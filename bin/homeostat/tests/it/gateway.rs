//! The gateway with its engine, both real: requests pass while instances come and go, and while either of the two is killed.

use crate::bed::{Bed, kill, script, visit, web};
use homeostat_testkit::processes::{marked, parent, runs};
use homeostat_testkit::{programs, wait_until};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Visitors that ask at the same time.
const VISITORS: usize = 3;

/// The pause of a visitor between two requests.
const PAUSE: Duration = Duration::from_millis(3);

/// A section for a gateway on `port` with everything sent to the service `to`.
fn gateway(port: u16, to: &str) -> String {
    format!("\n[gateway]\nlisten = \"127.0.0.1:{port}\"\nworkers = 1\n[gateway.routes.all]\nto = \"{to}\"\n")
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn answers(port: u16) -> bool {
    visit(port, "/health").is_some_and(|text| text.starts_with("HTTP/1.1 200"))
}

/// The addresses that the gateway knows of an upstream.
fn endpoints(bed: &Bed, upstream: &str) -> Vec<String> {
    let Ok(mut stream) = UnixStream::connect(bed.data_folder().join("gateway.sock")) else { return Vec::new() };
    stream.write_all(b"GET /v1/endpoints HTTP/1.0\r\nhost: gateway\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let all: Value = serde_json::from_str(body).unwrap_or_default();
    let found = all.as_array().into_iter().flatten().find(|it| it["upstream"] == upstream).cloned();
    let list = found.unwrap_or_default()["endpoints"].as_array().cloned().unwrap_or_default();
    list.iter().map(|it| it["address"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Requests that the gateway has under way at endpoints.
fn in_flight(bed: &Bed) -> u64 {
    let answer = bed.call("gateway endpoints --output json");
    let all: Value = serde_json::from_str(&answer.out).unwrap_or_default();
    let upstreams = all["upstreams"].as_array().cloned().unwrap_or_default();
    let endpoints = upstreams.iter().flat_map(|upstream| upstream["endpoints"].as_array().cloned()).flatten();
    endpoints.filter_map(|endpoint| endpoint["in_flight"].as_u64()).sum()
}

/// The service `web` without a health check: made slow, it would fail its checks, and be repaired while it is looked at.
fn unchecked(more: &str) -> String {
    let program = programs::program("homeostat-kiosk", "homeostat-kiosk");
    script("web", &format!("exec {} web --port {{port}}", program.display()), &format!("port = \"auto\"\n{more}"))
}

/// Asks the gateway for something slow; what becomes of it, once it is known to be under way. On a slow machine it may end before
/// anybody has looked: then it is asked for again.
fn under_way(bed: &Bed, port: u16) -> thread::JoinHandle<Option<String>> {
    let ask = || thread::spawn(move || visit(port, "/"));
    let mut asked = ask();
    wait_until("it is under way", || {
        let is_seen = in_flight(bed) > 0 && !asked.is_finished();
        if !is_seen && asked.is_finished() {
            asked = ask();
        }
        is_seen
    });
    asked
}

/// How long the service of these tests takes from its start to its first answer when nothing stands before it.
fn own_start() -> Duration {
    let (port, program) = (free_port(), programs::program("homeostat-kiosk", "homeostat-kiosk"));
    let began = Instant::now();
    let mut child = Command::new(program).args(["web", "--port", &port.to_string()]).spawn().unwrap();
    while !answers(port) {
        assert!(began.elapsed() < Duration::from_secs(20), "the kiosk answers");
        thread::sleep(Duration::from_millis(1));
    }
    let took = began.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    took
}

/// What became of the requests of all visitors.
#[derive(Default)]
struct Visits {
    answered: AtomicU64,
    failed: Mutex<Vec<String>>,
    over: AtomicBool,
}

/// Asks the gateway all the time while `what` happens; the requests that were answered, and what became of those that were not.
fn under_load(port: u16, what: impl FnOnce(&Visits)) -> (u64, Vec<String>) {
    let visits = Visits::default();
    thread::scope(|scope| {
        for _ in 0..VISITORS {
            scope.spawn(|| {
                while !visits.over.load(Ordering::SeqCst) {
                    match visit(port, "/health") {
                        Some(text) if text.starts_with("HTTP/1.1 200") => {
                            visits.answered.fetch_add(1, Ordering::SeqCst);
                        }
                        other => visits.failed.lock().unwrap().push(other.unwrap_or_else(|| "no answer".to_owned())),
                    }
                    thread::sleep(PAUSE);
                }
            });
        }
        // Visitors must end even when what happens panics.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| what(&visits)));
        visits.over.store(true, Ordering::SeqCst);
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
    (visits.answered.into_inner(), visits.failed.into_inner().unwrap())
}

/// Waits until so many more requests were answered.
fn let_pass(visits: &Visits, more: u64) {
    let before = visits.answered.load(Ordering::SeqCst);
    wait_until("more requests are answered", || visits.answered.load(Ordering::SeqCst) >= before + more);
}

#[test]
fn instances_come_go_and_die_and_no_request_notices() {
    // Requests would fail at each deployment, each repair and each change of the number of instances.
    let port = free_port();
    let bed = Bed::up(&format!("{}{}", gateway(port, "web"), web("web", "instances = 2")));
    let first = bed.ready("web/0");
    bed.ready("web/1");
    wait_until("the gateway knows both", || endpoints(&bed, "web").len() == 2 && answers(port));
    let (answered, failed) = under_load(port, |visits| {
        bed.declare(&format!("{}{}", gateway(port, "web"), web("web", "instances = 3")));
        wait_until("a third one is sent requests", || endpoints(&bed, "web").len() == 3);
        let_pass(visits, 50);
        kill(first);
        bed.ready_after("web/0", first);
        wait_until("its new life is sent requests", || endpoints(&bed, "web").len() == 3);
        let_pass(visits, 50);
        let lives = ["web/0", "web/1", "web/2"].map(|id| bed.ready(id));
        let anew = web("web", "instances = 3\nenvironment = { EDITION = \"2\" }");
        bed.declare(&format!("{}{anew}", gateway(port, "web")));
        for (id, before) in ["web/0", "web/1", "web/2"].into_iter().zip(lives) {
            bed.ready_after(id, before);
        }
        let_pass(visits, 50);
        bed.declare(&format!("{}{}", gateway(port, "web"), web("web", "environment = { EDITION = \"2\" }")));
        wait_until("only one is left", || endpoints(&bed, "web").len() == 1);
        let_pass(visits, 50);
    });
    println!("instances come, go and die: {answered} answered, {} failed", failed.len());
    assert_eq!(failed, Vec::<String>::new(), "of {answered}");
    bed.down();
}

#[test]
fn the_engine_is_killed_and_no_request_notices() {
    // Traffic would rest on the engine, which may die at any time.
    let port = free_port();
    let services = format!("{}{}", gateway(port, "web"), web("web", "instances = 2"));
    let mut bed = Bed::up(&services);
    let lives = ["web/0", "web/1", "gateway/0"].map(|id| bed.ready(id));
    wait_until("the gateway answers", || endpoints(&bed, "web").len() == 2 && answers(port));
    let (answered, failed) = under_load(port, |visits| {
        for _ in 0..3 {
            bed.engine.kill();
            let_pass(visits, 100);
            bed.start();
            let_pass(visits, 50);
        }
        assert_eq!(["web/0", "web/1", "gateway/0"].map(|id| bed.ready(id)), lives, "all were adopted");
    });
    println!("the engine is killed three times: {answered} answered, {} failed", failed.len());
    assert_eq!(failed, Vec::<String>::new(), "of {answered}");
    bed.down();
}

#[test]
fn the_first_request_wakes_a_service_and_it_rests_again() {
    // The first visitor would be turned away, or the service run for nobody.
    let port = free_port();
    let cold = web("cold", "start = \"on_request\"\nidle_stop = \"3s\"");
    let bed = Bed::up(&format!("{}{cold}", gateway(port, "cold")));
    bed.ready("gateway/0");
    assert_eq!(bed.instance("cold/0").unwrap()["phase"], "resting");
    assert!(bed.call("status").out.contains("resting"));
    wait_until("the gateway listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let began = Instant::now();
    assert!(answers(port), "the first request is held and answered");
    let whole = began.elapsed();
    let own = own_start();
    println!(
        "from zero: {whole:?} to the first answer; the service alone takes {own:?} from its start to its first answer"
    );
    wait_until("it rests again", || bed.instance("cold/0").is_some_and(|it| it["phase"] == "resting"));
    assert!(answers(port), "and is woken again");
    assert_eq!(bed.facts("service.activated").len(), 2);
    assert_eq!(bed.facts("episode.opened").len(), 0, "resting is no fault");
    bed.down();
}

#[test]
fn the_first_visitor_of_a_service_that_is_slow_to_listen_is_answered() {
    // Would break: without a health check, a service counts as there before it listens, and whoever woke it is sent away with a 502.
    let port = free_port();
    let program = programs::program("homeostat-kiosk", "homeostat-kiosk");
    let slow = format!("sleep 1; exec {} web --port {{port}}", program.display());
    let cold = script("cold", &slow, "port = \"auto\"\nstart = \"on_request\"");
    let bed = Bed::up(&format!("{}{cold}", gateway(port, "cold")));
    bed.ready("gateway/0");
    wait_until("the gateway listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let text = visit(port, "/health").unwrap_or_default();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    bed.down();
}

#[test]
fn a_killed_gateway_comes_back_and_changed_settings_restart_nothing() {
    // A dead gateway would stay dead, or each change of a route cost every connection.
    let (port, other) = (free_port(), free_port());
    let bed = Bed::up(&format!("{}{}", gateway(port, "web"), web("web", "")));
    bed.ready("web/0");
    let first = bed.ready("gateway/0");
    wait_until("the gateway answers", || answers(port));
    kill(first);
    let second = bed.ready_after("gateway/0", first);
    wait_until("its next life answers", || answers(port));
    bed.declare(&format!("{}{}", gateway(other, "web"), web("web", "")));
    wait_until("it listens where it is told to now", || answers(other));
    assert_eq!(bed.ready("gateway/0"), second, "no life ended for it");
    assert!(runs(second));
    bed.down();
}

#[test]
fn settings_that_cannot_be_written_are_told_of_and_given_later() {
    // Would break: a full disk at the wrong moment, and the gateway goes on with old settings for ever while the status is green.
    let (port, other) = (free_port(), free_port());
    let bed = Bed::up(&format!("{}{}", gateway(port, "web"), web("web", "")));
    bed.ready("web/0");
    bed.ready("gateway/0");
    wait_until("the gateway answers", || answers(port));
    let is_refused =
        || bed.try_get("/v1/status").is_some_and(|(_, status)| status["configuration_refused"][0].is_string());
    let in_the_way = bed.data_folder().join("gateway.plan.json.new");
    std::fs::create_dir(&in_the_way).unwrap();
    bed.declare(&format!("{}{}", gateway(other, "web"), web("web", "")));
    wait_until("the status tells of it", is_refused);
    assert!(answers(port), "it goes on as before");
    std::fs::remove_dir(&in_the_way).unwrap();
    bed.declare(&format!("{}{}# once more", gateway(other, "web"), web("web", "")));
    wait_until("it listens where it was told to before", || answers(other));
    wait_until("nothing is told of any more", || !is_refused());
    bed.down();
}

#[test]
fn a_gateway_that_reads_its_settings_only_once_is_taken_over_from() {
    // Another number of workers, or an upgrade, would stop the gateway and start it again, and fail every request in between.
    let port = free_port();
    let bed = Bed::up(&format!("{}{}", gateway(port, "web"), web("web", "")));
    bed.ready("web/0");
    let first = bed.ready("gateway/0");
    wait_until("the gateway answers", || answers(port));
    // Requests are under way at every moment.
    bed.visit("web/0", "/slow?ms=150");
    let (answered, failed) = under_load(port, |visits| {
        let_pass(visits, 10);
        bed.declare(&format!("{}{}", gateway(port, "web").replace("workers = 1", "workers = 3"), web("web", "")));
        let second = bed.ready_after("gateway/0", first);
        wait_until("the first one has ended", || !runs(first));
        let_pass(visits, 10);
        bed.declare(&format!("{}{}", gateway(port, "web"), web("web", "")));
        bed.ready_after("gateway/0", second);
        wait_until("the second one has ended", || !runs(second));
        let_pass(visits, 10);
    });
    println!("taken over from twice: {answered} answered, {} failed", failed.len());
    assert_eq!(failed, Vec::<String>::new(), "of {answered}");
    assert_eq!(bed.facts("episode.opened").len(), 0, "nothing of it is a fault");
    bed.down();
}

#[test]
fn everything_ends_and_no_request_that_came_in_fails() {
    // `homeostat down` would stop services under requests that the gateway has taken.
    let port = free_port();
    let bed = Bed::up(&format!("{}{}", gateway(port, "web"), unchecked("")));
    bed.ready("web/0");
    bed.ready("gateway/0");
    wait_until("the gateway answers", || answers(port));
    bed.visit("web/0", "/slow?ms=1500");
    let asked = under_way(&bed, port);
    let stopped = |bed: &Bed| -> Vec<String> {
        let stops = bed.facts("plan.made").into_iter().filter(|plan| plan["plan"]["class"] == "stop");
        stops.map(|plan| plan["plan"]["target"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let answer = bed.call("down");
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let text = asked.join().unwrap().unwrap_or_default();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert_eq!(stopped(&bed), ["gateway/0", "web/0"]);
}

#[test]
fn a_request_under_way_ends_before_its_instance_is_told_to() {
    // Would break: each deployment cuts the requests that take longer than a moment, at services that end at once when they are told to.
    let port = free_port();
    let service = |edition: &str| {
        unchecked(&format!(
            "stop = {{ signal = \"KILL\", grace = \"10s\" }}\nenvironment = {{ EDITION = \"{edition}\" }}"
        ))
    };
    let bed = Bed::up(&format!("{}{}", gateway(port, "web"), service("1")));
    let first = bed.ready("web/0");
    bed.ready("gateway/0");
    wait_until("the gateway answers", || answers(port));
    bed.visit("web/0", "/slow?ms=2500");
    wait_until("the engine knows that the service stands behind the gateway", || {
        let status = bed.get("/v1/status");
        let services = status["services"].as_array().unwrap();
        services.iter().any(|service| service["name"] == "web" && service["traffic"].is_object())
    });
    let asked = under_way(&bed, port);
    bed.declare(&format!("{}{}", gateway(port, "web"), service("2")));
    let text = asked.join().unwrap().unwrap_or_default();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    bed.ready_after("web/0", first);
    bed.down();
}

#[test]
fn orders_go_where_the_settings_say() {
    // A control of its own place would be listened on by nobody, or the engine and the commands would ask at the usual one.
    let port = free_port();
    let at = |name: &str| {
        let control = format!("[gateway.control]\nsocket = \"{name}\"\n");
        format!("{}{control}{}", gateway(port, "web"), web("web", ""))
    };
    let bed = Bed::up(&at("own/orders.sock"));
    bed.ready("web/0");
    let pid = bed.ready("gateway/0");
    wait_until("it is told of the instance", || answers(port));
    assert!(!bed.data_folder().join("gateway.sock").exists());
    let shown = bed.call("gateway endpoints --output json");
    assert!(shown.out.contains("\"live\""), "{}{}", shown.out, shown.err);
    bed.declare(&at("other/orders.sock"));
    wait_until("the control has moved", || {
        let there = bed.engine.folder().join("other/orders.sock").exists();
        there && !bed.engine.folder().join("own/orders.sock").exists()
    });
    kill(bed.ready("web/0"));
    wait_until("the engine tells it of the next life", || answers(port));
    assert_eq!(bed.ready("gateway/0"), pid);
    assert_eq!(bed.facts("episode.opened").iter().filter(|it| it["subject"] == "gateway/0").count(), 0);
    bed.down();
}

#[test]
fn the_status_says_what_the_gateway_cannot_do_until_it_was_put_right() {
    // Would break: settings that the gateway refused, or a listener that it cannot have, are told in its own log alone.
    let port = free_port();
    let with = |more: &str| format!("{}{more}{}", gateway(port, "web"), web("web", ""));
    let bed = Bed::up(&with(""));
    bed.ready("web/0");
    bed.ready("gateway/0");
    wait_until("the gateway answers", || answers(port));
    assert_eq!(bed.call("status").code, Some(0));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let listener = format!("[gateway.listeners.more]\naddress = \"{address}\"\n");
    bed.declare(&with(&listener));
    wait_until("it is told that it cannot listen", || {
        let told = bed.call("status");
        told.code == Some(1) && told.out.contains("cannot listen") && told.out.contains(&address.to_string())
    });
    assert!(bed.call("status --lang es").out.contains("no puede escuchar"));
    bed.declare(&with("[gateway.access_log]\nfile = \"no/such/folder/log\"\n"));
    wait_until("it is told that the settings are refused", || bed.call("status").out.contains("no/such/folder"));
    assert!(bed.call("status --lang es").out.contains("rechaza su configuración"));
    bed.declare(&with(&listener));
    drop(taken);
    wait_until("nothing is wrong any more", || bed.call("status").code == Some(0));
    bed.down();
}

#[test]
fn who_looks_sees_requests_as_they_are_answered() {
    // Would break: `tap` shows nothing, everything, or what a client wrote to move the terminal.
    let port = free_port();
    let bed = Bed::up(&format!("{}{}", gateway(port, "web"), web("web", "")));
    bed.ready("web/0");
    bed.ready("gateway/0");
    wait_until("the gateway answers", || answers(port));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                visit(port, "/health");
                visit(port, "/nowhere/%1b[31m");
                thread::sleep(PAUSE);
            }
        });
        let seen = bed.call("tap -n 2 --path /health --status 2xx");
        assert_eq!(seen.code, Some(0), "{}", seen.err);
        let lines: Vec<_> = seen.out.lines().collect();
        assert!(
            lines.len() == 2 && lines.iter().all(|line| line.contains(" 200 ") && line.contains("/health")),
            "{lines:?}"
        );
        assert!(
            lines.iter().all(|line| line.contains("all · 127.0.0.1:") || line.contains("all · web/0")),
            "{lines:?}"
        );
        let other = bed.call("tap -n 1 --status 404 --output json");
        let one: Value = serde_json::from_str(&other.out).unwrap();
        assert!(one["status"] == 404 && one["path"].as_str().unwrap().starts_with("/nowhere"), "{one}");
        let wrong = bed.call("tap --status many");
        assert!(wrong.code == Some(2) && wrong.err.contains("`many` is no status"), "{}", wrong.err);
        over.store(true, Ordering::Relaxed);
    });
    bed.down();
}

#[test]
fn nobody_is_there_to_be_looked_at() {
    // Would break: whoever looks without a gateway waits for ever, or is told of a socket and not what to do.
    let bed = Bed::of(&format!("{}{}", gateway(free_port(), "web"), web("web", "")));
    let answer = bed.call("tap");
    assert_eq!(answer.code, Some(3), "{}{}", answer.out, answer.err);
    assert!(answer.err.contains("H0419") && answer.err.contains("homeostat up"), "{}", answer.err);
}

#[test]
fn its_name_is_its_own() {
    // A user's service would be taken for the gateway, or the gateway for the service.
    let bed = Bed::of(&format!("{}{}", gateway(free_port(), "web"), web("web", "") + &web("gateway", "")));
    let answer = bed.call("check");
    assert_eq!(answer.code, Some(2), "{}{}", answer.out, answer.err);
    let said = answer.out + &answer.err;
    assert!(said.contains("H0010") && said.contains("[gateway] declares"), "{said}");
}

#[test]
fn an_engine_that_dies_in_the_middle_of_a_take_over_is_followed_by_one_that_knows_who_serves() {
    // Would break: a new gateway that hangs is taken for the one that serves, and the old one is forgotten while it runs.
    let port = free_port();
    let at = |workers: &str| {
        let more = "[gateway.limits]\ndrain = \"1s\"\n[gateway.access_log]\nfile = \"access.log\"\n";
        format!("{}{more}{}", gateway(port, "web").replace("workers = 1", workers), web("web", ""))
    };
    let mut bed = Bed::up(&at("workers = 1"));
    bed.ready("web/0");
    let first = bed.ready("gateway/0");
    wait_until("the gateway answers", || answers(port));
    let log = find(bed.engine.folder(), "access.log");
    // A pipe that nobody reads cannot be opened to be written: whoever starts now hangs, and who runs has the file open.
    std::fs::remove_file(&log).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &log, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let before = marked(&bed.data_folder());
    let new = || marked(&bed.data_folder()).into_iter().filter(|pid| !before.contains(pid)).collect::<Vec<_>>();
    bed.declare(&at("workers = 2"));
    wait_until("the next one has begun beside the first one", || new().len() == 2);
    let is_child = |pid: &u32| parent(*pid).is_some_and(|shim| new().contains(&shim));
    let hangs = new().into_iter().find(is_child).expect("a shim and what it looks after");
    bed.engine.kill();
    bed.start();
    assert_eq!(bed.ready("gateway/0"), first, "the one that hangs serves nobody");
    assert!(answers(port));
    std::fs::remove_file(&log).unwrap();
    // The engine would end it after three quarters of a minute.
    kill(hangs);
    let second = bed.ready_after("gateway/0", first);
    wait_until("the first one has ended", || !runs(first));
    assert!(runs(second) && answers(port));
    wait_until("only the next one is there", || marked(&bed.data_folder()).len() == before.len());
    bed.down();
}

/// Where a file of this name lies below a folder.
fn find(folder: &Path, name: &str) -> PathBuf {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.file_name().is_some_and(|last| last == name) {
                return path;
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    panic!("there is no {name}");
}
