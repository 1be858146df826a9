//! Small pieces of text: amounts, durations, names, and what models wrote, made safe for a terminal.

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

/// One line of what a model or a tool wrote: line breaks become spaces, control characters, which could
/// move the cursor or rewrite the screen, are dropped, and the rest is cut to `limit` characters.
pub(crate) fn one_line(written: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut space = false;
    for c in written.chars() {
        if c.is_whitespace() {
            space = !line.is_empty();
            continue;
        }
        if is_unsafe(c) {
            continue;
        }
        if space {
            line.push(' ');
            space = false;
        }
        line.push(c);
    }
    truncate(&line, limit)
}

/// Several lines of what a model or a tool wrote, without control characters.
pub(crate) fn many_lines(written: &str) -> String {
    written.chars().filter(|c| matches!(c, '\n' | '\t') || !is_unsafe(*c)).collect()
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
        assert_eq!(one_line("a\u{1b}[2Jb\r\n\n  c\u{202e}d", 80), "a[2Jb cd");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(many_lines("a\u{7}\n\tb\u{1b}"), "a\n\tb");
    }
}
