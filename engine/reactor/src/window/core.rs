//! Windows without time or waiting of their own: events and moments go in, closed windows come out.
//!
//! Used by the stream operators ([`super::operator`]) and by whoever drives windows by hand. What always holds: the same calls give
//! the same windows in the same order; the watermark never goes back; every event is in a window, late, or refused, and counted;
//! a window is told as final at most once. It never looks at a clock, and holds no more keys than its limits say.

use std::collections::VecDeque;
use std::hash::Hash;
use std::marker::PhantomData;
use std::time::Duration;

use super::agenda::{Agenda, Appointment};
use super::closed::{Part, Span, Taken, Told, Windowed};
use super::counts::WindowCounts;
use super::keys::{Entry, Found, KeyLimits, Keys, WhenFull};
use super::state::{Bounds, KeyState, NONE, Piece};
use super::windows::{Kind, LENGTH_MAX_NANOS, MOMENT_MAX_NANOS, Windows};
use crate::aggregate::Recipe;
use crate::clock::{Moment, nanos};

/// How many emptied buffers are kept for keys to come; more would only be memory nobody uses.
const SPARE_MAX: usize = 1_024;

/// Windows for each key over events of one kind, as a plain state machine.
///
/// ```
/// use std::time::Duration;
/// use homeostat_reactor::Moment;
/// use homeostat_reactor::aggregate::Count;
/// use homeostat_reactor::window::{KeyLimits, Taken, WindowCore, Windows};
///
/// let minutes = Windows::tumbling(Duration::from_secs(60));
/// let mut core = WindowCore::new(minutes, Duration::ZERO, KeyLimits::at_most(1_000), Count::new());
/// assert_eq!(core.take("ann", Moment::from_secs(10), &()), Taken::In);
/// assert_eq!(core.take("ann", Moment::from_secs(59), &()), Taken::In);
/// core.advance(Moment::from_secs(60));
/// let window = core.next_closed().unwrap();
/// assert_eq!((window.key, window.end, window.output), ("ann", Moment::from_secs(60), 2));
/// assert_eq!(core.take("ann", Moment::from_secs(30), &()), Taken::Late);
/// ```
#[derive(Debug)]
pub struct WindowCore<K, E, R: Recipe<E>> {
    pub(super) windows: Windows,
    pub(super) lateness: u64,
    pub(super) limits: KeyLimits,
    recipe: R,
    pub(super) keys: Keys<K, KeyState<R::State>>,
    agenda: Agenda,
    /// What one event or one closing had to tell and nobody has fetched yet.
    pub(super) ready: VecDeque<Told<K, R::State>>,
    spare: Vec<VecDeque<Piece<R::State>>>,
    pub(super) watermark: u64,
    /// The latest end among the windows that were told and then forgotten with their keys before their lateness was over.
    pub(super) forgotten: u64,
    /// Nothing is to be told before the watermark gets here.
    wake: u64,
    pub(super) next_born: u64,
    pub(super) counts: WindowCounts,
    event: PhantomData<fn(E)>,
}

impl<K: Hash + Eq + Clone, E, R: Recipe<E>> WindowCore<K, E, R> {
    /// Windows in which nothing has happened. After its end a window waits for `lateness` more, and late events correct it.
    pub fn new(windows: Windows, lateness: Duration, limits: KeyLimits, recipe: R) -> Self {
        Self {
            windows,
            lateness: nanos(lateness).min(LENGTH_MAX_NANOS),
            limits,
            recipe,
            keys: Keys::new(),
            agenda: Agenda::new(),
            ready: VecDeque::new(),
            spare: Vec::new(),
            watermark: 0,
            forgotten: 0,
            wake: NONE,
            next_born: 0,
            counts: WindowCounts::default(),
            event: PhantomData,
        }
    }

    /// Takes in an event. Whoever calls fetches what is closed before the next: a key that is evicted waits there.
    #[inline]
    pub fn take(&mut self, key: K, at: Moment, event: &E) -> Taken {
        let at = at.0.min(MOMENT_MAX_NANOS);
        self.counts.taken += 1;
        let slot = match self.keys.find(&key) {
            Found::Slot(slot) => {
                if at < self.watermark && self.is_late(self.keys.get(slot), at) {
                    return self.late();
                }
                slot
            }
            Found::Missing { hash } => {
                if at < self.watermark && self.is_late(None, at) {
                    return self.late();
                }
                match self.admit(hash, key) {
                    Some(slot) => slot,
                    None => {
                        self.counts.refused += 1;
                        return Taken::Refused;
                    }
                }
            }
        };
        let bounds = self.bounds();
        let Entry { key, state, .. } = self.keys.touch(slot, self.watermark);
        let (ready, counts) = (&mut self.ready, &mut self.counts);
        let mut tell = |span| push(ready, counts, key, span);
        let changed = match self.windows.0 {
            Kind::Panes(panes) => panes.take(&self.recipe, state, (at, event), bounds, &mut tell),
            Kind::Sessions(sessions) => sessions.take(&self.recipe, state, (at, event)),
            Kind::Counted(counted) => counted.take(&self.recipe, state, (at, event), &mut tell),
        };
        if changed {
            self.reschedule(slot);
        }
        Taken::In
    }

    /// Says how far time is: nothing earlier is expected any more. An earlier moment than before changes nothing.
    #[inline]
    pub fn advance(&mut self, watermark: Moment) {
        self.watermark = self.watermark.max(watermark.0.min(MOMENT_MAX_NANOS));
    }

    /// Says that no event will come any more: every window ends.
    pub fn finish(&mut self) {
        self.watermark = Moment::NEVER.0;
        self.wake = 0;
    }

    /// Whether there may be something to fetch. Costs nothing.
    #[inline]
    pub fn is_due(&self) -> bool {
        !self.ready.is_empty() || self.watermark >= self.wake
    }

    /// Fetches the next window that is closed: by its end, and at the same end by which key came first.
    pub fn next_closed(&mut self) -> Option<Windowed<K, R::Output>> {
        loop {
            if let Some(Told { key, span }) = self.ready.pop_front() {
                let Span { start, end, count, part, state } = span;
                let (start, end, output) = (Moment(start), Moment(end), self.recipe.read(&state));
                return Some(Windowed { key, start, end, output, count, part });
            }
            let appointment = self.soonest();
            let due = appointment.map_or(NONE, |first| first.due);
            let oldest = self.keys.oldest().filter(|_| !self.is_finished());
            let (idle, expiry) = match (oldest, self.limits.ttl_nanos) {
                (Some((slot, touched_at)), Some(ttl)) => (Some(slot), touched_at.saturating_add(ttl)),
                _ => (None, NONE),
            };
            match (appointment, idle) {
                (Some(first), _) if due <= self.watermark && due <= expiry => self.close(first),
                (_, Some(slot)) if expiry <= self.watermark => {
                    self.counts.expired += 1;
                    self.cut(slot, expiry);
                }
                _ => {
                    self.wake = due.min(expiry);
                    return None;
                }
            }
        }
    }

    /// When the watermark has to be for something to close by time; `None` when nothing will. It may be sooner than needed, never
    /// later.
    pub fn next_due(&self) -> Option<Moment> {
        (self.wake < MOMENT_MAX_NANOS).then_some(Moment(self.wake))
    }

    /// How far time is.
    pub fn watermark(&self) -> Moment {
        Moment(self.watermark)
    }

    /// What was counted so far.
    pub fn counts(&self) -> WindowCounts {
        WindowCounts { keys: self.keys.len() as u64, ..self.counts }
    }

    fn bounds(&self) -> Bounds {
        Bounds { watermark: self.watermark, lateness: self.lateness }
    }

    const fn is_finished(&self) -> bool {
        self.watermark == Moment::NEVER.0
    }

    #[cold]
    fn late(&mut self) -> Taken {
        self.counts.late += 1;
        Taken::Late
    }

    fn is_late(&self, entry: Option<&Entry<K, KeyState<R::State>>>, at: u64) -> bool {
        let state = entry.map(|entry| &entry.state);
        let gone = self.bounds().gone(state.map_or(self.forgotten, |state| state.floor));
        match self.windows.0 {
            Kind::Panes(panes) => panes.is_late(at, gone),
            Kind::Sessions(sessions) => sessions.is_late(state, at, gone),
            Kind::Counted(_) => false,
        }
    }

    /// Adds a key, if there is room or room can be made.
    fn admit(&mut self, hash: u64, key: K) -> Option<u32> {
        // As it is now: what another key leaves behind to make room is not this one's.
        let floor = self.forgotten;
        if self.keys.len() >= self.limits.keys_max {
            if self.limits.when_full == WhenFull::RefuseNew {
                return None;
            }
            self.evict();
        }
        let state = KeyState::new(floor, self.spare.pop().unwrap_or_default());
        let born = self.next_born;
        self.next_born += 1;
        let slot = self.keys.add(hash, Entry { key, born, touched_at: self.watermark, state });
        if let (1, Some(ttl)) = (self.keys.len(), self.limits.ttl_nanos) {
            self.wake = self.wake.min(self.watermark.saturating_add(ttl));
        }
        Some(slot)
    }

    /// Empties everything that [`Self::load`] fills.
    pub(super) fn clear(&mut self) {
        (self.keys, self.agenda, self.wake) = (Keys::new(), Agenda::new(), 0);
    }

    pub(super) fn evict(&mut self) {
        if let Some((oldest, _)) = self.keys.oldest() {
            self.counts.evicted += 1;
            self.cut(oldest, self.watermark);
        }
    }

    /// Tells what ends at the appointment.
    fn close(&mut self, Appointment { due, slot, .. }: Appointment) {
        self.agenda.pop();
        let Entry { key, state, .. } = self.keys.get_mut(slot);
        let (ready, counts) = (&mut self.ready, &mut self.counts);
        let mut tell = |span| push(ready, counts, key, span);
        state.due = NONE;
        match self.windows.0 {
            Kind::Panes(panes) => panes.close(&self.recipe, state, (due, self.lateness), &mut tell),
            Kind::Sessions(sessions) => sessions.close(state, (due, self.lateness), &mut tell),
            Kind::Counted(counted) => counted.rest(&self.recipe, state, Part::Final, &mut tell),
        }
        self.reschedule(slot);
    }

    /// Lets a key leave at a moment before its windows end.
    fn cut(&mut self, slot: u32, now: u64) {
        let Entry { key, mut state, .. } = self.keys.remove(slot);
        let (ready, counts) = (&mut self.ready, &mut self.counts);
        let mut tell = |span| push(ready, counts, &key, span);
        let told_until = match self.windows.0 {
            Kind::Panes(panes) => panes.cut(&self.recipe, &state, &mut tell),
            Kind::Sessions(sessions) => sessions.cut(&state, now, &mut tell),
            Kind::Counted(counted) => {
                counted.rest(&self.recipe, &mut state, Part::Early, &mut tell);
                0
            }
        };
        self.forgotten = self.forgotten.max(told_until);
        self.recycle(state.pieces);
    }

    /// Enters the key in the agenda for when it has something to tell, or lets it go when it has nothing.
    fn reschedule(&mut self, slot: u32) {
        let Entry { born, state, .. } = self.keys.get_mut(slot);
        if state.pieces.is_empty() {
            let entry = self.keys.remove(slot);
            return self.recycle(entry.state.pieces);
        }
        let due = match self.windows.0 {
            Kind::Panes(panes) => panes.due(state, self.lateness),
            Kind::Sessions(sessions) => sessions.due(state, self.lateness),
            // At the end of everything; never sooner, so that the watermark alone cannot reach it.
            Kind::Counted(_) => Moment::NEVER.0 - 1,
        };
        if due < state.due {
            state.due = due;
            let born = *born;
            self.enter(Appointment { due, born, slot });
        }
    }

    pub(super) fn enter(&mut self, appointment: Appointment) {
        self.wake = self.wake.min(appointment.due);
        let keys = &self.keys;
        self.agenda.add(appointment, keys.len(), |kept| holds(keys, kept));
    }

    fn soonest(&mut self) -> Option<Appointment> {
        let keys = &self.keys;
        self.agenda.soonest(|first| holds(keys, first))
    }

    fn recycle(&mut self, mut pieces: VecDeque<Piece<R::State>>) {
        if self.spare.len() < SPARE_MAX {
            pieces.clear();
            self.spare.push(pieces);
        }
    }
}

/// Whether the key still has this appointment.
fn holds<K: Hash + Eq, S>(keys: &Keys<K, KeyState<S>>, appointment: &Appointment) -> bool {
    let entry = keys.get(appointment.slot);
    entry.is_some_and(|entry| entry.born == appointment.born && entry.state.due == appointment.due)
}

fn push<K: Clone, S>(ready: &mut VecDeque<Told<K, S>>, counts: &mut WindowCounts, key: &K, span: Span<S>) {
    match span.part {
        Part::Final => counts.finals += 1,
        Part::Early => counts.early += 1,
        Part::Update => counts.updates += 1,
    }
    ready.push_back(Told { key: key.clone(), span });
}
