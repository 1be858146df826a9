//! Runs: one agent taken through one stage of one task.

mod asking;
mod briefing;
pub(crate) mod context;
mod described;
mod execute;
mod fail;
mod graph;
pub mod guards;
mod handoff;
mod request;
mod review;
mod roster;
mod runner;
pub mod state;
mod think;
mod tools;

pub use request::{
    PendingApproval, PendingReply, ResumeValue, RunOutcome, RunRequest, RunResult, SUMMARY_CHARACTERS,
};
pub use runner::{AgentRunner, AgentRunnerOptions, DEFAULT_OUTAGE_WAIT, holder};
pub use tools::{OpenTools, RunTools};
