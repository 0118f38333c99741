//! The guard as a whole: the order of its questions.

use crate::keys::{KEY, line};
use crate::signer::{Signer, jwks};
use crate::tokens::claims;
use crate::{direct, headers, now};
use homeostat_edge::guard::GuardError;
use homeostat_edge::{Code, Guards, RouteGuard};
use homeostat_routing::settings::{ApiKeys, Auth, EdgeRate, Gateway, Route};
use homeostat_vocabulary::quantity::{Period, Size};

fn code(guard: &RouteGuard, fields: &[(&str, &str)]) -> Option<Code> {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.headers = headers(fields);
    guard.check(&mut head, &direct("192.0.2.1"), now(0)).err().map(|refused| refused.code())
}

#[test]
fn a_body_that_says_it_is_too_large_does_not_come_in() {
    // Would break: a gigabyte is read before it is refused.
    let route = Route { request_body_max: Some(Size(1_000)), ..Route::default() };
    let guard = RouteGuard::compile(&Guards::new(), &Gateway::default(), "shop", &route).unwrap();
    assert_eq!(code(&guard, &[("content-length", "1000")]), None);
    assert_eq!(code(&guard, &[("content-length", "1001")]), Some(Code::BodyTooLarge));
    assert_eq!(code(&guard, &[]), None);
    assert_eq!(guard.body_bytes_max(), 1_000);
}

#[test]
fn guessing_is_limited_and_spends_nobody_elses_share() {
    // Would break: keys can be guessed as fast as the line allows; or a stranger uses up what belongs to a key's holder.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, line("mia", KEY)).unwrap();
    let keys = ApiKeys { file: file.to_str().unwrap().to_owned(), ..ApiKeys::default() };
    let mut gateway = Gateway::default();
    gateway.auth.insert("keys".to_owned(), Auth { api_keys: Some(keys), jwt: None });
    let rate = |per: &str, requests| EdgeRate {
        per: per.to_owned(),
        requests,
        window: Period::seconds(60),
        ..EdgeRate::default()
    };
    let limits = [("a-holder".to_owned(), rate("header:X-Api-Key", 1)), ("b-address".to_owned(), rate("address", 4))];
    let route = Route { auth: Some("keys".to_owned()), rate_limits: limits.into(), ..Route::default() };
    let guard = RouteGuard::compile(&Guards::new(), &gateway, "shop", &route).unwrap();
    assert_eq!(code(&guard, &[("x-api-key", "wrong")]), Some(Code::CredentialsRefused));
    assert_eq!(code(&guard, &[("x-api-key", "wrong")]), Some(Code::CredentialsRefused));
    assert_eq!(code(&guard, &[("x-api-key", KEY)]), None);
    assert_eq!(code(&guard, &[("x-api-key", KEY)]), Some(Code::TooMany));
    assert_eq!(code(&guard, &[("x-api-key", "wrong")]), Some(Code::TooMany));
}

#[test]
fn either_way_in_is_enough() {
    // Would break: a route that takes keys and tokens asks for both, or a bad key beside a good token lets nobody in.
    let signer = Signer::ed25519("d");
    let folder = tempfile::tempdir().unwrap();
    let (keys, set) = (folder.path().join("keys"), folder.path().join("set"));
    std::fs::write(&keys, line("mia", KEY)).unwrap();
    std::fs::write(&set, jwks(&[&signer]).to_string()).unwrap();
    let api_keys = ApiKeys { file: keys.to_str().unwrap().to_owned(), ..ApiKeys::default() };
    let mut gateway = Gateway::default();
    gateway.auth.insert("both".to_owned(), Auth { api_keys: Some(api_keys), jwt: Some(crate::tokens::settings(&set)) });
    let route = Route { auth: Some("both".to_owned()), ..Route::default() };
    let guard = RouteGuard::compile(&Guards::new(), &gateway, "shop", &route).unwrap();
    let token = format!("Bearer {}", signer.token(&claims()));
    assert_eq!(code(&guard, &[("x-api-key", KEY)]), None);
    assert_eq!(code(&guard, &[("authorization", &token)]), None);
    assert_eq!(code(&guard, &[("x-api-key", "wrong"), ("authorization", &token)]), None);
    assert_eq!(code(&guard, &[("x-api-key", KEY), ("authorization", "Bearer wrong")]), None);
    assert_eq!(
        code(&guard, &[("x-api-key", "wrong"), ("authorization", "Bearer wrong")]),
        Some(Code::CredentialsRefused)
    );
    assert_eq!(code(&guard, &[]), Some(Code::NoCredentials));
}

#[test]
fn a_way_in_that_is_not_there_lets_nobody_in() {
    // Would break: a misspelt name of `auth` leaves the route open.
    let route = Route { auth: Some("users".to_owned()), ..Route::default() };
    let compile = |gateway: &Gateway| RouteGuard::compile(&Guards::new(), gateway, "shop", &route).err();
    assert!(matches!(compile(&Gateway::default()), Some(GuardError::NoAuth(_))));
    let mut empty = Gateway::default();
    empty.auth.insert("users".to_owned(), Auth::default());
    assert!(matches!(compile(&empty), Some(GuardError::EmptyAuth(_))));
}
