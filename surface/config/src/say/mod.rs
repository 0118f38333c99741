//! Everything that is said about a configuration, in every language: the one place where its words stand.
//!
//! Used wherever a [`Problem`](crate::Problem) is made, and by its drawing. What is wrong, what to do and the few words at the place are
//! sentences of their own, because many of the latter belong to several mistakes. What the gateway's own checks say stands with them.

mod frame;
mod host;
mod judged;
mod label;
mod read;

pub use frame::*;
pub use host::*;
pub use judged::*;
pub use label::*;
pub use read::*;
