//! Windows of so many events, in the order of arrival.
//!
//! Used by [`super::core`]. What always holds: the pieces of a key are its last steps of `every` events, as many as a window has at
//! most, and only the newest may be unfinished. Such windows are never late and never corrected.

use serde::{Deserialize, Serialize};

use super::closed::{Part, Span};
use super::state::{KeyState, Piece, join};
use crate::aggregate::Recipe;

/// Windows of `panes` steps, each of `every` events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    pub every: u64,
    pub panes: u64,
}

impl Counted {
    /// Takes in an event; whether the key may now be due sooner, or have nothing left.
    #[inline]
    pub fn take<E, R: Recipe<E>>(
        self,
        recipe: &R,
        state: &mut KeyState<R::State>,
        (at, event): (u64, &E),
        tell: &mut impl FnMut(Span<R::State>),
    ) -> bool {
        match state.pieces.back_mut() {
            Some(step) if step.count < self.every => {
                step.first = step.first.min(at);
                step.last = step.last.max(at);
                step.take(recipe, at, event);
                if step.count < self.every {
                    return false;
                }
            }
            _ => state.pieces.push_back(Piece::of(recipe, at, at, event)),
        }
        if state.pieces.len() as u64 == self.panes && state.pieces.back().is_some_and(|step| step.count == self.every) {
            self.tell_all(recipe, state, Part::Final, tell);
            state.pieces.pop_front();
        }
        true
    }

    /// Tells what is not told: the source has ended, or the key leaves.
    pub fn rest<E, R: Recipe<E>>(
        self,
        recipe: &R,
        state: &mut KeyState<R::State>,
        part: Part,
        tell: &mut impl FnMut(Span<R::State>),
    ) {
        if state.pieces.back().is_some_and(|step| step.fresh) {
            self.tell_all(recipe, state, part, tell);
        }
        state.pieces.clear();
    }

    fn tell_all<E, R: Recipe<E>>(
        self,
        recipe: &R,
        state: &mut KeyState<R::State>,
        part: Part,
        tell: &mut impl FnMut(Span<R::State>),
    ) {
        let start = state.pieces.iter().map(|step| step.first).min().unwrap_or(0);
        let end = state.pieces.iter().map(|step| step.last).max().unwrap_or(0);
        if let Some(span) = join(recipe, state.pieces.iter(), (start, end), part) {
            tell(span);
        }
        if let Some(step) = state.pieces.back_mut() {
            step.fresh = false;
        }
    }
}
