//! Keys that were handed out: who comes in, and what a file of them must look like.

use crate::{direct, headers, now, text};
use homeostat_edge::api_keys::{KeyFile, KeyFileError};
use homeostat_edge::guard::{GuardError, Refused};
use homeostat_edge::{Code, Guards, RouteGuard};
use homeostat_routing::settings::{ApiKeys, Auth, Gateway, Route};
use http::header::HeaderMap;
use proptest::prelude::*;
use std::path::Path;

pub const KEY: &str = "hk_4Z8s1QmVt0yWc7Rb";

pub fn line(name: &str, key: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let digits: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} {digits}\n")
}

pub fn behind(guards: &Guards, file: &Path, header: &str) -> Result<RouteGuard, GuardError> {
    let keys = ApiKeys {
        header: header.to_owned(),
        file: file.to_str().unwrap().to_owned(),
        forward_name: "X-Key-Name".to_owned(),
    };
    let mut gateway = Gateway::default();
    gateway.auth.insert("keys".to_owned(), Auth { api_keys: Some(keys), jwt: None });
    RouteGuard::compile(guards, &gateway, "shop", &Route { auth: Some("keys".to_owned()), ..Route::default() })
}

pub fn knock(guard: &RouteGuard, fields: &[(&str, &str)], at_ms: u64) -> Result<HeaderMap, Refused> {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.headers = headers(fields);
    guard.check(&mut head, &direct("192.0.2.1"), now(at_ms)).map(|_| head.headers)
}

#[test]
fn a_key_opens_and_goes_no_further() {
    // Would break: anybody comes in; or the key is known to every upstream and its log; or a client names itself.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, format!("# who has one\n\n{}{}", line("mia", KEY), line("leo", "hk_other"))).unwrap();
    let guard = behind(&Guards::new(), &file, "X-Api-Key").unwrap();
    let sent = knock(&guard, &[("x-api-key", KEY), ("x-key-name", "root"), ("x_key_name", "root")], 0).unwrap();
    assert_eq!((text(&sent, "x-key-name"), sent.len()), (Some("mia"), 1));
    let code = |fields: &[(&str, &str)]| knock(&guard, fields, 0).unwrap_err().code();
    assert_eq!(code(&[]), Code::NoCredentials);
    let long = "k".repeat(10_000);
    for bad in ["", "mia", "hk_4Z8s1QmVt0yWc7R", &format!("{KEY} "), &long, line("mia", KEY).trim()] {
        // A trailing blank is no part of a value on the wire; here it is one of the key.
        assert_eq!(code(&[("x-api-key", bad)]), Code::CredentialsRefused, "{bad:?} passed");
    }
    assert_eq!(code(&[("x-api-key", KEY), ("x-api-key", KEY)]), Code::CredentialsRefused);
    let mut answer = HeaderMap::new();
    knock(&guard, &[], 0).unwrap_err().write(&mut answer);
    assert_eq!(text(&answer, "www-authenticate"), Some("ApiKey"));
    let bearer = behind(&Guards::new(), &file, "Authorization").unwrap();
    assert!(knock(&bearer, &[("authorization", &format!("Bearer {KEY}"))], 0).is_ok());
}

#[test]
fn a_file_with_a_mistake_is_refused_whole_and_names_the_line_only() {
    // Would break: half of the keys work; or a message shows what stands in the file.
    for (text, fault) in [
        (&b"mia"[..], KeyFileError::Line(1)),
        (b"# ok\nmia 1234", KeyFileError::Line(2)),
        (format!("{}z", line("mia", KEY).trim()).as_bytes(), KeyFileError::Line(1)),
        (format!("{}{}", line("mia", KEY), line("mia", "other")).as_bytes(), KeyFileError::Twice(2)),
        (format!("{}{}", line("mia", KEY), line("leo", KEY)).as_bytes(), KeyFileError::Twice(2)),
        (line("caf\u{e9}", KEY).as_bytes(), KeyFileError::Line(1)),
        (b"\xff", KeyFileError::NoText),
    ] {
        assert_eq!(KeyFile::parse(text).err(), Some(fault));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    assert!(behind(&Guards::new(), &file, "X-Api-Key").is_err(), "a file that is not there");
    std::fs::write(&file, "hk_secret").unwrap();
    let error = behind(&Guards::new(), &file, "X-Api-Key").err().unwrap().to_string();
    assert!(error.contains("line 1") && !error.contains("hk_secret"), "{error}");
}

proptest! {
    #[test]
    fn files_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        // Would break: an odd file ends the gateway.
        let _ = KeyFile::parse(&bytes).map(|file| file.holder(&bytes));
    }
}
