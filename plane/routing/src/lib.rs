//! The gateway's settings, and the table that says where a request goes. The page below is also the README: it must never promise what
//! no test holds.
//!
//! Used by `surface/config`, which embeds the settings and asks for the checks, and by the crates of the plane. All of it is pure: no socket, no
//! file, no clock, no chance of its own.
#![doc = include_str!("../README.md")]

pub mod check;
pub mod edit;
pub mod normal;
mod pattern;
mod problem;
mod query;
mod say;
pub mod settings;
pub mod split;
mod table;

pub use edit::{Came, Edits, FixedAnswer, Redirect, Rewrite};
pub use normal::{NotNormal, normal_path};
pub use pattern::Captures;
pub use problem::{Problem, ProblemKind, Problems};
pub use split::{Dealt, Split};
pub use table::{Action, Asked, Explained, Match, Route, RouteId, Source, Table, UpstreamId, UpstreamPlan, Verdict};
