//! The disk: takes a while to make writes durable, in groups, and may be gone at any moment in between.

use super::dice::Dice;
use super::world::Sabotage;
use crate::storage::Stepped;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The power that the disk runs on.
#[derive(Debug, Default)]
pub(super) struct Power {
    /// Groups of writes until it fails, if it does.
    left: Mutex<Option<i64>>,
    failed: Notify,
}

impl Power {
    /// Lets it fail at so many groups from now, unless it fails earlier.
    pub(super) fn fail_after(&self, groups: i64) {
        let mut left = self.left.lock();
        *left = Some(left.map_or(groups, |left| left.min(groups)));
    }

    /// Resolves when it has failed.
    pub(super) async fn failed(&self) {
        self.failed.notified().await;
    }

    fn fails_now(&self) -> bool {
        let mut left = self.left.lock();
        match &mut *left {
            Some(0) => true,
            Some(more) => {
                *more -= 1;
                false
            }
            None => false,
        }
    }
}

/// Commits what comes until the power fails. After that nothing is durable, so nothing is acknowledged.
pub(super) async fn run(mut steps: Stepped, mut dice: Dice, power: Arc<Power>, sabotage: Sabotage) {
    while steps.wait().await {
        match sabotage {
            Sabotage::LyingDisk => {
                let waiting = steps.waiting();
                steps.lie(waiting);
            }
            Sabotage::LosingDisk if dice.chance(10) => steps.lose(),
            _ => {}
        }
        match dice.between(0, 9) {
            0..=2 => {}
            3..=5 => tokio::task::yield_now().await,
            6..=8 => tokio::time::sleep(Duration::from_millis(dice.between(1, 3) as u64)).await,
            _ => tokio::time::sleep(Duration::from_millis(dice.between(5, 60) as u64)).await,
        }
        let waiting = steps.waiting() as i64;
        let count = if dice.chance(300) { dice.between(1, waiting) } else { waiting };
        if power.fails_now() {
            // Before the group is durable, or after: then it is, and nobody was told.
            if dice.chance(500) {
                drop(steps.commit(count as usize).expect("the database takes the group"));
            }
            power.failed.notify_one();
            // Whatever is written from now on is never read again.
            return std::future::pending().await;
        }
        steps.commit(count as usize).expect("the database takes the group").acknowledge();
    }
}
