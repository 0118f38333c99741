//! Text from outside (error texts, names, reasons) made safe to show: it can neither move the cursor nor turn the line around.

/// Longest foreign text that is shown in one place, in characters; more is cut and the cut is marked.
const CHARACTERS_MAX: usize = 300;

/// `text` on one line: runs of control characters and spaces become one space, invisible characters that change the direction
/// or the joining of text are dropped, and what is too long is cut.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(CHARACTERS_MAX * 4));
    let mut characters: usize = 0;
    let mut gap = false;
    for character in text.chars().filter(|character| !is_invisible(*character)) {
        if character.is_control() || character.is_whitespace() {
            gap = !shown.is_empty();
            continue;
        }
        if characters + usize::from(gap) >= CHARACTERS_MAX {
            shown.push('…');
            break;
        }
        if std::mem::take(&mut gap) {
            shown.push(' ');
            characters += 1;
        }
        shown.push(character);
        characters += 1;
    }
    shown
}

/// Zero-width and direction-changing characters: with them, a log line could be made to read as another.
const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        // A service that prints an escape sequence into its error text would repaint the screen of whoever asks why.
        assert_eq!(plain("a\x1b[2J\x1b]0;owned\x07b\r\nc"), "a [2J ]0;owned b c");
        assert_eq!(plain("safe\u{202E}gnp.exe\u{2066}"), "safegnp.exe");
        assert_eq!(plain("  \t\n "), "");
        let long = plain(&"ñ".repeat(1_000));
        assert_eq!(long.chars().count(), 301, "300 characters and the mark of the cut");
    }
}
