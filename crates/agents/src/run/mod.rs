//! Runs: one agent taken through one stage of one task.

mod request;

pub use request::{PendingApproval, ResumeValue, RunOutcome, RunRequest, RunResult, SUMMARY_CHARACTERS};
