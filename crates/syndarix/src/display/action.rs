//! A tool call in a few words. The journal holds its arguments as JSON that may be cut off anywhere, so they are
//! looked through rather than parsed.

use super::text::one_line;

/// How a tool call is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// It changes or proves something.
    Deed(String),
    /// It says something to the others.
    Word(String),
    /// It only looks, or its effect has an event of its own.
    Aside(String),
}

/// How long the words may be.
const LIMIT: usize = 100;

/// A tool call in words.
pub(crate) fn action(tool: &str, arguments: &str) -> Action {
    let shown = |key: &str| one_line(&value(arguments, key), LIMIT);
    match tool {
        "run_command" => Action::Deed(format!("runs `{}`", one_line(&words(arguments, "command"), LIMIT))),
        "write_file" => Action::Deed(format!("writes {}", shown("path"))),
        "edit_file" => Action::Deed(format!("edits {}", shown("path"))),
        "git_commit" => Action::Deed(format!("commits \"{}\"", one_line(&subject(arguments), LIMIT))),
        "finish" => Action::Word(format!("finishes: {}", shown("summary"))),
        "plan_sprint" => Action::Word(format!("plans: {}", shown("goal"))),
        "report_qa" => Action::Word(verdict(arguments).to_owned()),
        "read_file" => Action::Aside(format!("reads {}", shown("path"))),
        "list_files" => Action::Aside(format!("looks at the files {}", shown("path"))),
        "search" => Action::Aside(format!("searches for {}", shown("pattern"))),
        "read_artifact" => Action::Aside(format!("reads {}", shown("name"))),
        "git_status" | "git_diff" | "git_log" => {
            Action::Aside(format!("looks at {}", tool.replace('_', " ")))
        }
        "write_artifact" | "propose_tasks" | "submit_review" | "hand_off" | "send_message" | "ask_human"
        | "remember" => Action::Aside(format!("{tool} {}", one_line(arguments, LIMIT))),
        other => Action::Deed(format!("{other} {}", one_line(arguments, LIMIT))),
    }
}

/// What QA found. Each finding has become a task, which has an event of its own.
fn verdict(arguments: &str) -> &'static str {
    match after(arguments, "passed") {
        Some(rest) if rest.starts_with("true") => "finds nothing wrong with the result",
        Some(rest) if rest.starts_with("false") => "does not let the result pass",
        _ => "reports on the result",
    }
}

/// The first line of a commit's message.
fn subject(arguments: &str) -> String {
    value(arguments, "message").lines().next().unwrap_or_default().to_owned()
}

/// What follows a key and its colon.
fn after<'a>(arguments: &'a str, key: &str) -> Option<&'a str> {
    arguments.split_once(&format!("\"{key}\":")).map(|(_, rest)| rest.trim_start())
}

/// The text of a key, as far as it is there.
fn value(arguments: &str, key: &str) -> String {
    let rest = after(arguments, key).and_then(|rest| rest.strip_prefix('"'));
    rest.map_or_else(String::new, |rest| text(rest).0)
}

/// The texts of a list, joined by spaces, as far as they are there; or the text that is in its place.
fn words(arguments: &str, key: &str) -> String {
    let Some(mut rest) = after(arguments, key).and_then(|rest| rest.strip_prefix('[')) else {
        return value(arguments, key);
    };
    let mut found: Vec<String> = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        let Some(inner) = rest.strip_prefix('"') else { return found.join(" ") };
        let (word, after) = text(inner);
        found.push(word);
        rest = after;
    }
}

/// A JSON text up to its closing quote, and what follows it.
fn text(rest: &str) -> (String, &str) {
    let mut found = String::new();
    let mut chars = rest.char_indices();
    while let Some((position, c)) = chars.next() {
        match c {
            '"' => return (found, &rest[position + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => found.push('\n'),
                Some((_, 't' | 'r')) => found.push(' '),
                Some((_, escaped)) => found.push(escaped),
                None => break,
            },
            other => found.push(other),
        }
    }
    (found, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_also_where_their_arguments_are_cut_off() {
        let deed = |text: &str| Action::Deed(text.to_owned());
        let word = |text: &str| Action::Word(text.to_owned());
        for (tool, arguments, expected) in [
            ("run_command", r#"{"command":["cargo","test"],"timeout_s":9}"#, deed("runs `cargo test`")),
            ("run_command", r#"{"command":["cargo","te…"#, deed("runs `cargo te…`")),
            ("run_command", r#"{"command":"cd a && make","timeout_s":9}"#, deed("runs `cd a && make`")),
            ("write_file", r#"{"content":"fn \"x\"\n","path":"src/a.rs"}"#, deed("writes src/a.rs")),
            ("git_commit", r#"{"message":"Add\n\nmore"}"#, deed("commits \"Add\"")),
            ("git_commit", r#"{"message":"Say \"hello\" twi…"#, deed("commits \"Say \"hello\" twi…\"")),
            ("report_qa", r#"{"findings":[],"passed":true}"#, word("finds nothing wrong with the result")),
            ("report_qa", r#"{"passed": false, "findings"…"#, word("does not let the result pass")),
            ("report_qa", r#"{"findings":[{"title":"…"#, word("reports on the result")),
            ("write_file", "…", deed("writes ")),
            ("mcp_docs_find", r#"{"q":1}"#, deed(r#"mcp_docs_find {"q":1}"#)),
        ] {
            assert_eq!(action(tool, arguments), expected);
        }
    }
}
