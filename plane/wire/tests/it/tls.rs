//! TLS over real sockets: names, replacement of certificates, certificates of clients, ALPN, and both protocols through it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use homeostat_wire::client::{ClientLimits, Connection, Multiplexed, MultiplexedSettings};
use homeostat_wire::tls::{CertificateFiles, Certificates, ClientCertificates, ClientTls, Roots, ServerTls, TlsError};
use homeostat_wire::{Body, Drain, Handler, Limits, Listener, Peer, Request, Response, serve};
use http_body_util::BodyExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::client::Kept;

/// Answers with what TLS told of the client.
#[derive(Clone)]
struct Facts;

impl Handler for Facts {
    async fn handle(&self, request: Request, peer: &Arc<Peer>) -> Response {
        let tls = peer.tls.as_ref().unwrap();
        let name = tls.server_name.as_deref().unwrap_or("-");
        let client = tls.client_certificate.is_some();
        Response::new(Body::full(format!("{name} {:?} {client} {}", request.version(), request.uri())))
    }
}

struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn roots(&self) -> Roots {
        Roots::File(self.folder.path().join("ca.pem"))
    }

    fn issue(&self, name: &str) -> CertificateFiles {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let path = |end: &str| self.folder.path().join(format!("{}.{end}", name.replace('*', "any")));
        std::fs::write(path("pem"), certificate.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        CertificateFiles { chain: path("pem"), key: path("key") }
    }
}

fn start(certificates: &Certificates, clients: &ClientCertificates) -> SocketAddr {
    let tls = ServerTls::new(certificates, clients, true).unwrap();
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), false).unwrap().with_tls(tls);
    let address = listener.local_address().unwrap();
    tokio::spawn(serve(listener, Arc::new(Limits::default()), Facts, Drain::new()));
    address
}

async fn ask(address: SocketAddr, roots: &Roots, name: &str, own: Option<&CertificateFiles>) -> Option<String> {
    let tls = ClientTls::new(roots, name, own, false).unwrap();
    let connection = Connection::open(address, Some(&tls), ClientLimits::default()).await.ok()?;
    let request = http::Request::builder().uri("/h1").header("host", name).body(Body::empty()).unwrap();
    let answer = connection.send(request, Arc::new(Kept::default())).await.ok()?;
    Some(String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

// Would break: a client that gets another host's certificate, or a certificate that stays after its replacement.
#[tokio::test]
async fn certificates_are_chosen_by_name_and_replaced_live() {
    let authority = Authority::new();
    let (first, wild) = (authority.issue("a.test"), authority.issue("*.b.test"));
    let certificates = Certificates::load(&[first.clone(), wild.clone()]).unwrap();
    let address = start(&certificates, &ClientCertificates::None);
    let roots = authority.roots();
    assert_eq!(ask(address, &roots, "a.test", None).await.unwrap(), "a.test HTTP/1.1 false /h1");
    assert_eq!(ask(address, &roots, "x.b.test", None).await.unwrap(), "x.b.test HTTP/1.1 false /h1");
    assert_eq!(ask(address, &roots, "c.test", None).await, None);
    certificates.replace(&[first, authority.issue("c.test")]).unwrap();
    assert!(ask(address, &roots, "c.test", None).await.is_some());
    assert_eq!(ask(address, &roots, "x.b.test", None).await, None);
    // A replacement that cannot be loaded changes nothing.
    let missing = CertificateFiles { chain: authority.folder.path().join("none.pem"), key: wild.key };
    assert!(matches!(certificates.replace(&[missing]), Err(TlsError::File { .. })));
    assert!(ask(address, &roots, "c.test", None).await.is_some());
}

// Would break: a listener that requires a client certificate and takes none, or one of a stranger.
#[tokio::test]
async fn client_certificates_are_asked_for_and_checked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let certificates = Certificates::load(&[authority.issue("a.test")]).unwrap();
    let file = || authority.folder.path().join("ca.pem");
    let required = start(&certificates, &ClientCertificates::Required(file()));
    let optional = start(&certificates, &ClientCertificates::Optional(file()));
    let roots = authority.roots();
    let (own, foreign) = (authority.issue("client.test"), stranger.issue("client.test"));
    assert_eq!(ask(required, &roots, "a.test", Some(&own)).await.unwrap(), "a.test HTTP/1.1 true /h1");
    assert_eq!(ask(required, &roots, "a.test", None).await, None);
    assert_eq!(ask(required, &roots, "a.test", Some(&foreign)).await, None);
    assert_eq!(ask(optional, &roots, "a.test", None).await.unwrap(), "a.test HTTP/1.1 false /h1");
    assert_eq!(ask(optional, &roots, "a.test", Some(&foreign)).await, None);
}

// Would break: HTTP/2 that is not agreed on by ALPN, or a target that handlers see in another form than over HTTP/1.1.
#[tokio::test]
async fn http2_is_agreed_on_by_alpn() {
    let authority = Authority::new();
    let certificates = Certificates::load(&[authority.issue("a.test")]).unwrap();
    let address = start(&certificates, &ClientCertificates::None);
    let tls = ClientTls::new(&authority.roots(), "a.test", None, true).unwrap();
    let upstream = Multiplexed::open(address, Some(&tls), &MultiplexedSettings::default()).await.unwrap();
    let request = http::Request::builder().uri("/h2?q").header("host", "a.test").body(Body::empty()).unwrap();
    let answer = upstream.send(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(answer, "a.test HTTP/2.0 false /h2?q");
}

// Would break: an error that does not say which file is wrong, or that shows a key.
#[test]
fn errors_name_the_file() {
    let authority = Authority::new();
    let (first, second) = (authority.issue("a.test"), authority.issue("b.test"));
    let crossed = CertificateFiles { chain: first.chain.clone(), key: second.key };
    let error = Certificates::load(&[crossed]).unwrap_err().to_string();
    assert!(error.contains("a.test.pem") && error.contains("b.test.key") && !error.contains("PRIVATE"), "{error}");
    let swapped = CertificateFiles { chain: first.key.clone(), key: first.key };
    assert!(
        matches!(Certificates::load(&[swapped]), Err(TlsError::NoCertificate { path }) if path.ends_with("a.test.key"))
    );
    assert!(matches!(Certificates::load(&[]), Err(TlsError::NoCertificates)));
    let nowhere = Roots::File(Path::new("nowhere.pem").into());
    let error = ClientTls::new(&nowhere, "a.test", None, false).unwrap_err().to_string();
    assert!(error.contains("nowhere.pem"), "{error}");
    assert!(matches!(ClientTls::new(&authority.roots(), "a b", None, false), Err(TlsError::ServerName { .. })));
}
