//! Reading scripts, and finding the scene that a call plays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use syndarix_core::role::Role;
use syndarix_core::usage::TokenUsage;
use toml::Spanned;

use super::scene::{Fault, Key, SceneEntry, Wanted};
use crate::error::{FailureKind, ProviderError};
use crate::provider::CallInfo;
use crate::request::Scene;

/// The model there is when neither `models` nor a scene names one.
const DEFAULT_MODEL: &str = "main";

/// Every key of a script, for suggestions.
const KEYS: [&str; 23] = [
    "models",
    "scene",
    "role",
    "agent",
    "stage",
    "task",
    "round",
    "turn",
    "model",
    "text",
    "tool_calls",
    "name",
    "arguments",
    "usage",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "delay_ms",
    "fault",
    "fault_times",
    "retry_after_ms",
];

/// Why a script cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct ScriptError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// Scenes, ready to be played.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    models: BTreeSet<String>,
    /// The most specific first.
    scenes: Vec<SceneEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    scene: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    role: Option<Role>,
    agent: Option<String>,
    stage: Option<String>,
    task: Option<String>,
    round: Option<u32>,
    turn: Option<u32>,
    model: Option<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    tool_calls: Vec<Call>,
    usage: Option<TokenUsage>,
    #[serde(default)]
    delay_ms: u64,
    fault: Option<Fault>,
    fault_times: Option<u32>,
    retry_after_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    #[serde(default = "no_arguments")]
    arguments: Value,
}

fn no_arguments() -> Value {
    Value::Object(serde_json::Map::new())
}

impl Script {
    /// Reads one file.
    pub fn parse(file: &str, source: &str) -> Result<Self, ScriptError> {
        Self::parse_all([(file, source)])
    }

    /// Reads several files into one script.
    pub fn parse_all<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        for (name, source) in files {
            let file: File = toml::from_str(source).map_err(|error| explain(name, source, &error))?;
            script.models.extend(file.models);
            for entry in file.scene {
                let line = line_of(source, entry.span().start);
                script.scenes.push(scene(name, line, entry.into_inner())?);
            }
        }
        script.models.extend(script.scenes.iter().filter_map(|scene| scene.key.model.clone()));
        if script.models.is_empty() {
            script.models.insert(DEFAULT_MODEL.to_owned());
        }
        script.refuse_ties()?;
        script.scenes.sort_by_key(|scene| std::cmp::Reverse(scene.key.rank()));
        Ok(script)
    }

    /// The models there are.
    pub fn models(&self) -> Vec<String> {
        self.models.iter().cloned().collect()
    }

    /// The scenes, the most specific first.
    pub fn scenes(&self) -> &[SceneEntry] {
        &self.scenes
    }

    /// The scene that a call plays, and what goes wrong in it, if anything.
    pub(super) fn find(
        &self,
        scene: &Scene,
        call: &CallInfo<'_>,
    ) -> Result<(&SceneEntry, Option<Fault>), ProviderError> {
        if !self.models.contains(call.model) {
            let message =
                format!("the script has no model `{}`; it has {}", call.model, self.models().join(", "));
            return Err(ProviderError::new(FailureKind::ModelNotFound, message));
        }
        for entry in self.scenes.iter().filter(|entry| entry.key.matches(scene, call.model)) {
            let fault = entry.fault_at(call);
            if fault.is_some() || entry.answers() {
                return Ok((entry, fault));
            }
        }
        let closest = self.scenes.iter().min_by_key(|entry| entry.key.differences(scene, call.model).len());
        let closest = closest.map_or(String::new(), |entry| {
            let differs = entry.key.differences(scene, call.model).join(", ");
            format!("; the closest is {}:{}, which differs in {differs}", entry.file, entry.line)
        });
        let message = format!("no scene for {}{closest}", Wanted(scene, call.model));
        Err(ProviderError::new(FailureKind::NoScene, message))
    }

    /// Two scenes with the same keys and values would leave it to chance which is played.
    fn refuse_ties(&self) -> Result<(), ScriptError> {
        let mut seen: BTreeMap<String, &SceneEntry> = BTreeMap::new();
        for scene in &self.scenes {
            if let Some(first) = seen.insert(format!("{:?}", scene.key), scene) {
                let message = format!(
                    "this scene applies exactly when the one at {}:{} does; tell them apart by another key",
                    first.file, first.line
                );
                return Err(ScriptError { file: scene.file.clone(), line: scene.line, message });
            }
        }
        Ok(())
    }
}

fn scene(file: &str, line: usize, entry: Entry) -> Result<SceneEntry, ScriptError> {
    let scene = SceneEntry {
        key: Key {
            role: entry.role,
            agent: entry.agent.map(|agent| agent.to_lowercase()),
            stage: entry.stage,
            task: entry.task,
            round: entry.round,
            turn: entry.turn,
            model: entry.model,
        },
        file: file.to_owned(),
        line,
        text: entry.text,
        tool_calls: entry.tool_calls.into_iter().map(|call| (call.name, call.arguments)).collect(),
        usage: entry.usage,
        delay: Duration::from_millis(entry.delay_ms),
        fault: entry.fault,
        fault_times: entry.fault_times,
        retry_after: entry.retry_after_ms.map(Duration::from_millis),
    };
    let wrong = if scene.fault.is_none() && !scene.answers() {
        "this scene does nothing; give it text, tool_calls or a fault"
    } else if scene.fault.is_none() && scene.fault_times.is_some() {
        "fault_times needs a fault"
    } else if scene.retry_after.is_some()
        && !matches!(scene.fault, Some(Fault::RateLimited | Fault::Overloaded))
    {
        "retry_after_ms needs the fault rate_limited or overloaded"
    } else {
        return Ok(scene);
    };
    Err(ScriptError { file: file.to_owned(), line, message: wrong.to_owned() })
}

/// Says what is wrong and where, with the nearest name for a key or a value that does not exist.
fn explain(file: &str, source: &str, error: &toml::de::Error) -> ScriptError {
    let line = error.span().map_or(1, |span| line_of(source, span.start));
    let mut message = error.message().trim().to_owned();
    if let Some(unknown) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
        let nearest = KEYS
            .iter()
            .map(|key| (strsim::jaro_winkler(unknown, key), key))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(likeness, _)| *likeness > 0.7);
        let suggestion = nearest.map(|(_, key)| format!("; did you mean `{key}`?")).unwrap_or_default();
        message = format!("there is no key `{unknown}` here{suggestion}");
    }
    ScriptError { file: file.to_owned(), line, message }
}

fn line_of(source: &str, offset: usize) -> usize {
    source[..source.floor_char_boundary(offset)].matches('\n').count() + 1
}
