//! An engine whose words nobody reads: a stopped terminal, a pipe whose reader hangs.

use crate::bed::{Bed, kill, script};
use homeostat_testkit::wait_until;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::io::{PipeReader, PipeWriter, Write};
use std::process::{Child, Stdio};

/// An engine that does not outlive its test, however that ends.
struct Unheard(Child);

impl Drop for Unheard {
    fn drop(&mut self) {
        // It has ended already when all went well.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// A pipe that takes not one byte more, and its reader, which reads nothing.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let blocking = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, blocking | OFlags::NONBLOCK).unwrap();
    for size in [4_096, 1] {
        while writer.write(&vec![b'.'; size]).is_ok() {}
    }
    fcntl_setfl(&writer, blocking).unwrap();
    (reader, writer)
}

#[test]
fn an_engine_that_nobody_listens_to_goes_on() {
    // A terminal stopped with Ctrl-S would stop all repairs, and the kill switch with them.
    let bed = Bed::of(&script("web", "exec sleep 1000", ""));
    let (reader, writer) = full_pipe();
    let mut engine = Unheard(bed.engine.call(&["up"]).stdout(Stdio::null()).stderr(writer).spawn().unwrap());
    wait_until("the engine answers", || bed.try_get("/v1/status").is_some());
    for _ in 0..3 {
        let before = bed.ready("web/0");
        kill(before);
        bed.ready_after("web/0", before);
    }
    assert_eq!(bed.call("pause").code, Some(0));
    assert_eq!(bed.call("down").code, Some(0));
    wait_until("the engine has ended", || engine.0.try_wait().unwrap().is_some());
    bed.engine.assert_nothing_left();
    drop(reader);
}
