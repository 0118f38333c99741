//! Operators on streams that need the time, a limit or an end of their own; the rest is in futures and tokio-stream.
