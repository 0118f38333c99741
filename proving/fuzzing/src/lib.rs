//! What must hold of every parser that reads a stranger's bytes, each written once: the fuzzer (`cargo xtask fuzz`) and the tests on
//! stable Rust call the same functions.
//!
//! A target takes any bytes and returns, or panics with what was broken. Always holds: the same bytes give the same outcome; nothing
//! here reads a clock, a file or chance. Where a parser could be wrong in a way that only another reader notices, the property holds
//! a second, simple-minded reading of its own against it, and never the parser's own code.

mod accept;
mod answer;
mod chunk;
mod client;
mod control;
mod fields;
mod head;
mod key;
pub mod mutation;
mod path;
mod proxy;
mod token;
mod trace;
mod uri;
mod vary;

/// A parser with what must hold of it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of its file in `fuzz/fuzz_targets/` and of its folder in `fuzz/corpus/`.
    pub name: &'static str,
    /// Panics when something does not hold for these bytes.
    pub check: fn(&[u8]),
}

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check }
}

/// Every target.
pub const TARGETS: [Target; 13] = [
    target("accept", accept::check),
    target("answer", answer::check),
    target("chunk", chunk::check),
    target("client", client::check),
    target("control", control::check),
    target("head", head::check),
    target("key", key::check),
    target("path", path::check),
    target("proxy", proxy::check),
    target("token", token::check),
    target("trace", trace::check),
    target("uri", uri::check),
    target("vary", vary::check),
];

/// Checks one target by its name.
///
/// # Panics
/// When something does not hold, or when there is no such target: then the fuzzer would run for nothing.
pub fn check(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("the name of a target");
    (target.check)(input);
}
