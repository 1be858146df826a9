//! Projects, agents, tasks, journal, ledger, approvals, checkpoints and blobs, one transaction per change.
//!
//! Everything goes through [`Store`]. A mutating call is one transaction that holds the change, its journal
//! event and, where someone has to be told, its outbox entry; it returns once that is on disk. Repeating a
//! call with the same ids changes nothing and returns what is stored, so that a step that is retried after a
//! crash may simply say everything again.

mod agents;
mod approvals;
mod artifacts;
mod blobs;
mod budgets;
mod checkpoints;
mod chunking;
mod columns;
mod connection;
mod costs;
mod effects;
mod error;
mod journal;
mod ledger;
mod lock;
mod memory;
mod messages;
mod permissions;
mod projects;
mod readers;
mod reviews;
mod runs;
mod schema;
mod signals;
mod store;
mod tasks;
mod waits;
mod writer;

pub use agents::NewAgent;
pub use approvals::NewApproval;
pub use artifacts::ArtifactRecord;
pub use budgets::BudgetLine;
pub use costs::{CallRecord, CostLine};
pub use error::Error;
pub use journal::EventQuery;
pub use messages::NewMessage;
pub use projects::NewProject;
pub use reviews::ReviewRecord;
pub use runs::RunRecord;
pub use signals::SignalRecord;
pub use store::{Store, StoreOptions};
pub use tasks::NewTask;
