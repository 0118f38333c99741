//! What can be written about hosts, paths, values and texts with captures, read once when a table is compiled.

mod capture;
mod host;
mod path;
mod template;
mod value;

pub use capture::{CAPTURES_MAX, Captures};
pub use host::{HostBuffer, HostPattern, plain_host};
pub use path::{PathPattern, Segment, Tail};
pub use template::Template;
pub use value::ValuePattern;
