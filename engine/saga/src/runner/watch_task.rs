//! The watchdog's task: looks at the board, sends alarms.
//!
//! Started beside the shell by [`Runner::recover`](crate::Runner::recover). It shares nothing with the executor but the
//! board, so a wedged executor cannot silence it.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, timeout};

use super::RunnerOptions;
use super::board::Board;
use super::clock::Clock;
use crate::event::SagaEvent;
use crate::watchdog::Watchdog;

pub(super) async fn watch(board: Arc<Board>, clock: Clock, options: RunnerOptions, events: mpsc::Sender<SagaEvent>) {
    let mut watchdog = Watchdog::default();
    let silent_max_ms = u64::try_from(options.silent_max.as_millis()).unwrap_or(u64::MAX);
    let mut every = tokio::time::interval(options.watch_every);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let now_ms = clock.now_ms();
        let silent = watchdog.listen(board.alive_at_ms(), silent_max_ms, now_ms);
        for alarm in watchdog.sweep(&board.vitals(), now_ms).into_iter().chain(silent) {
            tracing::warn!(saga = ?alarm.id, code = alarm.kind.code(), why = alarm.why, "saga alarm");
            board.count_alarm();
            // The log line is out. An owner that does not read, or is gone, must not hold up the next look.
            let _ = timeout(options.watch_every, events.send(SagaEvent::Alarm(alarm))).await;
        }
    }
}
