//! The primitives that the queue synchronises with, named in one place so that its model test can put exhaustively checked ones
//! in theirs.

pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};
