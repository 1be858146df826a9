//! A runner's output as plain lines.

/// The text without the escape sequences that colour it, and with one kind of line end. A carriage return ends a line,
/// too: what a progress display overwrites was a line of its own.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\u{1b}' => skip_escape(&mut rest),
            '\r' => {
                if rest.peek() != Some(&'\n') {
                    plain.push('\n');
                }
            }
            next => plain.push(next),
        }
    }
    plain
}

/// Skips what follows an escape character, as ECMA-48 has it: a control sequence up to its final byte, a command
/// string up to its terminator, or one character.
fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next() {
        Some('[') => while rest.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
        Some(']') => {
            while let Some(c) = rest.next() {
                if c == '\u{7}' {
                    break;
                }
                if c == '\u{1b}' {
                    rest.next();
                    break;
                }
            }
        }
        _ => {}
    }
}

/// How many characters of white space a line begins with.
pub(super) fn indent(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).count()
}

/// A title without the duration that runners put behind it: `adds (1.5ms)`, `adds 3ms`, `adds (5 ms)`.
pub(super) fn without_duration(title: &str) -> &str {
    let title = title.trim_end();
    let bare = title.strip_suffix(')').and_then(|open| open.rsplit_once(" ("));
    match bare {
        Some((name, duration)) if is_duration(duration) => return name.trim_end(),
        Some(_) => return title,
        None => {}
    }
    match title.rsplit_once(' ') {
        Some((name, duration)) if is_duration(duration) => name.trim_end(),
        _ => title,
    }
}

/// Whether this is a number with a unit of time, such as `1.5ms` or `2 s`.
pub(super) fn is_duration(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == 'μ' || c == 'µ');
    let unit = &text[number.len()..];
    let number = number.trim_end();
    matches!(unit, "ms" | "s" | "m" | "μs" | "µs" | "us" | "ns" | "sec" | "min")
        && number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// The number right before this word: the 3 of `3 failed, 2 passed`.
pub(super) fn count_before(line: &str, word: &str) -> Option<u64> {
    let mut before = None;
    for part in line.split(|c: char| !c.is_alphanumeric()) {
        if part == word {
            return before;
        }
        before = part.parse().ok();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_line_ends_are_gone() {
        for (text, expected) in [
            ("\u{1b}[32m✓\u{1b}[39m adds", "✓ adds"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("\u{1b}]8;;file\u{7}link\u{1b}]8;;\u{1b}\\ end", "link end"),
            ("cut \u{1b}[", "cut "),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn durations_are_not_part_of_a_title() {
        for (title, expected) in [
            ("adds (1.893751ms)", "adds"),
            ("adds (5 ms)", "adds"),
            ("adds 3ms", "adds"),
            ("waits 3 s", "waits 3 s"),
            ("adds (two numbers)", "adds (two numbers)"),
            ("adds (82ms) ", "adds"),
            ("adds", "adds"),
        ] {
            assert_eq!(without_duration(title), expected);
        }
    }

    #[test]
    fn counts_stand_before_their_word() {
        for (line, word, expected) in [
            ("== 7 failed, 8 passed in 0.14s ==", "failed", Some(7)),
            ("== 7 failed, 8 passed in 0.14s ==", "passed", Some(8)),
            ("failed 3", "failed", None),
            ("nothing", "failed", None),
        ] {
            assert_eq!(count_before(line, word), expected, "{line}");
        }
    }
}
