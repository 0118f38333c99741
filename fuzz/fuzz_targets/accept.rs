//! The fuzzer's way to the properties of `accept` in `proving/fuzzing`, and nothing else.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| homeostat_fuzzing::check("accept", input));
