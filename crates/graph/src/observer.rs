//! Watching a run as it happens.

use syndarix_core::id::RunId;

use crate::node::{Interrupt, NodeContext, NodeError};

/// Whoever watches a run. It is called from within the run, so it must return soon; what it is told may be
/// told again when a superstep is tried again.
///
/// `()` watches nothing, and any `Fn(&Event)` is an observer.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

/// Something that happened in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run began, or went on after a pause.
    RunStarted {
        /// The run.
        run: &'a RunId,
        /// The superstep it goes on after; 0 at the beginning.
        superstep: u32,
    },
    /// A node began to run.
    NodeStarted {
        /// Where.
        context: &'a NodeContext,
    },
    /// A node wrote an update.
    NodeFinished {
        /// Where.
        context: &'a NodeContext,
    },
    /// A node asked something.
    NodeInterrupted {
        /// Where.
        context: &'a NodeContext,
        /// What it asked.
        interrupt: &'a Interrupt,
    },
    /// A node failed.
    NodeFailed {
        /// Where.
        context: &'a NodeContext,
        /// Why.
        error: &'a NodeError,
    },
    /// A superstep is stored and will not be run again.
    SuperstepCommitted {
        /// The run.
        run: &'a RunId,
        /// Its number, from 1.
        superstep: u32,
        /// The nodes that run next; none where the run is finished.
        next: &'a [&'a str],
    },
    /// The run waits for answers.
    Interrupted {
        /// The run.
        run: &'a RunId,
        /// The superstep that waits.
        superstep: u32,
        /// What is asked.
        interrupts: &'a [Interrupt],
    },
}

impl Observer for () {
    fn observe(&self, _: &Event<'_>) {}
}

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}
