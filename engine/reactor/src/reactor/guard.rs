//! Runs what is the user's, wherever it runs in a task of the reactor: copies, calls, texts of errors, drops of events.
//!
//! Always holds: a panic in it ends there, as a cause to be told.

use std::any::Any;
use std::mem::needs_drop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dead_letter::Cause;

/// Runs a piece of the user's code; a panic becomes a cause.
pub(super) fn caught<R>(piece: impl FnOnce() -> R) -> Result<R, Cause> {
    catch_unwind(AssertUnwindSafe(piece)).map_err(|panic| Cause::Panicked(panic_text(&*panic)))
}

/// Drops what is the user's. Nobody waits for it any more, so that a panic has nobody to be told to but the panic hook.
pub(super) fn discard<V>(value: V) {
    if needs_drop::<V>() {
        // The event has been settled and counted by now.
        let _ = caught(|| drop(value));
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".to_owned())
}
