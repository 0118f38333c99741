//! Tests of `reactor`.
