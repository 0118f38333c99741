//! Who gets in: the token on TCP, the user on the socket, and no other site.

use crate::client::raw;
use crate::{Fixture, token_of};

/// Every method and path, with names filled in, and some that do not exist.
fn addresses() -> Vec<(String, String)> {
    let document = homeostat_api::openapi_document();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let filled = path.replace("{name}", "web").replace("{id}", "A1").replace("{code}", "H0421");
        found.extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), filled.clone())));
    }
    for path in ["/", "/v1", "/v2/status", "/v1/status/", "/api/health/", "//api/health", "/api/health/../../v1/status"]
    {
        found.push(("GET".to_owned(), path.to_owned()));
        found.push(("DELETE".to_owned(), path.to_owned()));
    }
    found
}

#[tokio::test]
async fn nothing_but_the_health_check_opens_without_the_token() {
    // Any program and any user of this machine could stop the services.
    let fixture = Fixture::open().await;
    let token = token_of(&fixture.data_folder);
    let wrong =
        ["", "x", &token[1..], &format!("{token}0"), &token.replace(['0', '1', '2'], "3"), "é"].map(str::to_owned);
    for (method, path) in addresses() {
        let mut clients = vec![fixture.stranger()];
        clients.extend(wrong.iter().map(|wrong| fixture.stranger().with("authorization", &format!("Bearer {wrong}"))));
        clients.push(fixture.stranger().with("authorization", &format!("Basic {token}")));
        clients.push(fixture.stranger().with("authorization", &token));
        clients.push(fixture.stranger().with("cookie", &format!("token={token}")));
        for client in clients {
            let reply = client.ask(&method, &path, None).await;
            if path == "/api/health" {
                assert_eq!(reply.status, 200, "{method} {path}");
            } else {
                assert_eq!((reply.status, reply.code().as_str()), (401, "H0421"), "{method} {path}");
            }
        }
    }
    assert_eq!(fixture.asked(), Vec::new());
    assert_eq!(fixture.tcp().get("/v1/status").await.status, 200);
    let lower = fixture.stranger().with("authorization", &format!("bearer {token}"));
    assert_eq!(lower.get("/v1/status").await.status, 200);
}

#[tokio::test]
async fn the_socket_asks_no_token_of_the_same_user() {
    // The command line would need to read the token for nothing.
    let fixture = Fixture::open().await;
    assert_eq!(fixture.local().get("/v1/status").await.status, 200);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&fixture.bound().socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn another_sites_page_gets_nothing_even_with_the_token() {
    // A web page could point its own name at 127.0.0.1 and stop the services from the owner's browser.
    let fixture = Fixture::open().await;
    let port = fixture.bound().tcp.unwrap().port();
    for host in [
        "evil.example",
        "evil.example:5000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "0.0.0.0",
        "",
    ] {
        let reply = fixture.tcp().with("host", host).get("/api/health").await;
        assert_eq!(reply.code(), "H0423", "host {host}");
    }
    for origin in
        ["http://evil.example", "https://localhost.evil.example", "null", "file://", "http://10.0.0.1:5000", ""]
    {
        let reply = fixture.tcp().with("origin", origin).post("/v1/pause", r#"{"scope": "everything"}"#).await;
        assert_eq!(reply.code(), "H0423", "origin {origin}");
    }
    let address = fixture.bound().tcp.unwrap();
    let two = raw(address, b"GET /api/health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n").await;
    assert!(two.starts_with("HTTP/1.1 4"), "{two}");
    let none = raw(address, b"GET /api/health HTTP/1.0\r\n\r\n").await;
    assert!(none.contains("H0423"), "{none}");
    let absolute =
        raw(address, b"GET http://evil.example/api/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await;
    assert!(absolute.contains("H0423"), "{absolute}");
    assert_eq!(fixture.asked(), Vec::new());
    for (host, origin) in
        [("localhost", "http://localhost:3000"), ("127.0.0.1", "http://127.0.0.1"), ("[::1]", "http://[::1]:9")]
    {
        let client = fixture.tcp().with("host", &format!("{host}:{port}")).with("origin", origin);
        assert_eq!(client.get("/v1/status").await.status, 200, "{host} {origin}");
    }
}
