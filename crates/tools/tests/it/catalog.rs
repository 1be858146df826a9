//! The tools as models see them, for review: what changes here changes every agent's prompt.

use expect_test::expect_file;
use serde_json::{Value, json};
use syndarix_tools::workspace_server::WorkspaceTool;

#[test]
fn the_tools_are_as_reviewed() {
    let tools: Vec<Value> = WorkspaceTool::ALL
        .into_iter()
        .map(|tool| {
            let spec = tool.spec();
            json!({
                "name": spec.name,
                "description": spec.description,
                "input_schema": spec.input_schema,
                "repeatability": spec.repeatability,
                "risk": spec.risk,
            })
        })
        .collect();
    let shown = serde_json::to_string_pretty(&tools).unwrap() + "\n";
    expect_file!["catalog.json"].assert_eq(&shown);
}
