//! Sources that remember how far a consumer has come.
