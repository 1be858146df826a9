//! Time, as the engine sees it.

use crate::kernel::Timestamp;
use futures::future::BoxFuture;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the engine gets the time from. Timers, timeouts and event times all use it.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The time now. It never goes backwards.
    fn now(&self) -> Timestamp;

    /// Resolves when [`Clock::now`] has reached `at`.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// The wall clock as it was when the engine opened, carried on by the monotonic clock: setting the wall
/// clock while the engine runs makes no timer fire early, late or twice.
#[derive(Debug)]
pub struct SystemClock {
    wall_at_open: Timestamp,
    opened: Instant,
}

impl SystemClock {
    /// A clock that starts at the wall clock's time.
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the engine's own clock")]
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { wall_at_open: Timestamp(wall.as_nanos() as i64), opened: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.wall_at_open.plus(self.opened.elapsed().as_nanos() as i64)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let wait = Duration::from_nanos(at.since(self.now()) as u64);
        Box::pin(tokio::time::sleep(wait))
    }
}
