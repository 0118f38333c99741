//! `[gateway.listeners.NAME]`: an address that clients connect to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An address that clients connect to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listener {
    /// The address and port, such as `"127.0.0.1:8443"` or `"[::1]:8443"`. Port 0 takes any free one.
    pub address: String,
    /// TLS; without it the listener speaks plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
    /// Whether each connection begins with a PROXY protocol header (version 1 or 2). Connections without one are refused, and so are those
    /// of peers that are not in `gateway.trusted_hops`.
    pub proxy_protocol: bool,
    /// Whether HTTP/2 is spoken: agreed on by ALPN under TLS, by prior knowledge without.
    pub http2: bool,
}

impl Listener {
    /// A listener without TLS, as the key `listen` brings it.
    #[must_use]
    pub fn plain(address: &str) -> Self {
        Self { address: address.to_owned(), ..Self::default() }
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self { address: super::LISTEN_DEFAULT.to_owned(), tls: None, proxy_protocol: false, http2: true }
    }
}

/// TLS of a listener. Files are read at the start, and again when they change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListenerTls {
    /// The certificate chain, a PEM file: the one shown to clients that name no host that another fits.
    pub certificate: String,
    /// Its private key, a PEM file.
    pub key: String,
    /// Further certificates. The first whose own names fit the host that the client asks for (SNI) is shown.
    pub more: Vec<ServerCertificate>,
    /// Authorities whose client certificates are accepted, a PEM file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authorities: Option<String>,
    /// Whether clients must show a certificate of `client_authorities`.
    pub client_certificates: ClientCertificates,
}

/// A further certificate of a listener.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerCertificate {
    /// The certificate chain, a PEM file.
    pub certificate: String,
    /// Its private key, a PEM file.
    pub key: String,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificates {
    /// None is asked for.
    #[default]
    Off,
    /// One is asked for; a client without one is let in.
    Optional,
    /// A client without one is refused.
    Required,
}
