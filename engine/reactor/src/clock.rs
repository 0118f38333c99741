//! Time as a value that is handed in: the machine's, or one that a test or a simulation turns by hand.
//!
//! Everything in this crate that looks at the time or waits for it takes a [`Clock`]. A clock may stand still and may even go
//! backwards (a manual one can be told to): whoever measures a duration subtracts with [`Moment::since`], which never underflows.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Add;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a turn of a manual clock lets other tasks run after each waking, so that what they do next is done by then.
const YIELDS_A_WAKING: u32 = 32;

/// An instant, in nanoseconds since an origin that whoever made it has chosen: the start of the clock for times of processing,
/// usually the Unix epoch for times that events carry.
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment(pub u64);

impl Moment {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// Later than everything: as a watermark, the end of a stream.
    pub const NEVER: Self = Self(u64::MAX);

    /// A moment this many milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A moment this many seconds after the origin.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// How long after `earlier` this is; nothing when it is not. After [`Moment::ZERO`] it is what the clock shows, as a duration.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This much earlier, at most the origin.
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

/// A duration in nanoseconds, at most what a [`Moment`] holds.
pub(crate) const fn nanos(duration: Duration) -> u64 {
    // Not by way of `as_nanos`: 128 bits cost a third of what reading the clock does.
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}

/// A source of time. Cheap to clone; clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    Machine(tokio::time::Instant),
    Manual(Arc<Mutex<Face>>),
}

/// What a manual clock shows, and who waits for what.
#[derive(Debug, Default)]
struct Face {
    now: Moment,
    next_sleeper: u64,
    sleepers: BTreeMap<(Moment, u64), Waker>,
}

impl Clock {
    /// The machine's monotonic clock, beginning at zero now: make one and hand out clones, because the moments of two cannot be
    /// compared. It is tokio's: where tokio's time is paused it is virtual too.
    pub fn machine() -> Self {
        Self(Source::Machine(tokio::time::Instant::now()))
    }

    /// What time it is.
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::Machine(origin) => Moment(nanos(origin.elapsed())),
            Source::Manual(face) => lock(face).now,
        }
    }

    /// Waits until the clock shows `due`.
    pub fn sleep_until(&self, due: Moment) -> Sleep {
        Sleep(match &self.0 {
            Source::Machine(origin) => {
                let instant = origin.checked_add(Duration::from_nanos(due.0));
                SleepKind::Machine(instant.map(|at| Box::pin(tokio::time::sleep_until(at))))
            }
            Source::Manual(face) => SleepKind::Manual { face: Arc::clone(face), due, ticket: None },
        })
    }

    /// Waits until the clock shows `due`, in the frame of whoever waits: for waits that nearly every call makes. Unlike a [`Sleep`]
    /// it takes nothing from the heap, and so it must be pinned before it is polled.
    pub async fn wait_until(&self, due: Moment) {
        match &self.0 {
            Source::Machine(origin) => match origin.checked_add(Duration::from_nanos(due.0)) {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            },
            Source::Manual(_) => self.sleep_until(due).await,
        }
    }

    /// Waits for `duration` from now.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Waits for `future`, but not longer than `limit`: `None` when it took longer, and it is dropped.
    pub async fn within<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let late = self.sleep(limit);
        tokio::select! {
            biased;
            output = future => Some(output),
            () = late => None,
        }
    }
}

/// Waits for a moment; made by [`Clock::sleep_until`]. Dropping it stops the waiting.
#[derive(Debug)]
#[must_use = "a sleep does nothing until it is awaited"]
pub struct Sleep(SleepKind);

#[derive(Debug)]
enum SleepKind {
    /// `None`: so far away that it never comes.
    Machine(Option<Pin<Box<tokio::time::Sleep>>>),
    Manual {
        face: Arc<Mutex<Face>>,
        due: Moment,
        ticket: Option<u64>,
    },
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            SleepKind::Machine(Some(sleep)) => sleep.as_mut().poll(context),
            SleepKind::Machine(None) => Poll::Pending,
            SleepKind::Manual { face, due, ticket } => {
                let mut face = lock(face);
                if face.now >= *due {
                    if let Some(ticket) = ticket.take() {
                        face.sleepers.remove(&(*due, ticket));
                    }
                    return Poll::Ready(());
                }
                let number = *ticket.get_or_insert_with(|| {
                    face.next_sleeper += 1;
                    face.next_sleeper
                });
                face.sleepers.insert((*due, number), context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let SleepKind::Manual { face, due, ticket: Some(ticket) } = &self.0 {
            lock(face).sleepers.remove(&(*due, *ticket));
        }
    }
}

/// A clock that stands still until it is turned: for tests and simulations.
///
/// ```
/// # use homeostat_reactor::{ManualClock, Moment};
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let time = ManualClock::new();
/// let clock = time.clock();
/// let alarm = tokio::spawn(async move { clock.sleep(Duration::from_secs(3_600)).await });
/// time.turn(Duration::from_secs(3_600)).await;
/// assert!(alarm.is_finished());
/// assert_eq!(time.clock().now(), Moment::from_secs(3_600));
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<Mutex<Face>>);

impl ManualClock {
    /// A clock that shows the origin.
    pub fn new() -> Self {
        Self::default()
    }

    /// The clock to hand out.
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(Arc::clone(&self.0)))
    }

    /// Turns the clock on, waking who waits on the way, each at its own moment, and letting other tasks of a single-threaded
    /// runtime run after each waking.
    pub async fn turn(&self, duration: Duration) {
        let end = lock(&self.0).now + duration;
        settle().await;
        while let Some(next) = self.next_due().filter(|due| *due <= end) {
            self.set(next);
            settle().await;
        }
        self.set(end);
        settle().await;
    }

    /// Has the clock show `now`, which may lie in the past, and wakes who waited for it.
    pub fn set(&self, now: Moment) {
        let due: Vec<Waker> = {
            let mut face = lock(&self.0);
            face.now = now;
            let later = face.sleepers.split_off(&(now + Duration::from_nanos(1), 0));
            std::mem::replace(&mut face.sleepers, later).into_values().collect()
        };
        due.into_iter().for_each(Waker::wake);
    }

    /// The next moment that somebody waits for.
    pub fn next_due(&self) -> Option<Moment> {
        lock(&self.0).sleepers.keys().next().map(|(due, _)| *due)
    }

    /// How many wait.
    pub fn sleepers(&self) -> usize {
        lock(&self.0).sleepers.len()
    }
}

async fn settle() {
    for _ in 0..YIELDS_A_WAKING {
        tokio::task::yield_now().await;
    }
}

fn lock(face: &Mutex<Face>) -> MutexGuard<'_, Face> {
    face.lock().unwrap_or_else(PoisonError::into_inner)
}
