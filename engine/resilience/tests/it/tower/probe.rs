//! A service that watches how it is treated: it panics when it is called without having been found ready, and counts everything
//! else. What it is to do can be changed under way.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use homeostat_reactor::{Clock, ManualClock, Sleep};
use homeostat_resilience::{Call, Failure};
use tower::Service;

/// How long everything takes that takes time.
pub const STEP: Duration = Duration::from_millis(1);
/// What a probe that cannot become ready says.
pub const BROKEN: Failure<&str> = Failure::Inner("it cannot become ready");

/// What a probe says that is to fail.
pub const FAILED: Failure<&str> = Failure::Inner("it fails");

/// A request that counts its clones.
#[derive(Debug)]
pub struct Ask {
    pub number: u32,
    pub call: Call,
    pub clones: Arc<AtomicUsize>,
}

impl Ask {
    pub fn new(number: u32, call: Call) -> Self {
        Self { number, call, clones: Arc::default() }
    }

    pub fn call_of(&self) -> Call {
        self.call
    }

    pub fn carry(&mut self, call: &Call) {
        self.call = *call;
    }
}

impl Clone for Ask {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::Relaxed);
        Self { clones: Arc::clone(&self.clones), ..*self }
    }
}

/// A request that may be made twice and has no deadline.
pub fn ask(number: u32) -> Ask {
    Ask::new(number, Call::idempotent())
}

/// How a probe becomes ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    AtOnce,
    AfterAStep,
    Never,
    /// The first instance that is asked never, all others at once.
    StuckOnce,
    Broken,
}

/// What all clones of a probe count together.
#[derive(Debug)]
pub struct Seen {
    pub readiness: Mutex<Readiness>,
    /// So many answers are failures.
    pub failures: AtomicUsize,
    pub polls: AtomicUsize,
    pub calls: Mutex<Vec<Call>>,
    /// Instances that were found ready and not called.
    pub reserved: AtomicUsize,
    /// Responses that are being waited for.
    pub alive: AtomicUsize,
}

impl Seen {
    pub fn set(&self, readiness: Readiness) {
        *self.readiness.lock().unwrap() = readiness;
    }

    /// How often it was asked for readiness, and called.
    pub fn touches(&self) -> (usize, usize) {
        (self.polls.load(Ordering::Relaxed), self.calls.lock().unwrap().len())
    }

    /// Whether nobody holds anything of it.
    pub fn is_clear(&self) -> bool {
        (self.reserved.load(Ordering::Relaxed), self.alive.load(Ordering::Relaxed)) == (0, 0)
    }
}

/// The service. A clone is not ready because the original is.
pub struct Probe {
    pub seen: Arc<Seen>,
    clock: Clock,
    wait: Option<Mutex<Sleep>>,
    is_stuck: bool,
    is_ready: bool,
}

impl Probe {
    pub fn new(time: &ManualClock) -> Self {
        let seen = Seen {
            readiness: Mutex::new(Readiness::AtOnce),
            failures: AtomicUsize::default(),
            polls: AtomicUsize::default(),
            calls: Mutex::default(),
            reserved: AtomicUsize::default(),
            alive: AtomicUsize::default(),
        };
        Self { seen: Arc::new(seen), clock: time.clock(), wait: None, is_stuck: false, is_ready: false }
    }

    fn set_ready(&mut self, is_ready: bool) {
        match (self.is_ready, is_ready) {
            (false, true) => drop(self.seen.reserved.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.seen.reserved.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
        self.is_ready = is_ready;
    }
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        Self { seen: Arc::clone(&self.seen), clock: self.clock.clone(), wait: None, is_stuck: false, is_ready: false }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.set_ready(false);
    }
}

struct Alive(Arc<Seen>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Service<Ask> for Probe {
    type Response = u32;
    type Error = Failure<&'static str>;
    type Future = Pin<Box<dyn Future<Output = Result<u32, Failure<&'static str>>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.seen.polls.fetch_add(1, Ordering::Relaxed);
        let readiness = *self.seen.readiness.lock().unwrap();
        match readiness {
            _ if self.is_stuck => return Poll::Pending,
            Readiness::AtOnce => {}
            Readiness::StuckOnce => {
                self.is_stuck = true;
                self.seen.set(Readiness::AtOnce);
                return Poll::Pending;
            }
            Readiness::AfterAStep if self.is_ready => {}
            Readiness::AfterAStep => {
                let clock = &self.clock;
                let wait = self.wait.get_or_insert_with(|| Mutex::new(clock.sleep(STEP)));
                ready!(Pin::new(wait.get_mut().unwrap()).poll(context));
                self.wait = None;
            }
            Readiness::Never => return Poll::Pending,
            Readiness::Broken => return Poll::Ready(Err(BROKEN)),
        }
        self.set_ready(true);
        Poll::Ready(Ok(()))
    }

    /// Answers the number of the request and one, two steps later.
    fn call(&mut self, ask: Ask) -> Self::Future {
        assert!(self.is_ready, "called without having been found ready");
        self.set_ready(false);
        self.seen.calls.lock().unwrap().push(ask.call);
        self.seen.alive.fetch_add(1, Ordering::Relaxed);
        let (alive, clock) = (Alive(Arc::clone(&self.seen)), self.clock.clone());
        Box::pin(async move {
            clock.sleep(STEP).await;
            clock.sleep(STEP).await;
            let fewer = alive.0.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if fewer.is_ok() { Err(FAILED) } else { Ok(ask.number + 1) }
        })
    }
}
