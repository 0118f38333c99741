//! WebSocket over HTTP/2 (extended CONNECT) to origins that know it over HTTP/1.1 only: the test plays the origin, byte for byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::house::House;
use crate::seen::{logged, look, next};
use crate::stage::number;

type Response = http::Response<hyper::body::Incoming>;
type Socket = TokioIo<Upgraded>;

/// One client connection over HTTP/2, and the origin behind the gateway.
struct Scene {
    client: SendRequest<Empty<Bytes>>,
    origin: TcpListener,
}

impl Scene {
    async fn open(house: &House, origin: TcpListener) -> Self {
        let client = connect(house).await;
        Self { client, origin }
    }

    /// Asks for a WebSocket, and has the origin answer; what the origin was asked, its connection, and what the client hears.
    async fn ask(&mut self, answer: impl FnOnce(&str) -> String) -> (String, TcpStream, Response) {
        let asked = self.client.send_request(websocket("websocket"));
        let played = async {
            let mut server = self.origin.accept().await.unwrap().0;
            let head = until(&mut server, "\r\n\r\n").await;
            server.write_all(answer(&head).as_bytes()).await.unwrap();
            (head, server)
        };
        let (response, (head, server)) = tokio::join!(asked, played);
        (head, server, response.unwrap())
    }

    /// Both ends of a tunnel.
    async fn tunnel(&mut self) -> (Socket, TcpStream) {
        let (_, server, response) = self.ask(granted).await;
        assert_eq!(response.status(), 200);
        (TokioIo::new(hyper::upgrade::on(response).await.unwrap()), server)
    }

    async fn status_of(&mut self, request: http::Request<Empty<Bytes>>) -> u16 {
        let response = self.client.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        status
    }
}

/// A connection that has heard what the gateway takes: it answered something since.
async fn connect(house: &House) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(house.address).await.unwrap();
    let (mut client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(client.send_request(get("/here")).await.unwrap().status(), 204);
    client
}

fn get(path: &str) -> http::Request<Empty<Bytes>> {
    http::Request::get(format!("http://shop.test{path}")).body(Empty::new()).unwrap()
}

fn websocket(protocol: &'static str) -> http::Request<Empty<Bytes>> {
    http::Request::connect("http://shop.test/chat?room=1")
        .extension(Protocol::from_static(protocol))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .header("sec-websocket-key", "ofTheClientsOwnMaking==")
        .header("origin", "http://shop.test")
        .body(Empty::new())
        .unwrap()
}

/// The right answer to this handshake.
fn granted(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).expect("a key");
    let accept = STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    switched(&format!("Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n"))
}

fn switched(more: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{more}\r\n")
}

async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(wanted) {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "closed after {:?}", String::from_utf8_lossy(&seen));
    }
    String::from_utf8(seen).unwrap()
}

async fn rest(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut seen = String::new();
    stream.read_to_string(&mut seen).await.unwrap();
    seen
}

/// A gateway in front of an origin, and a client of both. The client's runtime ends first: the gateway's end waits for its connections.
fn play(limits: &str, scene: impl AsyncFnOnce(&House, Scene)) -> House {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let origin = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = origin.local_addr().unwrap();
    let house = House::open(&format!(
        "[gateway.limits]\n{limits}\n[gateway.routes.shop]\nto = \"shop\"\nmethods = [\"GET\"]\n\
         [gateway.access_log]\nfile = \"access.log\"\n[gateway.routes.here]\npath = \"/here\"\nrespond = {{ status = 204 }}\n\
         [gateway.upstreams.shop]\nendpoints = [\"{address}\"]\n"
    ));
    let all = async {
        let opened = Scene::open(&house, origin).await;
        scene(&house, opened).await;
    };
    let in_time = async { tokio::time::timeout(std::time::Duration::from_secs(30), all).await };
    runtime.block_on(in_time).expect("nothing is waited for in vain");
    drop(runtime);
    house
}

#[test]
fn a_websocket_over_http2_is_one_over_http1_to_the_origin() {
    // Would break: browsers that have a connection over HTTP/2 open another one for each WebSocket, or get none.
    play("", async |house, mut scene| {
        let (head, mut server, response) = scene.ask(|head| format!("{}ahead", granted(head))).await;
        assert!(head.starts_with("GET /chat?room=1 HTTP/1.1\r\nhost: shop.test\r\n"), "{head}");
        let once = |line: &str| head.matches(line).count() == 1;
        assert!(once("\r\nconnection: upgrade\r\n") && once("\r\nupgrade: websocket\r\n"), "{head}");
        assert!(once("\r\nsec-websocket-version: 13\r\n") && once("\r\nsec-websocket-protocol: chat\r\n"), "{head}");
        assert!(once("\r\norigin: http://shop.test\r\n") && once("sec-websocket-key: "), "{head}");
        assert!(!head.contains("ofTheClientsOwnMaking") && !head.contains("content-length"), "{head}");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["sec-websocket-protocol"]),
            (200, &"chat".parse().unwrap())
        );
        assert!(
            !response.headers().contains_key("sec-websocket-accept") && !response.headers().contains_key("upgrade")
        );
        let mut client = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        let mut ahead = [0; 5];
        client.read_exact(&mut ahead).await.unwrap();
        assert_eq!(&ahead, b"ahead");
        // More than any window, both ways at once.
        let large: Vec<u8> = (0..3_000_000_u32).map(|index| (index % 251) as u8).collect();
        let echo = async {
            let (mut read, mut write) = server.split();
            tokio::io::copy(&mut read, &mut write).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let (mut read, mut write) = tokio::io::split(client);
        let sends = async {
            write.write_all(&large).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let mut back = Vec::new();
        let (_, _, came) = tokio::join!(echo, sends, read.read_to_end(&mut back));
        assert!(came.unwrap() == large.len() && back == large);
        assert_eq!(scene.status_of(get("/here")).await, 204, "the connection lives on");
        let metrics = house.order("GET /metrics", "");
        assert_eq!(number(&metrics, "gateway_tunnels_total{route=\"shop\"}"), 1.0, "{metrics}");
    });
}

#[test]
fn either_end_of_a_websocket_over_http2_may_end_first() {
    // Would break: the last words of one side are lost because the other side has said its own.
    play("", async |_, mut scene| {
        let (mut client, mut server) = scene.tunnel().await;
        client.write_all(b"that was all").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(rest(&mut server).await, "that was all");
        server.write_all(b"then goodbye").await.unwrap();
        server.shutdown().await.unwrap();
        assert_eq!(rest(&mut client).await, "then goodbye");
        let (mut client, mut server) = scene.tunnel().await;
        server.write_all(b"that was all").await.unwrap();
        server.shutdown().await.unwrap();
        assert_eq!(rest(&mut client).await, "that was all");
        client.write_all(b"then goodbye").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(rest(&mut server).await, "then goodbye");
    });
}

#[test]
fn whoever_leaves_takes_the_other_end_along() {
    // Would break: origins keep a connection for every page that was closed.
    play("", async |_, mut scene| {
        let (client, mut server) = scene.tunnel().await;
        let (other, mut other_server) = scene.tunnel().await;
        drop(client);
        assert_eq!(rest(&mut server).await, "", "its stream is gone");
        drop(server);
        other_server.write_all(b"x").await.unwrap();
        drop(scene.client);
        drop(other);
        assert_eq!(rest(&mut other_server).await, "", "its connection is gone");
    });
}

#[test]
fn what_the_origin_refuses_is_refused() {
    // Would break: a client takes for a WebSocket what is none, or does not hear why it gets none.
    play("", async |_, mut scene| {
        let (_, _server, response) = scene
            .ask(|_| "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno".to_owned())
            .await;
        assert_eq!(response.status(), 403);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "no");
        for status in ["200 OK", "204 No Content"] {
            let (_, _server, response) = scene.ask(|_| format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n")).await;
            assert_eq!(response.status(), 502, "{status}");
        }
    });
}

#[test]
fn an_origin_that_did_not_understand_gets_no_tunnel() {
    // Would break: bytes that a client chose reach a server that takes them for something else.
    let rfc = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    play("", async |house, mut scene| {
        let lies: [&dyn Fn(&str) -> String; 4] = [
            &|_| switched(rfc),
            &|_| switched(""),
            &|head| granted(head).replacen("\r\n", &format!("\r\n{rfc}"), 1),
            &|head| granted(head).replace("Upgrade: websocket", "Upgrade: chat"),
        ];
        for (place, lie) in lies.into_iter().enumerate() {
            let (_, mut server, response) = scene.ask(lie).await;
            assert_eq!(response.status(), 502, "lie {place}");
            assert_eq!(rest(&mut server).await, "", "lie {place}");
        }
        let metrics = house.order("GET /metrics", "");
        assert_eq!(number(&metrics, "gateway_tunnels_total{route=\"shop\"}"), 0.0, "{metrics}");
    });
}

#[test]
fn nothing_else_is_tunnelled() {
    // Would break: the gateway becomes a way to anywhere, or to what its routes never saw.
    play("", async |_, mut scene| {
        for protocol in ["connect-udp", "websocket2", "h2c"] {
            assert_eq!(scene.status_of(websocket(protocol)).await, 501, "{protocol}");
        }
        let plain = http::Request::connect("shop.test:443").body(Empty::new()).unwrap();
        assert_eq!(scene.status_of(plain).await, 501);
        assert_eq!(scene.status_of(get("/here")).await, 204);
    });
}

#[test]
fn a_silent_websocket_over_http2_is_closed_alone() {
    // Would break: forgotten ones pile up on a connection that lives for days, or take it with them.
    play("tunnel_timeout = \"200ms\"", async |_, mut scene| {
        let (mut client, mut server) = scene.tunnel().await;
        assert_eq!(rest(&mut server).await, "");
        let _ = client.read(&mut [0; 1]).await;
        assert_eq!(scene.status_of(get("/here")).await, 204);
    });
}

#[test]
fn tunnels_count_as_the_connections_that_they_are() {
    // Would break: one connection over HTTP/2 opens as many to origins as it likes.
    play("connections_max = 2", async |_, mut scene| {
        let (mut client, mut server) = scene.tunnel().await;
        assert_eq!(scene.status_of(websocket("websocket")).await, 503);
        client.shutdown().await.unwrap();
        assert_eq!(rest(&mut server).await, "");
        drop(server);
        assert_eq!(rest(&mut client).await, "");
        // The place is free a moment later.
        loop {
            let mut asked = std::pin::pin!(scene.client.send_request(websocket("websocket")));
            tokio::select! {
                response = &mut asked => assert_eq!(response.unwrap().status(), 503),
                _ = scene.origin.accept() => break,
            }
        }
    });
}

#[test]
fn a_drain_lets_a_websocket_end_by_itself() {
    // Would break: each change of the binary cuts the conversations of everybody who came over HTTP/2.
    play("", async |house, mut scene| {
        let (mut client, mut server) = scene.tunnel().await;
        house.order("POST /v1/drain", "{}");
        client.write_all(b"still here").await.unwrap();
        assert_eq!(until(&mut server, "still here").await, "still here");
        server.write_all(b"so am I").await.unwrap();
        drop(server);
        assert_eq!(rest(&mut client).await, "so am I");
    })
    // It was told already.
    .ended();
}

#[test]
fn a_websocket_over_http2_is_told_of_as_the_connect_that_it_is() {
    // Would break: the log and the tap tell of a GET and a 101, neither of which there is over HTTP/2.
    play("", async |house, mut scene| {
        let mut seen = look(house, "");
        let (client, server) = scene.tunnel().await;
        let (method, status) = ("\"method\":\"CONNECT\"", "\"status\":200");
        logged(house, &[method, status, "/chat"]);
        let line = next(&mut seen, "/chat");
        assert!(line.contains(method) && line.contains(status), "{line}");
        drop((client, server));
        let (_, _server, response) =
            scene.ask(|_| "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned()).await;
        assert_eq!(response.status(), 502);
        logged(house, &[method, "\"status\":502", "/chat"]);
        let line = next(&mut seen, "/chat");
        assert!(line.contains(method) && line.contains("\"status\":502"), "{line}");
    });
}
