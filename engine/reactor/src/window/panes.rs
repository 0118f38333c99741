//! Tumbling and sliding windows: an event is in one pane, as long as the slide, and a window is a row of panes.
//!
//! Used by [`super::core`]. What always holds: the pieces of a key are its panes that have events, in the order of time; a window is
//! told when the watermark reaches its end, and again at once when a late event comes into it.

use serde::{Deserialize, Serialize};

use super::closed::{Part, Span};
use super::state::{Bounds, KeyState, NONE, Piece, join};
use crate::aggregate::Recipe;

/// Windows as long as `size`, which is a multiple of `slide`; both in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Panes {
    pub size: u64,
    pub slide: u64,
}

impl Panes {
    /// The start of the pane a moment is in.
    const fn pane(self, at: u64) -> u64 {
        at - at % self.slide
    }

    pub const fn is_late(self, at: u64, gone: u64) -> bool {
        self.pane(at) + self.size <= gone
    }

    /// Takes in an event that is not late; whether the key may now be due sooner.
    #[inline]
    pub fn take<E, R: Recipe<E>>(
        self,
        recipe: &R,
        state: &mut KeyState<R::State>,
        (at, event): (u64, &E),
        bounds: Bounds,
        tell: &mut impl FnMut(Span<R::State>),
    ) -> bool {
        // Nearly always the event is in the newest pane, and all windows of that are still to be told.
        if let Some(newest) = state.pieces.back_mut()
            && at.wrapping_sub(newest.first) < self.slide
            && newest.first + self.slide >= state.next_end
        {
            newest.take(recipe, at, event);
            return false;
        }
        self.take_anywhere(recipe, state, (at, event), bounds, tell);
        true
    }

    fn take_anywhere<E, R: Recipe<E>>(
        self,
        recipe: &R,
        state: &mut KeyState<R::State>,
        (at, event): (u64, &E),
        bounds: Bounds,
        tell: &mut impl FnMut(Span<R::State>),
    ) {
        let first = self.pane(at);
        let place = state.pieces.partition_point(|pane| pane.first < first);
        let mut was_empty = false;
        match state.pieces.get_mut(place) {
            Some(pane) if pane.first == first => pane.take(recipe, at, event),
            _ => {
                was_empty = true;
                state.pieces.insert(place, Piece::of(recipe, first, at, event));
            }
        }
        let still_open = self.still_open(state, bounds);
        let mut end = (first + self.slide).max(self.pane(bounds.gone(state.floor)) + self.slide);
        while end <= first + self.size && end < still_open {
            let is_new = was_empty && self.window(state, end).count() == 1;
            let part = if is_new { Part::Final } else { Part::Update };
            self.tell(recipe, state, end, part, tell);
            end += self.slide;
        }
        if end <= first + self.size {
            state.next_end = state.next_end.min(end);
        }
    }

    /// The end of the first window that is told at its end, if it has events by then.
    fn still_open<S>(self, state: &KeyState<S>, bounds: Bounds) -> u64 {
        state.next_end.min(self.pane(bounds.watermark).saturating_add(self.slide))
    }

    /// The panes of the window with this end.
    fn window<S>(self, state: &KeyState<S>, end: u64) -> impl Iterator<Item = &Piece<S>> {
        let from = state.pieces.partition_point(|pane| pane.first + self.size < end);
        state.pieces.range(from..).take_while(move |pane| pane.first < end)
    }

    fn tell<E, R: Recipe<E>>(
        self,
        recipe: &R,
        state: &KeyState<R::State>,
        end: u64,
        part: Part,
        tell: &mut impl FnMut(Span<R::State>),
    ) {
        let edges = (end.saturating_sub(self.size), end);
        if let Some(span) = join(recipe, self.window(state, end), edges, part) {
            tell(span);
        }
    }

    /// The end of the first window with events that ends after this one.
    fn following<S>(self, state: &KeyState<S>, end: u64) -> u64 {
        let from = state.pieces.partition_point(|pane| pane.first + self.size <= end);
        state.pieces.get(from).map_or(NONE, |pane| (pane.first + self.slide).max(end + self.slide))
    }

    /// When the key has to be looked after next.
    pub fn due<S>(self, state: &KeyState<S>, lateness: u64) -> u64 {
        let forget = state.pieces.front().map_or(NONE, |pane| pane.first + self.size + lateness);
        state.next_end.min(forget)
    }

    /// Tells what ends now and forgets what can no longer be corrected.
    pub fn close<E, R: Recipe<E>>(
        self,
        recipe: &R,
        state: &mut KeyState<R::State>,
        (now, lateness): (u64, u64),
        tell: &mut impl FnMut(Span<R::State>),
    ) {
        if state.next_end <= now {
            let end = state.next_end;
            if self.size == self.slide && lateness == 0 {
                if let Some(pane) = state.pieces.pop_front() {
                    let Piece { first: start, count, state, .. } = pane;
                    tell(Span { start, end, count, part: Part::Final, state });
                }
            } else {
                self.tell(recipe, state, end, Part::Final, tell);
            }
            state.next_end = self.following(state, end);
        }
        while state.pieces.front().is_some_and(|pane| pane.first + self.size + lateness <= now) {
            state.pieces.pop_front();
        }
    }

    /// Tells what is not told, because the key leaves; gives the end of the last window that was told before.
    pub fn cut<E, R: Recipe<E>>(
        self,
        recipe: &R,
        state: &KeyState<R::State>,
        tell: &mut impl FnMut(Span<R::State>),
    ) -> u64 {
        let mut end = state.next_end;
        while end != NONE {
            self.tell(recipe, state, end, Part::Early, tell);
            end = self.following(state, end);
        }
        // Whatever ends before the first that is to be told was told, if it had events.
        let told = state.pieces.partition_point(|pane| pane.first + self.slide < state.next_end);
        let last = told.checked_sub(1).and_then(|last| state.pieces.get(last));
        last.map_or(0, |pane| (pane.first + self.size).min(state.next_end - self.slide))
    }
}
