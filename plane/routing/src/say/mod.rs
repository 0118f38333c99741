//! Everything that is said about the settings of a gateway, in every language: three tables, the one place where its words stand.
//!
//! Used wherever a [`Problem`](crate::Problem) is made. What is wrong, what to do and the few words at the place are sentences of their
//! own, because many remedies and labels belong to several mistakes.

mod judged;
mod label;
mod read;

pub use judged::*;
pub use label::*;
pub use read::*;
