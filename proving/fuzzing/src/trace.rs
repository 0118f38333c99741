//! `traceparent`: what is accepted is written in one way, is read again as the same, and never names nobody.

use homeostat_edge::trace::Parent;

/// Checks one input.
pub fn check(input: &[u8]) {
    let Some(parent) = Parent::parse(input) else { return };
    assert!(parent.trace_id != 0 && parent.span_id != 0, "nobody is named");
    assert!(input.is_ascii() || input[..2] != *b"00", "the first version holds only digits");
    let written = parent.value();
    assert_eq!(Parent::parse(written.as_bytes()), Some(parent));
    assert_eq!(input[3..52], written.as_bytes()[3..52], "the ids are written in one way only");
    assert_eq!(parent.sampled(), parent.flags & 1 == 1);
}
