//! What is committed together, and what may wait a little in the hope of being written with something else.

use super::RunWrite;
use super::committer::{Commit, Job};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long a write that nobody waits for may stay uncommitted. A worker usually answers the task that it was
/// given within this time, and then both of the run's writes are one.
pub(super) const PATIENCE: Duration = Duration::from_millis(25);

/// Jobs on their way into a transaction.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    ready: Vec<Job>,
    /// Jobs that nobody waits for, each by the run that it writes, with the time at which it came.
    kept: HashMap<i64, (Instant, Job)>,
    /// What was kept, the oldest first. What is not kept any more, or was kept anew since, is skipped.
    order: VecDeque<(Instant, i64)>,
}

impl Gatherer {
    /// Takes a job in. One that nobody waits for is kept back, and written with the next one of the same run.
    /// Jobs of one run stay in their order, and so do jobs that somebody waits for.
    pub(super) fn admit(&mut self, mut job: Job, now: Instant) {
        // Whoever deletes a run, reads it, or waits for everything that came before, comes after it.
        if job.write.runs.is_empty() || !job.write.deletions.is_empty() {
            self.release();
        }
        let mut kept_since = None;
        for run in &mut job.write.runs {
            if let Some((since, earlier)) = self.kept.remove(&run.key()) {
                kept_since = Some(since);
                job.waiting.splice(0..0, earlier.waiting);
                earlier.write.runs.into_iter().for_each(|earlier| run.follow(earlier));
            }
        }
        match (job.commit, job.write.sole_run().map(RunWrite::key)) {
            (Commit::Soon, Some(key)) => {
                let since = kept_since.unwrap_or(now);
                if kept_since.is_none() {
                    self.order.push_back((since, key));
                }
                self.kept.insert(key, (since, job));
            }
            _ => self.ready.push(job),
        }
    }

    /// Keeps nothing back any longer.
    pub(super) fn release(&mut self) {
        while let Some((since, key)) = self.order.pop_front() {
            self.let_go(since, key);
        }
    }

    /// As [`Gatherer::release`], for what has waited long enough.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((since, key)) = self.order.front().copied()
            && now.saturating_duration_since(since) >= PATIENCE
        {
            self.order.pop_front();
            self.let_go(since, key);
        }
    }

    fn let_go(&mut self, since: Instant, key: i64) {
        if self.kept.get(&key).is_some_and(|(kept_since, _)| *kept_since == since)
            && let Some((_, job)) = self.kept.remove(&key)
        {
            self.ready.push(job);
        }
    }

    /// When something that is kept will have waited long enough; `None` if nothing is.
    pub(super) fn expires(&mut self) -> Option<Instant> {
        while let Some((since, key)) = self.order.front() {
            if self.kept.get(key).is_some_and(|(kept_since, _)| kept_since == since) {
                return Some(*since + PATIENCE);
            }
            self.order.pop_front();
        }
        None
    }

    /// There is no room for what is to be committed now.
    pub(super) fn no_room(&mut self) {
        self.ready.iter_mut().for_each(Job::no_room);
    }

    /// How many jobs are to be committed now.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The first `count` of them.
    pub(super) fn take(&mut self, count: usize) -> Vec<Job> {
        self.ready.drain(..count.min(self.ready.len())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Deletion, WriteSet};
    use parking_lot::Mutex;
    use std::sync::Arc;

    /// A gatherer, and who was told that their write is durable.
    struct World {
        gatherer: Gatherer,
        begun: Instant,
        told: Arc<Mutex<Vec<&'static str>>>,
    }

    impl World {
        fn new() -> Self {
            Self { gatherer: Gatherer::default(), begun: Instant::now(), told: Arc::default() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.begun + ms(millis)
        }

        fn admit(&mut self, millis: u64, name: &'static str, commit: Commit, write: WriteSet) {
            let told = self.told.clone();
            let waiting = Box::new(move || told.lock().push(name));
            let now = self.at(millis);
            self.gatherer.admit(Job { write, commit, waiting: vec![waiting] }, now);
        }

        /// Commits what is ready, and says what it has of each run: the names of its events.
        fn commit(&mut self) -> Vec<Vec<(i64, String)>> {
            let batch = self.gatherer.take(usize::MAX);
            let written = batch.iter().map(|job| job.write.runs.iter().map(RunWrite::described).collect());
            let written = written.collect();
            batch.into_iter().for_each(Job::acknowledge);
            written
        }

        fn told(&self) -> Vec<&'static str> {
            std::mem::take(&mut self.told.lock())
        }
    }

    fn run(key: i64, first_event_id: i64, events: &'static str) -> WriteSet {
        WriteSet { runs: vec![RunWrite::sample(key, first_event_id, events)], ..WriteSet::default() }
    }

    fn written(key: i64, events: &str) -> (i64, String) {
        (key, events.to_owned())
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_nobody_waits_for_is_written_with_the_next_of_its_run() {
        let mut world = World::new();
        world.admit(0, "started", Commit::Soon, run(1, 5, "s"));
        world.admit(1, "other", Commit::Now, run(2, 1, "o"));
        assert_eq!(world.commit(), [[written(2, "1:o")]]);
        world.admit(2, "completed", Commit::Now, run(1, 6, "c"));
        assert_eq!(world.commit(), [[written(1, "5:sc")]]);
        assert_eq!(world.told(), ["other", "started", "completed"]);
        assert_eq!(world.gatherer.expires(), None);
    }

    #[test]
    fn it_is_written_alone_when_nothing_has_come_for_long_enough() {
        let mut world = World::new();
        world.admit(0, "first", Commit::Soon, run(1, 1, "a"));
        world.admit(10, "second", Commit::Soon, run(2, 1, "b"));
        // What was kept and has gone on does not shorten what its run waits for next.
        world.admit(11, "answer", Commit::Now, run(1, 2, "c"));
        world.admit(20, "third", Commit::Soon, run(1, 3, "d"));
        world.commit();
        world.told();
        assert_eq!(world.gatherer.expires(), Some(world.at(10) + PATIENCE));
        world.gatherer.expire(world.at(10) + PATIENCE);
        assert_eq!(world.commit(), [[written(2, "1:b")]]);
        world.gatherer.expire(world.at(20) + PATIENCE);
        assert_eq!(world.commit(), [[written(1, "3:d")]]);
        assert_eq!(world.told(), ["second", "third"]);
    }

    #[test]
    fn several_wait_as_long_as_the_first() {
        let mut world = World::new();
        world.admit(0, "first", Commit::Soon, run(1, 1, "a"));
        world.admit(9, "second", Commit::Soon, run(1, 2, "b"));
        assert_eq!(world.gatherer.expires(), Some(world.at(0) + PATIENCE));
        world.gatherer.expire(world.at(0) + PATIENCE);
        assert_eq!(world.commit(), [[written(1, "1:ab")]]);
        assert_eq!(world.told(), ["first", "second"]);
    }

    #[test]
    fn nothing_overtakes_what_a_deletion_or_a_flush_comes_after() {
        let hide = Deletion::Hide { run_key: 1, namespace: String::new(), workflow_id: String::new() };
        let deletion = WriteSet { deletions: vec![hide], ..WriteSet::default() };
        for last in [deletion, WriteSet::default()] {
            let mut world = World::new();
            world.admit(0, "kept", Commit::Soon, run(1, 1, "a"));
            world.admit(1, "last", Commit::Now, last);
            assert_eq!(world.commit(), [vec![written(1, "1:a")], vec![]]);
            assert_eq!(world.told(), ["kept", "last"]);
        }
    }
}
