//! TLS to upstreams: whom to trust, and which name their certificate must have.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{ALPN_H2, ALPN_HTTP_1, CertificateFiles, TlsError, read_chain, read_roots};
use crate::io::Io;

/// Whom to trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Roots {
    /// The machine's own authorities.
    #[default]
    System,
    /// The authorities in this file, and no others.
    File(PathBuf),
}

/// What connections to an upstream need for TLS. Clones share their sessions.
#[derive(Clone)]
pub struct ClientTls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl ClientTls {
    /// Upstreams must prove to be `server_name`. `own` is shown to those that ask for a certificate; `h2` offers HTTP/2 alone, for
    /// [`Multiplexed`](crate::client::Multiplexed).
    pub fn new(roots: &Roots, server_name: &str, own: Option<&CertificateFiles>, h2: bool) -> Result<Self, TlsError> {
        let name = ServerName::try_from(server_name.to_owned()).map_err(|_| TlsError::ServerName {
            name: server_name.chars().filter(|letter| !letter.is_control()).collect(),
        })?;
        let roots = match roots {
            Roots::System => system_roots()?,
            Roots::File(path) => read_roots(path)?,
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let key = PrivateKeyDer::from_pem_file(&files.key)
                    .map_err(|error| TlsError::File { path: files.key.clone(), reason: error.to_string() })?;
                builder.with_client_auth_cert(read_chain(&files.chain)?, key).map_err(|error| TlsError::Pair {
                    chain: files.chain.clone(),
                    key: files.key.clone(),
                    reason: error.to_string(),
                })?
            }
        };
        config.alpn_protocols = vec![if h2 { ALPN_H2.into() } else { ALPN_HTTP_1.into() }];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<Io> {
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        Ok(Io::Tls(Box::new(stream.into())))
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some machines carry a few that are too old to be read: the others count.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(TlsError::NoRoots { reason });
    }
    Ok(roots)
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ClientTls").field("name", &self.name).finish_non_exhaustive()
    }
}
