//! Who asks the full chain: a token that it believes, signed with a key made for a run, and what else a browser's request has.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use tempfile::TempDir;

/// Names in `bench/peers/gateway/homeostat-full.toml` too.
const ISSUER: &str = "https://issuer.test";
const AUDIENCE: &str = "bench";
const ORIGIN: &str = "https://app.test";
const KEY: &str = "bench";
/// How long the token is good: longer than any run.
const VALID_S: u64 = 86_400;
/// Before the point of an uncompressed key on the curve, which is its two halves.
const POINT_MARK_BYTES: usize = 1;

/// A token and the keys that it is checked with; the file is gone when dropped.
#[derive(Debug)]
pub struct Pass {
    /// The file with the public key.
    pub jwks: PathBuf,
    token: String,
    _folder: TempDir,
}

impl Pass {
    /// Makes a key on P-256, and a token signed with it (ES256).
    pub fn make() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("homeostat-pass-").tempdir()?;
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| anyhow!("making a key"))?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
            .map_err(|rejected| anyhow!("reading the key that was just made: {rejected}"))?;
        let point = pair.public_key().as_ref().split_at(POINT_MARK_BYTES).1;
        let (x, y) = point.split_at(point.len() / 2);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let keys = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": KEY, "alg": "ES256", "x": x, "y": y }] });
        let jwks = folder.path().join("jwks.json");
        std::fs::write(&jwks, keys.to_string())?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let head = json!({ "alg": "ES256", "kid": KEY, "typ": "JWT" });
        let (since, until) = (now_s, now_s + VALID_S);
        let claims =
            json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "guest", "iat": since, "nbf": since, "exp": until });
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{head}.{claims}");
        let signature = pair.sign(&random, signed.as_bytes()).map_err(|_| anyhow!("signing the token"))?;
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        Ok(Self { jwks, token, _folder: folder })
    }

    /// What stands in the head of a request that shows it.
    pub fn lines(&self) -> Vec<String> {
        vec![format!("Authorization: Bearer {}", self.token), format!("Origin: {ORIGIN}"), "X-Client: guest".to_owned()]
    }
}
