//! The `Date` header, made once a second a thread. Formatting it for each answer would cost more than the rest of the head.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
const DATE_BYTES: usize = 29;
const AGE_MAX: Duration = Duration::from_secs(1);

struct Cached {
    made: Instant,
    text: [u8; DATE_BYTES],
}

thread_local! {
    static CACHED: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

/// Gives the date of now, at most a second old.
pub(crate) fn with_date<T>(use_it: impl FnOnce(&[u8]) -> T) -> T {
    CACHED.with_borrow_mut(|cached| {
        let now = Instant::now();
        let fresh = |cached: &Cached| now.saturating_duration_since(cached.made) < AGE_MAX;
        if !cached.as_ref().is_some_and(fresh) {
            let text = httpdate::fmt_http_date(SystemTime::now());
            let text = text.as_bytes().try_into().expect("an HTTP date has 29 letters");
            *cached = Some(Cached { made: now, text });
        }
        use_it(&cached.as_ref().expect("it was just made").text)
    })
}
