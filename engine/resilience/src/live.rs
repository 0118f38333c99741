//! Settings that may be swapped while calls run.
//!
//! Policies read them once at the start of a call: a call keeps the settings it began with. A lock of readers and not an atomic
//! pointer: swapping pointers safely without unsafe code costs a crate, and reading costs one atomic step here as well.

use std::sync::{PoisonError, RwLock};

/// A small value that is read often and swapped seldom.
#[derive(Debug, Default)]
pub(crate) struct Live<S>(RwLock<S>);

impl<S: Copy> Live<S> {
    pub(crate) const fn new(settings: S) -> Self {
        Self(RwLock::new(settings))
    }

    pub(crate) fn get(&self) -> S {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, settings: S) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }
}
