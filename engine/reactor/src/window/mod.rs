//! Windows over streams, by count of time, for each key.
