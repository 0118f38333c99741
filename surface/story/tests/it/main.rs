//! Tests of the story: the catalogues agree, every fact has a sentence, and whole episodes read well in both languages.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod catalogues;
mod hostile;
mod language;
mod long;
mod sample;
mod sentences;
mod telling;
