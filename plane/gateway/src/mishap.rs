//! What may befall a body while it is under way, told to whoever answers for it later.
//!
//! Noted by the bodies that look on (`forward/bounded.rs`, `upstream/watched.rs`), asked by the front and the attempt. Always holds: what
//! was noted before the body's error is seen with it, and a body that cannot fail so costs no allocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether it has befallen one body. Clones are of the same body.
#[derive(Debug, Clone, Default)]
pub struct Mishap(Option<Arc<AtomicBool>>);

impl Mishap {
    /// One that may still happen; the default never does.
    pub fn possible() -> Self {
        Self(Some(Arc::default()))
    }

    /// Notes that it happened.
    pub fn note(&self) {
        if let Some(happened) = &self.0 {
            happened.store(true, Ordering::Release);
        }
    }

    /// Whether it did.
    pub fn has_happened(&self) -> bool {
        self.0.as_ref().is_some_and(|happened| happened.load(Ordering::Acquire))
    }
}
