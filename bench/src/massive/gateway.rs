//! A subject in this program: a small gateway around a policy, so that libraries are driven as proxies are.
//!
//! It takes requests on a port of its own, hands each to the policy and sends on what comes back. All subjects in this program have
//! the same gateway, the same transport to the backends and the same judge of an answer; only the policy differs.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::arrivals::Tier;
use super::child::{say_done, say_ready, wait_for_end, wait_for_start};
use super::latency::Profile;
use super::plan::Plan;
use super::policy::{self, Failed, Policy, PolicyKind, Told};
use super::schedule::Schedule;
use super::transport::{Asked, Transport};
use super::wire::{BODY_BYTES_MAX, PRIORITY, REQUEST_ID};

/// Connections that wait to be accepted: a burst comes at once.
const BACKLOG: u32 = 8192;

/// What a subject in this program is told.
#[derive(Debug, Clone, clap::Args)]
pub struct SubjectArguments {
    /// Which policy
    #[arg(long)]
    pub policy: PolicyKind,
    /// The ports of the backends
    #[arg(long, value_delimiter = ',')]
    pub ports: Vec<u16>,
    /// Who works when: only for the policy that is told
    #[arg(long)]
    pub schedule: Schedule,
    /// How long good answers take: only for policies that are tuned by hand
    #[arg(long)]
    pub profile: Profile,
    /// Slots of each endpoint: only for the policy that is told
    #[arg(long)]
    pub slots: usize,
    /// How long requests are sent
    #[arg(long)]
    pub length_ms: u64,
    /// The seed
    #[arg(long)]
    pub seed: u64,
}

/// What a subject says when it can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Its port.
    pub port: u16,
}

/// Is a subject of a run.
pub fn be_subject(arguments: &SubjectArguments) -> Result<()> {
    // One thread: the load is small, and a second one would only add what threads cost each other.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: &SubjectArguments) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    say_ready(&Ready { port: listener.local_addr()?.port() })?;
    let start = tokio::task::spawn_blocking(wait_for_start).await??;
    let transport = Arc::new(Transport::new(&arguments.ports, start));
    let plan = Plan::new(arguments.schedule, arguments.seed, Duration::from_millis(arguments.length_ms));
    let told = Told { plan, start, profile: arguments.profile, slots: arguments.slots };
    let policy = policy::make(arguments.policy, &transport, told)?;
    let mut guests = JoinSet::new();
    let mut end = tokio::task::spawn_blocking(wait_for_end);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("accepting")?;
                guests.spawn(host(stream, Arc::clone(&policy)));
            }
            _ = guests.join_next(), if !guests.is_empty() => {}
            ended = &mut end => {
                ended?;
                break;
            }
        }
    }
    guests.shutdown().await;
    say_done(&transport.take_sent())
}

async fn host(stream: TcpStream, policy: Arc<dyn Policy>) {
    // Without it small answers wait for acknowledgements; that it fails only for a connection that is gone.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| handle(Arc::clone(&policy), request));
    // How it ends is seen by whoever asked.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn handle(policy: Arc<dyn Policy>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(id) = text(REQUEST_ID).and_then(|text| text.parse().ok()) else {
        return Ok(status(StatusCode::BAD_REQUEST));
    };
    let tier = Tier::of_name(text(PRIORITY).unwrap_or_default());
    let asked = Asked { id, is_post: request.method() == Method::POST, tier };
    // What is posted is the same for all; an error is a client that has gone.
    let _ = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
    Ok(match policy.answer(asked).await {
        Ok(body) => Response::new(Full::new(body)),
        Err(Failed::Refused) => status(StatusCode::SERVICE_UNAVAILABLE),
        Err(Failed::Late) => status(StatusCode::GATEWAY_TIMEOUT),
        Err(Failed::Attempt(_)) => status(StatusCode::BAD_GATEWAY),
    })
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
