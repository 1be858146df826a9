//! Checking arguments against a tool's schema, with messages that name the place and what is expected there.

use serde_json::Value;

use crate::team::suggest;

/// How deep a schema is followed.
const MAX_DEPTH: usize = 6;

/// The first thing that is wrong with the arguments. Knows the parts of JSON Schema that tools use: `type`,
/// `properties`, `required`, `additionalProperties: false`, `items`, `enum`; the rest is left to the tool.
pub(crate) fn check(schema: &Value, arguments: &Value) -> Result<(), String> {
    if let Value::String(text) = arguments {
        let error =
            serde_json::from_str::<Value>(text).err().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(format!(
            "the arguments are not a JSON object{error}; send them again, complete and well-formed"
        ));
    }
    value("the arguments", schema, arguments, MAX_DEPTH)
}

fn value(place: &str, schema: &Value, given: &Value, depth: usize) -> Result<(), String> {
    if depth == 0 {
        return Ok(());
    }
    if let Some(expected) = schema.get("type").and_then(Value::as_str)
        && !has_type(given, expected)
    {
        return Err(format!("{place} must be {}, not {}", article(expected), article(type_of(given))));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(given)
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        return Err(format!("{place} must be one of {}, not {given}", allowed.join(", ")));
    }
    match given {
        Value::Object(fields) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                let name = name.as_str().unwrap_or_default();
                if fields.get(name).is_none_or(Value::is_null) {
                    return Err(format!("`{name}` is missing in {place}"));
                }
            }
            let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
            for (name, field) in fields {
                let property = properties.and_then(|properties| properties.get(name));
                if let Some(property) = property.filter(|_| !field.is_null()) {
                    value(&format!("`{name}`"), property, field, depth - 1)?;
                } else if closed && property.is_none() {
                    let known = properties.into_iter().flat_map(|known| known.keys().map(String::as_str));
                    let hint = suggest(name, known).map(|hint| format!("; {hint}")).unwrap_or_default();
                    return Err(format!("{place} have no `{name}`{hint}"));
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    value(&format!("item {} of {place}", index + 1), schema, item, depth - 1)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn has_type(value: &Value, expected: &str) -> bool {
    match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => true,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn article(kind: &str) -> String {
    match kind {
        "object" | "array" | "integer" => format!("an {kind}"),
        "null" => "null".to_owned(),
        _ => format!("a {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team_tools::TeamTool;
    use expect_test::{Expect, expect};
    use serde_json::json;

    #[test]
    fn mistakes_are_named_with_their_place() {
        let check = |tool: TeamTool, arguments: Value, expected: Expect| {
            let answer = check(&tool.spec().input_schema, &arguments);
            expected.assert_eq(&answer.err().unwrap_or_else(|| "fine".to_owned()));
        };
        check(TeamTool::Finish, json!({ "summary": "done" }), expect!["fine"]);
        check(TeamTool::Finish, json!({}), expect!["`summary` is missing in the arguments"]);
        check(
            TeamTool::Finish,
            json!("{\"summary\": \"do"),
            expect![
                "the arguments are not a JSON object (EOF while parsing a string at line 1 column 15); send them again, complete and well-formed"
            ],
        );
        check(
            TeamTool::Finish,
            json!({ "summary": "x", "sumary": 1 }),
            expect!["the arguments have no `sumary`; did you mean `summary`?"],
        );
        check(TeamTool::Finish, json!({ "summary": 3 }), expect!["`summary` must be a string, not a number"]);
        check(
            TeamTool::SubmitReview,
            json!({ "verdict": "approved", "comments": "x" }),
            expect![[r#"`verdict` must be one of "approve", "send_back", not "approved""#]],
        );
        check(
            TeamTool::ProposeTasks,
            json!({ "tasks": [{ "slug": "a" }] }),
            expect!["`title` is missing in item 1 of `tasks`"],
        );
        check(
            TeamTool::ProposeTasks,
            json!({ "tasks": {} }),
            expect!["`tasks` must be an array, not an object"],
        );
        check(
            TeamTool::PlanSprint,
            json!({ "goal": "g", "tasks": ["a", 2] }),
            expect!["item 2 of `tasks` must be a string, not a number"],
        );
    }
}
