//! A gateway's control as small as can be: it keeps what it is told, and answers what the test has it answer. It can die and
//! come back on the same socket.

use homeostat_driver_gateway::{Client, Heard, Link, Options};
use homeostat_vocabulary::{Autonomy, InstanceId, InstanceStatus, Phase, ServiceStatus, Status, Timestamp};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the gateway says.
#[derive(Clone, Debug, Default)]
pub struct Says {
    pub number: u64,
    pub wanted: Vec<String>,
    pub batch: u64,
    pub signals: Vec<Value>,
    pub upstreams: Vec<Value>,
    pub complaints: Vec<Value>,
    pub leaving: Vec<String>,
}

/// The gateway, the engine's channels, and a link between them that runs.
pub struct Bed {
    pub told: watch::Receiver<Value>,
    pub says: watch::Sender<Says>,
    pub status: watch::Sender<Arc<Status>>,
    pub heard: mpsc::Receiver<Heard>,
    pub parting: Arc<dyn homeostat_act::Parting>,
    told_in: watch::Sender<Value>,
    socket: PathBuf,
    server: Option<JoinHandle<()>>,
    link: JoinHandle<()>,
    _folder: TempDir,
}

impl Bed {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("gateway.sock");
        let (told_in, told) = watch::channel(Value::Null);
        let (heard_in, heard) = mpsc::channel(1_000);
        let (status, status_out) = watch::channel(Arc::new(Status::default()));
        let clock = Arc::new(|| Timestamp(1));
        let link = Link::new(Options {
            client: Client::new(socket.clone()),
            status: status_out,
            heard: heard_in.into(),
            clock,
        });
        let parting = link.parting();
        let link = tokio::spawn(async move { link.run().await });
        let says = watch::channel(Says::default()).0;
        let mut bed = Self { told, says, status, heard, parting, told_in, socket, server: None, link, _folder: folder };
        bed.start_gateway();
        bed
    }

    pub fn start_gateway(&mut self) {
        drop(std::fs::remove_file(&self.socket));
        let listener = UnixListener::bind(&self.socket).unwrap();
        let (told, says) = (self.told_in.clone(), self.says.clone());
        self.server = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (told, says) = (told.clone(), says.clone());
                connections.spawn(async move {
                    let answer = service_fn(|request| answer(request, told.clone(), says.clone()));
                    drop(
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await,
                    );
                });
            }
        }));
    }

    /// It dies with all its connections, and forgets.
    pub async fn kill_gateway(&mut self) {
        let server = self.server.take().unwrap();
        server.abort();
        drop(server.await);
        self.told_in.send_replace(Value::Null);
    }

    /// Waits until the link has seen that the gateway is gone: from then on it asks as if for the first time.
    pub async fn until_seen_gone(&self) {
        drop(std::fs::remove_file(&self.socket));
        let listener = UnixListener::bind(&self.socket).unwrap();
        let asked_anew = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.contains(&b'\n') && stream.read_buf(&mut head).await.unwrap() > 0 {}
                if head.starts_with(b"GET /v1/activations?after=0&") {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, asked_anew).await.expect("it is asked as if it were new");
    }

    pub fn show(&self, services: Vec<ServiceStatus>) {
        self.status.send_replace(Arc::new(Status { services, engine_since: Timestamp(1), ..Status::default() }));
    }

    /// Waits until the gateway was told exactly these addresses of a service.
    pub async fn until_listed(&mut self, service: &str, addresses: &[&str]) {
        let wanted = json!(addresses);
        let listed = self.told.wait_for(|told| {
            let places = told["services"][service].as_array();
            places.is_some_and(|places| {
                let found: Vec<&Value> = places.iter().map(|place| &place["address"]).collect();
                json!(found) == wanted
            })
        });
        let listed = tokio::time::timeout(PATIENCE, listed).await.map(drop);
        assert!(listed.is_ok(), "{service} {addresses:?}, but {}", self.told.borrow().clone());
    }

    pub async fn hears(&mut self) -> Heard {
        tokio::time::timeout(PATIENCE, self.heard.recv()).await.expect("something is heard").expect("the link runs")
    }

    /// The next that is heard of this kind.
    pub async fn hears_what<T>(&mut self, wanted: impl Fn(Heard) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.hears().await) {
                return found;
            }
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.link.abort();
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    told: watch::Sender<Value>,
    says: watch::Sender<Says>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let query: BTreeMap<String, u64> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('=').and_then(|(key, value)| Some((key.to_owned(), value.parse().ok()?))))
        .collect();
    let asked = |key: &str| query.get(key).copied().unwrap_or(0);
    let wait = Duration::from_millis(asked("wait_ms"));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut news = says.subscribe();
    let json = match (method, path.as_str()) {
        (Method::PUT, "/v1/endpoints") => {
            told.send_replace(serde_json::from_slice(&body).unwrap());
            Value::Null
        }
        (Method::GET, "/v1/status") => json!({ "pid": 1, "complaints": news.borrow().complaints }),
        (Method::GET, "/v1/leaving") => json!(news.borrow().leaving),
        (Method::GET, "/v1/endpoints") => json!(news.borrow().upstreams),
        (Method::GET, "/v1/activations") => {
            drop(tokio::time::timeout(wait, news.wait_for(|says| says.number != asked("after"))).await.map(drop));
            let says = news.borrow().clone();
            let services: Vec<Value> = says.wanted.iter().map(|it| json!({ "service": it, "waiting": 1 })).collect();
            json!({ "number": says.number, "services": services })
        }
        (Method::GET, "/v1/signals") => {
            drop(tokio::time::timeout(wait, news.wait_for(|says| says.batch != asked("after"))).await.map(drop));
            let says = news.borrow().clone();
            json!({ "number": says.batch, "dropped": 0, "signals": says.signals })
        }
        other => panic!("nobody asks for {other:?}"),
    };
    Ok(Response::new(Full::new(json.to_string().into())))
}

/// An instance as the status shows it.
pub fn instance(id: &str, phase: Phase, port: u16) -> InstanceStatus {
    let id: InstanceId = id.parse().unwrap();
    InstanceStatus {
        id,
        phase,
        pid: Some(u32::from(port)),
        ports: BTreeMap::from([("port".to_owned(), port)]),
        since: None,
        restarts: 0,
        last_exit: None,
        episode: None,
        next_attempt: None,
    }
}

/// A service as the status shows it.
pub fn service(name: &str, instances: Vec<InstanceStatus>) -> ServiceStatus {
    ServiceStatus {
        name: name.parse().unwrap(),
        autonomy: Autonomy::Auto,
        depends_on: Vec::new(),
        instances,
        availability_objective_ppm: None,
        availability_ppm: None,
        recovery_objective: None,
        traffic: None,
        complaints: Vec::new(),
    }
}
