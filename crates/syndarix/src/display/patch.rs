//! A patch on a terminal: coloured by its lines' first characters, and without what could steer the terminal.

use super::text::many_lines;

/// The patch as a terminal shows it, ending as it ends.
pub(crate) fn render(patch: &str, color: bool) -> String {
    let patch = many_lines(patch);
    if !color {
        return patch;
    }
    patch.split_inclusive('\n').map(painted).collect()
}

fn painted(line: &str) -> String {
    let paint = match line.as_bytes() {
        [b'd', b'i', b'f', b'f', b' ', ..] | [b'+', b'+', b'+', b' ', ..] | [b'-', b'-', b'-', b' ', ..] => {
            "\u{1b}[1m"
        }
        [b'+', ..] => "\u{1b}[32m",
        [b'-', ..] => "\u{1b}[31m",
        [b'@', ..] => "\u{1b}[36m",
        _ => return line.to_owned(),
    };
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    format!("{paint}{text}\u{1b}[0m{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_coloured_by_what_they_do() {
        let patch = "diff --git a b\n+++ b/x\n@@ -1 +1 @@\n-old\u{1b}[2J\n+new\n same\n";
        assert_eq!(render(patch, false), patch.replace('\u{1b}', "\\x1b"));
        assert_eq!(
            render(patch, true).replace('\u{1b}', "^"),
            "^[1mdiff --git a b^[0m\n^[1m+++ b/x^[0m\n^[36m@@ -1 +1 @@^[0m\n^[31m-old\\x1b[2J^[0m\n^[32m+new^[0m\n same\n"
        );
    }
}
