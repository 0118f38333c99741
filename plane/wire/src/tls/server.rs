//! TLS to clients: handshakes for a listener.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{ProtocolVersion, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{ALPN_H2, ALPN_HTTP_1, Certificates, TlsError, read_roots};
use crate::io::Io;
use crate::peer::TlsFacts;

/// Whether clients show a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    #[default]
    None,
    /// They are asked; one that is shown must be signed by the authorities in this file.
    Optional(PathBuf),
    /// Without one that is signed by the authorities in this file there is no connection.
    Required(PathBuf),
}

/// What a listener needs for TLS. Clones share their session tickets, so workers of one address should use clones.
#[derive(Clone)]
pub struct ServerTls {
    acceptor: TlsAcceptor,
}

impl ServerTls {
    /// TLS 1.2 and 1.3 with these certificates; `h2` offers HTTP/2 before HTTP/1.1.
    pub fn new(certificates: &Certificates, clients: &ClientCertificates, h2: bool) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = match clients {
            ClientCertificates::None => builder.with_no_client_auth(),
            ClientCertificates::Optional(path) | ClientCertificates::Required(path) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(read_roots(path)?), provider);
                let optional = matches!(clients, ClientCertificates::Optional(_));
                let verifier = if optional { verifier.allow_unauthenticated() } else { verifier };
                let verifier = verifier.build().map_err(|error| TlsError::Setup { reason: error.to_string() })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(certificates.clone()));
        config.alpn_protocols = if h2 { vec![ALPN_H2.into(), ALPN_HTTP_1.into()] } else { vec![ALPN_HTTP_1.into()] };
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// One handshake. The caller bounds its time.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<(Io, TlsFacts)> {
        let stream = self.acceptor.accept(stream).await?;
        let (_, session) = stream.get_ref();
        let facts = TlsFacts {
            server_name: session.server_name().map(str::to_owned),
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                _ => "TLSv1.2",
            },
            h2: session.alpn_protocol() == Some(ALPN_H2),
            client_certificate: session
                .peer_certificates()
                .and_then(<[_]>::first)
                .map(|certificate| Bytes::copy_from_slice(certificate)),
        };
        Ok((Io::Tls(Box::new(stream.into())), facts))
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ServerTls")
    }
}
