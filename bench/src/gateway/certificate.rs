//! The certificate that all subjects show: made for a run with OpenSSL, an elliptic curve as is usual today.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use crate::reactor::peers::{have, run};

/// The files of a certificate; gone when dropped.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Both in one file, as HAProxy wants it.
    pub both: PathBuf,
    _folder: TempDir,
}

impl Certificate {
    /// Makes one for `bench.test`.
    pub fn make() -> Result<Self> {
        have("openssl", "openssl")?;
        let folder = tempfile::Builder::new().prefix("homeostat-certificate-").tempdir()?;
        let (chain, key, both) =
            (folder.path().join("chain.pem"), folder.path().join("key.pem"), folder.path().join("both.pem"));
        let fixed = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
        let names = ["-subj", "/CN=bench.test", "-addext", "subjectAltName=DNS:bench.test,IP:127.0.0.1"];
        run(Command::new("openssl").args(fixed).args(names).arg("-keyout").arg(&key).arg("-out").arg(&chain))?;
        std::fs::write(&both, [std::fs::read(&chain)?, std::fs::read(&key)?].concat())?;
        Ok(Self { chain, key, both, _folder: folder })
    }
}
