//! The brief: a text that says what is wanted.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::failure::Failure;

/// The largest brief. What every agent reads must fit beside its work into every model's context.
const MAX_BYTES: u64 = 256 * 1024;

/// The longest title.
const TITLE_CHARACTERS: usize = 100;

/// A brief that can be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Brief {
    /// Its first heading, or its first line.
    pub(crate) title: String,
    /// All of it.
    pub(crate) text: String,
}

impl Brief {
    /// Reads and checks a brief.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let cannot = |error: std::io::Error| {
            Failure::bad_input(format!("the brief {shown} cannot be read"))
                .because(error)
                .hint("name a Markdown file that says what is wanted: `syndarix run BRIEF.md`")
        };
        let mut bytes = Vec::new();
        // Reading one byte more than is allowed tells without reading all of whatever was named.
        File::open(path).map_err(cannot)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
        Self::from_bytes(&shown.to_string(), bytes)
    }

    /// Checks a brief's bytes; `name` is the file's, for messages.
    pub(crate) fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, Failure> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Failure::bad_input(format!(
                "the brief {name} is larger than {} KiB",
                MAX_BYTES / 1024
            ))
            .hint("keep to what is wanted; put long material into the repository and refer to it"));
        }
        let binary = |what: String| {
            Failure::bad_input(format!("the brief {name} is not text: {what}"))
                .hint("save it as a plain text or Markdown file in UTF-8")
        };
        let text = String::from_utf8(bytes)
            .map_err(|error| binary(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1)))?;
        let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
        if let Some(position) =
            text.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
        {
            return Err(binary(format!("byte {} is a control character", position + 1)));
        }
        let Some(title) = title(&text) else {
            return Err(Failure::bad_input(format!("the brief {name} is empty")).hint(
                "write what is wanted, as you would tell a colleague; the first heading becomes the title",
            ));
        };
        Ok(Self { title, text })
    }
}

/// The first heading; without one, the first line with a word in it.
fn title(text: &str) -> Option<String> {
    let lines = || text.lines().map(str::trim).filter(|line| line.contains(char::is_alphanumeric));
    let heading =
        lines().find_map(|line| line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()));
    let line = heading.filter(|heading| !heading.is_empty()).or_else(|| lines().next())?;
    Some(crate::display::text::one_line(line, TITLE_CHARACTERS))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "a case reads better without a reference")]
    fn check(bytes: &[u8], expected: Expect) {
        let said = match Brief::from_bytes("b.md", bytes.to_vec()) {
            Ok(brief) => format!("{}\n", brief.title),
            Err(failure) => failure.render(false),
        };
        expected.assert_eq(&said);
    }

    #[test]
    fn the_first_heading_is_the_title() {
        check(b"intro\n\n## Add `--json`  \n\nmore", expect![["Add `--json`\n"]]);
        check("\u{feff}\n---\nJust a line\n".as_bytes(), expect![["Just a line\n"]]);
    }

    #[test]
    fn what_is_not_a_text_is_refused() {
        check(
            b"  \n\t\n",
            expect![[r#"
            error: the brief b.md is empty
            hint: write what is wanted, as you would tell a colleague; the first heading becomes the title
        "#]],
        );
        check(
            b"# \n---\n",
            expect![[r#"
            error: the brief b.md is empty
            hint: write what is wanted, as you would tell a colleague; the first heading becomes the title
        "#]],
        );
        check(
            b"ok \xff\xfe",
            expect![[r#"
            error: the brief b.md is not text: byte 4 is not UTF-8
            hint: save it as a plain text or Markdown file in UTF-8
        "#]],
        );
        check(
            b"ELF\0\x01",
            expect![[r#"
            error: the brief b.md is not text: byte 4 is a control character
            hint: save it as a plain text or Markdown file in UTF-8
        "#]],
        );
        check(
            &vec![b'a'; 300 * 1024],
            expect![[r#"
            error: the brief b.md is larger than 256 KiB
            hint: keep to what is wanted; put long material into the repository and refer to it
        "#]],
        );
    }
}
