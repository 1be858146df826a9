//! The simulation's wall clock: it stands still while anything can happen, and then jumps to the next moment
//! at which something will.

use crate::clock::Clock;
use crate::kernel::Timestamp;
use futures::future::BoxFuture;
use std::time::Duration;
use tokio::time::Instant;

/// The paused clock of a tokio runtime, read as a wall clock.
#[derive(Debug)]
pub(super) struct SimulatedClock {
    opened: Instant,
    wall_at_open: Timestamp,
}

impl SimulatedClock {
    /// A clock that shows this time now. Must be called within the runtime.
    pub(super) fn new(wall_at_open: Timestamp) -> Self {
        Self { opened: Instant::now(), wall_at_open }
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.wall_at_open.plus(self.opened.elapsed().as_nanos() as i64)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_nanos(at.since(self.now()) as u64)))
    }
}
