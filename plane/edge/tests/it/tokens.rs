//! Tokens: which are let in, and the many that are not.

use crate::signer::{Signer, base64url, jwks};
use crate::{WALL_MS, direct, headers, now, text};
use homeostat_edge::guard::Refused;
use homeostat_edge::jwt::{KeySet, Token};
use homeostat_edge::{Code, Guards, Passed, RouteGuard};
use homeostat_routing::settings::{Auth, EdgeRate, Gateway, Jwt, JwtAlgorithm, Route, Texts};
use homeostat_vocabulary::quantity::Period;
use http::header::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many requests a user may make at once.
const USER_REQUESTS: u32 = 50;
const WALL_S: u64 = WALL_MS / 1_000;

/// A route behind tokens of these keys.
pub struct Door {
    guard: RouteGuard,
    _folder: TempDir,
}

pub fn settings(file: &std::path::Path) -> Jwt {
    Jwt {
        issuer: "https://issuer.example".to_owned(),
        audience: Texts(vec!["shop".to_owned(), "api".to_owned()]),
        jwks_file: Some(file.to_str().unwrap().to_owned()),
        ..Jwt::default()
    }
}

pub fn door(set: &Value, change: impl FnOnce(&mut Jwt)) -> Door {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, set.to_string()).unwrap();
    let mut jwt = settings(&file);
    change(&mut jwt);
    let mut gateway = Gateway::default();
    gateway.auth.insert("users".to_owned(), Auth { jwt: Some(jwt), api_keys: None });
    let per_user = EdgeRate {
        per: "claim:sub".to_owned(),
        requests: USER_REQUESTS,
        window: Period::seconds(1),
        ..EdgeRate::default()
    };
    let route = Route {
        auth: Some("users".to_owned()),
        rate_limits: [("user".to_owned(), per_user)].into(),
        ..Route::default()
    };
    let guards = Guards::new();
    let guard = RouteGuard::compile(&guards, &gateway, "shop", &route).unwrap();
    Door { guard, _folder: folder }
}

impl Door {
    pub fn knock(&self, token: &str, at_ms: u64) -> Result<(Passed, HeaderMap), Refused> {
        self.knock_with(&[("authorization", &format!("Bearer {token}"))], at_ms)
    }

    pub fn knock_with(&self, fields: &[(&str, &str)], at_ms: u64) -> Result<(Passed, HeaderMap), Refused> {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.headers = headers(fields);
        let passed = self.guard.check(&mut head, &direct("192.0.2.1"), now(at_ms))?;
        Ok((passed, head.headers))
    }

    pub fn code(&self, token: &str, at_ms: u64) -> Option<Code> {
        self.knock(token, at_ms).err().map(|refused| refused.code())
    }
}

pub fn claims() -> Value {
    json!({ "iss": "https://issuer.example", "aud": "shop", "sub": "mia", "exp": WALL_S + 600 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn every_algorithm_lets_in_what_its_key_signed() {
    // Would break: a whole issuer's tokens are refused because one way of signing is read wrongly.
    let signers = [
        Signer::rsa("r", "RS256"),
        Signer::rsa("r", "RS384"),
        Signer::rsa("r", "RS512"),
        Signer::rsa("r", "PS256"),
        Signer::p256("e"),
        Signer::p384("f"),
        Signer::ed25519("d"),
    ];
    let set = jwks(&[&signers[0], &signers[4], &signers[5], &signers[6]]);
    use JwtAlgorithm::{EdDsa, Es256, Es384, Ps256, Rs256, Rs384, Rs512};
    let all = door(&set, |jwt| jwt.algorithms = vec![Rs256, Rs384, Rs512, Ps256, Es256, Es384, EdDsa]);
    for signer in &signers {
        let (passed, _) =
            all.knock(&signer.token(&claims()), 0).unwrap_or_else(|why| panic!("{}: {why:?}", signer.algorithm));
        assert_eq!(passed.caller.unwrap().name(), Some("mia"));
    }
    let few = door(&set, |jwt| jwt.algorithms = vec![Es256]);
    for signer in &signers {
        assert_eq!(few.knock(&signer.token(&claims()), 0).is_ok(), signer.algorithm == "ES256", "{}", signer.algorithm);
    }
}

#[test]
fn a_token_chooses_neither_its_algorithm_nor_its_key() {
    // Would break: whoever knows the public key signs tokens with it, or brings a key along.
    let (rsa, p256, stranger) = (Signer::rsa("r", "RS256"), Signer::p256("e"), Signer::p256("e"));
    let door = door(&jwks(&[&rsa, &p256]), |_| {});
    let good = p256.token(&claims());
    let (head_and_claims, signature) = good.rsplit_once('.').unwrap();
    let plain = |header: Value| {
        format!("{}.{}.", base64url(header.to_string().as_bytes()), base64url(claims().to_string().as_bytes()))
    };
    let hostile = [
        plain(json!({ "alg": "none" })),
        plain(json!({ "alg": "None", "kid": "e" })),
        format!("{}{signature}", plain(json!({ "alg": "none", "kid": "e" }))),
        rsa.token_with(&json!({ "alg": "HS256", "kid": "r" }), &claims()),
        rsa.token_with(&json!({ "alg": "RS256", "kid": "e" }), &claims()),
        p256.token_with(&json!({ "alg": "RS256", "kid": "e" }), &claims()),
        p256.token_with(&json!({ "alg": "EdDSA", "kid": "e" }), &claims()),
        p256.token_with(&json!({ "alg": "es256", "kid": "e" }), &claims()),
        p256.token_with(&json!({ "alg": "ES256", "kid": "r" }), &claims()),
        p256.token_with(&json!({ "alg": "ES256", "kid": "e", "crit": ["exp"] }), &claims()),
        p256.token_with(&json!({ "alg": "ES256", "kid": "e", "b64": false }), &claims()),
        stranger.token(&claims()),
        stranger.token_with(
            &json!({ "alg": "ES256", "kid": "e", "jwk": stranger.jwk(), "jku": "https://evil.example" }),
            &claims(),
        ),
        format!("{head_and_claims}."),
        format!("{head_and_claims}.AAAA"),
        format!("{head_and_claims}.{}", base64url(&[0; 64])),
        format!("{head_and_claims}.{signature}="),
        format!("{head_and_claims}.{signature}.x"),
        head_and_claims.to_owned(),
        format!(" {head_and_claims}"),
        "..".to_owned(),
        "x".repeat(20_000),
        String::new(),
    ];
    for token in &hostile {
        assert_eq!(door.code(token, 0), Some(Code::CredentialsRefused), "{token} passed");
    }
    // The last letter of a signature of 64 bytes carries four bits that mean nothing: only zeros are taken.
    let loose = format!("{}{}", &good[..good.len() - 1], if good.ends_with('B') { 'C' } else { 'B' });
    assert_eq!(door.code(&loose, 0), Some(Code::CredentialsRefused));
    assert_eq!(door.code(&good, 0), None);
}

#[test]
fn times_issuer_and_audience_are_held_to() {
    // Would break: an expired token, or one for another service, opens the door.
    let signer = Signer::ed25519("d");
    let door = door(&jwks(&[&signer]), |_| {});
    let code = |claims: Value| door.code(&signer.token(&claims), 0);
    for good in [
        with("exp", json!(WALL_S - 29)),
        with("exp", json!(WALL_S as f64 + 0.5)),
        with("nbf", json!(WALL_S + 30)),
        with("aud", json!(["other", "api"])),
        with("nbf", json!(0)),
    ] {
        assert_eq!(code(good.clone()), None, "{good}");
    }
    for bad in [
        with("exp", json!(WALL_S - 30)),
        with("exp", json!(-1)),
        with("exp", json!("9999999999")),
        with("exp", Value::Null),
        with("exp", json!([WALL_S + 600])),
        with("nbf", json!(WALL_S + 31)),
        with("nbf", json!("soon")),
        with("iss", json!("https://issuer.example/")),
        with("iss", json!(["https://issuer.example"])),
        with("iss", Value::Null),
        with("aud", json!("shops")),
        with("aud", json!([])),
        with("aud", json!({ "shop": true })),
        with("aud", Value::Null),
        json!([claims()]),
        json!("claims"),
    ] {
        assert_eq!(code(bad.clone()), Some(Code::CredentialsRefused), "{bad} passed");
    }
    let mut unending = claims();
    unending.as_object_mut().unwrap().remove("exp");
    assert_eq!(code(unending), Some(Code::CredentialsRefused));
}

#[test]
fn a_token_that_was_seen_good_still_ends_in_time() {
    // Would break: what is kept of a token outlives it.
    let signer = Signer::ed25519("d");
    let door = door(&jwks(&[&signer]), |jwt| jwt.leeway = Period::seconds(5));
    let token = signer.token(&with("exp", json!(WALL_S + 10)));
    for (at_ms, passes) in [(0, true), (9_999, true), (10_000, true), (14_999, true), (15_000, false), (16_000, false)]
    {
        assert_eq!(door.knock(&token, at_ms).is_ok(), passes, "{at_ms}");
    }
}

#[test]
fn each_user_has_a_limit_of_its_own() {
    // Would break: users behind one address share a limit, or one user has as many as it has tokens.
    let signer = Signer::ed25519("d");
    let door = door(&jwks(&[&signer]), |_| {});
    let (mia, again, leo) = (claims(), with("jti", json!("second")), with("sub", json!("leo")));
    for turn in 0..USER_REQUESTS {
        let claims = if turn % 2 == 0 { &mia } else { &again };
        assert_eq!(door.code(&signer.token(claims), 0), None);
    }
    assert_eq!(door.code(&signer.token(&again), 0), Some(Code::TooMany));
    assert_eq!(door.code(&signer.token(&leo), 0), None);
}

#[test]
fn required_claims_and_headers_from_claims() {
    // Would break: anybody with a token has every role; or a client writes the header in which the gateway says who it is.
    let signer = Signer::ed25519("d");
    let door = door(&jwks(&[&signer]), |jwt| {
        jwt.claims = [("role".to_owned(), "staff".to_owned())].into();
        jwt.forward_claims = [("sub", "X-User"), ("role", "X-Roles"), ("level", "X-Level"), ("more", "X-More")]
            .map(|(claim, header)| (claim.to_owned(), header.to_owned()))
            .into();
    });
    assert_eq!(door.code(&signer.token(&claims()), 0), Some(Code::NotAllowed));
    assert_eq!(door.code(&signer.token(&with("role", json!("staffer"))), 0), Some(Code::NotAllowed));
    let mut rich = with("role", json!(["staff", "night"]));
    rich["level"] = json!(7);
    rich["more"] = json!(["a,b"]);
    let token = format!("bEaReR {}", signer.token(&rich));
    let lies = [
        ("authorization", token.as_str()),
        ("x-user", "root"),
        ("X_User", "root"),
        ("x-more", "root"),
        ("x_level", "9"),
    ];
    let (_, sent) = door.knock_with(&lies, 0).unwrap();
    assert_eq!(
        (text(&sent, "x-user"), text(&sent, "x-roles"), text(&sent, "x-level")),
        (Some("mia"), Some("staff,night"), Some("7"))
    );
    assert!(!sent.contains_key("x-more") && !sent.contains_key("x_user") && !sent.contains_key("x_level"));
    assert!(sent.contains_key("authorization"));
    // A value that could break out of its header is not sent.
    let (_, sent) = door
        .knock(
            &signer.token(&{
                let mut odd = rich.clone();
                odd["sub"] = json!("a\r\nX-Admin: 1");
                odd
            }),
            0,
        )
        .unwrap();
    assert!(!sent.contains_key("x-user") && !sent.contains_key("x-admin"));
}

#[test]
fn refusals_say_what_a_client_needs_and_no_more() {
    // Would break: clients cannot tell an expired token from a missing one, or read parts of a token in an answer.
    let signer = Signer::ed25519("d");
    let door = door(&jwks(&[&signer]), |_| {});
    let challenge = |fields: &[(&str, &str)]| {
        let refused = door.knock_with(fields, 0).unwrap_err();
        let mut answer = HeaderMap::new();
        refused.write(&mut answer);
        (refused.code(), text(&answer, "www-authenticate").unwrap_or_default().to_owned())
    };
    assert_eq!(challenge(&[]), (Code::NoCredentials, "Bearer".to_owned()));
    assert_eq!(challenge(&[("authorization", "Basic bWlhOm1pYQ==")]), (Code::NoCredentials, "Bearer".to_owned()));
    let expired = format!("Bearer {}", signer.token(&with("exp", json!(1))));
    let (code, told) = challenge(&[("authorization", &expired)]);
    assert_eq!(code, Code::CredentialsRefused);
    assert_eq!(told, "Bearer error=\"invalid_token\", error_description=\"the token has expired\"");
    let good = format!("Bearer {}", signer.token(&claims()));
    assert_eq!(challenge(&[("authorization", &good), ("authorization", &good)]).0, Code::CredentialsRefused);
}

#[test]
fn sets_of_keys_are_read_with_care() {
    // Would break: a key for encryption, a weak key or a damaged one checks signatures; or one odd key spoils the set.
    let (rsa, p256) = (Signer::rsa("r", "RS256"), Signer::p256("e"));
    let change = |signer: &Signer, name: &str, value: Value| {
        let mut key = signer.jwk();
        key[name] = value;
        key
    };
    let useless = [
        change(&rsa, "use", json!("enc")),
        change(&rsa, "key_ops", json!(["sign"])),
        change(&rsa, "n", json!(base64url(&[0xff; 128]))),
        change(&rsa, "n", json!("!!")),
        change(&rsa, "alg", json!("ES256")),
        change(&rsa, "alg", json!("RSA-OAEP")),
        change(&p256, "crv", json!("secp256k1")),
        change(&p256, "x", json!("AAAA")),
        json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "r", "alg": "HS256" }),
        json!({ "kty": 7 }),
        json!("key"),
    ];
    for key in &useless {
        assert!(KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).is_err(), "{key} passed");
    }
    let mut all = useless.to_vec();
    all.push(p256.jwk());
    assert_eq!(KeySet::parse(json!({ "keys": all }).to_string().as_bytes()).unwrap().len(), 1);
    for bad in ["", "{}", "[]", "{\"keys\":[]}", "{\"keys\":{}}", "\u{0}"] {
        assert!(KeySet::parse(bad.as_bytes()).is_err(), "{bad:?} passed");
    }
    // A token that names no key is for the one that fits.
    let nameless = |signer: &Signer| signer.token_with(&json!({ "alg": signer.algorithm }), &claims());
    let (one, two) = (door(&jwks(&[&rsa, &p256]), |_| {}), door(&jwks(&[&p256, &Signer::p256("g")]), |_| {}));
    assert_eq!(one.code(&nameless(&p256), 0), None);
    assert!(two.code(&nameless(&p256), 0).is_some());
}

proptest! {
    #[test]
    fn tokens_and_sets_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), json in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        // Would break: one odd token ends a worker.
        let _ = Token::parse(&bytes);
        let _ = Token::parse(format!("{}.{}.AA", base64url(json.as_bytes()), base64url(&bytes)).as_bytes());
        let _ = KeySet::parse(&bytes);
        let _ = KeySet::parse(json.as_bytes());
    }

    #[test]
    fn no_changed_letter_of_a_token_passes(at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_-]") {
        // Would break: some part of a token is not covered by its signature.
        let signer = Signer::ed25519("d");
        let door = door(&jwks(&[&signer]), |_| {});
        let good = signer.token(&claims());
        let at = at.index(good.len());
        let changed = format!("{}{letter}{}", &good[..at], &good[at + 1..]);
        prop_assert_eq!(door.knock(&changed, 0).is_ok(), changed == good);
    }
}
