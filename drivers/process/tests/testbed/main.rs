//! What the driver's tests run: the shim, an engine that can be killed, and small misbehaving services.
//!
//! Started by `tests/it` alone. Like the real program, its main lets the shim dispatch first.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = homeostat_driver_process::shim::dispatch() {
        return code;
    }
    ExitCode::FAILURE
}
