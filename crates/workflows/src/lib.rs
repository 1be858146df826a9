//! The durable program: `ProjectWorkflow`, `SprintWorkflow` and `AgentTaskWorkflow`, their activities, and the
//! host that runs them on any service that speaks Temporal's WorkflowService, embedded or not.
//!
//! Workflows decide order and waiting; activities touch the store, git and the agents. Payloads carry ids and
//! verdicts, never conversations. Every activity may run twice: what it creates has an id derived from its
//! input, so the second time finds what the first one left.

#![expect(
    missing_debug_implementations,
    reason = "the SDK's macros make a public marker of each method of a workflow or of activities, without derives"
)]

mod activities;
mod agent_task;
mod answers;
mod environments;
mod error;
mod host;
mod inbox;
mod layout;
mod names;
mod options;
mod project;
mod sprint;
mod sprint_memory;
mod steps;
mod types;
mod waiting;

pub use activities::{Activities, ActivitiesOptions, Limits};
pub use agent_task::AgentTaskWorkflow;
pub use environments::Environments;
pub use error::Error;
pub use host::{Host, HostOptions};
pub use layout::Layout;
pub use names::{TASK_QUEUE, project_workflow, sprint_workflow, task_workflow};
pub use project::ProjectWorkflow;
pub use sprint::SprintWorkflow;
pub use types::{
    DecisionSignal, ProjectInput, ProjectOutcome, ProjectStatus, SprintInput, SprintOutcome, TaskOutcome,
    WorkRequest,
};
