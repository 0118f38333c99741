//! The scan of `homeostat init`: what runs on this host, read from the system, never guessed.
