//! Counters of a policy and their snapshot, declared together so that none is forgotten in the other.

/// Declares a serialisable snapshot and the counters behind it. Counting is one relaxed atomic step: the numbers of one snapshot
/// need not belong to the same instant.
macro_rules! tally {
    ($(#[$meta:meta])* pub struct $snapshot:ident, $counters:ident { $($(#[$field_meta:meta])* $field:ident,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
        pub struct $snapshot { $($(#[$field_meta])* pub $field: u64,)* }

        #[derive(Debug, Default)]
        struct $counters { $($field: std::sync::atomic::AtomicU64,)* }

        impl $counters {
            fn snapshot(&self) -> $snapshot {
                $snapshot { $($field: self.$field.load(std::sync::atomic::Ordering::Relaxed),)* }
            }
        }
    };
}

pub(crate) use tally;

/// One more.
pub(crate) fn count(counter: &std::sync::atomic::AtomicU64) {
    counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
}
