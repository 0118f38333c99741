//! The driver against real processes.
