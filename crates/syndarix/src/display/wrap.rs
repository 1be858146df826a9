//! Breaking a text into lines that fit: at words, in columns as a terminal counts them.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// A text padded with spaces to this many columns.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// A text in lines broken at spaces: the first of at most `first` columns, the others of `rest`. Only a word that is
/// longer than a whole line is broken itself; where the first line has no room for its first word, it stays empty.
/// There is at least one line.
pub(crate) fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let limit = |lines: &[String]| if lines.is_empty() { first } else { rest }.max(1);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let space = usize::from(!line.is_empty());
        if columns(&line) + space + columns(word) <= limit(&lines) {
            if space > 0 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() || lines.is_empty() && first < rest {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            if columns(&line) + c.width().unwrap_or(0) > limit(&lines) && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_words() {
        for (text, width, expected) in [
            ("", 10, &[""][..]),
            ("one", 10, &["one"]),
            ("one two three", 7, &["one two", "three"]),
            ("one two three", 13, &["one two three"]),
            ("one two three", 12, &["one two", "three"]),
            ("a /very/long/path b", 6, &["a", "/very/", "long/p", "ath b"]),
            ("日本語 の テキスト", 6, &["日本語", "の", "テキス", "ト"]),
            ("日本", 1, &["日", "本"]),
            ("e\u{301}e\u{301} x", 4, &["e\u{301}e\u{301} x"]),
            ("x", 0, &["x"]),
        ] {
            assert_eq!(wrap(text, width, width), expected, "{text:?} at {width}");
        }
    }

    #[test]
    fn the_first_line_may_have_less_room() {
        assert_eq!(wrap("one two three", 3, 9), ["one", "two three"]);
        assert_eq!(wrap("three four", 4, 5), ["", "three", "four"]);
        assert_eq!(wrap("three", 0, 5), ["", "three"]);
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_too_wide() {
        let text =
            "Dave takes T-3 Parse the flag (dave is free) `syndarix approve slugline-7f3a9c/A-1` → 終了";
        for width in 4..=100 {
            let lines = wrap(text, width, width);
            assert!(lines.iter().all(|line| columns(line) <= width), "{width}: {lines:?}");
            let letters = |text: &str| text.replace(' ', "");
            assert_eq!(letters(&lines.concat()), letters(text), "{width}");
        }
    }
}
