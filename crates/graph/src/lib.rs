//! State graphs with LangGraph's semantics: supersteps, reducers, conditional edges, cycles, interrupts and
//! a checkpoint per superstep.
//!
//! The decisions are pure: [`plan`] says what a run does next, [`apply`] makes what nodes wrote part of the
//! state and follows the edges, and [`superstep::Superstep`] knows what each task of an unfinished superstep
//! has come to. The [`Runner`] runs the nodes and stores the way.
//!
//! ```
//! use std::sync::Arc;
//!
//! use serde_json::json;
//! use syndarix_graph::reducer::{Append, LastValue};
//! use syndarix_graph::{END, Graph, Input, MemoryCheckpoints, Next, NodeContext, NodeOutcome, Outcome, Runner};
//!
//! syndarix_graph::state! {
//!     /// A text on its way to being published.
//!     #[derive(Debug, Default)]
//!     pub struct Draft, update DraftUpdate {
//!         /// Every version of it, the newest last.
//!         pub versions: Append<String>,
//!         /// What the reader said of the newest.
//!         pub accepted: LastValue<bool>,
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let graph = Graph::<Draft>::builder("publish")
//!     .node("write", |_: &NodeContext, draft: &Draft| {
//!         let version = format!("version {}", draft.versions.len() + 1);
//!         Ok(NodeOutcome::Update(DraftUpdate { versions: Some(vec![version]), ..Default::default() }))
//!     })
//!     .node("ask", |ctx: &NodeContext, draft: &Draft| match &ctx.resume {
//!         None => Ok(NodeOutcome::interrupt(format!("read-{}", draft.versions.len()), json!(draft.versions.last()))),
//!         Some(answer) => {
//!             Ok(NodeOutcome::Update(DraftUpdate { accepted: answer.as_bool(), ..Default::default() }))
//!         }
//!     })
//!     .entry("write")
//!     .edge("write", "ask")
//!     .conditional("ask", |draft| vec![if draft.accepted { Next::End } else { "write".into() }], ["write", END])
//!     .step_limit(20)
//!     .build()?;
//!
//! let runner = Runner::new(Arc::new(graph), Arc::new(MemoryCheckpoints::new()));
//! let run = "essay/run-1".parse()?;
//! let mut outcome = runner.run(&run, Input::Start(Draft::default()), &()).await?;
//! for answer in [false, true] {
//!     let Outcome::Interrupted { interrupts, .. } = outcome else { panic!("it asks each time") };
//!     outcome = runner.run(&run, Input::Resume(vec![(interrupts[0].id.clone(), json!(answer))]), &()).await?;
//! }
//! let Outcome::Finished(draft) = outcome else { panic!("it was accepted") };
//! assert_eq!(draft.versions, ["version 1", "version 2"]);
//! # Ok(())
//! # }
//! ```

// `state!` names this crate, also where it is used inside it.
extern crate self as syndarix_graph;

mod apply;
mod builder;
pub mod checkpoint;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod graph;
mod memory;
mod node;
mod observer;
mod plan;
pub mod reducer;
mod runner;
mod state;
pub mod superstep;
mod validate;

pub use apply::{ApplyError, Write, apply};
pub use builder::GraphBuilder;
pub use checkpoint::{Checkpoint, FormatError, Task};
pub use error::RunError;
pub use graph::{DEFAULT_STEP_LIMIT, END, Graph, Next};
pub use memory::MemoryCheckpoints;
pub use node::{Answer, Interrupt, Node, NodeContext, NodeError, NodeOutcome};
pub use observer::{Event, Observer};
pub use plan::{Plan, plan};
pub use runner::{DEFAULT_CONCURRENCY, Input, Outcome, Runner};
pub use state::State;
pub use validate::{GraphError, Problem};
