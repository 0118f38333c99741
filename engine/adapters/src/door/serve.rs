//! Connections: accepted up to a number, served one request after the other, handed over when they turn into something else.

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use homeostat_reactor::{Clock, Moment};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::gate::turn_away;
use super::problem::Answer;
use super::{Door, DoorCounts};

/// Most headers of a request.
const HEADERS_MAX: usize = 64;

/// Largest head of a request, and most bytes of answers that wait to be written.
const BUFFER_BYTES_MAX: usize = 32 * 1024;

/// How long to wait when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection on which no request ends in this time is cut off: whoever takes no answers keeps a place from others. Longer than
/// any request may take.
const STANDSTILL_MAX: Duration = Duration::from_secs(180);

/// What a connection becomes after an upgrade.
pub(crate) type Guest = Box<dyn FnOnce(Upgraded) -> BoxFuture<'static, ()> + Send>;

/// What becomes of a request.
pub(crate) enum Turn {
    /// It is answered.
    Answer(Answer),
    /// It is answered, and the connection becomes something else.
    #[cfg_attr(not(feature = "websocket"), expect(dead_code, reason = "only WebSocket begins as HTTP"))]
    Upgrade(Answer, Guest),
}

/// Answers requests that the gate has let in.
pub(crate) trait Host: Send + Sync + 'static {
    /// Answers one.
    fn turn(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Turn> + Send;
}

/// Accepts until it is dropped.
pub(super) async fn accept<H: Host>(
    listener: TcpListener,
    door: Arc<Door>,
    host: Arc<H>,
    counts: Arc<DoorCounts>,
    clock: Clock,
) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= door.connections_max {
            connections.join_next().await;
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                counts.connections.fetch_add(1, Ordering::Relaxed);
                let open = OpenConnection::new(&counts);
                let serving = serve(stream, Arc::clone(&door), Arc::clone(&host), open, clock.clone());
                connections.spawn(serving);
            }
            Err(error) => {
                tracing::warn!(target: "homeostat_adapters", %error, "a connection could not be accepted");
                clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Counts a connection as long as it is there.
struct OpenConnection(Arc<DoorCounts>);

impl OpenConnection {
    fn new(counts: &Arc<DoorCounts>) -> Self {
        counts.connections_open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counts))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}

type Next = Arc<Mutex<Option<(OnUpgrade, Guest)>>>;

async fn serve<H: Host>(stream: TcpStream, door: Arc<Door>, host: Arc<H>, open: OpenConnection, clock: Clock) {
    let next: Next = Arc::default();
    let progress = Arc::new(AtomicU64::new(clock.now().0));
    let service = service_fn(|mut request: Request<Incoming>| {
        let (door, host, next) = (Arc::clone(&door), Arc::clone(&host), Arc::clone(&next));
        let (progress, clock) = (Arc::clone(&progress), clock.clone());
        let counts = Arc::clone(&open.0);
        async move {
            counts.requests.fetch_add(1, Ordering::Relaxed);
            let answer = match turn_away(&door, &request) {
                Some(refusal) => {
                    counts.turned_away.fetch_add(1, Ordering::Relaxed);
                    refusal
                }
                None => {
                    let upgrade = hyper::upgrade::on(&mut request);
                    match host.turn(request).await {
                        Turn::Answer(answer) => answer,
                        Turn::Upgrade(answer, guest) => {
                            *next.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, guest));
                            answer
                        }
                    }
                }
            };
            progress.store(clock.now().0, Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(door.head_time_max)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::select! {
        ended = connection => if let Err(error) = ended {
            tracing::debug!(target: "homeostat_adapters", %error, "a connection ended with an error");
        },
        () = standstill(&progress, &clock) => return,
    }
    let upgraded = next.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((upgrade, guest)) = upgraded
        && let Ok(upgraded) = upgrade.await
    {
        guest(upgraded).await;
    }
}

/// Ends when no request has ended for too long.
async fn standstill(progress: &AtomicU64, clock: &Clock) {
    loop {
        let due = Moment(progress.load(Ordering::Relaxed)) + STANDSTILL_MAX;
        if clock.now() >= due {
            return;
        }
        clock.sleep_until(due).await;
    }
}
