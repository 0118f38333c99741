//! Pipelines of named stages.
