//! The router: asks the rules about each event and offers it to the targets they name.
//!
//! Built once with its targets; its rules can be exchanged at any moment. The dispatcher never calls a target: it puts a copy into the
//! target's mailbox, so a slow, failing or panicking target is felt by itself alone. Every event that comes in is counted as routed,
//! unmatched or withheld, and its acknowledgement is settled by what the worst of its copies came to.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::task::{AbortHandle, JoinSet};

use super::compile::{Compiled, TARGETS_MAX, TargetSet, Verdict, wrong_name};
use super::mailbox::Mailbox;
use super::refused::RulesRefused;
use super::rules::Rules;
use super::tally::{Count, RouterTally, TargetTally};
use super::target::{End, Shape, Target};
use super::worker::{Work, bury};
use crate::ack::{Ack, Outcome};
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::overflow::Overflow;
use crate::queue::lanes::{Lane, Loss, Pushed};
use crate::reactor::{Cause, DeadLetters};

/// Dead letters that are kept, unless another number is chosen.
const DEAD_LETTERS_MAX: usize = 1024;

/// Why a router cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// A target cannot be called that.
    #[error("target \"{name}\": {what}")]
    TargetName {
        /// The name.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// There are more than [`TARGETS_MAX`].
    #[error("there are {0} targets; at most {TARGETS_MAX} are allowed")]
    TooManyTargets(usize),
    /// The rules make no sense with these targets.
    #[error(transparent)]
    Rules(#[from] RulesRefused),
}

/// Sets a router up; made by [`Router::builder`].
#[derive(Debug)]
#[must_use = "nothing is routed until the router is started"]
pub struct RouterBuilder<E> {
    clock: Clock,
    rules: Rules,
    targets: Vec<Target<E>>,
    dead_letters_max: usize,
}

impl<E: Event> RouterBuilder<E> {
    /// The time by which it limits, waits and gives up.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The rules to begin with.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Somewhere that the rules may name.
    pub fn target(mut self, target: Target<E>) -> Self {
        self.targets.push(target);
        self
    }

    /// How many dead letters are kept.
    pub const fn dead_letters_max(mut self, letters: usize) -> Self {
        self.dead_letters_max = letters;
        self
    }

    /// Starts the targets' workers, on the tokio runtime that it is called on.
    pub fn start(self) -> Result<Router<E>, RouterError> {
        if self.targets.len() > TARGETS_MAX {
            return Err(RouterError::TooManyTargets(self.targets.len()));
        }
        let mut names = HashSet::new();
        for Target { name, .. } in &self.targets {
            let twice = (!names.insert(name)).then(|| "there are two of this name".to_owned());
            if let Some(what) = wrong_name(name).or(twice) {
                return Err(RouterError::TargetName { name: name.clone(), what });
            }
        }
        let names: Vec<&str> = self.targets.iter().map(|target| target.name.as_str()).collect();
        let rules = Compiled::new(self.rules, &names, None)?;
        let dead = DeadLetters::new(self.dead_letters_max);
        let batches = Arc::new(AtomicU64::new(1));
        let mut workers = JoinSet::new();
        let mut posts = Vec::with_capacity(self.targets.len());
        for target in self.targets {
            let (mailbox, tally) = target.open_mailbox();
            let (lane, name) = (target.lane, Arc::<str>::from(target.name));
            let (shape, worker) = match target.end {
                End::Stream(..) => (Shape::Stream, None),
                End::Worker { shape, start } => {
                    let worker = workers.spawn(start(Work {
                        target: Arc::clone(&name),
                        mailbox: Arc::clone(&mailbox),
                        tally: Arc::clone(&tally),
                        dead: dead.clone(),
                        batches: Arc::clone(&batches),
                        patience: target.patience,
                        clock: self.clock.clone(),
                    }));
                    (shape, Some(worker))
                }
            };
            posts.push(Post { name, shape, lane, mailbox, tally, worker });
        }
        Ok(Router(Arc::new(Inner {
            clock: self.clock,
            rules: RwLock::new(rules),
            exchanges: Count::default(),
            posts,
            tally: RouterTally::default(),
            dead,
            workers: Mutex::new(workers),
        })))
    }
}

/// Sends events where rules say. Cheap to clone; when the last clone goes, the workers of its targets end at once.
///
/// ```
/// use homeostat_reactor::route::{Router, Rule, Rules, Target, When};
/// use homeostat_reactor::{Class, Delivery, Event, Lane, Moment, Overflow};
/// use futures::StreamExt;
///
/// #[derive(Clone)]
/// struct Order(u32);
/// impl Event for Order {
///     fn kind(&self) -> &'static str { "order" }
///     fn subject(&self) -> std::borrow::Cow<'_, str> { format!("shop.orders.{}", self.0).into() }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let (billing, mut billed) = Target::stream("billing", Lane { capacity: 16, overflow: Overflow::Block });
/// let when = When { subject: Some("shop.orders.*".to_owned()), ..When::default() };
/// let rule = Rule { name: "orders".to_owned(), when, to: vec!["billing".to_owned()], sample: None, limit: None };
/// let router = Router::builder()
///     .target(billing)
///     .rules(Rules { rules: vec![rule], ..Rules::default() })
///     .start()
///     .expect("the rule names a target that is there");
///
/// router.route(Delivery::new(Order(17), Class::Act, Moment::ZERO)).await;
/// assert_eq!(billed.next().await.map(|delivery| delivery.event.0), Some(17));
/// # }
/// ```
#[derive(Debug)]
pub struct Router<E: Event>(pub(super) Arc<Inner<E>>);

impl<E: Event> Clone for Router<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
pub(super) struct Inner<E: Event> {
    clock: Clock,
    pub(super) rules: RwLock<Compiled>,
    pub(super) exchanges: Count,
    pub(super) posts: Vec<Post<E>>,
    pub(super) tally: RouterTally,
    pub(super) dead: DeadLetters<E>,
    workers: Mutex<JoinSet<()>>,
}

/// A target as the dispatcher knows it.
#[derive(Debug)]
pub(super) struct Post<E> {
    pub(super) name: Arc<str>,
    pub(super) shape: Shape,
    pub(super) lane: Lane,
    pub(super) mailbox: Arc<Mailbox<E>>,
    pub(super) tally: Arc<TargetTally>,
    /// A stream has none.
    worker: Option<AbortHandle>,
}

/// How long a shutdown waits, after its deadline, for workers that were cut off to be gone: they are where they wait, so that it
/// takes them microseconds, but one that blocks its thread may never come back.
const CUT_OFF_GRACE: Duration = Duration::from_millis(100);

/// What a shutdown left undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterShutdown {
    /// The copies of events that each target did not get any more.
    pub dropped: Vec<(String, u64)>,
    /// The targets whose worker could not be cut off, because it blocks its thread. What it has in hand is not counted as dropped: it
    /// is settled when the worker comes back.
    pub stuck: Vec<String>,
}

impl<E: Event> Router<E> {
    /// Begins to set one up.
    pub fn builder() -> RouterBuilder<E> {
        RouterBuilder {
            clock: Clock::machine(),
            rules: Rules::default(),
            targets: Vec::new(),
            dead_letters_max: DEAD_LETTERS_MAX,
        }
    }

    /// Routes everything that a stream brings, until it ends.
    pub async fn run(&self, events: impl Stream<Item = Delivery<E>>) {
        let mut events = std::pin::pin!(events);
        while let Some(delivery) = events.next().await {
            self.route(delivery).await;
        }
    }

    /// Routes one event. Waits only for a target whose mailbox is full and whose overflow is `block`; all others have it by then.
    pub async fn route(&self, delivery: Delivery<E>) {
        let inner = &*self.0;
        inner.tally.received.add(1);
        let verdict = {
            let rules = inner.rules.read().unwrap_or_else(PoisonError::into_inner);
            rules.decide(&delivery.event, delivery.class, inner.clock.now())
        };
        let targets = match verdict {
            Verdict::Routed(targets) => targets,
            Verdict::Default(targets) => {
                inner.tally.by_default.add(1);
                targets
            }
            Verdict::SampledOut => {
                return withhold(&inner.tally.sampled_out, delivery, Outcome::Skipped, "sampled out");
            }
            Verdict::OverLimit => {
                return withhold(&inner.tally.over_limit, delivery, Outcome::Dropped, "over the limit of its rule");
            }
            Verdict::Unmatched => {
                return withhold(&inner.tally.unmatched, delivery, Outcome::Skipped, "no rule wants it");
            }
        };
        inner.tally.routed.add(1);
        inner.offer(targets, delivery).await;
    }

    /// Exchanges the rules from the next event on; those on their way are not touched. Refused rules change nothing.
    pub fn exchange(&self, rules: Rules) -> Result<(), RulesRefused> {
        let names: Vec<&str> = self.0.posts.iter().map(|post| &*post.name).collect();
        let mut current = self.0.rules.write().unwrap_or_else(PoisonError::into_inner);
        *current = Compiled::new(rules, &names, Some(&current))?;
        self.0.exchanges.add(1);
        Ok(())
    }

    /// The events that targets could not take, with the cause.
    pub fn dead_letters(&self) -> DeadLetters<E> {
        self.0.dead.clone()
    }

    /// Takes no more events, gives the targets until the deadline for what waits, then cuts them off, and is back soon after, also
    /// when one blocks its thread. Streams end once they have been read to the end, [`Router::dead_letters`] with this.
    pub async fn shutdown(&self, deadline: Duration) -> RouterShutdown {
        let inner = &*self.0;
        inner.posts.iter().for_each(|post| post.mailbox.close());
        let mut workers = std::mem::take(&mut *inner.workers.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while workers.join_next().await.is_some() {} };
        if inner.clock.within(deadline, all).await.is_none() {
            workers.abort_all();
            let joining = async { while workers.join_next().await.is_some() {} };
            inner.clock.within(CUT_OFF_GRACE, joining).await;
        }
        let worked = inner.posts.iter().filter(|post| post.shape != Shape::Stream);
        let dropped = worked.map(|post| (post.name.to_string(), post.clear())).filter(|(_, dropped)| *dropped > 0);
        let dropped = dropped.collect();
        let stuck = inner.posts.iter().filter(|post| post.is_at_work()).map(|post| post.name.to_string()).collect();
        inner.dead.close();
        RouterShutdown { dropped, stuck }
    }
}

/// Counts an event that goes nowhere, and says so to whoever asked.
fn withhold<E>(count: &Count, delivery: Delivery<E>, outcome: Outcome, cause: &str) {
    count.add(1);
    delivery.span().in_scope(|| tracing::trace!(cause, "not routed"));
    delivery.into_parts().1.settle_because(outcome, cause);
}

impl<E: Event> Inner<E> {
    /// Gives every target its copy: first without waiting, then waiting for those that want to be waited for.
    async fn offer(&self, targets: TargetSet, delivery: Delivery<E>) {
        let mut last = Some(delivery);
        let mut waiting = Vec::new();
        let count = targets.len();
        for (index, target) in targets.iter().enumerate() {
            // The last one gets the original: most events have one target and are never copied.
            let Some(copy) = (if index + 1 == count { last.take() } else { last.clone() }) else { break };
            let post = &self.posts[target];
            post.tally.offered.add(1);
            match post.mailbox.push(copy) {
                Ok(Pushed::Full(back)) if post.lane.overflow == Overflow::Block => {
                    waiting.push((Waiting(Some(&post.tally.dropped)), post, back));
                }
                pushed => self.settle(post, pushed),
            }
        }
        for (guard, post, delivery) in waiting {
            let pushed = post.mailbox.push_when_room(delivery).await;
            guard.over();
            self.settle(post, pushed);
        }
    }

    /// Counts and settles what did not find a place.
    fn settle(&self, post: &Post<E>, pushed: Result<Pushed<E>, Delivery<E>>) {
        match pushed {
            Ok(Pushed::Taken) => {}
            // Its acknowledgement went over to the newer one.
            Ok(Pushed::Lost(_, Loss::Coalesced)) => post.tally.coalesced.add(1),
            Ok(Pushed::Lost(delivery, _)) => {
                post.tally.dropped.add(1);
                ack(delivery).settle_because(Outcome::Dropped, &format!("the mailbox of {} was full", post.name));
            }
            Ok(Pushed::Full(delivery)) => {
                post.tally.dead.add(1);
                bury(&self.dead, &post.name, &self.clock, delivery, Cause::MailboxFull);
            }
            Err(delivery) => {
                post.tally.dropped.add(1);
                ack(delivery).settle_because(Outcome::Dropped, &format!("{} takes nothing any more", post.name));
            }
        }
    }
}

fn ack<E>(delivery: Delivery<E>) -> Ack {
    delivery.into_parts().1
}

impl<E: Event> Post<E> {
    fn is_at_work(&self) -> bool {
        self.worker.as_ref().is_some_and(|worker| !worker.is_finished())
    }

    /// Drops what waits and what a worker that was cut off had in its hands; says how many copies that was.
    fn clear(&self) -> u64 {
        let mut waited = Vec::new();
        self.mailbox.close_and_drain(&mut waited);
        let in_hand = if self.is_at_work() { 0 } else { self.tally.in_flight.swap(0, Ordering::Relaxed) };
        let dropped = waited.len() as u64 + in_hand;
        self.tally.dropped.add(usize::try_from(dropped).unwrap_or(usize::MAX));
        for delivery in waited {
            ack(delivery).settle_because(Outcome::Dropped, "the router was shut down");
        }
        dropped
    }
}

/// Counts a copy as dropped when whoever offers it is cancelled while it waits for room.
struct Waiting<'post>(Option<&'post Count>);

impl Waiting<'_> {
    /// There was room, or an answer.
    fn over(mut self) {
        self.0 = None;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(dropped) = self.0 {
            dropped.add(1);
        }
    }
}

/// Streams end, and whoever waits for room goes on.
impl<E: Event> Drop for Inner<E> {
    fn drop(&mut self) {
        self.posts.iter().for_each(|post| post.mailbox.close());
        self.dead.close();
    }
}
