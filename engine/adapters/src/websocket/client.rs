//! The side that connects: keeps a session alive for as long as its handle lives, and comes back after every end.
//!
//! It never gives up; between attempts it waits, longer each time, up to a limit, and by chance a little less than that.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeostat_reactor::reactor::Backoff;
use homeostat_reactor::{Clock, Event};
use hyper::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::desk::Desk;
use super::incoming::{AtWork, Incoming, ReceiveOptions, Start};
use super::places::{Places, Policy};
use super::send::send;
use super::shelf::Outgoing;
use super::wire::{Liveness, Wire, config};
use super::words::{PROTOCOL, RECEIVER_WORD_BYTES_MAX};
use crate::remote::Remote;
use crate::unique::spread;

/// How long the waits between attempts are.
const COMING_BACK: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(30), failures_max: u32::MAX };

/// Follows the feed of a server, as `serve` offers it.
///
/// ```no_run
/// use futures::StreamExt;
/// use homeostat_adapters::{Remote, websocket::{Arrival, ReceiveOptions, Start, follow}};
/// use homeostat_reactor::{Clock, Event, Outcome};
///
/// #[derive(Clone, Debug, serde::Deserialize)]
/// struct Order { id: u64 }
/// impl Event for Order {
///     fn kind(&self) -> &'static str { "order" }
/// }
///
/// # async fn example() -> Result<(), homeostat_adapters::AdapterError> {
/// let shop = Remote::new("ws://127.0.0.1:7700/feed")?;
/// let mut orders = follow::<Order>(shop, Start::Now, ReceiveOptions::default(), Clock::machine());
/// while let Some(arrival) = orders.next().await {
///     match arrival {
///         Arrival::Event { delivery, .. } => println!("{:?}", delivery.settle(Outcome::Done)),
///         Arrival::Gap(gap) => println!("missed: {gap}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub fn follow<T: Event + DeserializeOwned>(
    remote: Remote,
    start: Start,
    options: ReceiveOptions,
    clock: Clock,
) -> Incoming<T> {
    let policy = if start == Start::Oldest { Policy::OneFromOldest } else { Policy::OneFromNow };
    let mut places = Places::new(policy, 1);
    if let Start::After(origin) = start {
        places.restore(origin);
    }
    let (desk, arrivals) = Desk::new(places, options, clock.clone());
    let desk = Arc::new(desk);
    let mut task = JoinSet::new();
    let following = Arc::clone(&desk);
    task.spawn(async move {
        let desk = &*following;
        let session =
            async || match open(&remote, desk.options().liveness, options.message_bytes_max, desk.clock()).await {
                Err(why) => {
                    desk.note_end(why);
                    false
                }
                Ok(wire) => desk.receive(wire).await,
            };
        keep_coming_back(session, desk.clock()).await;
    });
    Incoming::new(arrivals, desk, clock, AtWork::Connecting(task))
}

/// Pushes a feed to a server, as `collect` takes it, for as long as what this gives lives.
pub fn push(feed: &impl Outgoing, remote: Remote, liveness: Liveness, clock: Clock) -> Pusher {
    let last_end = Arc::new(Mutex::new(None));
    let mut task = JoinSet::new();
    let (feed, told) = (feed.clone(), Arc::clone(&last_end));
    task.spawn(async move {
        let session = async || {
            let (why, outage) = match open(&remote, liveness, RECEIVER_WORD_BYTES_MAX, &clock).await {
                Err(why) => (why, false),
                Ok(wire) => {
                    let (ended, outage) = send(wire, &feed, &clock).await;
                    (ended.to_string(), outage)
                }
            };
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            outage
        };
        keep_coming_back(session, &clock).await;
    });
    Pusher { last_end, _task: task }
}

/// Pushes a feed; ends when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the pushing"]
pub struct Pusher {
    last_end: Arc<Mutex<Option<String>>>,
    _task: JoinSet<()>,
}

impl Pusher {
    /// Why the last session or the last attempt at one ended.
    pub fn last_end(&self) -> Option<String> {
        self.last_end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Begins a session, and another one when it has ended, for ever. A session that got somewhere and was broken from outside makes the
/// waits short again, and so does one that went well for longer than the longest of them, however it ended.
async fn keep_coming_back<F: Future<Output = bool>>(session: impl Fn() -> F, clock: &Clock) {
    let mut failures = 0_u32;
    loop {
        let began = clock.now();
        let broken_from_outside = session().await;
        let went_well = clock.now().since(began) >= COMING_BACK.longest;
        failures = if broken_from_outside || went_well { 1 } else { failures.saturating_add(1) };
        clock.sleep(spread(COMING_BACK.pause(failures))).await;
    }
}

/// Connects; the error says why not.
async fn open(
    remote: &Remote,
    liveness: Liveness,
    message_bytes_max: usize,
    clock: &Clock,
) -> Result<Wire<TcpStream>, String> {
    let stream = remote.connect(clock).await?;
    let uri = format!("ws://{}{}", remote.authority(), remote.uri.path_and_query().map_or("/", |path| path.as_str()));
    let mut request = uri.into_client_request().map_err(|error| error.to_string())?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, hyper::header::HeaderValue::from_static(PROTOCOL));
    if let Some(token) = &remote.token {
        request.headers_mut().insert(AUTHORIZATION, token.header());
    }
    let opening = Box::pin(client_async_with_config(request, stream, Some(config(message_bytes_max))));
    match clock.within(liveness.greeting_time_max, opening).await {
        None => Err(format!("{} did not answer", remote.authority())),
        Some(Err(Error::Http(answer))) => Err(format!("{} answered {}", remote.authority(), answer.status())),
        Some(Err(error)) => Err(format!("{}: {error}", remote.authority())),
        Some(Ok((socket, _))) => Ok(Wire::new(socket, clock.clone(), liveness)),
    }
}

#[cfg(test)]
mod tests {
    use homeostat_reactor::{ManualClock, Moment};

    use super::*;

    #[tokio::test]
    async fn a_session_that_went_well_makes_the_waits_short_again() {
        // Would break: a follower that pays with half a minute for each message that is too large, after the ninth in a year.
        const LASTS: Duration = Duration::from_secs(3_600);
        let (time, begun) = (ManualClock::new(), Mutex::new(Vec::<Moment>::new()));
        let clock = time.clock();
        let begun_at = || begun.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let session = || {
            begun.lock().unwrap_or_else(PoisonError::into_inner).push(clock.now());
            let (nth, clock) = (begun_at().len(), &clock);
            async move {
                if nth == 10 {
                    clock.sleep(LASTS).await;
                }
                false
            }
        };
        tokio::select! {
            () = keep_coming_back(session, &clock) => {}
            () = time.turn(2 * LASTS) => {}
        }
        let begun = begun_at();
        assert!(begun[9].since(begun[8]) > COMING_BACK.first * 100, "it had failed nine times");
        assert!(begun[10].since(begun[9]) <= LASTS + COMING_BACK.first);
    }
}
