//! The vocabulary every other crate speaks. Values and decisions only: no I/O, no async runtime, and the
//! one clock there is ([`time::SystemClock`]) is handed to whoever needs it.
//!
//! Everything that is stored or sent is plain serde data. Ports are the traits through which `llm` and
//! `tools` reach storage without seeing it; `store` implements them.

pub mod agent;
pub mod approval;
pub mod autonomy;
pub mod blob;
pub mod budget;
pub mod effect;
pub mod event;
pub mod id;
pub mod message;
pub mod money;
pub mod permission;
pub mod ports;
pub mod project;
pub mod role;
pub mod task;
pub mod time;
pub mod tool;
pub mod usage;
pub mod validity;
pub mod wait;
