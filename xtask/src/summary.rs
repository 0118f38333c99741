//! How many tests passed and failed, read from what the runners print at their end.
//!
//! Called by the suite on every line. A runner whose format changes counts nothing here; its exit code still fails the step, so a
//! broken parser can make the numbers small, never the answer wrong.

use std::ops::AddAssign;

/// Tests counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many did what they should.
    pub passed: u64,
    /// How many did not.
    pub failed: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Count {
    /// What one line of output says, if it is a closing line of cargo-nextest or of the standard test harness.
    pub fn in_line(line: &str) -> Option<Self> {
        let line = without_colours(line);
        // nextest sets its words off to the right; the standard harness begins at the margin, and a line that does not is the
        // output of some test.
        nextest(line.trim()).or_else(|| libtest(line.trim_end()))
    }
}

/// `Summary [   1.204s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 3 skipped`
fn nextest(line: &str) -> Option<Count> {
    let (_, rest) = line.strip_prefix("Summary [")?.split_once(']')?;
    let (_, parts) = rest.split_once(" run: ")?;
    let mut count = Count::default();
    for (number, what) in counted(&without_brackets(parts)) {
        match what.as_str() {
            "passed" => count.passed += number,
            "skipped" => {}
            // "failed", "timed out", "exec failed", and whatever a later version calls a test that did not pass.
            _ => count.failed += number,
        }
    }
    Some(count)
}

/// `test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s`
fn libtest(line: &str) -> Option<Count> {
    let (_, parts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut count = Count::default();
    for (number, what) in counted(&parts.replace(';', ",")) {
        match what.as_str() {
            "passed" => count.passed += number,
            "failed" => count.failed += number,
            _ => {}
        }
    }
    Some(count)
}

fn counted(parts: &str) -> Vec<(u64, String)> {
    parts
        .split(',')
        .filter_map(|part| {
            let (number, what) = part.trim().split_once(' ')?;
            Some((number.parse().ok()?, what.trim().to_owned()))
        })
        .collect()
}

/// `10 passed (1 slow, 2 flaky)` says in brackets what it has counted already.
fn without_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|letter| {
            depth += usize::from(*letter == '(');
            let outside = depth == 0;
            depth = depth.saturating_sub(usize::from(*letter == ')'));
            outside
        })
        .collect()
}

/// The text without terminal escape sequences (`ESC [ … letter`).
pub fn without_colours(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            letters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            kept.push(letter);
        }
    }
    kept
}
