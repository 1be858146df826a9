//! Prompts as they are written, made into prompts as they are read: a line about a tool is only for who has it, and
//! examples are of the repository's language.

use syndarix_core::tool::ToolSpec;

use super::examples::Placeholder;

/// What a line begins with that is only for agents with a tool, as in `{with apply_patch}`; a tool's argument is
/// named as in `{with git_commit.paths}`.
const WITH: &str = "{with ";
/// The opposite.
const WITHOUT: &str = "{without ";

/// The prompt for an agent with these tools. What is in braces and means nothing here stays as it is: team files
/// have prompts of their own.
pub(super) fn fill(prompt: &str, tools: &[ToolSpec], placeholders: &[Placeholder]) -> String {
    let lines: Vec<&str> = prompt.trim().lines().filter_map(|line| for_who_has(line, tools)).collect();
    let mut text = lines.join("\n");
    for (name, example) in placeholders {
        text = text.replace(name, example);
    }
    text
}

/// The line without its condition, where the condition holds.
fn for_who_has<'l>(line: &'l str, tools: &[ToolSpec]) -> Option<&'l str> {
    for (marker, wanted) in [(WITH, true), (WITHOUT, false)] {
        if let Some((tool, rest)) = line.strip_prefix(marker).and_then(|rest| rest.split_once('}')) {
            return (has(tools, tool) == wanted).then_some(rest);
        }
    }
    Some(line)
}

/// Whether there is a tool of this name, or with `TOOL.ARGUMENT` one that takes this argument.
pub(super) fn has(tools: &[ToolSpec], name: &str) -> bool {
    let (tool, argument) =
        name.split_once('.').map_or((name, None), |(tool, argument)| (tool, Some(argument)));
    let takes = |spec: &ToolSpec, argument: &str| spec.input_schema["properties"].get(argument).is_some();
    tools.iter().any(|spec| spec.name == tool && argument.is_none_or(|argument| takes(spec, argument)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use syndarix_core::effect::Repeatability;
    use syndarix_core::tool::Risk;

    fn tool(name: &str, argument: &str) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            input_schema: json!({ "type": "object", "properties": { argument: {} } }),
            repeatability: Repeatability::ReadOnly,
            risk: Risk::Low,
        }
    }

    #[test]
    fn lines_and_examples_are_for_who_reads_them() {
        let tools = [tool("search", "context"), tool("git_commit", "message")];
        let examples = [("{check_example}", r#"["npm","test"]"#.to_owned())];
        for (prompt, expected) in [
            ("one\n\ntwo", "one\n\ntwo"),
            ("{with search}- search\n{with apply_patch}- patch\nend", "- search\nend"),
            ("{without search}- read\n{without apply_patch}- edit", "- edit"),
            ("{with search.context}a\n{with git_commit.paths}b\n{without git_commit.paths}c", "a\nc"),
            ("run_command {\"command\": {check_example}}", r#"run_command {"command": ["npm","test"]}"#),
            ("keep {this} and {with that", "keep {this} and {with that"),
        ] {
            assert_eq!(fill(prompt, &tools, &examples), expected);
        }
    }
}
