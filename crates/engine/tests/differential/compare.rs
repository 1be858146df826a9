//! Where two transcripts part, for a person to read.

use crate::driver::Transcript;
use crate::on_purpose;
use crate::program::Program;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How much of what both sides agreed on is shown before where they part.
const BEFORE: usize = 8;

/// How many differences are shown: what follows the first is often its consequence.
const MOST: usize = 24;

/// What differs, with the steps that led to it; `None` where nothing does.
pub(crate) fn difference(program: &Program, names: [&str; 2], sides: [&Transcript; 2]) -> Option<String> {
    let [left, right] = sides;
    let longest = left.len().max(right.len());
    let differs = |place: &usize| entry(left.get(*place), right.get(*place));
    let first = (0..longest).find(|place| !differs(place).is_empty())?;
    let mut out = format!("seed {}: {} and {} part\n", program.seed, names[0], names[1]);
    for step in &program.steps {
        let _ = writeln!(out, "      {step:?}");
    }
    out.push_str("    before they part:\n");
    for (what, value) in &left[first.saturating_sub(BEFORE)..first] {
        let _ = writeln!(out, "      {what}\n          {}", short(value));
    }
    let all = (first..longest).flat_map(|place| differs(&place));
    for line in all.take(MOST) {
        let _ = writeln!(out, "  !!  {line}");
    }
    Some(out)
}

/// The first step of which nothing came, if there is one. It is no difference, but makes a program say less.
pub(crate) fn idle(side: &Transcript) -> Option<&str> {
    let nothing = ["no task", "it did not come", "no answer"];
    let idle = side.iter().find(|(_, came)| came.as_str().is_some_and(|came| nothing.contains(&came)));
    idle.map(|(what, _)| what.as_str())
}

/// How two entries differ, a field a line.
fn entry(left: Option<&(String, Value)>, right: Option<&(String, Value)>) -> Vec<String> {
    match (left, right) {
        (Some((what, left)), Some((other, right))) if what == other => {
            let (left, right) = (leaves(left), leaves(right));
            let mut paths: Vec<&String> = left.keys().chain(right.keys()).collect();
            paths.sort();
            paths.dedup();
            let differ = paths.into_iter().filter(|path| left.get(*path) != right.get(*path));
            let server = |path: &String| right.get(path).unwrap_or(&Value::Null);
            let differ = differ.filter(|path| !on_purpose::is_only_here(what, path, server(path)));
            let show = |value: Option<&Value>| value.map_or_else(|| "(nothing)".to_owned(), Value::to_string);
            differ
                .map(|path| {
                    format!("{what}\n        {path}: {} | {}", show(left.get(path)), show(right.get(path)))
                })
                .collect()
        }
        (None, None) => Vec::new(),
        (left, right) => {
            let show =
                |side: Option<&(String, Value)>| side.map_or("(nothing more)", |(what, _)| what).to_owned();
            vec![format!("{} | {}", show(left), show(right))]
        }
    }
}

/// The values of a tree by their paths.
fn leaves(value: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    collect(String::new(), value, &mut found);
    found
}

fn collect(path: String, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                collect(format!("{path}/{key}"), value, found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(format!("{path}/{index}"), value, found);
            }
        }
        leaf => {
            found.insert(path, leaf.clone());
        }
    }
}

fn short(value: &Value) -> String {
    const LONGEST: usize = 300;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
