//! Agents: named members of a team, and the state machine each of them is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, ProjectId};
use crate::role::Role;
use crate::time::Timestamp;

/// What an agent is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Has nothing to do.
    #[default]
    Idle,
    /// Waits for its model.
    Thinking,
    /// Runs a tool.
    Executing,
    /// Waits for a human's or another agent's answer.
    WaitingInput,
    /// Its work is with a reviewer.
    WaitingReview,
    /// Cannot go on until something outside changes, such as a budget.
    Blocked,
    /// Finished the task it was on.
    Completed,
    /// Its run failed.
    Error,
}

/// What moves an agent from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentTransition {
    /// Takes up a task, or the next thought about it.
    Think,
    /// Begins to run the tools the model asked for.
    Execute,
    /// Asks a human or another agent, and waits.
    AwaitInput,
    /// Gives its work to a reviewer, and waits.
    AwaitReview,
    /// Meets an obstacle outside itself.
    Block,
    /// Ends the run with its task finished or handed on.
    Complete,
    /// Ends the run with an error.
    Fail,
    /// Is free for the next task.
    Release,
}

/// A transition that the state machine does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an agent that is {from} cannot {transition:?}")]
pub struct IllegalTransition {
    /// The state the agent was in.
    pub from: AgentState,
    /// What was tried.
    pub transition: AgentTransition,
}

impl AgentState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Idle,
        Self::Thinking,
        Self::Executing,
        Self::WaitingInput,
        Self::WaitingReview,
        Self::Blocked,
        Self::Completed,
        Self::Error,
    ];

    /// The state after a transition. Repeating the transition that led here is accepted and changes
    /// nothing, because a step that is retried after a crash announces itself again.
    pub fn after(self, transition: AgentTransition) -> Result<Self, IllegalTransition> {
        use AgentState as S;
        use AgentTransition as T;
        let next = match (self, transition) {
            (S::Completed | S::Error | S::Idle, T::Release) => S::Idle,
            (_, T::Think) => S::Thinking,
            // An approved tool call, or a budget that was raised, lets an agent go on where it stopped.
            (S::Thinking | S::Executing | S::WaitingInput | S::Blocked, T::Execute) => S::Executing,
            (S::Thinking | S::Executing | S::WaitingInput, T::AwaitInput) => S::WaitingInput,
            (S::Thinking | S::Executing | S::Completed | S::WaitingReview, T::AwaitReview) => {
                S::WaitingReview
            }
            (S::Thinking | S::Executing | S::WaitingInput | S::WaitingReview | S::Blocked, T::Block) => {
                S::Blocked
            }
            (S::Thinking | S::Executing | S::WaitingReview | S::Completed, T::Complete) => S::Completed,
            (
                S::Thinking | S::Executing | S::WaitingInput | S::WaitingReview | S::Blocked | S::Error,
                T::Fail,
            ) => S::Error,
            (from, transition) => return Err(IllegalTransition { from, transition }),
        };
        Ok(next)
    }

    /// The state's name in files and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Thinking => "thinking",
            Self::Executing => "executing",
            Self::WaitingInput => "waiting_input",
            Self::WaitingReview => "waiting_review",
            Self::Blocked => "blocked",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for AgentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A named member of one project's team, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// `PROJECT/dave`.
    pub id: AgentId,
    /// The project it works in.
    pub project: ProjectId,
    /// Its name for people, such as `Dave`.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// The agent type it was made from, such as `engineer`.
    pub agent_type: String,
    /// The agent it reports to, if any.
    pub reports_to: Option<AgentId>,
    /// What it can do, as matched against a task's needs.
    pub capabilities: Vec<String>,
    /// What it is doing.
    pub state: AgentState,
    /// When its state last changed.
    pub state_since: Timestamp,
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const TRANSITIONS: [AgentTransition; 8] = [
        AgentTransition::Think,
        AgentTransition::Execute,
        AgentTransition::AwaitInput,
        AgentTransition::AwaitReview,
        AgentTransition::Block,
        AgentTransition::Complete,
        AgentTransition::Fail,
        AgentTransition::Release,
    ];

    /// The whole state machine: a row per state, a column per transition, `-` where it is illegal.
    #[test]
    fn the_state_machine() {
        let cell = |text: &str| format!("{text:<15}");
        let mut table = cell("");
        for transition in TRANSITIONS {
            table += &cell(&format!("{transition:?}"));
        }
        for from in AgentState::ALL {
            table = format!("{}\n{}", table.trim_end(), cell(from.as_str()));
            for transition in TRANSITIONS {
                table += &cell(from.after(transition).map_or("-", AgentState::as_str));
            }
        }
        expect![[r"
                           Think          Execute        AwaitInput     AwaitReview    Block          Complete       Fail           Release
            idle           thinking       -              -              -              -              -              -              idle
            thinking       thinking       executing      waiting_input  waiting_review blocked        completed      error          -
            executing      thinking       executing      waiting_input  waiting_review blocked        completed      error          -
            waiting_input  thinking       executing      waiting_input  -              blocked        -              error          -
            waiting_review thinking       -              -              waiting_review blocked        completed      error          -
            blocked        thinking       executing      -              -              blocked        -              error          -
            completed      thinking       -              -              waiting_review -              completed      -              idle
            error          thinking       -              -              -              -              -              error          idle"]].assert_eq(table.trim_end());
    }

    #[test]
    fn a_transition_that_is_repeated_changes_nothing() {
        for from in AgentState::ALL {
            for transition in TRANSITIONS {
                if let Ok(to) = from.after(transition) {
                    assert_eq!(to.after(transition), Ok(to), "{from} {transition:?}");
                }
            }
        }
    }

    #[test]
    fn an_agent_always_finds_its_way_back_to_idle() {
        for from in AgentState::ALL {
            let freed = from.after(AgentTransition::Release).or_else(|_| {
                from.after(AgentTransition::Fail).and_then(|failed| failed.after(AgentTransition::Release))
            });
            assert_eq!(freed, Ok(AgentState::Idle), "{from}");
        }
    }

    #[test]
    fn names_are_the_stored_form() {
        for state in AgentState::ALL {
            assert_eq!(serde_json::to_value(state).expect("stores"), state.as_str());
        }
        let illegal = AgentState::Idle.after(AgentTransition::Execute).expect_err("nothing to execute");
        expect!["an agent that is idle cannot Execute"].assert_eq(&illegal.to_string());
    }
}
