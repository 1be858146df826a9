//! A tool call as a human is asked about it.

use serde_json::Value;
use syndarix_core::permission::CallScope;
use syndarix_core::tool::ToolCall;
use syndarix_tools::set_up;

use crate::context::{head, middle_out};

/// A call in a few words. That it has the network, where others have none, is part of what it is.
pub(super) fn described(call: &ToolCall) -> String {
    let command = match call.arguments.get("command") {
        Some(Value::Array(words)) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            Some(words.join(" "))
        }
        Some(Value::String(line)) => Some(line.clone()),
        _ => None,
    };
    let command = command.map(|command| format!("`{}`", head(&command, 80)));
    match command {
        Some(command) if call.name == set_up::NAME => format!("{command} with the network"),
        Some(command) => command,
        None if call.name == set_up::NAME => {
            format!("{}, which installs what is committed, with the network", call.name)
        }
        None => format!("{} {}", call.name, head(&call.arguments.to_string(), 80)),
    }
}

/// A call with all its arguments, as far as a person reads them.
pub(super) fn shown(call: &ToolCall) -> String {
    let arguments = serde_json::to_string_pretty(&call.arguments).unwrap_or_default();
    format!("{}\n{}", call.name, middle_out(&arguments, 20_000))
}

/// A call with what `--always` would allow beside it. Nothing else is allowed by it, whatever comes later.
pub(super) fn shown_with_offer(call: &ToolCall, always: Option<&CallScope>) -> String {
    let shown = shown(call);
    match always {
        Some(scope) => format!(
            "{shown}\n\nWith `--always`, nobody is asked again in this project about {scope}. `syndarix approvals \
             --rules` lists what is allowed so, and `--revoke` takes it back."
        ),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_the_network_is_asked_about_as_such() {
        for (name, arguments, expected) in [
            ("run_command", json!({"command": ["npm", "test"]}), "`npm test`"),
            ("run_command", json!({"command": "npm ci && npm test"}), "`npm ci && npm test`"),
            ("set_up_environment", json!({"command": ["npm", "i", "x"]}), "`npm i x` with the network"),
            (
                "set_up_environment",
                json!({}),
                "set_up_environment, which installs what is committed, with the network",
            ),
            ("mcp_git_push", json!({"to": "main"}), "mcp_git_push {\"to\":\"main\"}"),
        ] {
            let call = ToolCall { id: "1".to_owned(), name: name.to_owned(), arguments };
            assert_eq!(described(&call), expected);
        }
    }
}
