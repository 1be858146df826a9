//! Time, as the engine sees it.

use crate::kernel::Timestamp;
use futures::future::BoxFuture;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the engine gets the time from. Timers, timeouts and event times all use it.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The time now. It never goes backwards.
    fn now(&self) -> Timestamp;

    /// Resolves when [`Clock::now`] has reached `at`.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// The longest that a timer of the runtime is trusted with. It does not count the time while the machine is
/// suspended, so afterwards a longer sleep would end late by as much.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

/// The wall clock as it was when the engine opened, carried on by the time since then, time in suspension
/// included: setting the wall clock while the engine runs makes no timer fire early, late or twice. The next
/// open goes by the wall clock again.
#[derive(Debug)]
pub struct SystemClock {
    wall_at_open: Timestamp,
    opened: Duration,
}

/// Time since the machine was started, time in suspension included. Nobody can set it.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl SystemClock {
    /// A clock that starts at the wall clock's time.
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the engine's own clock")]
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { wall_at_open: Timestamp(wall.as_nanos() as i64), opened: since_boot() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.wall_at_open.plus(since_boot().saturating_sub(self.opened).as_nanos() as i64)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let wait = Duration::from_nanos(at.since(self.now()) as u64);
        let wakes = since_boot() + wait;
        Box::pin(async move {
            loop {
                let left = wakes.saturating_sub(since_boot());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            }
        })
    }
}
