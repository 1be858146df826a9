//! Agent types and instances, the agent graph, the supervisor, context and memory.
//!
//! A [`team::Team`] is read from a file and staffed once, when a project is created. From then on the
//! workflows ask for one run at a time: [`run::AgentRunner`] takes one agent through one stage of one task,
//! on a state graph that checkpoints every step and interrupts where a human must decide.
//! [`supervisor::decide`] says who does what next.

#![cfg_attr(
    test,
    expect(
        clippy::needless_raw_string_hashes,
        clippy::needless_pass_by_value,
        reason = "expect-test writes its strings so, and takes expectations by value"
    )
)]

pub mod agent_type;
pub mod context;
mod error;
pub mod run;
pub mod stage;
pub mod supervisor;
mod surroundings;
pub mod team;
pub mod team_tools;

pub use error::Error;
pub use run::{
    AgentRunner, AgentRunnerOptions, PendingApproval, PendingReply, ResumeValue, RunOutcome, RunRequest,
    RunResult,
};
pub use stage::Stage;
pub use surroundings::Surroundings;
pub use team::{Models, StaffedAgent, Team, TeamError};
