//! Prose broken into lines at words, with a hanging indent; only for terminals.

/// `text` in lines of at most `width` columns, each but the first moved in by `indent`; a longer word gets a line of its own.
#[must_use]
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut column: usize = 0;
    let room = width.saturating_sub(indent).max(1);
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > room {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn lines_hang_under_their_beginning() {
        // A story on a narrow terminal would run into its own column of times.
        assert_eq!(wrap("one two three four", 12, 4), "one two\n    three\n    four");
        assert_eq!(wrap("short", 80, 4), "short");
        assert_eq!(wrap("unbreakablyLongWord x", 10, 2), "unbreakablyLongWord\n  x");
    }
}
