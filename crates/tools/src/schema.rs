//! Checking arguments against a tool's schema before anything is done, in words a model can act on.
//!
//! Covers what tools use in practice: types, required and unknown properties, enumerations, bounds and items.
//! What a schema says beyond that is the server's own to check.

use serde_json::{Map, Value};

/// How deep schemas are followed; deeper parts are left to the server.
const DEPTH: u32 = 16;

/// The first thing wrong with a tool's arguments.
pub(crate) fn check(schema: &Value, arguments: &Map<String, Value>) -> Result<(), String> {
    properties(schema, arguments, "", DEPTH)
}

fn properties(schema: &Value, object: &Map<String, Value>, at: &str, depth: u32) -> Result<(), String> {
    let none = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !object.contains_key(name) {
            let near = nearest(name, object.keys().filter(|given| !known.contains_key(*given)));
            let hint = near.map(|near| format!(" (did you mean it by `{near}`?)")).unwrap_or_default();
            return Err(format!("the argument `{at}{name}` is missing{hint}"));
        }
    }
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, value) in object {
        match known.get(name) {
            Some(expected) => value_at(expected, value, &format!("{at}{name}"), depth)?,
            None if closed => {
                let hint = match nearest(name, known.keys()) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None if known.is_empty() => "; it takes none".to_owned(),
                    None => format!("; it takes {}", known.keys().cloned().collect::<Vec<_>>().join(", ")),
                };
                return Err(format!("there is no argument `{at}{name}`{hint}"));
            }
            None => {}
        }
    }
    Ok(())
}

fn value_at(schema: &Value, value: &Value, at: &str, depth: u32) -> Result<(), String> {
    if depth == 0 {
        return Ok(());
    }
    if let Some(expected) = schema.get("type") {
        let types: Vec<&str> = match expected {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|expected| is(value, expected)) {
            return Err(format!("`{at}` must be {}, not {}", types.join(" or "), kind(value)));
        }
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed = allowed.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        return Err(format!("`{at}` must be one of {allowed}"));
    }
    if let Some(number) = value.as_f64() {
        if let Some(minimum) =
            schema.get("minimum").and_then(Value::as_f64).filter(|minimum| number < *minimum)
        {
            return Err(format!("`{at}` must be at least {minimum}"));
        }
        if let Some(maximum) =
            schema.get("maximum").and_then(Value::as_f64).filter(|maximum| number > *maximum)
        {
            return Err(format!("`{at}` must be at most {maximum}"));
        }
    }
    match value {
        Value::Array(items) => {
            let fewest = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            if (items.len() as u64) < fewest {
                return Err(format!("`{at}` must have at least {fewest} items"));
            }
            if let Some(expected) = schema.get("items").filter(|expected| expected.is_object()) {
                for (index, item) in items.iter().enumerate() {
                    value_at(expected, item, &format!("{at}[{index}]"), depth - 1)?;
                }
            }
            Ok(())
        }
        Value::Object(object) => properties(schema, object, &format!("{at}."), depth - 1),
        _ => Ok(()),
    }
}

fn is(value: &Value, expected: &str) -> bool {
    match expected {
        "string" => value.is_string(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The name most like this one, if any is alike.
pub(crate) fn nearest<S: AsRef<str>>(name: &str, known: impl IntoIterator<Item = S>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate.as_ref()), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate.as_ref().to_owned())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn problem(arguments: Value, expected: &Expect) {
        let schema = json!({
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "depth": {"type": "integer", "minimum": 1},
                "command": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "how": {"enum": ["fast", "slow"]},
                "nested": {"type": "object", "properties": {"a": {"type": ["boolean", "null"]}}},
            },
            "required": ["path"],
            "additionalProperties": false,
        });
        let Value::Object(arguments) = arguments else { panic!("not an object") };
        expected.assert_eq(&check(&schema, &arguments).err().unwrap_or_default());
    }

    #[test]
    fn a_model_is_told_what_to_mend() {
        problem(json!({"path": "a", "depth": 2, "nested": {"a": null, "b": 1}}), &expect![""]);
        problem(json!({}), &expect!["the argument `path` is missing"]);
        problem(
            json!({"paths": "a"}),
            &expect!["the argument `path` is missing (did you mean it by `paths`?)"],
        );
        problem(json!({"path": 1}), &expect!["`path` must be string, not number"]);
        problem(
            json!({"path": "a", "dept": 1}),
            &expect!["there is no argument `dept`; did you mean `depth`?"],
        );
        problem(json!({"path": "a", "depth": 0}), &expect!["`depth` must be at least 1"]);
        problem(json!({"path": "a", "depth": 1.5}), &expect!["`depth` must be integer, not number"]);
        problem(json!({"path": "a", "command": []}), &expect!["`command` must have at least 1 items"]);
        problem(
            json!({"path": "a", "command": ["a", 1]}),
            &expect!["`command[1]` must be string, not number"],
        );
        problem(json!({"path": "a", "how": "soon"}), &expect![[r#"`how` must be one of "fast", "slow""#]]);
        problem(
            json!({"path": "a", "nested": {"a": "x"}}),
            &expect!["`nested.a` must be boolean or null, not string"],
        );
        problem(
            json!({"path": "a", "zzz": 1}),
            &expect!["there is no argument `zzz`; it takes path, depth, command, how, nested"],
        );
    }
}
