//! Tests of `aggregate`.
