//! Guards: pure decisions that stop a run which gets nowhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use syndarix_core::blob::BlobHash;

use super::state::RunState;
use crate::agent_type::Limits;

/// How many different tool calls are kept in mind; older ones are forgotten.
const REMEMBERED: usize = 64;

/// Tools whose success with something new means that the work moved on.
const PROGRESS: [&str; 7] = [
    "write_file",
    "edit_file",
    "git_commit",
    "write_artifact",
    "propose_tasks",
    "plan_sprint",
    "send_message",
];

/// Tool calls that gave the same result while nothing changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeats {
    /// How often the work moved on.
    pub progress: u32,
    /// How often each call gave each result, by fingerprint, the newest last.
    pub seen: Vec<(String, u32)>,
}

/// What a guard says about a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Fine,
    /// Go on, but tell the model that this tool call gets it nowhere.
    Tell {
        /// How often it was made.
        count: u32,
    },
    /// Stop the run.
    Stop {
        /// How often it was made.
        count: u32,
    },
}

impl Repeats {
    /// Takes note of a call and its result.
    ///
    /// What a call changed counts only when it is new: writing the same file again, or two versions of it in
    /// turns, is not progress. What a call reads counts again after each progress, because the same answer may
    /// mean something else then.
    pub fn observe(
        &mut self,
        tool: &str,
        arguments: &Value,
        result: &str,
        is_error: bool,
        most: u32,
    ) -> Verdict {
        let changes = PROGRESS.contains(&tool);
        let progress = if changes { u32::MAX } else { self.progress };
        let request = arguments.to_string();
        let parts = [tool.as_bytes(), b"\0", request.as_bytes(), b"\0", result.as_bytes(), b"\0"];
        let stamp = progress.to_le_bytes();
        let hash = BlobHash::from_parts(parts.into_iter().chain([stamp.as_slice()]));
        let fingerprint = hash.short().to_owned();
        let known = self.seen.iter().position(|(seen, _)| *seen == fingerprint);
        let count = known.map_or(0, |index| self.seen.remove(index).1) + 1;
        self.seen.push((fingerprint, count));
        if self.seen.len() > REMEMBERED {
            self.seen.remove(0);
        }
        if changes && !is_error && count == 1 {
            self.progress += 1;
        }
        match count {
            count if count >= most.saturating_mul(2) => Verdict::Stop { count },
            count if count == most => Verdict::Tell { count },
            _ => Verdict::Fine,
        }
    }
}

/// Which cap a run has reached, before its next thought, and what it says; `None` where it may go on.
pub fn cap_reached(state: &RunState, limits: &Limits) -> Option<(&'static str, String)> {
    if state.iterations >= limits.steps {
        return Some((
            "steps",
            format!("the agent used all {} model calls of a run without finishing", limits.steps),
        ));
    }
    if state.run_tokens >= limits.run_tokens {
        return Some((
            "tokens",
            format!(
                "the agent used {} tokens in one run; the limit is {}",
                state.run_tokens, limits.run_tokens
            ),
        ));
    }
    let minutes = state.active_ms / 60_000;
    if minutes >= u64::from(limits.run_minutes) {
        return Some((
            "time",
            format!("the agent worked for {minutes} minutes in one run; the limit is {}", limits.run_minutes),
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_run_stops_at_the_first_cap_it_reaches() {
        let limits = Limits { steps: 3, run_tokens: 100, run_minutes: 2, ..Limits::default() };
        for (iterations, run_tokens, active_ms, cap) in [
            (0, 0, 0, None),
            (2, 99, 119_999, None),
            (3, 0, 0, Some("steps")),
            (4, 0, 0, Some("steps")),
            (0, 100, 0, Some("tokens")),
            (0, 0, 120_000, Some("time")),
            (3, 100, 120_000, Some("steps")),
        ] {
            let state =
                RunState { iterations, run_tokens, active_ms, ..RunState::new(BlobHash::of(b""), vec![]) };
            assert_eq!(cap_reached(&state, &limits).map(|(guard, _)| guard), cap, "{state:?}");
        }
    }

    fn verdicts(calls: &[(&str, &str, &str)]) -> String {
        let mut repeats = Repeats::default();
        calls
            .iter()
            .map(|(tool, argument, result)| {
                match repeats.observe(tool, &json!({ "a": argument }), result, false, 2) {
                    Verdict::Fine => '.',
                    Verdict::Tell { .. } => 'T',
                    Verdict::Stop { .. } => 'S',
                }
            })
            .collect()
    }

    #[test]
    fn only_repetition_without_progress_is_stopped() {
        type Case<'c> = (&'c str, &'c [(&'c str, &'c str, &'c str)], &'c str);
        let read = ("read_file", "x", "text");
        let write = |content| ("write_file", content, "written");
        let cases: &[Case<'_>] = &[
            ("the same call", &[read; 4], ".T.S"),
            ("another result each time", &[("run", "t", "1"), ("run", "t", "2"), ("run", "t", "3")], "..."),
            ("reading again after each change", &[read, write("1"), read, write("2"), read], "....."),
            ("writing the same again", &[write("1"); 4], ".T.S"),
            ("two versions in turns", &[write("1"), write("2"), write("1"), write("2"), write("1")], "..TT."),
            ("in turns with the same writing", &[read, write("1"), read, write("1"), read], "...TT"),
        ];
        for (name, calls, expected) in cases {
            assert_eq!(verdicts(calls), *expected, "{name}");
        }
    }
}
