//! The store from the outside: each aggregate's rules, and what must hold when many write, when the process is
//! killed and when the files are not what they should be.

mod approvals;
mod artifacts;
mod blobs;
mod budgets;
mod checkpoints;
mod crash;
mod effects;
mod journal;
mod ledger;
mod memory;
mod messages;
mod opening;
mod permissions;
mod projects;
mod support;
mod tasks;
mod waits;
