//! Sessions: events that follow one another in less than a gap.
//!
//! Used by [`super::core`]. What always holds: the pieces of a key are its sessions, in the order of time, each at least the gap
//! apart from the next, also from those that were told and forgotten. That is why an event before what can still be corrected is late
//! even if it would start a session that ends later: it could belong to one that is forgotten.

use serde::{Deserialize, Serialize};

use super::closed::{Part, Span};
use super::state::{KeyState, NONE, Piece};
use crate::aggregate::Recipe;

/// Sessions that end after `gap` nanoseconds without an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sessions {
    pub gap: u64,
}

impl Sessions {
    pub fn is_late<S>(self, state: Option<&KeyState<S>>, at: u64, gone: u64) -> bool {
        let inside = |session: &Piece<S>| session.first <= at && at < session.last + self.gap;
        at < gone && !state.is_some_and(|state| state.pieces.iter().any(inside))
    }

    /// Takes in an event that is not late; whether the key may now be due sooner.
    #[inline]
    pub fn take<E, R: Recipe<E>>(self, recipe: &R, state: &mut KeyState<R::State>, (at, event): (u64, &E)) -> bool {
        // Nearly always the event prolongs the newest session.
        if let Some(newest) = state.pieces.back_mut()
            && newest.fresh
            && at >= newest.last
            && at < newest.last + self.gap
        {
            newest.last = at;
            newest.take(recipe, at, event);
            return false;
        }
        self.take_anywhere(recipe, state, (at, event));
        true
    }

    fn take_anywhere<E, R: Recipe<E>>(self, recipe: &R, state: &mut KeyState<R::State>, (at, event): (u64, &E)) {
        let place = state.pieces.partition_point(|session| session.last + self.gap <= at);
        match state.pieces.get_mut(place) {
            Some(session) if session.first < at + self.gap => {
                session.take(recipe, at, event);
                session.first = session.first.min(at);
                session.last = session.last.max(at);
                session.fresh = true;
            }
            _ => return state.pieces.insert(place, Piece::of(recipe, at, at, event)),
        }
        let reach = state.pieces[place].last + self.gap;
        if state.pieces.get(place + 1).is_some_and(|next| next.first < reach)
            && let Some(next) = state.pieces.remove(place + 1)
        {
            let session = &mut state.pieces[place];
            session.last = next.last;
            session.count += next.count;
            session.told |= next.told;
            recipe.join(&mut session.state, &next.state);
        }
    }

    /// When a session has to be told, or can be forgotten.
    const fn end<S>(self, session: &Piece<S>, lateness: u64) -> u64 {
        session.last + self.gap + if session.fresh { 0 } else { lateness }
    }

    /// When the key has to be looked after next.
    pub fn due<S>(self, state: &KeyState<S>, lateness: u64) -> u64 {
        state.pieces.iter().map(|session| self.end(session, lateness)).min().unwrap_or(NONE)
    }

    /// Tells what ends now and forgets what can no longer be corrected.
    pub fn close<S: Clone>(self, state: &mut KeyState<S>, (now, lateness): (u64, u64), tell: &mut impl FnMut(Span<S>)) {
        for session in state.pieces.iter_mut().filter(|session| session.fresh && self.end(session, 0) <= now) {
            tell(self.span(session, Part::Final));
            (session.told, session.fresh) = (true, false);
        }
        state.pieces.retain(|session| self.end(session, lateness) > now);
    }

    /// Tells what is not told, because the key leaves; gives the end of the last session that was told before.
    pub fn cut<S: Clone>(self, state: &KeyState<S>, now: u64, tell: &mut impl FnMut(Span<S>)) -> u64 {
        state.pieces.iter().filter(|session| session.fresh).for_each(|session| tell(self.span(session, Part::Early)));
        let told = state.pieces.iter().rfind(|session| session.told);
        told.map_or(0, |session| self.end(session, 0).min(now))
    }

    /// A session as it is told for the first time as `part`, or again as a correction.
    fn span<S: Clone>(self, session: &Piece<S>, part: Part) -> Span<S> {
        let part = if session.told { Part::Update } else { part };
        let (start, end) = (session.first, self.end(session, 0));
        Span { start, end, count: session.count, part, state: session.state.clone() }
    }
}
