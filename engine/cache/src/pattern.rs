//! Patterns of keys: plain text in which `*` stands for any letters, none included. Nothing else has a meaning.
//!
//! Hostile patterns must not cost more than pattern times key: the match goes back to the last `*` only, and the number of stars is
//! bounded.

/// How many stars a pattern may have.
pub const STARS_MAX: usize = 16;

/// How long a pattern may be, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4_096;

/// Which keys are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

/// A pattern that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pattern has at most {STARS_MAX} stars and {PATTERN_BYTES_MAX} bytes")]
pub struct InvalidPattern;

impl Pattern {
    /// All keys that match `glob`; a prefix is a glob that ends with a star.
    ///
    /// # Errors
    /// When it is too long or has too many stars.
    pub fn glob(glob: &str) -> Result<Self, InvalidPattern> {
        let stars = glob.bytes().filter(|byte| *byte == b'*').count();
        if stars > STARS_MAX || glob.len() > PATTERN_BYTES_MAX { Err(InvalidPattern) } else { Ok(Self(glob.into())) }
    }

    /// Whether this key is meant.
    pub fn matches(&self, key: &str) -> bool {
        let (pattern, key) = (self.0.as_bytes(), key.as_bytes());
        let (mut at, mut read) = (0, 0);
        // Where the last star is, and how much of the key it has taken so far.
        let mut star: Option<(usize, usize)> = None;
        while read < key.len() {
            if pattern.get(at) == Some(&b'*') {
                star = Some((at, read));
                at += 1;
            } else if pattern.get(at) == Some(&key[read]) {
                at += 1;
                read += 1;
            } else if let Some((star_at, taken)) = star {
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                read = taken + 1;
            } else {
                return false;
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_star_stands_for_any_letters_and_nothing_else_is_special() {
        // Would break: a purge of one folder that empties its neighbours, or leaves half of it.
        let matches = |glob: &str, key: &str| Pattern::glob(glob).unwrap().matches(key);
        assert!(matches("https://a/*", "https://a/") && matches("https://a/*", "https://a/b?c"));
        assert!(!matches("https://a/*", "https://ab/") && !matches("/a", "/ab") && !matches("/ab", "/a"));
        assert!(matches("*.css", "/x.css") && !matches("*.css", "/x.css?v=1"));
        assert!(matches("a*b*c", "a-bb-b-c") && !matches("a*b*c", "a-c-b"));
        assert!(matches("a?[x]", "a?[x]") && !matches("a?", "ab"));
        assert!(matches("", "") && !matches("", "a") && matches("**", ""));
        assert!(Pattern::glob(&"*".repeat(17)).is_err());
    }
}
