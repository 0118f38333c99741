//! The fuzzer's way to the properties of `path` in `proving/fuzzing`, and nothing else.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeostat_fuzzing::check("path", input));
