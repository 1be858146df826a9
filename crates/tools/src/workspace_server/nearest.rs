//! What a model meant by text that does not occur: the lines that are most like it, and where they differ.

use std::fmt::Write as _;

/// The most lines of a file that are compared, and the most characters of each: files beyond that are generated.
const COMPARED_LINES: usize = 20_000;
const COMPARED_CHARS: usize = 200;

/// The most lines that are shown.
const SHOWN_LINES: usize = 12;

/// How alike two lines are at least, from nothing to one, so that one may have been meant by the other.
const ALIKE: f64 = 0.6;

/// What to say about `old`, which does not occur in `text`.
pub(super) fn describe(text: &str, old: &str) -> String {
    let lines: Vec<&str> = text.lines().take(COMPARED_LINES).collect();
    let wanted: Vec<&str> = old.lines().collect();
    let Some(start) = spaced(&lines, &wanted).or_else(|| alike(&lines, &wanted)) else {
        return "nothing in it is like it; read the file again and copy the text exactly, with its white space"
            .into();
    };
    let found: Vec<&str> = lines.iter().skip(start).take(wanted.len()).copied().collect();
    let mut answer = format!("the closest are lines {} to {}:\n", start + 1, start + found.len());
    for line in found.iter().take(SHOWN_LINES) {
        let _ = writeln!(answer, "{}", cut(line));
    }
    if found.len() > SHOWN_LINES {
        let _ = writeln!(answer, "… {} more", found.len() - SHOWN_LINES);
    }
    let _ = write!(answer, "{}", difference(&found, &wanted, start));
    answer
}

/// The first lines that are the wanted ones save for their white space.
fn spaced(lines: &[&str], wanted: &[&str]) -> Option<usize> {
    let wanted: Vec<String> = wanted.iter().map(|line| without_space(line)).collect();
    if wanted.iter().all(String::is_empty) {
        return None;
    }
    let lines: Vec<String> = lines.iter().map(|line| without_space(line)).collect();
    lines.windows(wanted.len()).position(|window| {
        let (first, last) = (0, wanted.len() - 1);
        window.iter().zip(&wanted).enumerate().all(|(index, (line, wanted))| match index {
            // The text may begin and end within a line.
            _ if first == last => line.contains(wanted.as_str()),
            index if index == first => line.ends_with(wanted.as_str()),
            index if index == last => line.starts_with(wanted.as_str()),
            _ => line == wanted,
        })
    })
}

/// Where the lines begin that are most like the wanted ones, judged by the longest of those.
fn alike(lines: &[&str], wanted: &[&str]) -> Option<usize> {
    let (offset, anchor) = wanted.iter().enumerate().max_by_key(|(_, line)| line.trim().len())?;
    let anchor = short(anchor);
    if anchor.is_empty() {
        return None;
    }
    let mut best: Option<(f64, usize)> = None;
    for (index, line) in lines.iter().enumerate() {
        let likeness = strsim::sorensen_dice(&short(line), &anchor);
        if likeness >= ALIKE && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, index));
        }
    }
    best.map(|(_, index)| index.saturating_sub(offset))
}

/// The first difference, in words.
fn difference(found: &[&str], wanted: &[&str], start: usize) -> String {
    let count = wanted.len();
    for (index, wanted) in wanted.iter().enumerate() {
        let Some(found) = found.get(index) else {
            return format!("the file ends before line {} of `old`", index + 1);
        };
        if found == wanted {
            continue;
        }
        let number = start + index + 1;
        let indent = |line: &str| line[..line.len() - line.trim_start().len()].to_owned();
        if found.trim() == wanted.trim() && indent(found) != indent(wanted) {
            return format!(
                "line {number} is indented with {}, in `old` with {}",
                spaces(&indent(found)),
                spaces(&indent(wanted))
            );
        }
        if found.trim_end() == wanted.trim_end() {
            return format!(
                "line {number} ends with {}, in `old` with {}",
                spaces(&found[found.trim_end().len()..]),
                spaces(&wanted[wanted.trim_end().len()..])
            );
        }
        // The text may begin and end within a line.
        let outer = index == 0 || index + 1 == count;
        if outer && found.contains(wanted.trim()) && without_space(found) != without_space(wanted) {
            continue;
        }
        let how = if without_space(found) == without_space(wanted) { " in white space" } else { "" };
        return format!("line {number} differs{how}: it is\n{}\nand `old` has\n{}", cut(found), cut(wanted));
    }
    "copy the text exactly, with its white space".into()
}

/// White space in words.
fn spaces(text: &str) -> String {
    let count = |wanted: char, one: &str, many: &str| match text.chars().filter(|c| *c == wanted).count() {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let known = [count(' ', "space", "spaces"), count('\t', "tab", "tabs")];
    let words: Vec<String> = known.into_iter().flatten().collect();
    match words.len() {
        0 if text.is_empty() => "nothing".into(),
        0 => "other white space".into(),
        _ => words.join(" and "),
    }
}

fn without_space(line: &str) -> String {
    line.chars().filter(|c| !c.is_whitespace()).collect()
}

fn short(line: &str) -> String {
    line.trim().chars().take(COMPARED_CHARS).collect()
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(COMPARED_CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, old: &str, expected: &Expect) {
        assert!(!text.contains(old), "it does occur");
        expected.assert_eq(&describe(text, old));
    }

    #[test]
    fn what_was_meant_is_shown_with_what_differs() {
        let text = "def area(width, height):\n    result = width * height\n    return result\n";
        check(
            text,
            "def area(width, height):\n  result = width * height",
            &expect![[r"
                the closest are lines 1 to 2:
                def area(width, height):
                    result = width * height
                line 2 is indented with 4 spaces, in `old` with 2 spaces"]],
        );
        check(
            "if (a) {\n\tb();\n}\n",
            "if (a) {\n    b();\n}",
            &expect![[r"
                the closest are lines 1 to 3:
                if (a) {
                	b();
                }
                line 2 is indented with 1 tab, in `old` with 4 spaces"]],
        );
        check(
            "one \ntwo\n",
            "one\ntwo",
            &expect![["
                the closest are lines 1 to 2:
                one 
                two
                line 1 ends with 1 space, in `old` with nothing"]],
        );
        check(
            text,
            "    result = width + height",
            &expect![[r"
                the closest are lines 2 to 2:
                    result = width * height
                line 2 differs: it is
                    result = width * height
                and `old` has
                    result = width + height"]],
        );
        check(
            text,
            "let x = 1;",
            &expect![
                "nothing in it is like it; read the file again and copy the text exactly, with its white space"
            ],
        );
        check(
            "",
            "x",
            &expect![
                "nothing in it is like it; read the file again and copy the text exactly, with its white space"
            ],
        );
    }

    #[test]
    fn long_files_and_lines_are_looked_at_within_bounds() {
        let text = format!("{}\n", "x".repeat(5_000)).repeat(100);
        let old = format!("{}y\n", "x".repeat(4_000)).repeat(50);
        assert!(describe(&text, &old).len() < 5_000);
    }
}
