//! The certificates that a listener shows, and the files they come from.
//!
//! Owned by the door that shows them. Always holds: what cannot be read, or does not fit together, changes nothing; a changed file is
//! read once, whether it can be used or not.

use std::path::PathBuf;
use std::time::SystemTime;

use homeostat_routing::settings;
use homeostat_wire::tls::{CertificateFiles, Certificates, ClientCertificates, ServerTls, TlsError};

/// Certificates, and the state of their files when they were read.
#[derive(Debug)]
pub struct Shown {
    files: Vec<CertificateFiles>,
    clients: ClientCertificates,
    certificates: Certificates,
    read: Vec<Option<SystemTime>>,
    /// Why what was read last is not shown, if it is not.
    refused: Option<String>,
}

impl Shown {
    /// Those that the settings of a listener name.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn load(tls: &settings::ListenerTls) -> Result<Self, TlsError> {
        let pair = |chain: &str, key: &str| CertificateFiles { chain: chain.into(), key: key.into() };
        let further = tls.more.iter().map(|more| pair(&more.certificate, &more.key));
        let files: Vec<CertificateFiles> = std::iter::once(pair(&tls.certificate, &tls.key)).chain(further).collect();
        let authorities = || PathBuf::from(tls.client_authorities.clone().unwrap_or_default());
        let clients = match tls.client_certificates {
            settings::ClientCertificates::Off => ClientCertificates::None,
            settings::ClientCertificates::Optional => ClientCertificates::Optional(authorities()),
            settings::ClientCertificates::Required => ClientCertificates::Required(authorities()),
        };
        // Looked at before reading: what is written meanwhile is a change.
        let read = stamps(&files);
        let certificates = Certificates::load(&files)?;
        Ok(Self { files, clients, certificates, read, refused: None })
    }

    /// TLS that shows them, also what they are replaced by.
    ///
    /// # Errors
    /// When the authorities for clients cannot be used.
    pub fn tls(&self, http2: bool) -> Result<ServerTls, TlsError> {
        ServerTls::new(&self.certificates, &self.clients, http2)
    }

    /// Reads the files again if they have changed; whether other certificates are shown now.
    ///
    /// # Errors
    /// When the changed files cannot be used, once for each reason; what was shown before is.
    pub fn renew(&mut self) -> Result<bool, TlsError> {
        let now = stamps(&self.files);
        // What was refused is tried again: what was in the way may not have been the files.
        if now == self.read && self.refused.is_none() {
            return Ok(false);
        }
        self.read = now;
        let replaced = self.certificates.replace(&self.files);
        let refused = replaced.as_ref().err().map(ToString::to_string);
        let was_told = refused.is_some() && refused == self.refused;
        self.refused = refused;
        if was_told { Ok(false) } else { replaced.map(|()| true) }
    }

    /// Why the files that stand now are not what is shown, if they are not.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }
}

fn stamps(files: &[CertificateFiles]) -> Vec<Option<SystemTime>> {
    let paths = files.iter().flat_map(|pair| [&pair.chain, &pair.key]);
    paths.map(|path| path.metadata().and_then(|metadata| metadata.modified()).ok()).collect()
}
