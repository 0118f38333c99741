//! Prose broken into lines at words, with a hanging indent; only for terminals.

/// `text` in lines of at most `width` columns, each but the first moved in by `hanging`; a longer word gets a line of its own,
/// and a percent sign stays with its number.
#[must_use]
pub fn wrap(text: &str, width: usize, hanging: usize) -> String {
    let begin = text.trim_start_matches(' ');
    let mut wrapped = text[..text.len() - begin.len()].to_owned();
    let mut column = wrapped.len();
    let mut is_fresh = true;
    for word in words(begin) {
        let length = word.chars().count();
        if !is_fresh && column + 1 + length > width {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(hanging));
            column = hanging;
        } else if !is_fresh {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
        is_fresh = false;
    }
    wrapped
}

/// `text` as it stands behind something `column` columns wide, its further lines below its beginning.
#[must_use]
pub fn wrap_behind(column: usize, text: &str, width: usize) -> String {
    wrap(text, width.saturating_sub(column), 0).replace('\n', &format!("\n{:column$}", ""))
}

/// The pieces of a text between which a line may end.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut ends = rest.match_indices(' ').filter(|(at, _)| !rest[at + 1..].starts_with('%')).map(|(at, _)| at);
        let end = ends.next().unwrap_or(rest.len());
        let word = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        (!word.is_empty() || !rest.is_empty()).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::{wrap, wrap_behind};

    #[test]
    fn lines_hang_under_their_beginning() {
        // A story on a narrow terminal would run into its own column of times.
        assert_eq!(wrap("one two three four", 12, 4), "one two\n    three\n    four");
        assert_eq!(wrap("short", 80, 4), "short");
        assert_eq!(wrap("  two spaces, then more", 13, 4), "  two spaces,\n    then more");
        assert_eq!(wrap("certain to 100 % now", 13, 0), "certain to\n100 % now");
        assert_eq!(wrap("unbreakablyLongWord x", 10, 2), "unbreakablyLongWord\n  x");
        assert_eq!(wrap_behind(4, "one two three", 11), "one two\n    three");
    }
}
