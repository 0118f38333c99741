//! Each target over its corpus, as it is and changed.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use homeostat_fuzzing::mutation::Mutator;
use homeostat_fuzzing::{TARGETS, check};

/// Enough to meet every branch that the corpus stands near; all targets together take a few seconds in a debug build.
const CHANGES: usize = 4_000;

/// More would be a corpus to keep elsewhere.
const FILES_MAX: usize = 40;
const FILE_BYTES_MAX: u64 = 4_096;

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn files(name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder().join("corpus").join(name)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn judge(name: &str, input: &[u8], origin: &str) {
    if catch_unwind(|| check(name, input)).is_err() {
        panic!("{name}: {origin} breaks a property: b\"{}\"", input.escape_ascii());
    }
}

fn run(name: &str) {
    let files = files(name);
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for (file, input) in files.iter().zip(&corpus) {
        judge(name, input, &file.file_name().unwrap().to_string_lossy());
    }
    let mut mutator = Mutator::new(1);
    for number in 0..CHANGES {
        judge(name, &mutator.change(&corpus), &format!("change {number}"));
    }
}

macro_rules! over_the_corpus {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            // Would break: bytes from outside make this parser panic, or say something else to us than to the next reader.
            run(stringify!($name));
        }
    )*
        /// The names above.
        pub const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

over_the_corpus!(accept answer chunk client control head key path proxy token trace uri vary);

#[test]
fn the_corpus_is_small() {
    // Would break: finds of long fuzzing pile up in the repository, and every clone carries them.
    for target in TARGETS {
        let files = files(target.name);
        assert!((1..=FILES_MAX).contains(&files.len()), "{}: {} files", target.name, files.len());
        for file in files {
            assert!(file.metadata().unwrap().len() <= FILE_BYTES_MAX, "{} is too large", file.display());
        }
    }
}
