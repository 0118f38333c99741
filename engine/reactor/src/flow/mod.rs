//! Flow control: water marks and rate limits.
