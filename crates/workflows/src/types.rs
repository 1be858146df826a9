//! What workflows, activities and clients say to one another. Stored in histories, so fields are only added,
//! with a default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use syndarix_agents::Stage;
use syndarix_core::approval::{Approval, ApprovalState};
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::blob::BlobHash;
use syndarix_core::id::{AgentId, ApprovalId, MessageId, ProjectId, RunId, TaskId};
use syndarix_core::project::Phase;
use syndarix_core::time::Timestamp;

/// The input of a project's workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectInput {
    /// Which project.
    pub project: ProjectId,
}

/// How a project ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum ProjectOutcome {
    /// The work is merged and its check passes.
    Delivered,
    /// It ended without a delivery.
    Failed {
        /// Why, for people.
        reason: String,
    },
    /// A human stopped it.
    Cancelled,
}

/// The input of a sprint's workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SprintInput {
    /// Of which project.
    pub project: ProjectId,
    /// Which sprint, from 1.
    pub sprint: u32,
}

/// How a sprint ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum SprintOutcome {
    /// It ran to its end.
    Finished {
        /// How many of its tasks were proven done in it.
        done: u32,
        /// Whether QA found nothing more.
        accepted: bool,
    },
    /// It could not go on, and a human chose to end the project.
    Abandoned {
        /// Why, for people.
        reason: String,
    },
    /// A human stopped it.
    Cancelled,
}

/// One piece of work by one agent: the input of its workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkRequest {
    /// The project it is for.
    pub project: ProjectId,
    /// The task it is for.
    pub task: TaskId,
    /// Who does it.
    pub agent: AgentId,
    /// What kind of work on the task it is.
    pub stage: Stage,
    /// Which round of this stage of the task, from 1.
    pub round: u32,
    /// Which attempt at this round, from 1: more than one where a human asked for another after a failure.
    #[serde(default = "first")]
    pub attempt: u32,
    /// The sprint it happens in, if in one.
    pub sprint: Option<u32>,
}

fn first() -> u32 {
    1
}

impl WorkRequest {
    /// Whether the work may leave commits that become part of the result.
    pub fn changes_code(&self) -> bool {
        matches!(self.stage, Stage::Develop | Stage::Deliver)
    }

    /// The run of the agent's graph that does this work.
    pub fn run_id(&self) -> RunId {
        let Self { task, round, attempt, .. } = self;
        let stage = self.stage.as_str();
        let id = if *attempt == 1 {
            format!("{task}/{stage}-{round}")
        } else {
            format!("{task}/{stage}-{round}.{attempt}")
        };
        RunId::new(id).expect("a task id followed by a stage and numbers is a valid id")
    }
}

/// How one piece of work ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum TaskOutcome {
    /// A document was written.
    Written,
    /// A change is committed on the task's branch and its check passes there.
    Submitted {
        /// The branch's tip.
        commit: String,
    },
    /// A change was handed in that does not hold: no commit, or a check that fails.
    Unproven {
        /// What is wrong, for the agent and for people.
        reason: String,
    },
    /// What the change needs is not installed, and a human has to allow set-up.
    AwaitsSetUp {
        /// The question.
        asked: Asked,
    },
    /// A review judged the change.
    Reviewed {
        /// Whether it was accepted.
        approved: bool,
    },
    /// A change was accepted in its review, and its merge was tried.
    Merged {
        /// What became of it.
        settled: Settled,
    },
    /// QA judged the sprint.
    Judged {
        /// Whether nothing was found.
        passed: bool,
        /// The tasks made of what was found.
        defects: Vec<TaskId>,
    },
    /// A sprint was planned.
    Planned {
        /// Its tasks.
        tasks: Vec<TaskId>,
    },
    /// The agent gave the task to another.
    HandedOff {
        /// To whom.
        to: AgentId,
        /// What it was told about it, in one line.
        summary: String,
    },
    /// The agent could not do it.
    Failed {
        /// Why, for people.
        reason: String,
    },
    /// A human stopped it.
    Cancelled,
}

/// The payload of the signal `approve_checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionSignal {
    /// Which approval was decided.
    pub approval: ApprovalId,
    /// How it ended.
    pub state: ApprovalState,
    /// What was said with it.
    #[serde(default)]
    pub comment: Option<String>,
}

impl DecisionSignal {
    /// Whether it was granted; a rejected, expired or superseded one was not.
    pub fn is_approved(&self) -> bool {
        self.state == ApprovalState::Approved
    }
}

/// The answer to the query `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectStatus {
    /// The phase it is in.
    pub phase: Option<Phase>,
    /// The approvals that the workflow itself waits for.
    pub waiting_for: Vec<ApprovalId>,
    /// How many pieces of feedback and messages have arrived.
    pub heard: u32,
    /// Every decision that has arrived, for the query `state`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub decisions: BTreeMap<ApprovalId, ApprovalState>,
}

/// One step of an agent's run: until it ends, or until it needs a human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStep {
    /// The work it is part of.
    pub work: WorkRequest,
    /// What was decided about the interrupts the run stopped at; empty at the beginning.
    #[serde(default)]
    pub resume: Vec<Answer>,
}

/// A decision, as the answer to the interrupt that asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The interrupt in the agent's graph.
    pub interrupt: String,
    /// What was decided.
    pub decision: DecisionSignal,
}

/// What an agent waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The interrupt in the agent's graph.
    pub interrupt: String,
    /// The approval that answers it, and how long it can.
    pub asked: Asked,
}

/// Something a human was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The approval.
    pub approval: ApprovalId,
    /// When it stops being decidable, if ever.
    pub expires_at: Option<Timestamp>,
}

impl From<Approval> for Asked {
    fn from(approval: Approval) -> Self {
        Self { approval: approval.id, expires_at: approval.expires_at }
    }
}

/// How a step of an agent's run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum StepOutcome {
    /// The run is over.
    Ended {
        /// How.
        result: TaskOutcome,
    },
    /// The run goes on when all of these are there.
    Waiting {
        /// The decisions it waits for.
        questions: Vec<Question>,
        /// The other agents' answers it waits for.
        #[serde(default)]
        replies: Vec<AwaitedReply>,
    },
}

/// An answer of another agent that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedReply {
    /// The question.
    pub question: MessageId,
    /// When a human is asked what to do about it.
    pub escalate_at: Timestamp,
}

/// The payload of the signal `deliver_message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageSignal {
    /// The question that something has happened to.
    pub message: MessageId,
    /// Its answer; `None` where whoever was asked has stopped working.
    #[serde(default)]
    pub reply: Option<MessageId>,
}

/// A look at a question whose answer is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyRequest {
    /// The question.
    pub question: MessageId,
    /// The sprint in which it is asked, if in one.
    pub sprint: Option<u32>,
    /// The runs that were to answer it and are over, the last one last.
    pub runs: Vec<WorkRequest>,
}

/// What a look at a question finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "finds")]
pub enum Arrangement {
    /// It is answered, or nobody will.
    Over,
    /// Whoever was asked is at work, and reads it with the next step.
    AtWork,
    /// Whoever was asked is not at work: this run answers it.
    Run {
        /// The run.
        work: WorkRequest,
    },
}

/// What a human said about a question that has waited for too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitVerdict {
    /// The question.
    pub question: MessageId,
    /// What they decided: a yes waits on, and a yes with words is the answer; a no goes on without one.
    pub decision: DecisionSignal,
}

/// A place where a human may be asked whether the project goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRequest {
    /// Of which project.
    pub project: ProjectId,
    /// Which place.
    pub checkpoint: Checkpoint,
    /// The sprint it belongs to, if to one.
    pub sprint: Option<u32>,
    /// How often this place has been asked before, from 1.
    pub round: u32,
    /// Which asking of this round it is, from 1: more than one where nobody decided in time.
    #[serde(default = "first")]
    pub asking: u32,
}

/// Askings of one round of a checkpoint after which the question stays until somebody decides. At the usual validity
/// that is a year; it bounds the history of a project that nobody looks after.
pub(crate) const MAX_ASKINGS: u32 = 52;

/// A problem that only a human can decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationRequest {
    /// Of which project.
    pub project: ProjectId,
    /// The task it is about, if one.
    pub task: Option<TaskId>,
    /// What happened, for people.
    pub problem: String,
    /// What makes this problem itself and no other, so that asking again asks once.
    pub subject: String,
}

/// A request to open a stage that is one task of one agent: a document, a plan, a judgement, a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRequest {
    /// Of which project.
    pub project: ProjectId,
    /// Which stage.
    pub stage: Stage,
    /// Which round of it, from 1.
    pub round: u32,
    /// Which attempt at this round, from 1.
    #[serde(default = "first")]
    pub attempt: u32,
    /// The sprint it belongs to, if to one.
    pub sprint: Option<u32>,
}

/// A piece of work and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkResult {
    /// The work.
    pub work: WorkRequest,
    /// How it ended.
    pub outcome: TaskOutcome,
}

/// What happened in a sprint since its supervisor last looked at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "news")]
pub enum News {
    /// A piece of work is over.
    Ended {
        /// The work and how it ended.
        result: WorkResult,
    },
    /// A human allowed a task more rounds.
    Reprieved {
        /// Which task.
        task: TaskId,
    },
    /// A human gave a task up.
    GivenUp {
        /// Which task.
        task: TaskId,
    },
}

/// The input of the supervisor's activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuperviseRequest {
    /// Which sprint.
    pub sprint: SprintInput,
    /// How often the supervisor has been asked, this time included; each time is a run of its graph.
    pub look: u32,
    /// Where it left what it remembers; `None` at the first look.
    pub memory: Option<BlobHash>,
    /// What happened since, in that order.
    pub news: Vec<News>,
}

/// What the supervisor wants done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    /// Work to start now.
    pub start: Vec<WorkRequest>,
    /// Problems to ask a human about.
    pub escalate: Vec<EscalationRequest>,
    /// Whether every task of the sprint is over.
    pub complete: bool,
    /// Where the supervisor left what it remembers.
    pub memory: BlobHash,
}

/// What became of a task after a piece of work on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "next")]
pub enum Settled {
    /// It goes on: to its review, or to its merge, or it is done.
    Forward,
    /// It goes back to its developer for another round.
    Back,
    /// It needs a human.
    Stuck {
        /// Why, for people.
        problem: String,
    },
}

/// What the project's workflow needs to know to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Tasks that could be in the next sprint.
    pub open: u32,
    /// Tasks proven done.
    pub done: u32,
}

/// How a project is to be closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseRequest {
    /// Which project.
    pub project: ProjectId,
    /// How it ended.
    pub outcome: ProjectOutcome,
}

/// A checkpoint that a human refused, to be turned into work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Of which project.
    pub project: ProjectId,
    /// The sprint the work belongs to; `None` puts it into the backlog.
    pub sprint: Option<u32>,
    /// What was decided, and the words with it.
    pub decision: DecisionSignal,
}

/// A task to be given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveUp {
    /// Which.
    pub task: TaskId,
    /// Why, for people.
    pub reason: String,
}

/// A phase that a project enters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseRequest {
    /// Which project.
    pub project: ProjectId,
    /// Which phase.
    pub phase: Phase,
}

/// What a human said when refusing a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Which project.
    pub project: ProjectId,
    /// The approval it was said with.
    pub subject: ApprovalId,
    /// The words.
    pub comment: String,
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn work(round: u32, attempt: u32) -> WorkRequest {
        WorkRequest {
            project: "p".parse().expect("an id"),
            task: "p/T-3".parse().expect("an id"),
            agent: "p/dave".parse().expect("an id"),
            stage: Stage::Develop,
            round,
            attempt,
            sprint: Some(1),
        }
    }

    #[test]
    fn every_round_and_attempt_is_a_run_of_its_own() {
        let runs: Vec<String> =
            [(1, 1), (2, 1), (2, 2)].map(|(round, attempt)| work(round, attempt).run_id().to_string()).into();
        assert_eq!(runs, ["p/T-3/develop-1", "p/T-3/develop-2", "p/T-3/develop-2.2"]);
    }

    #[test]
    fn the_stored_form_is_the_one_in_old_histories() {
        let outcome = TaskOutcome::Judged { passed: false, defects: vec!["p/T-9".parse().expect("an id")] };
        let result = WorkResult { work: work(1, 1), outcome };
        expect![[r#"{"work":{"project":"p","task":"p/T-3","agent":"p/dave","stage":"develop","round":1,"attempt":1,"sprint":1},"outcome":{"outcome":"judged","passed":false,"defects":["p/T-9"]}}"#]]
            .assert_eq(&serde_json::to_string(&result).expect("serialises"));
        let old =
            r#"{"project":"p","task":"p/T-3","agent":"p/dave","stage":"develop","round":2,"sprint":null}"#;
        assert_eq!(serde_json::from_str::<WorkRequest>(old).expect("reads").attempt, 1);
    }
}
