//! Pipelines of named stages: still empty. What stands for it meanwhile are the operators in [`stream`](crate::stream).
