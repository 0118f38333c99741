//! The scanner that blanks comments and literals keeps the code, its lines and its columns.

use xtask::tidy::without_comments_and_strings as blank;

/// If this fails, rules trip over prose or overlook code.
#[test]
fn prose_is_blanked_and_code_is_kept() {
    let cases = [
        ("a // b", "a     "),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("f(\"b\\\"c\", d)", "f(      , d)"),
        ("r#\"b\"c\"# d", "         d"),
        ("br\"b\" d", "      d"),
        ("b\"b\" c\"c\" d", "          d"),
        ("'a' b", "    b"),
        ("'\\'' b '\\u{1f600}' c", "     b             c"),
        ("fn f<'a>(b: &'a str) {}", "fn f<'a>(b: &'a str) {}"),
        ("for_r\"b\"", "for_r   "),
        ("r#type b", "r#type b"),
        ("'é' b", "     b"),
    ];
    for (text, expected) in cases {
        assert_eq!(blank(text), expected, "{text}");
    }
}

/// If this fails, findings point at the wrong line, or the scanner runs past the end.
#[test]
fn lines_stay_and_unfinished_text_ends() {
    assert_eq!(blank("a /* b\nc */ d\n").lines().count(), 2);
    for text in ["\"never closed", "/* never closed", "r#\"never closed\"", "'\\", "'", "\"\\"] {
        assert_eq!(blank(text).len(), text.len(), "{text}");
    }
}
