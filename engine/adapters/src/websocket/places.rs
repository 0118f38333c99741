//! How far each feed has been received: plain data.
//!
//! Always holds: a number of a feed is taken in order, whatever is sent and by however many connections; a number that is not taken
//! is told as part of a gap; only the newest connection of a feed takes. A number is taken once, unless what was taken was lost here
//! before it was handled: then the feed goes back to before it and takes it, and what came behind it, again.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use homeostat_reactor::{Outcome, Receipt};
use serde::{Deserialize, Serialize};

/// Where a message comes from. Saved together with what the message did, it is where to go on after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// The name of its feed.
    pub feed: String,
    /// Its number there.
    pub number: u64,
}

/// Messages that did not come, told in their place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The feed.
    pub feed: String,
    /// The last number before it.
    pub after: u64,
    /// The next number behind it.
    pub next: u64,
    /// Why.
    pub cause: GapCause,
}

/// Why messages did not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The sender no longer kept them.
    Overwritten,
    /// The sender left them out without a word.
    LeftOut,
    /// The sender began anew, and what its earlier feed had after the last message is not known.
    BegunAnew {
        /// The feed before.
        before: Origin,
    },
    /// The message is none that we know.
    Unreadable(String),
    /// The message was larger than allowed.
    TooLarge,
}

impl Gap {
    /// How many messages are missing, if that is known.
    pub const fn missed(&self) -> Option<u64> {
        match self.cause {
            GapCause::BegunAnew { .. } => None,
            _ => Some(self.next.saturating_sub(self.after).saturating_sub(1)),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            GapCause::Overwritten => write!(formatter, "messages after {} are no longer kept", self.after),
            GapCause::LeftOut => write!(formatter, "messages after {} were left out", self.after),
            GapCause::BegunAnew { before } => {
                write!(
                    formatter,
                    "the sender began anew; what came after {} of its earlier feed is lost",
                    before.number
                )
            }
            GapCause::Unreadable(why) => write!(formatter, "message {} is none that we know: {why}", self.after + 1),
            GapCause::TooLarge => write!(formatter, "message {} was too large", self.after + 1),
        }
    }
}

/// How often a message is taken that is lost here each time, before it counts as seen all the same: with the waits of a sender or
/// follower that comes back, which double from 100 ms, this takes twelve seconds, longer than a process that stops needs to be gone.
const TRIES_MAX: u32 = 8;

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is the next one.
    Next,
    /// It has been taken before.
    Known,
    /// These are missing before it, and have now been told.
    Missing(Gap),
    /// Another connection has taken over.
    Superseded,
}

/// Where a session begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) session: u64,
    pub(super) after: u64,
    pub(super) gap: Option<Gap>,
}

/// What has become of the messages that were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Everything up to this number has been handled.
    Seen(u64),
    /// The message behind all that was handled was lost here. The feed has gone back, and must be resumed.
    Lost,
}

/// How a sender that nobody knows yet is received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Policy {
    /// There is one sender; a new feed is its old one begun anew. The first time, with what is to come.
    OneFromNow,
    /// The same, but the first time with everything that is kept.
    OneFromOldest,
    /// Each feed is a sender of its own, taken with everything that is kept.
    Many,
}

#[derive(Debug)]
pub(super) struct Places {
    policy: Policy,
    feeds_max: usize,
    feeds: BTreeMap<String, Place>,
    /// The feed that was greeted last.
    newest: Option<String>,
    sessions: u64,
    /// Messages that were lost here as often as they may be.
    given_up: u64,
}

#[derive(Debug, Default)]
struct Place {
    last: u64,
    /// The session that may take; 0 when none is open.
    session: u64,
    /// When it was greeted last, by the number of the session.
    greeted: u64,
    /// Taken and not handled yet, in order. Without a receipt there is nothing to wait for.
    pending: VecDeque<(u64, Option<Receipt>)>,
    settled: u64,
    /// How often a message that is not handled yet was lost here. No more than were pending at once.
    lost: BTreeMap<u64, u32>,
}

impl Places {
    pub(super) const fn new(policy: Policy, feeds_max: usize) -> Self {
        Self { policy, feeds_max, feeds: BTreeMap::new(), newest: None, sessions: 0, given_up: 0 }
    }

    /// Goes on where an earlier process was.
    pub(super) fn restore(&mut self, origin: Origin) {
        let place = Place { last: origin.number, settled: origin.number, ..Place::default() };
        self.newest = Some(origin.feed.clone());
        self.feeds.insert(origin.feed, place);
    }

    /// A sender names its feed. `None`: there is no room for another.
    pub(super) fn greet(&mut self, feed: &str, oldest: u64, next: u64) -> Option<Greeting> {
        self.sessions += 1;
        let session = self.sessions;
        if let Some(place) = self.feeds.get_mut(feed) {
            // What was lost while no connection was there to ask for it again.
            self.given_up += place.advance(&mut Context::from_waker(Waker::noop())).given_up;
        }
        let known = self.feeds.get(feed).map(|place| place.last);
        let mut gap = None;
        let after = match known {
            Some(last) if last < next => last,
            // It does not have what we have: its numbers began anew under the same name.
            Some(last) => {
                gap = Some(begun_anew(feed, oldest, Origin { feed: feed.to_owned(), number: last }));
                oldest.saturating_sub(1)
            }
            None => {
                let before = self.newest.as_ref().filter(|_| self.policy != Policy::Many);
                let before = before.and_then(|name| Some((name, self.feeds.get(name)?)));
                gap = before
                    .map(|(name, place)| begun_anew(feed, oldest, Origin { feed: name.clone(), number: place.last }));
                match self.policy {
                    Policy::OneFromNow if gap.is_none() => next.saturating_sub(1),
                    _ => oldest.saturating_sub(1),
                }
            }
        };
        if known.is_none() && !self.make_room() {
            return None;
        }
        let place = self.feeds.entry(feed.to_owned()).or_default();
        (place.session, place.greeted) = (session, session);
        if known != Some(after) {
            (place.last, place.settled) = (after, after);
            place.pending.clear();
            place.lost.clear();
        }
        self.newest = Some(feed.to_owned());
        Some(Greeting { session, after, gap })
    }

    /// Forgets the feed that was greeted longest ago and has no session. One feed of a single sender is enough.
    fn make_room(&mut self) -> bool {
        if self.policy != Policy::Many {
            self.feeds.clear();
            return true;
        }
        if self.feeds.len() < self.feeds_max {
            return true;
        }
        let idle = self.feeds.iter().filter(|(_, place)| place.session == 0);
        let oldest = idle.min_by_key(|(_, place)| place.greeted).map(|(name, _)| name.clone());
        oldest.is_some_and(|name| self.feeds.remove(&name).is_some())
    }

    /// Judges a message by its number. What is missing before it counts as told from here on.
    pub(super) fn judge(&mut self, feed: &str, session: u64, number: u64) -> Judged {
        let Some(place) = self.place(feed, session) else { return Judged::Superseded };
        if number <= place.last {
            return Judged::Known;
        }
        if number == place.last + 1 {
            return Judged::Next;
        }
        Judged::Missing(place.skip(feed, number, GapCause::LeftOut))
    }

    /// Everything up to `next`, exclusive, is lost.
    pub(super) fn lose(&mut self, feed: &str, session: u64, next: u64, cause: GapCause) -> Judged {
        let Some(place) = self.place(feed, session) else { return Judged::Superseded };
        if next <= place.last.saturating_add(1) {
            return Judged::Known;
        }
        Judged::Missing(place.skip(feed, next, cause))
    }

    /// Everything up to `next`, exclusive, is none of the feed's messages.
    pub(super) fn pass(&mut self, feed: &str, session: u64, next: u64) -> Judged {
        let Some(place) = self.place(feed, session) else { return Judged::Superseded };
        if next <= place.last.saturating_add(1) {
            return Judged::Known;
        }
        place.last = next - 1;
        place.pending.push_back((place.last, None));
        Judged::Next
    }

    /// The next message has been taken, and is handled when the receipt says so.
    pub(super) fn take(&mut self, feed: &str, session: u64, receipt: Receipt) {
        if let Some(place) = self.place(feed, session) {
            place.last += 1;
            place.pending.push_back((place.last, Some(receipt)));
        }
    }

    /// The last number of a feed that was taken or told as missing.
    pub(super) fn last(&self, feed: &str) -> u64 {
        self.feeds.get(feed).map_or(0, |place| place.last)
    }

    /// How many messages of a feed have been taken and not handled.
    pub(super) fn pending(&self, feed: &str) -> usize {
        self.feeds.get(feed).map_or(0, |place| place.pending.len())
    }

    pub(super) fn pending_total(&self) -> usize {
        self.feeds.values().map(|place| place.pending.len()).sum()
    }

    pub(super) const fn given_up(&self) -> u64 {
        self.given_up
    }

    pub(super) fn len(&self) -> usize {
        self.feeds.len()
    }

    /// The number up to which everything has been handled, once it is beyond `told`; or that the session must end, to go back.
    pub(super) fn poll_progress(
        &mut self,
        feed: &str,
        session: u64,
        told: u64,
        context: &mut Context<'_>,
    ) -> Poll<Progress> {
        let Some(place) = self.place(feed, session) else { return Poll::Pending };
        let Advance { went_back, given_up } = place.advance(context);
        let settled = place.settled;
        self.given_up += given_up;
        match went_back {
            true => Poll::Ready(Progress::Lost),
            false if settled > told => Poll::Ready(Progress::Seen(settled)),
            false => Poll::Pending,
        }
    }

    /// A session has ended.
    pub(super) fn leave(&mut self, feed: &str, session: u64) {
        if let Some(place) = self.place(feed, session) {
            place.session = 0;
        }
    }

    fn place(&mut self, feed: &str, session: u64) -> Option<&mut Place> {
        self.feeds.get_mut(feed).filter(|place| place.session == session)
    }
}

/// What [`Place::advance`] came to.
struct Advance {
    went_back: bool,
    given_up: u64,
}

impl Place {
    /// Settles what has been handled, up to the first message that has not, and goes back to before one that was lost.
    fn advance(&mut self, context: &mut Context<'_>) -> Advance {
        let mut given_up = 0;
        while let Some((number, receipt)) = self.pending.front_mut() {
            let (number, lost) = match receipt.as_mut().map(|receipt| Pin::new(receipt).poll(context)) {
                Some(Poll::Pending) => break,
                Some(Poll::Ready(settlement)) => (*number, is_lost(settlement.outcome)),
                None => (*number, false),
            };
            self.pending.pop_front();
            if lost && self.count_loss(number) < TRIES_MAX {
                self.go_back(context);
                return Advance { went_back: true, given_up };
            }
            given_up += u64::from(lost);
            self.settled = number;
            self.lost.retain(|lost, _| *lost > number);
        }
        Advance { went_back: false, given_up }
    }

    fn count_loss(&mut self, number: u64) -> u32 {
        let times = self.lost.entry(number).or_default();
        *times = times.saturating_add(1);
        *times
    }

    /// Takes again from behind the last that was handled. What was lost together with the first, as in a shutdown, counts at once.
    fn go_back(&mut self, context: &mut Context<'_>) {
        for (number, receipt) in std::mem::take(&mut self.pending) {
            if let Some(mut receipt) = receipt
                && let Poll::Ready(settlement) = Pin::new(&mut receipt).poll(context)
                && is_lost(settlement.outcome)
            {
                self.count_loss(number);
            }
        }
        self.last = self.settled;
    }

    fn skip(&mut self, feed: &str, next: u64, cause: GapCause) -> Gap {
        let gap = Gap { feed: feed.to_owned(), after: self.last, next, cause };
        self.last = next - 1;
        self.pending.push_back((self.last, None));
        gap
    }
}

/// Whether an event had no end of its own here: it fell to a limit or a shutdown, or whoever had it went away. One that failed had
/// its end: it is a dead letter here.
const fn is_lost(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Dropped | Outcome::Abandoned)
}

fn begun_anew(feed: &str, oldest: u64, before: Origin) -> Gap {
    Gap { feed: feed.to_owned(), after: oldest.saturating_sub(1), next: oldest, cause: GapCause::BegunAnew { before } }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use homeostat_reactor::{Ack, Outcome};
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        /// A connection of the feed begins.
        Greet,
        /// One of the last connections says something: how far back it is, what it says, and of which number from the last on.
        Say(usize, Word, i64),
        /// Whoever has the event that was taken longest ago says what became of it, or goes away.
        Settle(Outcome),
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Word {
        Message,
        Lost,
        Passed,
    }

    fn step() -> impl Strategy<Value = Step> {
        let word = prop_oneof![4 => Just(Word::Message), 1 => Just(Word::Lost), 1 => Just(Word::Passed)];
        let back = prop_oneof![5 => Just(0_usize), 1 => 1_usize..3];
        let number = prop_oneof![4 => Just(1_i64), 1 => -3_i64..6];
        let outcome = prop_oneof![
            6 => Just(Outcome::Done),
            1 => Just(Outcome::Skipped),
            1 => Just(Outcome::Failed),
            1 => Just(Outcome::Dropped),
            1 => Just(Outcome::Abandoned),
        ];
        prop_oneof![
            1 => Just(Step::Greet),
            8 => (back, word, number).prop_map(|(back, word, number)| Step::Say(back, word, number)),
            3 => outcome.prop_map(Step::Settle),
        ]
    }

    proptest! {
        #[test]
        fn whoever_says_what_each_number_is_taken_once_in_order_or_told_as_missing(steps in proptest::collection::vec(step(), 1..200)) {
            // Would break: an event taken twice, left out without a word, told as handled before it is, or not taken again after it
            // was lost here.
            let mut places = Places::new(Policy::Many, 4);
            let mut sessions: Vec<u64> = Vec::new();
            let (mut upto, mut handled_upto) = (0_u64, 0_u64);
            let mut held: VecDeque<(u64, Ack)> = VecDeque::new();
            let (mut losses, mut given_up) = (BTreeMap::<u64, u32>::new(), 0);
            let mut context = Context::from_waker(Waker::noop());
            for step in steps {
                match step {
                    Step::Greet => {
                        let greeting = places.greet("feed", 1, 1_000_000).expect("there is room");
                        prop_assert_eq!((greeting.after, greeting.gap), (upto, None));
                        sessions.push(greeting.session);
                    }
                    Step::Settle(outcome) => {
                        let Some((number, ack)) = held.pop_front() else { continue };
                        ack.settle(outcome);
                        if matches!(outcome, Outcome::Dropped | Outcome::Abandoned) {
                            let times = losses.entry(number).or_default();
                            *times += 1;
                            if *times < TRIES_MAX {
                                let newest = *sessions.last().expect("something was taken");
                                let progress = places.poll_progress("feed", newest, handled_upto, &mut context);
                                prop_assert_eq!(progress, Poll::Ready(Progress::Lost));
                                upto = handled_upto;
                                held.clear();
                            } else {
                                given_up += 1;
                            }
                        }
                    }
                    Step::Say(back, word, number) => {
                        let Some(index) = sessions.len().checked_sub(1 + back) else { continue };
                        let session = sessions[index];
                        let number = upto.saturating_add_signed(number);
                        let judged = match word {
                            Word::Message => places.judge("feed", session, number),
                            Word::Lost => places.lose("feed", session, number + 1, GapCause::Overwritten),
                            Word::Passed => places.pass("feed", session, number + 1),
                        };
                        prop_assert_eq!(judged == Judged::Superseded, back > 0, "only the newest connection is heard");
                        match judged {
                            Judged::Superseded => {}
                            Judged::Known => prop_assert!(number <= upto),
                            Judged::Missing(gap) => {
                                prop_assert_eq!(gap.after, upto, "it begins where the last number was");
                                prop_assert!(gap.next > upto + 1 && word != Word::Passed);
                                prop_assert_eq!(gap.next, if word == Word::Message { number } else { number + 1 });
                                upto = gap.next - 1;
                            }
                            Judged::Next if word == Word::Passed => upto = number,
                            Judged::Next => {
                                prop_assert_eq!((word, number), (Word::Message, upto + 1));
                                let (ack, receipt) = Ack::new();
                                places.take("feed", session, receipt);
                                held.push_back((number, ack));
                                upto = number;
                            }
                        }
                    }
                }
                if let Some(newest) = sessions.last()
                    && let Poll::Ready(progress) = places.poll_progress("feed", *newest, handled_upto, &mut context)
                {
                    let Progress::Seen(seen) = progress else { panic!("nothing was lost unasked") };
                    prop_assert!(seen > handled_upto && seen <= upto);
                    handled_upto = seen;
                }
                let first_held = held.front().map_or(upto + 1, |(number, _)| *number);
                prop_assert_eq!(handled_upto, if sessions.is_empty() { 0 } else { first_held - 1 });
                prop_assert_eq!(places.given_up(), given_up);
            }
        }
    }

    /// Takes the next message, which its reader then drops or not.
    fn take(places: &mut Places, session: u64, number: u64) -> Ack {
        assert_eq!(places.judge("feed", session, number), Judged::Next);
        let (ack, receipt) = Ack::new();
        places.take("feed", session, receipt);
        ack
    }

    #[test]
    fn a_message_that_is_lost_each_time_counts_as_seen_in_the_end() {
        // Would break: a feed that one event stops for ever, because whoever reads it drops it each time.
        let mut places = Places::new(Policy::Many, 4);
        let mut context = Context::from_waker(Waker::noop());
        let session = places.greet("feed", 1, 10).expect("there is room").session;
        for _ in 1..TRIES_MAX {
            // The second is lost with the first, and needs no tries of its own after it.
            for number in 1..=2 {
                take(&mut places, session, number).settle(Outcome::Dropped);
            }
            assert_eq!(places.poll_progress("feed", session, 0, &mut context), Poll::Ready(Progress::Lost));
        }
        for number in 1..=2 {
            take(&mut places, session, number).settle(Outcome::Dropped);
        }
        assert_eq!(places.poll_progress("feed", session, 0, &mut context), Poll::Ready(Progress::Seen(2)));
        assert_eq!(places.given_up(), 2);
        assert!(places.feeds["feed"].lost.is_empty(), "nothing is remembered of what is done with");
    }

    #[test]
    fn what_was_lost_between_two_connections_is_asked_for_by_the_second() {
        // Would break: events that fell to a shutdown of the reader just after the connection had broken.
        let mut places = Places::new(Policy::Many, 4);
        let session = places.greet("feed", 1, 10).expect("there is room").session;
        take(&mut places, session, 1).settle(Outcome::Done);
        let lost = take(&mut places, session, 2);
        take(&mut places, session, 3).settle(Outcome::Done);
        places.leave("feed", session);
        drop(lost);
        assert_eq!(places.greet("feed", 1, 10).expect("there is room").after, 1);
    }
}
