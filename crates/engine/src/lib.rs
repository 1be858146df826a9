//! Temporal's WorkflowService, embedded: a pure kernel on SQLite, reached in process.
//!
//! An [`Engine`] is one SQLite file and what serves it. Temporal's own SDK talks to it through
//! [`Engine::connect`], in memory, with no port:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use syndarix_engine::{Engine, EngineOptions};
//! use temporalio_client::{Client, ClientOptions};
//!
//! let engine = Engine::open(EngineOptions::new("workflows.db")).await?;
//! let client = Client::new(engine.connect().await?, ClientOptions::new("default").build())?;
//! // … workers and clients as with any Temporal server …
//! engine.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Where to read: `kernel` decides what happens to a run and knows nothing else; `executor` applies it and
//! stores what it did; `matching`, `timers` and `watchers` wake those who wait; `service` speaks the
//! protocol; `storage` is the file.

#![expect(deprecated, reason = "SDKs in use still read and write fields that the protocol has deprecated")]

mod calendar;
mod clock;
mod engine;
mod error;
mod examine;
mod executor;
mod kernel;
mod limits;
mod matching;
mod namespaces;
mod options;
#[cfg(feature = "port")]
mod port;
mod proto;
mod reference;
mod schedules;
mod service;
#[cfg(test)]
mod simulation;
mod status;
mod storage;
mod timers;
mod transport;
mod visibility;
mod watchers;

pub use clock::{Clock, SystemClock};
pub use engine::Engine;
pub use error::Error;
pub use examine::examine;
pub use kernel::time::Timestamp;
pub use limits::Limits;
pub use options::{EngineOptions, LostTasks};
#[cfg(feature = "port")]
pub use port::{Port, PortOptions, Tls};
pub use reference::protocol_reference;
