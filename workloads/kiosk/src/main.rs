//! A kiosk of small services that can be told to crash, hang or misbehave: what the demo, the tests and the benchmarks look
//! after.
//!
//! ```text
//! homeostat-kiosk catalog --port 7001
//! homeostat-kiosk web --port 7000 --catalog 127.0.0.1:7001
//! homeostat-kiosk till
//! ```
//!
//! A workload uses only what a user could, so this knows nothing of Homeostat, and of the standard library alone it is made.
//! It obeys whoever asks: never let it listen anywhere but on this host.

mod arguments;
mod faults;
mod http;
mod serve;
mod till;

use arguments::{Arguments, Role};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("homeostat-kiosk: {problem}\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    let done = faults::at_start(&arguments).and_then(|()| match &arguments.role {
        Role::Web | Role::Catalog => serve::run(arguments),
        Role::Till => till::run(),
        Role::Daemon => faults::be_daemon(),
    });
    if let Err(error) = done {
        eprintln!("homeostat-kiosk: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
