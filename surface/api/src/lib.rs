//! The HTTP interface of the engine: on loopback for programs that hold the token, and on a unix socket for the same user.
//!
//! [`serve`] is called once, by the wiring in `bin/homeostat`, after it has opened the journal. The interface to the engine is
//! data only ([`Engine`]): commands go in through a bounded queue, the status comes out of a watch, history is read from the
//! journal. The command line uses the types of the answers, [`token_path`], [`socket_path`] and [`connect`].
//!
//! Always holds: a refusal is a problem document with a code and a page; nothing a client does or leaves undone can make memory
//! grow, hold a lock, or delay the engine; every address is declared once, in [`routes`], from which the router and the OpenAPI
//! document are both made. It must never act by itself: what a request may do is for the engine's guards to say.

mod admit;
mod code;
mod connection;
mod engine;
mod error;
mod extract;
mod openapi;
mod problem;
mod reading;
mod route;
pub mod routes;
mod serve;
mod socket;
mod stopping;
mod token;

pub use code::Code;
pub use engine::{CommandRequest, Engine, JournalView, ReactorView, ReloadOutcome, ReloadRequest};
pub use error::ApiError;
pub use openapi::document as openapi_document;
pub use problem::Problem;
pub use serve::{Bound, Options, serve};
pub use socket::{connect, socket_path};
pub use token::token_path;
