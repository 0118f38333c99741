//! What becomes of a question when the engine's end of the socket breaks: read again, or not given again.

use crate::home::Home;
use homeostat_api::socket_path;
use homeostat_cli::Exit;
use homeostat_vocabulary::Status;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Receiver, sync_channel};

/// Far more than any command asks.
const REQUESTS_MAX: usize = 100;

/// Listens where the engine would, hangs up on the first `broken` requests, then answers each with a status. Tells the first line
/// of each request; ends when its home is gone and nobody listens any more.
fn breaking(home: &Home, broken: usize) -> Receiver<String> {
    let listener = UnixListener::bind(socket_path(&home.data())).unwrap();
    let body = serde_json::to_string(&Status::default()).unwrap();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let (heard, requests) = sync_channel(REQUESTS_MAX);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let length = stream.read(&mut request).unwrap_or(0);
            let line = String::from_utf8_lossy(&request[..length]).lines().next().unwrap_or_default().to_owned();
            if heard.send(line).is_err() {
                return;
            }
            if number >= broken {
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    requests
}

#[test]
fn a_read_whose_connection_broke_is_asked_again() {
    // A `status` that fails because the engine was being replaced in that very moment.
    let home = Home::new();
    let requests = breaking(&home, 2);
    let ran = home.run("status");
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Ok, ""));
    assert_eq!(requests.try_iter().collect::<Vec<_>>(), ["GET /v1/status HTTP/1.1"; 3]);
}

#[test]
fn an_engine_that_always_hangs_up_is_not_asked_for_ever() {
    // A command that never ends, or that hides what happened.
    let home = Home::new();
    let requests = breaking(&home, usize::MAX);
    let ran = home.run("status");
    assert_eq!(ran.exit, Exit::Unreachable);
    assert!(ran.err.contains("H0411"), "{}", ran.err);
    assert_eq!(requests.try_iter().count(), 4);
}

#[test]
fn an_order_is_given_once_whatever_becomes_of_its_answer() {
    // A pause, an approval or an undo that happens twice because the answer to the first was lost.
    for order in ["pause", "resume web", "approve A7", "reject A7", "undo A7"] {
        let home = Home::new();
        let requests = breaking(&home, usize::MAX);
        let ran = home.run(order);
        // A pause is left in a file where no engine takes it.
        assert!(ran.exit == Exit::Unreachable || order == "pause", "{order}: {}", ran.err);
        let posts = requests.try_iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(posts, 1, "{order}");
    }
}
