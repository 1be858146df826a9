//! Tasks: units of work with one assignee and an acceptance check, and the receipts that prove them done.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::blob::BlobHash;
use crate::id::{AgentId, ProjectId, TaskId};
use crate::role::Role;
use crate::time::Timestamp;

/// What kind of work a task is; decides which stage of the project it belongs to and which tools fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Write the vision and scope.
    Vision,
    /// Write the requirements and the backlog.
    Requirements,
    /// Decide the architecture.
    Architecture,
    /// Plan a sprint.
    SprintPlanning,
    /// Change the code.
    Development,
    /// Judge another agent's change.
    Review,
    /// Try to break what a sprint built.
    QualityAssurance,
    /// Mend what QA found.
    Defect,
    /// Prepare the delivery.
    Delivery,
}

impl TaskKind {
    /// The kind's name in files and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Requirements => "requirements",
            Self::Architecture => "architecture",
            Self::SprintPlanning => "sprint_planning",
            Self::Development => "development",
            Self::Review => "review",
            Self::QualityAssurance => "quality_assurance",
            Self::Defect => "defect",
            Self::Delivery => "delivery",
        }
    }

    /// Whether the work is a change on a branch that must be reviewed and merged.
    pub fn changes_code(self) -> bool {
        matches!(self, Self::Development | Self::Defect)
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// In the backlog.
    #[default]
    Backlog,
    /// In the current sprint, waiting for its assignee.
    Planned,
    /// Its assignee works on it.
    InProgress,
    /// With a reviewer.
    InReview,
    /// Reviewed and waiting to be merged.
    Approved,
    /// Waits for a human or for something outside.
    Blocked,
    /// Proven done by a receipt.
    Done,
    /// Given up, with a reason in the journal.
    Failed,
    /// Stopped by a human.
    Cancelled,
}

impl TaskState {
    /// The state's name in files and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::Planned => "planned",
            Self::InProgress => "in_progress",
            Self::InReview => "in_review",
            Self::Approved => "approved",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a task never leaves this state.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// Whether the task may go from this state to `next`. Done needs a receipt, so it is reached through
    /// [`Receipt`]-taking calls only; staying put is always allowed, because retried steps say so again.
    pub fn can_become(self, next: Self) -> bool {
        use TaskState as S;
        if self == next {
            return true;
        }
        if matches!(next, S::Failed | S::Cancelled | S::Blocked) {
            return !self.is_final();
        }
        match self {
            S::Backlog => matches!(next, S::Planned | S::InProgress),
            S::Planned => matches!(next, S::InProgress | S::Backlog),
            S::InProgress => matches!(next, S::InReview | S::Approved | S::Planned | S::Done),
            S::InReview => matches!(next, S::InProgress | S::Approved | S::Planned),
            S::Approved => matches!(next, S::Done | S::InProgress),
            S::Blocked => next != S::Done,
            S::Done | S::Failed | S::Cancelled => false,
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A command whose exit code decides whether work is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Check {
    /// The program and its arguments, run without a shell in the worktree's root.
    pub command: Vec<String>,
}

impl fmt::Display for Check {
    /// The command as a shell takes it: a word that is more than one to a shell is quoted, so that what is shown can
    /// be typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, word) in self.command.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            // Only a zero byte cannot be quoted, and a word with one cannot be run either.
            match shlex::try_quote(word) {
                Ok(quoted) => write!(f, "{space}{quoted}")?,
                Err(_) => write!(f, "{space}{word}")?,
            }
        }
        Ok(())
    }
}

/// The proof that a task is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The check that decided, if there is one: the task's own, or the project's last.
    pub check: Option<CheckReceipt>,
    /// The project's other checks that were run, in order.
    #[serde(default)]
    pub others: Vec<CheckReceipt>,
    /// The commit that holds the work, if it is in git.
    pub commit: Option<String>,
    /// `git diff --stat` of the work against where it began, if it is in git.
    pub diff_stat: Option<String>,
    /// The full diff, or the artifact produced.
    pub content: Option<BlobHash>,
    /// When it was proven.
    pub at: Timestamp,
}

/// What a check printed and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReceipt {
    /// The command as it was run.
    pub command: String,
    /// Its exit code.
    pub exit_code: i32,
    /// What it printed, possibly shortened in the middle.
    pub output: BlobHash,
    /// How long it ran.
    pub duration_ms: u64,
    /// Why it counts although it failed: nothing fails that did not fail before the work began.
    #[serde(default)]
    pub accepted_red: Option<String>,
}

/// A unit of work, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// `PROJECT/T-3`.
    pub id: TaskId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// What kind of work it is.
    pub kind: TaskKind,
    /// One line for people.
    pub title: String,
    /// What is to be done, in full.
    pub description: String,
    /// A stable name given by whoever proposed it (`parse-flag`); dependencies and scripted scenes use it.
    pub slug: String,
    /// The role that does this kind of work.
    pub role: Role,
    /// Capabilities its assignee needs.
    pub needs: Vec<String>,
    /// Tasks that must be done first.
    pub depends_on: Vec<TaskId>,
    /// The command that decides whether it is accepted.
    pub check: Option<Check>,
    /// The tests that must pass before it is accepted, by their names or parts of them.
    #[serde(default)]
    pub must_pass: Vec<String>,
    /// The sprint it is in, from 1.
    pub sprint: Option<u32>,
    /// Who does it.
    pub assignee: Option<AgentId>,
    /// Where it stands.
    pub state: TaskState,
    /// How often a review sent it back.
    pub review_rounds: u32,
    /// The git branch its work is on.
    pub branch: Option<String>,
    /// The proof, once it is done.
    pub receipt: Option<Receipt>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const ALL: [TaskState; 9] = [
        TaskState::Backlog,
        TaskState::Planned,
        TaskState::InProgress,
        TaskState::InReview,
        TaskState::Approved,
        TaskState::Blocked,
        TaskState::Done,
        TaskState::Failed,
        TaskState::Cancelled,
    ];

    /// The whole state machine: what each state may become, apart from itself.
    #[test]
    fn the_state_machine() {
        let row = |from: TaskState| {
            let to = ALL.into_iter().filter(|to| *to != from && from.can_become(*to));
            let to: Vec<_> = to.map(TaskState::as_str).collect();
            format!("{from} -> {}", if to.is_empty() { "-".to_owned() } else { to.join(" ") })
        };
        expect![[r"
            backlog -> planned in_progress blocked failed cancelled
            planned -> backlog in_progress blocked failed cancelled
            in_progress -> planned in_review approved blocked done failed cancelled
            in_review -> planned in_progress approved blocked failed cancelled
            approved -> in_progress blocked done failed cancelled
            blocked -> backlog planned in_progress in_review approved failed cancelled
            done -> -
            failed -> -
            cancelled -> -"]]
        .assert_eq(&ALL.map(row).join("\n"));
    }

    #[test]
    fn a_check_is_shown_as_it_can_be_typed() {
        for (command, shown) in [
            (&["cargo", "test", "--offline"][..], "cargo test --offline"),
            (&["sh", "-c", "npm ci && npm test"], "sh -c 'npm ci && npm test'"),
            (&["python3", "-m", "pytest", "-k", "it's"], "python3 -m pytest -k \"it's\""),
            (&["test", ""], "test ''"),
            (&["go", "test", "./..."], "go test ./..."),
        ] {
            let check = Check { command: command.iter().map(|&word| word.to_owned()).collect() };
            assert_eq!(check.to_string(), shown);
            assert_eq!(shlex::split(shown).as_deref(), Some(&check.command[..]));
        }
    }

    #[test]
    fn saying_again_where_a_task_stands_is_accepted() {
        assert!(ALL.into_iter().all(|state| state.can_become(state)));
    }

    #[test]
    fn names_are_the_stored_form() {
        for state in ALL {
            assert_eq!(serde_json::to_value(state).expect("stores"), state.as_str());
        }
    }

    #[test]
    fn final_states_are_final_and_done_is_only_reached_by_work() {
        for from in ALL {
            for to in ALL {
                if from.is_final() && from != to {
                    assert!(!from.can_become(to), "{from} must not become {to}");
                }
            }
        }
        let reaches_done: Vec<_> =
            ALL.into_iter().filter(|s| *s != TaskState::Done && s.can_become(TaskState::Done)).collect();
        assert_eq!(reaches_done, [TaskState::InProgress, TaskState::Approved]);
    }
}
