//! What a request asks of a stored answer.

use homeostat_cache::http::{RequestControl, Reuse};

use super::{at, head, judge};

#[test]
fn wishes_of_a_request_are_granted() {
    // Would break: a reload that reloads nothing, or a client that may have anything old and waits for the origin.
    let reuse = |answer: &str, request: &str, after: i64| {
        let storable = judge(&[&format!("cache-control: {answer}"), "etag: \"a\""]).unwrap();
        let is_fresh = storable.age(at(after)) < storable.lifetime;
        storable.reuse(is_fresh, &RequestControl::of(&head(&[&format!("cache-control: {request}")])), at(after))
    };
    let (serve, ask, no) = (Reuse::Serve, Reuse::Revalidate, Reuse::Unsatisfiable);
    assert_eq!([reuse("max-age=60", "", 10), reuse("max-age=60", "", 60)], [serve, ask]);
    assert_eq!([reuse("max-age=60", "max-age=10", 10), reuse("max-age=60", "max-age=10", 11)], [serve, ask]);
    assert_eq!([reuse("max-age=60", "max-age=0", 1), reuse("max-age=60", "max-age=x", 1)], [ask, ask]);
    assert_eq!([reuse("max-age=60", "min-fresh=20", 40), reuse("max-age=60", "min-fresh=21", 40)], [serve, ask]);
    assert_eq!([reuse("max-age=60", "max-stale=5", 65), reuse("max-age=60", "max-stale=5", 66)], [serve, ask]);
    assert_eq!(
        [reuse("max-age=60", "max-stale", 999), reuse("max-age=60, must-revalidate", "max-stale", 61)],
        [serve, ask]
    );
    assert_eq!([reuse("max-age=60", "no-cache", 1), reuse("no-cache", "", 1)], [ask, ask]);
    assert_eq!([reuse("max-age=60", "only-if-cached", 1), reuse("max-age=60", "only-if-cached", 61)], [serve, no]);
    // What cannot be read must not be a way to have the origin asked.
    assert_eq!([reuse("max-age=60", "max-age=0, \"", 1), reuse("max-age=60", "unknown", 1)], [serve, serve]);
    assert_eq!(RequestControl::of(&head(&["pragma: no-cache"])), RequestControl::default());
}
