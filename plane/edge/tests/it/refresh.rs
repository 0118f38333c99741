//! Keys kept fresh: files that change, addresses that fail, issuers that rotate.

use crate::keys::{KEY, behind, knock, line};
use crate::now;
use crate::signer::{Signer, jwks};
use crate::tokens::claims;
use homeostat_edge::guard::{GuardError, Place};
use homeostat_edge::{Code, Fetch, Guards, RouteGuard};
use homeostat_routing::settings::{Auth, Gateway, Jwt, Route, Texts};
use homeostat_vocabulary::quantity::Period;
use std::sync::Mutex;

const URL: &str = "https://issuer.example/keys";

/// An issuer at an address: what it answers, and how often it was asked.
#[derive(Default)]
struct Issuer {
    answer: Mutex<Option<String>>,
    asked: Mutex<u32>,
}

impl Issuer {
    fn publish(&self, signers: &[&Signer]) {
        *self.answer.lock().unwrap() = Some(jwks(signers).to_string());
    }

    fn fail(&self) {
        *self.answer.lock().unwrap() = None;
    }

    fn asked(&self) -> u32 {
        *self.asked.lock().unwrap()
    }
}

impl Fetch for Issuer {
    async fn fetch(&self, url: &str) -> Result<bytes::Bytes, String> {
        assert_eq!(url, URL);
        *self.asked.lock().unwrap() += 1;
        self.answer.lock().unwrap().clone().map(Into::into).ok_or_else(|| "no route to host".to_owned())
    }
}

fn by_url(guards: &Guards) -> RouteGuard {
    compile(guards, URL).unwrap()
}

fn compile(guards: &Guards, url: &str) -> Result<RouteGuard, GuardError> {
    let jwt = Jwt {
        issuer: "https://issuer.example".to_owned(),
        audience: Texts(vec!["shop".to_owned()]),
        jwks_url: Some(url.to_owned()),
        jwks_interval: Period::seconds(600),
        ..Jwt::default()
    };
    let mut gateway = Gateway::default();
    gateway.auth.insert("users".to_owned(), Auth { jwt: Some(jwt), api_keys: None });
    RouteGuard::compile(guards, &gateway, "shop", &Route { auth: Some("users".to_owned()), ..Route::default() })
}

fn code(guard: &RouteGuard, token: &str, at_ms: u64) -> Option<Code> {
    knock(guard, &[("authorization", &format!("Bearer {token}"))], at_ms).err().map(|refused| refused.code())
}

#[tokio::test]
async fn the_last_good_keys_stay_while_the_issuer_is_away() {
    // Would break: an issuer that is down for a minute shuts everybody out.
    let (guards, issuer, signer) = (Guards::new(), Issuer::default(), Signer::p256("one"));
    let guard = by_url(&guards);
    let token = signer.token(&claims());
    assert_eq!(code(&guard, &token, 0), Some(Code::KeysPending), "there are no keys yet");
    let (refreshed, _) = guards.refresh(&issuer, now(0)).await;
    assert_eq!(refreshed[0].place, Place::Url(URL.to_owned()));
    assert_eq!(refreshed[0].outcome, Err("no route to host".to_owned()));
    issuer.publish(&[&signer]);
    assert!(guards.refresh(&issuer, now(900)).await.0.is_empty(), "after a failure there is a pause");
    assert!(guards.refresh(&issuer, now(1_000)).await.0[0].outcome.is_ok());
    assert_eq!(code(&guard, &token, 1_000), None);
    issuer.fail();
    assert!(guards.refresh(&issuer, now(600_000)).await.0.is_empty());
    assert!(guards.refresh(&issuer, now(601_000)).await.0[0].outcome.is_err());
    *issuer.answer.lock().unwrap() = Some("<html>".to_owned());
    assert!(guards.refresh(&issuer, now(603_000)).await.0[0].outcome.is_err());
    let later = signer.token(&{
        let mut later = claims();
        later["exp"] = 9_999_999_999_u64.into();
        later
    });
    assert_eq!(code(&guard, &later, 603_000), None);
}

#[tokio::test]
async fn an_unknown_key_causes_one_fetch_a_minute() {
    // Would break: made-up names of keys turn the gateway against the issuer; or a new key is not noticed for ten minutes.
    let (guards, issuer) = (Guards::new(), Issuer::default());
    let (old, new) = (Signer::p256("old"), Signer::p256("new"));
    issuer.publish(&[&old]);
    let guard = by_url(&guards);
    guards.refresh(&issuer, now(0)).await;
    issuer.publish(&[&old, &new]);
    let token = new.token(&claims());
    assert_eq!(code(&guard, &token, 100), Some(Code::KeysPending), "the client is asked to come again");
    guards.wanted().await;
    guards.refresh(&issuer, now(100)).await;
    assert_eq!((code(&guard, &token, 200), issuer.asked()), (None, 2));
    for attempt in 0..50 {
        let stranger = Signer::ed25519("made-up").token(&claims());
        assert_eq!(code(&guard, &stranger, 300 + attempt), Some(Code::CredentialsRefused));
        guards.refresh(&issuer, now(300 + attempt)).await;
    }
    assert_eq!(issuer.asked(), 2);
    let stranger = Signer::ed25519("made-up").token(&claims());
    assert_eq!(code(&guard, &stranger, 60_100), Some(Code::KeysPending));
    guards.refresh(&issuer, now(60_100)).await;
    assert_eq!((code(&guard, &stranger, 60_200), issuer.asked()), (Some(Code::CredentialsRefused), 3));
}

#[tokio::test]
async fn a_key_that_was_withdrawn_ends_the_tokens_that_were_seen() {
    // Would break: a stolen key stays good for those who came with it before.
    let (guards, issuer) = (Guards::new(), Issuer::default());
    let (stolen, other) = (Signer::p256("stolen"), Signer::p256("other"));
    issuer.publish(&[&stolen, &other]);
    let guard = by_url(&guards);
    guards.refresh(&issuer, now(0)).await;
    let token = stolen.token(&{
        let mut later = claims();
        later["exp"] = 9_999_999_999_u64.into();
        later
    });
    assert_eq!(code(&guard, &token, 599_000), None);
    issuer.publish(&[&other]);
    guards.refresh(&issuer, now(600_001)).await;
    assert!(code(&guard, &token, 600_002).is_some());
}

#[tokio::test]
async fn files_of_keys_are_read_again_and_a_bad_one_changes_nothing() {
    // Would break: a key that was taken out still opens; or a slip of the editor shuts everybody out.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, line("mia", KEY)).unwrap();
    let (guards, issuer) = (Guards::new(), Issuer::default());
    let guard = behind(&guards, &file, "X-Api-Key").unwrap();
    let opens = |at_ms| knock(&guard, &[("x-api-key", KEY)], at_ms).is_ok();
    assert!(guards.refresh(&issuer, now(0)).await.0.is_empty() && opens(0), "nothing has changed");
    std::fs::write(&file, "oops").unwrap();
    let (refreshed, _) = guards.refresh(&issuer, now(3_000)).await;
    assert!(refreshed[0].outcome.as_ref().unwrap_err().contains("line 1") && opens(3_000));
    assert!(guards.refresh(&issuer, now(60_000)).await.0.is_empty(), "the same mistake is told once");
    std::fs::write(&file, line("leo", "hk_other_key")).unwrap();
    assert!(guards.refresh(&issuer, now(63_000)).await.0[0].outcome.is_ok() && !opens(63_000));
    std::fs::remove_file(&file).unwrap();
    assert!(guards.refresh(&issuer, now(66_000)).await.0[0].outcome.is_err());
    assert!(knock(&guard, &[("x-api-key", "hk_other_key")], 66_000).is_ok());
    // What no guard uses any more is not looked at.
    drop(guard);
    assert!(guards.refresh(&issuer, now(300_000)).await.0.is_empty());
}

#[test]
fn keys_that_others_could_change_on_the_way_are_not_fetched() {
    // Would break: whoever sits between us and the issuer makes tokens of his own.
    let opens = |url: &str| compile(&Guards::new(), url).is_ok();
    for good in [URL, "http://127.0.0.1:8080/keys", "http://[::1]/keys", "http://localhost/keys"] {
        assert!(opens(good), "{good}");
    }
    for bad in [
        "http://issuer.example/keys",
        "http://127.0.0.1.evil.example/keys",
        "http://localhost@evil.example/",
        "ftp://issuer.example",
        "/keys",
        "https://",
        "",
    ] {
        assert!(!opens(bad), "{bad:?} passed");
    }
}
