//! Shortening texts, with a note of what is missing.

/// The first `characters` of a text on one line, with an ellipsis where something is missing.
pub fn head(text: &str, characters: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        let space = usize::from(!line.is_empty());
        let length = word.chars().count();
        if count + space + length > characters {
            let room = characters.saturating_sub(count + space + 1);
            if space == 1 && room > 0 {
                line.push(' ');
            }
            line.extend(word.chars().take(room));
            line.push('…');
            return line;
        }
        if space == 1 {
            line.push(' ');
        }
        line.push_str(word);
        count += space + length;
    }
    line
}

/// A text of at most about `bytes`: two thirds from its beginning and one third from its end, because errors tend
/// to stand at either.
pub fn middle_out(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let first = text.floor_char_boundary(bytes * 2 / 3);
    let last = text.ceil_char_boundary(text.len() - bytes / 3);
    let omitted = last - first;
    format!("{}\n[… {omitted} bytes are left out here …]\n{}", &text[..first], &text[last..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_one_bounded_line() {
        for (text, expected) in [
            ("", ""),
            ("two\n words", "two words"),
            ("exactly ten", "exactly t…"),
            ("abcdefghijklmnop", "abcdefghi…"),
            ("ääääääääääää", "äääääääää…"),
        ] {
            assert_eq!(head(text, 10), expected);
            assert!(head(text, 10).chars().count() <= 10);
        }
    }

    #[test]
    fn middles_are_left_out_at_character_boundaries() {
        assert_eq!(middle_out("short", 9), "short");
        assert_eq!(middle_out("ääääääääää", 6), "ää\n[… 14 bytes are left out here …]\nä");
    }
}
