//! What is kept of one key's events until its windows are told. Changed by the three ways to keep windows ([`super::panes`],
//! [`super::sessions`], [`super::counted`]); plain data, saved and restored as it is.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::closed::{Part, Span};
use crate::aggregate::Recipe;
use crate::clock::Moment;

/// No moment: nothing is to be told.
pub(super) const NONE: u64 = u64::MAX;

/// What is kept of one key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyState<S> {
    /// When the agenda has this key, at the latest when it has something to tell.
    pub due: u64,
    /// Panes only: the end of the first window that is still to be told at its end. What ends before and after the watermark is open.
    pub next_end: u64,
    /// Nothing that ends up to here can be corrected: when this key came, what another life of it had told was already forgotten.
    pub floor: u64,
    /// In the order of time, without overlap.
    pub pieces: VecDeque<Piece<S>>,
}

/// Events that are in the same windows: a pane, a session, or a step of a count.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Piece<S> {
    /// The start of the pane, or the moment of the earliest event.
    pub first: u64,
    /// The moment of the latest event; not used for panes.
    pub last: u64,
    pub count: u64,
    /// Whether a window that ends with it was told; not used for panes.
    pub told: bool,
    /// Whether it has an event that was not told; not used for panes.
    pub fresh: bool,
    pub state: S,
}

/// How far time is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub watermark: u64,
    pub lateness: u64,
}

impl Bounds {
    /// What ends up to here is closed for good.
    pub fn gone(self, floor: u64) -> u64 {
        self.watermark.saturating_sub(self.lateness).max(floor)
    }
}

impl<S> KeyState<S> {
    pub const fn new(floor: u64, pieces: VecDeque<Piece<S>>) -> Self {
        Self { due: NONE, next_end: NONE, floor, pieces }
    }
}

impl<S> Piece<S> {
    /// A piece of one event.
    pub fn of<E, R: Recipe<E, State = S>>(recipe: &R, first: u64, at: u64, event: &E) -> Self {
        let mut piece = Self { first, last: at, count: 0, told: false, fresh: true, state: recipe.start() };
        piece.take(recipe, at, event);
        piece
    }

    pub fn take<E, R: Recipe<E, State = S>>(&mut self, recipe: &R, at: u64, event: &E) {
        self.count += 1;
        recipe.fold(&mut self.state, Moment(at), event);
    }
}

/// The window over several pieces, of which there is at least one.
pub(super) fn join<'a, E, R: Recipe<E>>(
    recipe: &R,
    mut pieces: impl Iterator<Item = &'a Piece<R::State>>,
    (start, end): (u64, u64),
    part: Part,
) -> Option<Span<R::State>> {
    let first = pieces.next()?;
    let mut span = Span { start, end, count: first.count, part, state: first.state.clone() };
    for piece in pieces {
        span.count += piece.count;
        recipe.join(&mut span.state, &piece.state);
    }
    Some(span)
}
