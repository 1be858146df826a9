//! Storage that commits only when it is told to: what a simulated crash comes before, in the middle of, or
//! after. Whatever has not been stepped through is lost with it, as what was not fsynced is on a real disk.

use super::committer::{Batch, Committer, Job, Waiting};
use std::collections::VecDeque;
use tokio::sync::mpsc::UnboundedReceiver;

/// The jobs that were handed over, and who commits them.
#[derive(Debug)]
pub(crate) struct Stepped {
    committer: Committer,
    jobs: UnboundedReceiver<Job>,
    waiting: VecDeque<Job>,
}

/// Jobs that are on the disk, of which nobody has been told.
#[must_use = "a group that is dropped was stored and never acknowledged"]
#[derive(Debug)]
pub(crate) struct Group(Batch);

impl Stepped {
    pub(super) fn new(committer: Committer, jobs: UnboundedReceiver<Job>) -> Self {
        Self { committer, jobs, waiting: VecDeque::new() }
    }

    /// Waits until something is there to be committed; `false` when nothing will be any more.
    pub(crate) async fn wait(&mut self) -> bool {
        if self.waiting() == 0 {
            let Some(job) = self.jobs.recv().await else { return false };
            self.waiting.push_back(job);
        }
        true
    }

    /// How many jobs wait.
    pub(crate) fn waiting(&mut self) -> usize {
        while let Ok(job) = self.jobs.try_recv() {
            self.waiting.push_back(job);
        }
        self.waiting.len()
    }

    /// Tells those who wait for the first `count` jobs that they are durable, which they are not: what no disk
    /// may do, and what a simulation has to notice.
    pub(crate) fn lie(&mut self, count: usize) {
        for job in self.waiting.iter_mut().take(count) {
            job.waiting.drain(..).for_each(Waiting::durable);
        }
    }

    /// Forgets the first job and says that it is durable, as [`Stepped::lie`].
    pub(crate) fn lose(&mut self) {
        if let Some(job) = self.waiting.pop_front() {
            job.acknowledge();
        }
    }

    /// Commits the first `count` of the jobs that wait as one transaction.
    pub(crate) fn commit(&mut self, count: usize) -> rusqlite::Result<Group> {
        let count = count.min(self.waiting());
        let batch: Vec<Job> = self.waiting.drain(..count).collect();
        let batch = self.committer.plan(batch, tokio::time::Instant::now().into_std());
        assert!(self.committer.commit(&batch)?, "the disk has room");
        Ok(Group(batch))
    }
}

impl Group {
    /// Tells those who wait.
    pub(crate) fn acknowledge(self) {
        self.0.acknowledge();
    }
}
