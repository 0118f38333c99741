//! The closing lines of the runners, as captured, are counted right.

use xtask::summary::{Count, without_colours};
use xtask::toolchain::version_in;

fn count(line: &str) -> Option<(u64, u64)> {
    Count::in_line(line).map(|count| (count.passed, count.failed))
}

/// If this fails, the closing line of a run tells wrong numbers.
#[test]
fn nextest_closing_lines_are_counted() {
    let captured = [
        ("     Summary [   0.012s] 5 tests run: 5 passed, 0 skipped\n", (5, 0)),
        ("     Summary [   0.001s] 1 test run: 1 passed, 0 skipped", (1, 0)),
        (
            "     Summary [   2.084s] 4 tests run: 1 passed, 2 failed (1 due to being leaky), 1 timed out, 1 skipped",
            (1, 3),
        ),
        (
            "     Summary [  61.204s] 7/12 tests run: 5 passed (1 slow, 2 flaky), 1 failed, 1 exec failed, 3 skipped",
            (5, 2),
        ),
        (
            "\u{1b}[32;1m     Summary\u{1b}[0m [   0.078s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, 0 skipped",
            (2, 0),
        ),
    ];
    for (line, expected) in captured {
        assert_eq!(count(line), Some(expected), "{line}");
    }
}

/// If this fails, a machine without cargo-nextest tells wrong numbers, and so do doc tests.
#[test]
fn standard_closing_lines_are_counted() {
    let captured = [
        ("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n", (3, 0)),
        ("test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 1 filtered out; finished in 0.08s", (2, 1)),
        (
            "test result: \u{1b}[32mok\u{1b}[m. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            (0, 0),
        ),
    ];
    for (line, expected) in captured {
        assert_eq!(count(line), Some(expected), "{line}");
    }
}

/// If this fails, what a test prints is taken for the closing line of its runner.
#[test]
fn other_lines_count_nothing() {
    for line in [
        "",
        "running 5 tests",
        "test tests::passes ... ok",
        "    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.00s",
        "Summary: 5 passed",
        "5 passed, 0 failed",
        "     Summary [",
    ] {
        assert_eq!(count(line), None, "{line}");
    }
}

/// If this fails, coloured output is not understood.
#[test]
fn colours_are_taken_away() {
    assert_eq!(without_colours("\u{1b}[1;31mred\u{1b}[0m and plain"), "red and plain");
    assert_eq!(without_colours("cut off \u{1b}[3"), "cut off ");
}

/// If this fails, an old toolchain is let in or a new one kept out.
#[test]
fn versions_are_compared_as_numbers() {
    assert_eq!(version_in("rustc 1.95.0 (59807616e 2026-04-14)"), (1, 95));
    assert_eq!(version_in("rustc 1.101.0-nightly (abc 2027-01-01)"), (1, 101));
    assert!(version_in("rustc 1.101.0") > version_in("1.95"));
    assert!(version_in("rustc 1.9.0") < version_in("1.95"));
}
