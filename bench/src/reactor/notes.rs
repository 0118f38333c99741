//! What the rows mean, what bounds them and what is unfair about them: for the reader of the page.

use super::{degrade, flood};

/// The notes, in the order of the cases.
pub fn notes() -> Vec<String> {
    let mut notes = ABOUT_THROUGHPUT.map(str::to_owned).to_vec();
    notes.push(format!(
        "Critical during a flood: a handler that is busy {} us an event is offered twice as many bulk events as it can take, and \
         1,000 critical ones a second from another thread. The handler has one processor for itself, the emitters share the other. \
         `critical_*_us` is from emission to the beginning of the handling. A critical event that is due while its emitter still \
         waits with the one before counts from when it was due. The bound is one call under way: half of {0} us at the median and \
         {0} us at most, plus waking the handler.",
        flood::BUSY_US
    ));
    notes.push(
        "Our lanes are as they come (critical and act block, detect coalesces, sense drops the oldest, bulk is sampled), and the \
         handler is `lossless`: what it cannot take is lost by class at the door. Ours is measured on a runtime of two threads, which may \
         use the emitters' processor as Erlang may, and on one thread, as the single queues. Those hold 4,096 events of both \
         kinds. Erlang as it comes finds the critical ones by selective receive in a mailbox that nothing bounds; tuned, it empties \
         the mailbox after each event into two queues, of which the one for bulk is bounded."
            .to_owned(),
    );
    notes.push(format!(
        "Degradation: events of all classes in the same mix, offered at an even rate to a handler that is busy {} us an event; \
         capacity is what the same handler takes with no queue before it. Weight: 16, 8, 4, 2 and 1 for the five classes, as the \
         loop drains them. The bound: 100 % of capacity, and classes served strictly from the top, which would starve the rest.",
        degrade::BUSY_US
    ));
    notes
}

const ABOUT_THROUGHPUT: [&str; 9] = [
    "Events: 1 % critical, 4 % act, 15 % detect, 30 % sense, 50 % bulk; 1,000 keys; 100,000 events in a second of the time they \
     carry; the same sequence for all, made while it is consumed, so making it is part of everybody's time.",
    "Loop: emit, queue, one handler that sums. Stream: map, filter (seven of eight stay), group by key, tumbling windows of 1 s of \
     event time, reduce to sum and count. Every subject's answer is checked; a wrong one ends the benchmark.",
    "Every subject is a process of its own, warmed up, kept on one processor or on two. CPU is that of all its threads, as the \
     kernel counts it; peak memory is the most that was ever resident, interpreter or virtual machine included.",
    "Ours: five lanes of 4,096 that block, and a handler that loses nothing. An event passes two queues (the loop's and the \
     handler's) where the channel has one; in return it has classes, isolation, receipts and counts. `batches`: the handler takes \
     what waits, up to 256.",
    "Bounds: `no queue` makes the events and works on them in one loop, with the operators by hand. tokio mpsc is the floor for \
     anything with a queue: one channel of 4,096, one producer, one consumer, no classes, the same operators by hand; events come in \
     the order of their time, so a window ends with the first event of the next.",
    "RxJS has neither backpressure nor classes nor event time. Loop: as it comes, `observeOn(asapScheduler)` with at most 64 queued \
     (more is slower); tuned, batches of 256 through the same queue; `no queue`, a bare subject that calls the handler. Stream: no \
     queue at all; windows end by a notifier at the first event of the next; tuned, windows are outside and groups inside, one \
     accumulator a group, RxJS's modern build. JavaScript runs on one processor; with two, its garbage collector uses the other.",
    "rxrust has no backpressure, no classes and no `window`: `buffer` with a notifier stands in as it comes, a new subject for each \
     window by hand when tuned. Nothing is queued: the handler runs in the emitter's call, so it is only run on one processor.",
    "Erlang: as it comes, a message an event and priorities by selective receive, five processes for the stream, at most 48 events in \
     flight (more is slower, and a queue that short has little to sort); tuned, messages are lists of 256 events, what waits is sorted \
     by class, schedulers do not wait busily. Mailboxes have no limit: a mark sent along keeps the producer back.",
    "Memory: peak by number of events, one run each. It is constant when it does not grow with them; what an interpreter keeps before \
     it collects is its own choice.",
];
