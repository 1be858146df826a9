//! Small pieces of text: amounts, durations, names, and what models wrote, made safe for a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use syndarix_core::id::AgentId;
use syndarix_core::money::{NANO_PER_USD, NanoUsd};

/// An amount for people: cents from a dollar up, otherwise ten-thousandths, rounded half up. The exact
/// amount is in every `--json`.
pub(crate) fn money(amount: NanoUsd) -> String {
    let decimals: u32 =
        if amount.0 >= NANO_PER_USD || amount.0.is_multiple_of(NANO_PER_USD / 100) { 2 } else { 4 };
    let unit = NANO_PER_USD / 10_u64.pow(decimals);
    let rounded = (amount.0.saturating_add(unit / 2)) / unit;
    if rounded == 0 && amount.0 > 0 {
        return "<$0.0001".to_owned();
    }
    let scale = 10_u64.pow(decimals);
    format!("${}.{:0width$}", rounded / scale, rounded % scale, width = decimals as usize)
}

/// A count of tokens for people: `840`, `12.3k`, `4.1M`.
pub(crate) fn tokens(count: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}k", tenths(1_000)),
        _ => format!("{}M", tenths(1_000_000)),
    }
}

/// A count with its noun: `1 task`, `3 tasks`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Time since the project began, as `mm:ss`, or `h:mm:ss` from an hour up.
pub(crate) fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// How long something took: `85 ms`, `3.2 s`, `4 min 05 s`.
pub(crate) fn took(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {:02} s", ms / 60_000, ms / 1_000 % 60),
    }
}

/// One line of what a model or a tool wrote: line breaks become spaces, control characters are shown as they are written in
/// a program, and the rest is cut to `limit` characters.
pub(crate) fn one_line(written: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut space = false;
    for c in written.chars() {
        if c.is_whitespace() {
            space = !line.is_empty();
            continue;
        }
        if space {
            line.push(' ');
            space = false;
        }
        push_shown(&mut line, c);
    }
    truncate(&line, limit)
}

/// Several lines of what a model or a tool wrote, in which control characters are shown and not obeyed.
pub(crate) fn many_lines(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut characters = written.chars().peekable();
    while let Some(c) = characters.next() {
        let ends_a_line = c == '\r' && characters.peek() == Some(&'\n');
        if matches!(c, '\n' | '\t') || ends_a_line { text.push(c) } else { push_shown(&mut text, c) }
    }
    text
}

/// What begins a change of how a terminal paints.
const PAINT: &str = "\u{1b}[";
/// The paints that are ours: none of them hides or moves anything.
const PAINTS: [&str; 7] = ["0m", "1m", "2m", "31m", "32m", "33m", "36m"];

/// What may be written to a terminal: the same text, in which no control characters are left but line breaks and our own
/// paints. Everything a person sees goes through here, whoever wrote it.
pub(crate) fn for_terminal(text: &str) -> String {
    let mut parts = text.split(PAINT);
    let mut shown = many_lines(parts.next().unwrap_or_default());
    for part in parts {
        match PAINTS.iter().find(|paint| part.starts_with(**paint)) {
            Some(paint) => {
                shown.push_str(PAINT);
                shown.push_str(paint);
                shown.push_str(&many_lines(&part[paint.len()..]));
            }
            None => shown.push_str(&many_lines(&format!("{PAINT}{part}"))),
        }
    }
    shown
}

/// A JSON text in which nothing is left that a terminal would obey: JSON itself wants only some of it escaped.
pub(crate) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // Line breaks between values are JSON's own; in a text they are escaped already.
        if is_unsafe(c) && !c.is_ascii_control() || c == '\u{7f}' {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

fn push_shown(text: &mut String, c: char) {
    if !is_unsafe(c) {
        text.push(c);
    } else if u32::from(c) < 0x100 {
        let _ = write!(text, "\\x{:02x}", u32::from(c));
    } else {
        let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
    }
}

/// Control characters, and the marks that reorder text.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// At most `limit` characters, the last an ellipsis where something was cut.
pub(crate) fn truncate(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(limit.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// A commit as git shortens it.
pub(crate) fn commit(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// An agent's name where only its id is at hand: the part after the project, with a capital.
pub(crate) fn agent_name(id: &AgentId) -> String {
    let key = id.as_str().rsplit('/').next().unwrap_or(id.as_str());
    let mut chars = key.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_money() {
        for (nano, shown) in [
            (0, "$0.00"),
            (1, "<$0.0001"),
            (123_456_789, "$0.1235"),
            (250_000_000, "$0.25"),
            (999_960_000, "$1.0000"),
            (5_000_000_000, "$5.00"),
            (12_345_678_901, "$12.35"),
        ] {
            assert_eq!(money(NanoUsd(nano)), shown);
        }
    }

    #[test]
    fn counts_and_durations() {
        let shown = [tokens(999), tokens(12_345), tokens(4_199_999), count(1, "task"), count(0, "task")];
        assert_eq!(shown, ["999", "12.3k", "4.1M", "1 task", "0 tasks"]);
        let shown = [85, 3_249, 245_000].map(|ms| took(Duration::from_millis(ms)));
        assert_eq!(shown, ["85 ms", "3.2 s", "4 min 05 s"]);
        assert_eq!([59, 3_661].map(|s| elapsed(Duration::from_secs(s))), ["00:59", "1:01:01"]);
    }

    #[test]
    fn what_models_write_cannot_steer_the_terminal() {
        assert_eq!(one_line("a\u{1b}[2Jb\r\n\n  c\u{202e}d", 80), "a\\x1b[2Jb c\\u{202e}d");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(many_lines("a\u{7}\r\n\tb\u{1b}\rc\u{9b}2J"), "a\\x07\r\n\tb\\x1b\\x0dc\\x9b2J");
        for (written, shown) in [
            ("\u{1b}[31mred\u{1b}[0m\n", "\u{1b}[31mred\u{1b}[0m\n"),
            // Hidden, moved, a clipboard that is filled, a title.
            ("\u{1b}[8mx", "\\x1b[8mx"),
            ("\u{1b}[1A\u{1b}[2K", "\\x1b[1A\\x1b[2K"),
            ("\u{1b}]52;c;eA==\u{7}", "\\x1b]52;c;eA==\\x07"),
            ("\u{1b}\u{1b}[1m", "\\x1b\u{1b}[1m"),
            ("", ""),
        ] {
            assert_eq!(for_terminal(written), shown);
        }
        let written = serde_json::json!({"a": "\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{e9}\n"});
        let shown = json(&serde_json::to_string_pretty(&written).unwrap());
        assert!(shown.chars().all(|c| c == '\n' || !is_unsafe(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), written);
    }
}
