//! Two engines on one data folder would both repair, and both be wrong.

use crate::bed::{Bed, kill, web};

#[test]
fn the_second_engine_refuses_and_leaves_the_first_alone() {
    // Two engines would start everything twice, and each take the other's lives for faults.
    let bed = Bed::up(&web("web", ""));
    let before = bed.ready("web/0");
    let first = bed.engine.pid().unwrap();
    let records = bed.records().len();
    for words in ["up", "up --output json"] {
        let second = bed.call(words);
        assert_eq!(second.code, Some(1), "{}", second.err);
        assert!(second.err.contains("H0101") && second.err.contains(&first.to_string()), "{}", second.err);
        assert_eq!(second.out, "");
    }
    let detached = bed.call("up --detach");
    assert_eq!(detached.code, Some(0), "an engine that runs already is what was wanted: {}", detached.err);
    assert_eq!(bed.records().len(), records, "somebody else wrote into the journal");
    assert_eq!((bed.ready("web/0"), bed.get("/api/health")["status"].as_str()), (before, Some("healthy")));
    kill(before);
    bed.ready_after("web/0", before);
    bed.all_well();
    bed.down();
}
