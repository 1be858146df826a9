//! One scene: when it applies, and what happens then.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use syndarix_core::role::Role;
use syndarix_core::usage::TokenUsage;

use crate::provider::CallInfo;
use crate::request::Scene;

/// What goes wrong in a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429; `retry_after_ms` says when to come back.
    RateLimited,
    /// 529.
    Overloaded,
    /// 500.
    ServerError,
    /// No answer in time, after the scene's delay.
    Timeout,
    /// The connection is refused.
    Unreachable,
    /// The first half of the scene's text arrives, then nothing.
    CutStream,
    /// What arrives is not what the protocol says.
    Malformed,
    /// 401.
    Unauthorized,
    /// The model declines.
    Refusal,
    /// Neither text nor tool calls.
    Empty,
    /// An answer beyond the byte cap.
    TooLong,
}

/// When a scene applies: every key that is given must be equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) role: Option<Role>,
    pub(super) agent: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) task: Option<String>,
    pub(super) round: Option<u32>,
    pub(super) turn: Option<u32>,
    pub(super) model: Option<String>,
}

impl Key {
    /// What is given, with whether it is equal to the call's; in the order of [`Key::rank`].
    fn given(&self, scene: &Scene, model: &str) -> [Option<(&'static str, bool)>; 7] {
        [
            self.task.as_ref().map(|task| ("task", *task == scene.task)),
            self.agent.as_ref().map(|agent| ("agent", agent.eq_ignore_ascii_case(&scene.agent))),
            self.stage.as_ref().map(|stage| ("stage", *stage == scene.stage)),
            self.role.map(|role| ("role", role == scene.role)),
            self.round.map(|round| ("round", round == scene.round)),
            self.turn.map(|turn| ("turn", turn == scene.turn)),
            self.model.as_ref().map(|own| ("model", own == model)),
        ]
    }

    pub(super) fn matches(&self, scene: &Scene, model: &str) -> bool {
        self.given(scene, model).into_iter().flatten().all(|(_, equal)| equal)
    }

    /// The names of the keys that differ from the call's.
    pub(super) fn differences(&self, scene: &Scene, model: &str) -> Vec<&'static str> {
        self.given(scene, model)
            .into_iter()
            .flatten()
            .filter(|(_, equal)| !equal)
            .map(|(name, _)| name)
            .collect()
    }

    /// How specific it is: more keys beat fewer; among as many, the one that gives the first key in which they
    /// differ, in the order task, agent, stage, role, round, turn, model.
    pub(super) fn rank(&self) -> (u32, [bool; 7]) {
        let given = [
            self.task.is_some(),
            self.agent.is_some(),
            self.stage.is_some(),
            self.role.is_some(),
            self.round.is_some(),
            self.turn.is_some(),
            self.model.is_some(),
        ];
        (given.iter().map(|given| u32::from(*given)).sum(), given)
    }
}

/// A call's own key, as a script would write it.
pub(super) struct Wanted<'a>(pub(super) &'a Scene, pub(super) &'a str);

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(scene, model) = self;
        write!(
            f,
            "role = \"{}\", agent = \"{}\", stage = \"{}\", task = \"{}\", round = {}, turn = {}, model = \"{model}\"",
            scene.role, scene.agent, scene.stage, scene.task, scene.round, scene.turn
        )
    }
}

/// One scene of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneEntry {
    pub(super) key: Key,
    /// The file it is in.
    pub file: String,
    /// The line it begins at, from 1.
    pub line: usize,
    /// What the model says.
    pub text: String,
    /// The tools it calls, with their arguments.
    pub tool_calls: Vec<(String, Value)>,
    /// What it reports to have used; estimated where not given.
    pub usage: Option<TokenUsage>,
    /// How long it takes.
    pub delay: Duration,
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// How many attempts it goes wrong for; always where not given.
    pub fault_times: Option<u32>,
    /// When the fault says to come back.
    pub retry_after: Option<Duration>,
}

impl SceneEntry {
    /// Whether there is an answer, rather than only a fault.
    pub(super) fn answers(&self) -> bool {
        !self.text.is_empty() || !self.tool_calls.is_empty()
    }

    /// What goes wrong at this attempt. A scene that names its model counts that model's attempts, any other all
    /// attempts of the call.
    pub(super) fn fault_at(&self, call: &CallInfo<'_>) -> Option<Fault> {
        let attempt = if self.key.model.is_some() { call.model_attempt } else { call.attempt };
        self.fault.filter(|_| self.fault_times.is_none_or(|times| attempt < times))
    }
}
