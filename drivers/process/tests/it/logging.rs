//! What services write: kept in bounds, in whole lines, readable while it comes.

use crate::bed::{Bed, command, instance, shell};
use homeostat_driver_process::LogBounds;
use homeostat_driver_process::logs::{self, Stream};
use homeostat_testkit::{processes, wait_until};
use homeostat_vocabulary::Exit;
use std::fs;
use std::path::Path;

fn bytes_in(folder: &Path) -> u64 {
    // A file may be rotated away between its listing and the look at it.
    fs::read_dir(folder).unwrap().filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

#[tokio::test]
async fn lines_come_with_time_and_origin() {
    // Without them, whoever reads the log at night cannot put it beside the story.
    let mut bed = Bed::new();
    bed.start("web/0", "A1", &shell("echo one; sleep 0.05; echo two >&2; sleep 0.05; printf 'no end'")).await.unwrap();
    bed.next_exit().await;
    let lines = logs::tail(&bed.data_folder(), &instance("web/0"), 100).unwrap();
    let said: Vec<(Stream, &str, bool)> =
        lines.iter().map(|line| (line.stream, line.text.as_str(), line.continues)).collect();
    assert_eq!(said[1..4], [(Stream::Out, "one", false), (Stream::Err, "two", false), (Stream::Out, "no end", true)]);
    assert!(said[0].1.starts_with("A1 began as process "));
    assert_eq!(said[4], (Stream::Shim, "A1 ended: exit code 0", false));
    assert!(lines.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert_eq!(lines[0].at.len(), "2026-11-21T08:52:01.250Z".len());
}

#[tokio::test]
async fn what_was_written_last_is_there_when_the_exit_is_told() {
    // The last words of a dying service are the ones that matter.
    let mut bed = Bed::new();
    for life in 0..10 {
        bed.start("web/0", &format!("A{life}"), &shell("echo last words >&2; kill -KILL $$")).await.unwrap();
        bed.next_exit().await;
        let words = bed.written("web/0");
        assert_eq!(words.len(), life + 1, "{words:?}");
    }
}

#[tokio::test]
async fn a_flood_stays_within_its_bounds() {
    // A service gone wild would fill the disk, or its shim the memory, and take the host down.
    let bounds = LogBounds { file_bytes_max: 1 << 20, files_max: 3 };
    let bed = Bed::with_log_bounds(bounds);
    bed.start("web/0", "A1", &shell("yes 'the quick brown fox jumps over the lazy dog'")).await.unwrap();
    let folder = bed.data_folder().join("runs/web/0/log");
    let newest = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).max();
    wait_until("five times the bounds are written", || {
        newest().is_some_and(|name| name.to_str() > Some("00000015.log"))
    });
    let shim = bed.shim_of("web/0", "A1");
    for _ in 0..50 {
        let bytes = bytes_in(&folder);
        assert!(bytes <= bounds.file_bytes_max * u64::from(bounds.files_max), "{bytes} bytes on disk");
        let resident = processes::resident_kib(shim).unwrap();
        assert!(resident < 6 << 10, "{resident} KiB in memory");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    bed.stop("web/0", "A1").await.unwrap();
    let lines = logs::tail(&bed.data_folder(), &instance("web/0"), usize::MAX).unwrap();
    let whole = lines.iter().filter(|line| line.text == "the quick brown fox jumps over the lazy dog").count();
    assert!(lines.len() - whole <= 3, "a line was torn: {:?}", lines.iter().find(|line| line.stream == Stream::Out));
}

#[tokio::test]
async fn nothing_is_missed_or_told_twice_by_who_follows() {
    // Rotation is where a follower loses lines.
    let bed = Bed::with_log_bounds(LogBounds { file_bytes_max: 4 << 10, files_max: 1_000 });
    let line = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; sleep 3600";
    let (_, mut follower) = logs::tail_and_follow(&bed.data_folder(), &instance("web/0"), 0).unwrap();
    bed.start("web/0", "A1", &shell(line)).await.unwrap();
    let mut seen: Vec<String> = Vec::new();
    wait_until("all lines are seen", || {
        let lines = follower.next_lines().unwrap();
        seen.extend(lines.into_iter().filter(|line| line.stream == Stream::Out).map(|line| line.text));
        seen.last().is_some_and(|line| line == "line 2999")
    });
    let expected: Vec<String> = (0..3_000).map(|number| format!("line {number}")).collect();
    assert_eq!(seen, expected);
    let (tail, mut follower) = logs::tail_and_follow(&bed.data_folder(), &instance("web/0"), 500).unwrap();
    let tail: Vec<String> = tail.into_iter().map(|line| line.text).collect();
    assert_eq!(tail, expected[2_500..]);
    assert!(follower.next_lines().unwrap().is_empty());
}

#[tokio::test]
async fn endless_lines_and_odd_bytes_are_kept_in_pieces() {
    // A service that dumps its memory without a line break would make the shim hold all of it.
    let mut bed = Bed::new();
    bed.start("web/0", "A1", &shell("head -c 1000000 /dev/zero | tr '\\0' x; echo; printf 'a\\377b\\n'"))
        .await
        .unwrap();
    bed.next_exit().await;
    let lines = logs::tail(&bed.data_folder(), &instance("web/0"), usize::MAX).unwrap();
    let pieces: Vec<_> = lines.iter().filter(|line| line.text.starts_with('x')).collect();
    assert_eq!(pieces.iter().map(|line| line.text.len()).sum::<usize>(), 1_000_000);
    assert!(pieces.iter().all(|line| line.text.len() <= 8 << 10));
    assert!(lines.iter().any(|line| line.text == "a\u{fffd}b"));
}

#[tokio::test]
async fn a_prompt_without_line_break_can_be_read() {
    // What a hanging service is waiting for would stand in no log.
    let bed = Bed::new();
    bed.start("web/0", "A1", &shell("printf 'Password: '; sleep 3600")).await.unwrap();
    bed.wait_for_line("web/0", "Password: ");
}

#[tokio::test]
async fn a_full_disk_stops_nobody() {
    // A service that cannot write its log would stand still, or die of it.
    let mut bed = Bed::new();
    let folder = bed.data_folder().join("runs/web/0/log");
    fs::create_dir_all(&folder).unwrap();
    // Every write to it fails as on a full disk.
    std::os::unix::fs::symlink("/dev/full", folder.join("00000001.log")).unwrap();
    bed.start("web/0", "A1", &shell("yes | head -c 1000000; exit 3")).await.unwrap();
    assert_eq!(bed.next_exit().await.2, Exit::Code { code: 3 });
    fs::remove_file(folder.join("00000001.log")).unwrap();
    bed.start("web/0", "A2", &command(&["/bin/echo", "there is room again"])).await.unwrap();
    bed.next_exit().await;
    assert_eq!(bed.written("web/0"), ["there is room again"]);
}
