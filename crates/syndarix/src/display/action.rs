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
        "git_commit" => Action::Deed(format!("commits \"{}\"", shown("message"))),
        "finish" => Action::Word(format!("finishes: {}", shown("summary"))),
        "plan_sprint" => Action::Word(format!("plans: {}", shown("goal"))),
        "read_file" => Action::Aside(format!("reads {}", shown("path"))),
        "list_files" => Action::Aside(format!("looks at the files {}", shown("path"))),
        "search" => Action::Aside(format!("searches for {}", shown("pattern"))),
        "read_artifact" => Action::Aside(format!("reads {}", shown("name"))),
        "git_status" | "git_diff" | "git_log" => {
            Action::Aside(format!("looks at {}", tool.replace('_', " ")))
        }
        "write_artifact" | "propose_tasks" | "submit_review" | "report_qa" | "hand_off" | "send_message"
        | "ask_human" | "remember" => Action::Aside(format!("{tool} {}", one_line(arguments, LIMIT))),
        other => Action::Deed(format!("{other} {}", one_line(arguments, LIMIT))),
    }
}

/// The text of a key, as far as it is there.
fn value(arguments: &str, key: &str) -> String {
    let Some((_, rest)) = arguments.split_once(&format!("\"{key}\":")) else { return String::new() };
    rest.trim_start().strip_prefix('"').map_or_else(String::new, |rest| text(rest).0)
}

/// The texts of a list, joined by spaces, as far as they are there.
fn words(arguments: &str, key: &str) -> String {
    let Some((_, rest)) = arguments.split_once(&format!("\"{key}\":")) else { return String::new() };
    let Some(mut rest) = rest.trim_start().strip_prefix('[') else { return String::new() };
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
                Some((_, 'n' | 't' | 'r')) => found.push(' '),
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
        for (tool, arguments, expected) in [
            ("run_command", r#"{"command":["cargo","test"],"timeout_s":9}"#, deed("runs `cargo test`")),
            ("run_command", r#"{"command":["cargo","te…"#, deed("runs `cargo te…`")),
            ("write_file", r#"{"content":"fn \"x\"\n","path":"src/a.rs"}"#, deed("writes src/a.rs")),
            ("git_commit", r#"{"message":"Add\n\nmore"}"#, deed("commits \"Add more\"")),
            ("write_file", "…", deed("writes ")),
            ("mcp_docs_find", r#"{"q":1}"#, deed(r#"mcp_docs_find {"q":1}"#)),
        ] {
            assert_eq!(action(tool, arguments), expected);
        }
    }
}
