//! Windows saved and brought back: what was taken in so far, as plain data that serde writes.
//!
//! Used by [`super::core`] and the operators. What always holds: windows brought back after any event go on as if nothing had been;
//! what was told before is not told again.

use std::collections::VecDeque;
use std::hash::Hash;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::agenda::Appointment;
use super::closed::Told;
use super::core::WindowCore;
use super::counts::WindowCounts;
use super::keys::{Entry, KeyLimits};
use super::state::KeyState;
use super::windows::Windows;
use crate::aggregate::Recipe;

/// Everything that windows hold, after [`WindowCounts::taken`] events: the source goes on with the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedWindows<K, S> {
    windows: Windows,
    lateness: u64,
    watermark: u64,
    forgotten: u64,
    next_born: u64,
    counts: WindowCounts,
    ready: VecDeque<Told<K, S>>,
    /// The least recently used first.
    keys: Vec<Entry<K, KeyState<S>>>,
}

impl<K, S> SavedWindows<K, S> {
    /// What was counted until then.
    pub const fn counts(&self) -> WindowCounts {
        self.counts
    }
}

/// Saved windows that cannot be brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// They follow other rules than the ones wanted now.
    #[error(
        "the saved state is of {saved:?}, the stream now has {wanted:?}: start without it, or keep the windows as they were"
    )]
    OtherWindows {
        /// The windows that were saved.
        saved: Windows,
        /// The windows wanted now.
        wanted: Windows,
    },
    /// They allowed another lateness.
    #[error(
        "the saved state allows events to be {saved:?} late, the stream now {wanted:?}: start without it, or keep it as it was"
    )]
    OtherLateness {
        /// The lateness that was saved.
        saved: Duration,
        /// The lateness wanted now.
        wanted: Duration,
    },
}

impl<K: Hash + Eq + Clone, E, R: Recipe<E>> WindowCore<K, E, R> {
    /// Saves everything, also what is closed and not fetched.
    pub fn save(&self) -> SavedWindows<K, R::State> {
        SavedWindows {
            windows: self.windows,
            lateness: self.lateness,
            watermark: self.watermark,
            forgotten: self.forgotten,
            next_born: self.next_born,
            counts: self.counts(),
            ready: self.ready.clone(),
            keys: self.keys.iter().map(|(_, entry)| entry.clone()).collect(),
        }
    }

    /// Brings saved windows back. When fewer keys are allowed now, the least recently used are told early.
    ///
    /// # Errors
    /// When they follow other rules than these.
    pub fn restore(
        windows: Windows,
        lateness: Duration,
        limits: KeyLimits,
        recipe: R,
        saved: SavedWindows<K, R::State>,
    ) -> Result<Self, RestoreError> {
        let mut core = Self::new(windows, lateness, limits, recipe);
        core.load(saved)?;
        Ok(core)
    }

    /// Takes the place of what this has so far.
    pub(super) fn load(&mut self, saved: SavedWindows<K, R::State>) -> Result<(), RestoreError> {
        if saved.windows != self.windows {
            return Err(RestoreError::OtherWindows { saved: saved.windows, wanted: self.windows });
        }
        if saved.lateness != self.lateness {
            let [saved, wanted] = [saved.lateness, self.lateness].map(Duration::from_nanos);
            return Err(RestoreError::OtherLateness { saved, wanted });
        }
        self.clear();
        self.watermark = saved.watermark;
        self.forgotten = saved.forgotten;
        self.next_born = saved.next_born;
        self.counts = saved.counts;
        self.ready = saved.ready;
        for entry in saved.keys {
            let (born, due) = (entry.born, entry.state.due);
            if let Some(slot) = self.keys.restore(entry) {
                self.enter(Appointment { due, born, slot });
            }
        }
        while self.keys.len() > self.limits.keys_max {
            self.evict();
        }
        Ok(())
    }
}
