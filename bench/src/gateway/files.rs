//! Open files: ten thousand connections need more than most machines allow a process at first. What this process is allowed, all that
//! it starts is.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Two for each connection of the largest crowd, and room for a subject that opens more.
const FILES_WANTED: u64 = 65_536;

/// Raises the limit as far as we may; how many files may be open then.
pub fn raise_limit() -> u64 {
    let wanted = Rlimit { current: Some(FILES_WANTED), maximum: Some(FILES_WANTED) };
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < FILES_WANTED) && setrlimit(Resource::Nofile, wanted).is_err() {
        // Only root may go over the hard limit; what stays is told by the caller if it does not suffice.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
