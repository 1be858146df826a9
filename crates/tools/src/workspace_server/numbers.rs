//! The line numbers that `read_file` shows, as `cat -n` prints them.

use std::fmt::Write as _;

/// How wide a number is at least.
const WIDTH: usize = 6;

/// Writes a line's number and the tab behind it.
pub(super) fn write(text: &mut String, number: usize) {
    let _ = write!(text, "{number:>WIDTH$}\t");
}

/// Whether all lines begin with such numbers, so that they were surely copied from what `read_file` showed.
pub(super) fn all_lines(text: &str) -> bool {
    !text.is_empty() && text.lines().all(is_numbered)
}

fn is_numbered(line: &str) -> bool {
    let Some((number, _)) = line.split_once('\t') else { return false };
    let digits = number.trim_start_matches(' ');
    // A file's own columns of numbers are seldom filled up to this width.
    number.len() >= WIDTH && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_copied_with_its_numbers_is_taken_for_it() {
        let mut text = String::new();
        for number in [9, 10, 1_234_567] {
            write(&mut text, number);
            text.push_str("line\n");
        }
        assert_eq!(text, "     9\tline\n    10\tline\n1234567\tline\n");
        assert!(all_lines(&text));
        for other in ["", "1\tone", "     9\tline\nline", "     x\tline", "      \tline"] {
            assert!(!all_lines(other), "{other:?}");
        }
    }
}
