//! `Cache-Control`: a line for each line of the input. A word more can only forbid more, and lines joined by a hop on the way say
//! nothing that they did not say apart.

use homeostat_cache::http::{CacheControl, RequestControl};
use http::HeaderValue;
use http::header::CACHE_CONTROL;

use crate::fields::{joined, lines, repeated};

/// Checks one input.
pub fn check(input: &[u8]) {
    let fields = repeated(&CACHE_CONTROL, lines(input));
    let apart = CacheControl::of(&fields);
    let _ = RequestControl::of(&fields);
    let line = joined(&fields, &CACHE_CONTROL);
    let together = CacheControl::of(&repeated(&CACHE_CONTROL, std::iter::once(line.as_slice())));
    // A quote that is open at the end of a line makes it unreadable: then nothing may be kept, and joined it may mean something.
    assert!(fields.is_empty() || apart.no_store || apart == together, "apart {apart:?}, together {together:?}");
    for (word, holds) in WORDS {
        let mut more = fields.clone();
        more.append(CACHE_CONTROL, HeaderValue::from_static(word));
        let control = CacheControl::of(&more);
        // What cannot be read at all allows nothing, which is as good.
        assert!(control.no_store || holds(&control), "{word} is overheard: {control:?}");
    }
    for period in [apart.max_age, apart.shared_max_age, apart.while_revalidating, apart.on_error].into_iter().flatten()
    {
        assert!(period <= 1 << 31, "{period} seconds");
    }
}

/// A word, and what must hold once it is said.
type Word = (&'static str, fn(&CacheControl) -> bool);

const WORDS: [Word; 5] = [
    ("no-store", |control| control.no_store),
    ("private", |control| control.private),
    ("No-Cache", |control| control.no_cache),
    ("max-age=0", |control| control.max_age == Some(0)),
    ("s-maxage=nonsense", |control| control.shared_max_age == Some(0)),
];
