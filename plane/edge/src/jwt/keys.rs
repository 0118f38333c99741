//! The public keys that tokens are checked with: a JWKS (RFC 7517), read with care.
//!
//! A key that cannot be used (another purpose, a curve that is not known, too small) is passed over: sets hold keys for others too. A set
//! of which none is left is an error, so that it never takes the place of a good one.

use super::{algorithm_named, base64url};
use homeostat_routing::settings::JwtAlgorithm;
use ring::error::Unspecified;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

/// The largest set.
pub(crate) const JWKS_BYTES_MAX: usize = 1 << 20;
/// The most keys of a set; the largest issuers have about ten.
const KEYS_MAX: usize = 256;
/// RSA keys below 2048 bits can be broken by a well-paid adversary.
const RSA_BYTES_MIN: usize = 2_048 / 8;
const RSA_BYTES_MAX: usize = 8_192 / 8;

/// Why a JWKS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// It is no JSON, or has no `keys`.
    #[error("it is no JWKS: {0}")]
    NoJwks(#[from] serde_json::Error),
    /// It is too large.
    #[error("it has more than {JWKS_BYTES_MAX} bytes or {KEYS_MAX} keys")]
    TooLarge,
    /// No key can be used here.
    #[error("none of its {0} keys can check a signature in a way that is known here")]
    NoKey(usize),
}

/// A set of keys.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

/// One key; its kind decides what it can check.
#[derive(Debug)]
pub struct Key {
    id: Option<Box<str>>,
    /// The one algorithm that it is for, where it says so.
    only: Option<JwtAlgorithm>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set.
    ///
    /// # Errors
    /// When it is none, or no key of it can be used.
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        if json.len() > JWKS_BYTES_MAX {
            return Err(JwksError::TooLarge);
        }
        let Jwks { keys: given } = serde_json::from_slice(json)?;
        if given.len() > KEYS_MAX {
            return Err(JwksError::TooLarge);
        }
        let count = given.len();
        let keys: Vec<Key> = given.into_iter().filter_map(|key| Key::read(serde_json::from_value(key).ok()?)).collect();
        if keys.is_empty() { Err(JwksError::NoKey(count)) } else { Ok(Self(keys)) }
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: a set without keys is not made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key has this name.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The key of this name that is good for this algorithm. A token without a name fits only where there is one such key.
    pub(super) fn find(&self, id: Option<&str>, algorithm: JwtAlgorithm) -> Option<&Key> {
        let mut fitting = self.0.iter().filter(|key| key.fits(algorithm) && (id.is_none() || key.id.as_deref() == id));
        let first = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then_some(first)
    }
}

impl Key {
    fn read(jwk: Jwk) -> Option<Self> {
        let signs = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = jwk.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == "verify"));
        let only = match &jwk.alg {
            Some(name) => Some(algorithm_named(name)?),
            None => None,
        };
        let key = Self { material: Material::read(&jwk)?, id: jwk.kid.map(Into::into), only };
        // A key that says it is for an algorithm of another kind is damaged.
        let sound = key.only.is_none_or(|algorithm| key.material.fits(algorithm));
        (signs && verifies && sound).then_some(key)
    }

    fn fits(&self, algorithm: JwtAlgorithm) -> bool {
        self.only.is_none_or(|only| only == algorithm) && self.material.fits(algorithm)
    }

    /// Checks a signature.
    ///
    /// # Errors
    /// When it is wrong, or this key is of another kind.
    pub(super) fn verify(&self, algorithm: JwtAlgorithm, signed: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
        let plain = |how, key: &Vec<u8>| UnparsedPublicKey::new(how, key).verify(signed, signature);
        match (&self.material, algorithm) {
            (Material::Rsa(key), JwtAlgorithm::Rs256) => {
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, signed, signature)
            }
            (Material::Rsa(key), JwtAlgorithm::Rs384) => {
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA384, signed, signature)
            }
            (Material::Rsa(key), JwtAlgorithm::Rs512) => {
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA512, signed, signature)
            }
            (Material::Rsa(key), JwtAlgorithm::Ps256) => {
                key.verify(&signature::RSA_PSS_2048_8192_SHA256, signed, signature)
            }
            (Material::P256(key), JwtAlgorithm::Es256) => plain(&signature::ECDSA_P256_SHA256_FIXED, key),
            (Material::P384(key), JwtAlgorithm::Es384) => plain(&signature::ECDSA_P384_SHA384_FIXED, key),
            (Material::Ed25519(key), JwtAlgorithm::EdDsa) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, signature)
            }
            _ => Err(Unspecified),
        }
    }
}

impl Material {
    fn read(jwk: &Jwk) -> Option<Self> {
        let number = |text: &Option<String>| base64url(text.as_ref()?.as_bytes());
        let of_size = |text: &Option<String>, bytes: usize| number(text).filter(|read| read.len() == bytes);
        let point = |bytes: usize| -> Option<Vec<u8>> {
            let (x, y) = (of_size(&jwk.x, bytes)?, of_size(&jwk.y, bytes)?);
            // Uncompressed, as SEC 1 writes a point.
            Some([&[4][..], &x, &y].concat())
        };
        match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (number(&jwk.n)?, number(&jwk.e)?);
                let n = n[n.iter().position(|byte| *byte != 0)?..].to_vec();
                let e = e[e.iter().position(|byte| *byte != 0)?..].to_vec();
                (RSA_BYTES_MIN..=RSA_BYTES_MAX).contains(&n.len()).then_some(Self::Rsa(RsaPublicKeyComponents { n, e }))
            }
            ("EC", Some("P-256")) => point(32).map(Self::P256),
            ("EC", Some("P-384")) => point(48).map(Self::P384),
            ("OKP", Some("Ed25519")) => of_size(&jwk.x, 32).map(Self::Ed25519),
            _ => None,
        }
    }

    const fn fits(&self, algorithm: JwtAlgorithm) -> bool {
        use JwtAlgorithm::{EdDsa, Es256, Es384, Ps256, Rs256, Rs384, Rs512};
        matches!(
            (self, algorithm),
            (Self::Rsa(_), Rs256 | Rs384 | Rs512 | Ps256)
                | (Self::P256(_), Es256)
                | (Self::P384(_), Es384)
                | (Self::Ed25519(_), EdDsa)
        )
    }
}
