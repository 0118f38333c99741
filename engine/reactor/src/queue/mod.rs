//! The bounded queue of five classes.
