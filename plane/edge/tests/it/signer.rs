//! Issuers of tokens for the tests: real keys, made anew in each run. RSA keys come from the `openssl` program, so that what is checked
//! here was made by somebody else; the others from ring.

use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::OnceLock;

/// One key pair under a name.
pub struct Signer {
    pub id: &'static str,
    pub algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(&'static RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// An RSA key of 2048 bits; making one takes a while, so that all tests share it.
    pub fn rsa(id: &'static str, algorithm: &'static str) -> Self {
        static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
        Self { id, algorithm, pair: Pair::Rsa(KEY.get_or_init(|| rsa_pair("2048"))) }
    }

    pub fn p256(id: &'static str) -> Self {
        Self { id, algorithm: "ES256", pair: Pair::Ecdsa(ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)) }
    }

    pub fn p384(id: &'static str) -> Self {
        Self { id, algorithm: "ES384", pair: Pair::Ecdsa(ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)) }
    }

    pub fn ed25519(id: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { id, algorithm: "EdDSA", pair: Pair::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()) }
    }

    /// The public half, as a JWKS holds it.
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
                json!({ "kty": "RSA", "use": "sig", "kid": self.id, "n": base64url(&n), "e": base64url(&e) })
            }
            Pair::Ecdsa(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "kid": self.id, "alg": self.algorithm, "x": base64url(x), "y": base64url(y) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": base64url(pair.public_key().as_ref()) })
            }
        }
    }

    /// A token with these claims, and the header that goes with the key.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.algorithm, "kid": self.id, "typ": "JWT" }), claims)
    }

    /// A token with a header of one's own.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed =
            format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", base64url(&signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &'static dyn signature::RsaEncoding = match self.algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// A JWKS of these keys.
pub fn jwks(signers: &[&Signer]) -> Value {
    json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() })
}

fn ecdsa(algorithm: &'static signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap()
}

fn rsa_pair(bits: &str) -> RsaKeyPair {
    let size = format!("rsa_keygen_bits:{bits}");
    let made = Command::new("openssl")
        .args(["genpkey", "-quiet", "-algorithm", "RSA", "-outform", "DER", "-pkeyopt", &size])
        .output();
    let document = made.expect("openssl is installed").stdout;
    RsaKeyPair::from_pkcs8(&document).or_else(|_| RsaKeyPair::from_der(&document)).expect("openssl makes RSA keys")
}

/// Base64 for URLs without padding, written the long way so that it is not the reader's own mirror.
pub fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let sextets = bits.as_bytes().chunks(6).map(|chunk| format!("{:0<6}", std::str::from_utf8(chunk).unwrap()));
    sextets.map(|sextet| char::from(LETTERS[usize::from_str_radix(&sextet, 2).unwrap()])).collect()
}
