//! The two addresses: opening, closing, what is in the way, and what strangers throw at them.

use crate::client::{raw, raw_open};
use crate::telemetry;
use crate::{Fixture, PATIENCE, eventually, facts, token_of};
use homeostat_api::{ApiError, Engine, JournalView, Options, serve, socket_path, token_path};
use homeostat_store::Journal;
use homeostat_vocabulary::{CommandReply, Policy, Status};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

/// Tries to open the interface in a folder and tells why it cannot be.
async fn refusal(folder: &Path, adjust: impl FnOnce(&mut Options)) -> ApiError {
    let journal = Journal::open(folder, homeostat_store::Options::default()).unwrap();
    let engine = Engine {
        commands: mpsc::channel(1).0,
        status: watch::channel(Arc::new(Status::default())).1,
        policy: watch::channel(Arc::new(Policy::default())).1,
        journal: JournalView::of(journal),
        reactor: telemetry::view(),
        reloads: mpsc::channel(1).0,
        version: String::new(),
    };
    let mut options = Options::new(folder.to_owned());
    options.tcp = None;
    adjust(&mut options);
    serve(engine, options, std::future::pending()).await.expect_err("it cannot be opened")
}

#[tokio::test]
async fn both_addresses_answer_and_are_gone_after_closing() {
    // The command line would hang on a socket that nobody serves.
    let mut fixture = Fixture::open().await;
    let (local, tcp) = (fixture.local(), fixture.tcp());
    assert_eq!((local.get("/v1/status").await.status, tcp.get("/v1/status").await.status), (200, 200));
    let (address, socket) = (fixture.bound().tcp.unwrap(), fixture.bound().socket.clone());
    fixture.close().await;
    assert!(!socket.exists() && TcpStream::connect(address).await.is_err());
    assert!(token_path(&fixture.data_folder).exists());
}

#[tokio::test]
async fn the_socket_alone_is_enough() {
    // A machine whose port is taken could not be looked after at all.
    let fixture = Fixture::with(|options| options.tcp = None, |_| Ok(CommandReply::Done)).await;
    assert_eq!((fixture.bound().tcp, fixture.local().get("/v1/status").await.status), (None, 200));
}

#[tokio::test]
async fn a_socket_left_by_a_killed_engine_is_replaced() {
    // After `kill -9` the next engine would refuse to start.
    let folder = tempfile::tempdir().unwrap();
    let data_folder = folder.path().to_owned();
    drop(UnixListener::bind(socket_path(&data_folder)).unwrap());
    drop(UnixListener::bind(data_folder.join("engine.sock.new")).unwrap());
    let fixture = Fixture::in_folder(folder, data_folder, |_| {}, |_| Ok(CommandReply::Done)).await;
    assert_eq!(fixture.local().get("/v1/status").await.status, 200);
    assert!(!fixture.data_folder.join("engine.sock.new").exists());
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    // A file of the owner that happens to be called so would be deleted.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(socket_path(folder.path()), "mine").unwrap();
    let error = refusal(folder.path(), |_| {}).await;
    assert_eq!(error.code(), "H0442");
    assert_eq!(std::fs::read_to_string(socket_path(folder.path())).unwrap(), "mine");
}

#[tokio::test]
async fn closing_leaves_the_socket_of_a_newer_engine() {
    // An engine that ends slowly would take the address of its successor away.
    let mut fixture = Fixture::open().await;
    let socket = fixture.bound().socket.clone();
    std::fs::remove_file(&socket).unwrap();
    let _newer = UnixListener::bind(&socket).unwrap();
    fixture.close().await;
    assert!(socket.exists());
}

#[tokio::test]
async fn a_path_longer_than_a_sockets_address_works() {
    // A data folder deep in a home folder would make the engine unreachable.
    let folder = tempfile::tempdir().unwrap();
    let data_folder = folder.path().join("long-".repeat(20)).join("deep-".repeat(20));
    std::fs::create_dir_all(&data_folder).unwrap();
    let fixture = Fixture::in_folder(folder, data_folder, |_| {}, |_| Ok(CommandReply::Done)).await;
    assert!(fixture.bound().socket.as_os_str().len() > 200 && fixture.bound().socket.exists());
    assert_eq!(fixture.local().get("/v1/status").await.status, 200);
    let no_engine = tempfile::tempdir().unwrap();
    assert!(homeostat_api::connect(&no_engine.path().join("x".repeat(150))).await.is_err());
}

#[tokio::test]
async fn an_address_that_others_could_reach_or_have_is_refused() {
    // The engine would be open to the network, or two engines would seem to share a port.
    let folder = tempfile::tempdir().unwrap();
    let error = refusal(folder.path(), |options| options.tcp = Some("0.0.0.0:0".parse().unwrap())).await;
    assert_eq!(error.code(), "H0441");
    assert!(!socket_path(folder.path()).exists() && !token_path(folder.path()).exists());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = refusal(folder.path(), |options| options.tcp = taken.local_addr().ok()).await;
    assert_eq!(error.code(), "H0440");
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()));
}

#[tokio::test]
async fn a_token_that_others_may_read_keeps_the_engine_from_opening() {
    // It would go on with a token that is no secret.
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(token_path(folder.path()), "0".repeat(64)).unwrap();
    std::fs::set_permissions(token_path(folder.path()), PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(refusal(folder.path(), |_| {}).await.code(), "H0443");
}

#[tokio::test]
async fn garbage_is_answered_or_cut_off_and_harms_nobody() {
    // One malformed request would end the interface, or hold a connection.
    let fixture = Fixture::open().await;
    let address = fixture.bound().tcp.unwrap();
    let long_header = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let long_path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "y".repeat(100_000));
    let many_headers = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(200));
    let lying = "POST /v1/pause HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    for bytes in [
        b"\0\0\0\0\xff\xfe".as_slice(),
        b"\r\n\r\n\r\n",
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        lying.as_bytes(),
        long_header.as_bytes(),
        long_path.as_bytes(),
        many_headers.as_bytes(),
    ] {
        let answer = raw(address, bytes).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4"), "{answer}");
    }
    assert_eq!(fixture.tcp().get("/v1/status").await.status, 200);
    assert_eq!(fixture.asked(), Vec::new());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    // A client could fill the memory with one request.
    let fixture = Fixture::open().await;
    let local = fixture.local();
    let reply = local.post("/v1/pause", &format!("{{\"service\": \"{}\"}}", "x".repeat(1_000_000))).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "H0429"));
}

#[tokio::test]
async fn whoever_fills_one_address_keeps_nobody_out_of_the_other() {
    // A program gone wild on TCP would keep the owner from pausing the engine.
    let fixture = Fixture::with(|options| options.connections_max = 4, |_| Ok(CommandReply::Done)).await;
    let address = fixture.bound().tcp.unwrap();
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /api/health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        idle.push(stream);
    }
    let mut beyond = TcpStream::connect(address).await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, beyond.read(&mut [0; 16])).await.unwrap();
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
    assert_eq!(fixture.local().get("/v1/status").await.status, 200);
    drop(idle);
    eventually("there is room again", || async {
        raw(address, b"GET /api/health HTTP/1.0\r\nhost: localhost\r\n\r\n").await.starts_with("HTTP/1.0 200")
    })
    .await;
}

#[tokio::test]
async fn a_request_that_drips_in_is_cut_off() {
    // A few slow clients would hold every connection for ever.
    let adjust = |options: &mut Options| {
        options.head_time_max = Duration::from_millis(300);
        options.request_time_max = Duration::from_millis(300);
    };
    let fixture = Fixture::with(adjust, |_| Ok(CommandReply::Done)).await;
    let address = fixture.bound().tcp.unwrap();
    let head = raw_open(address, b"GET /api/health HTTP/1.1\r\nhost: local").await;
    assert!(!head.contains(" 200 "), "{head}");
    let token = token_of(&fixture.data_folder);
    let body = format!(
        "POST /v1/pause HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: 50\r\n\r\n{{\"scope\": "
    );
    let body = raw_open(address, body.as_bytes()).await;
    assert!(body.starts_with("HTTP/1.1 408") && body.contains("H0426"), "{body}");
    let idle = raw_open(address, b"GET /api/health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
    assert_eq!(fixture.asked(), Vec::new());
}

#[tokio::test]
async fn a_closed_journal_is_a_problem_and_the_rest_goes_on() {
    // The status would be gone just when the disk is.
    let fixture = Fixture::open().await;
    fixture.record(facts::repair(1)).await;
    fixture.journal.clone().close();
    std::fs::remove_file(fixture.data_folder.join("journal.db")).unwrap();
    let local = fixture.local();
    assert_eq!(local.get("/v1/episodes").await.code(), "H0433");
    assert_eq!(local.get("/v1/status").await.status, 200);
}
