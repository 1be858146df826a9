//! Task queues: what waits for workers, and the workers that wait. In memory only; what is here is
//! rebuilt from the runs' own records when the engine opens.

use crate::executor::RunRef;
use crate::kernel::Timestamp;
use crate::kernel::time::SECOND;
use crate::proto::{common, failure, query};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A sticky queue without a poll for this long has lost its worker, nanoseconds.
const STICKY_ALIVE: i64 = 10 * SECOND;
/// How long a queue remembers who polled it (`matching.PollerHistoryTTL`), nanoseconds.
const POLLERS_REMEMBERED: i64 = 300 * SECOND;
/// Pollers a queue remembers at most.
const MOST_POLLERS: usize = 256;
/// Workers that were shut down and may still have a poll on the way; older ones are forgotten.
const REMEMBERED_SHUTDOWNS: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TaskKind {
    Workflow,
    Activity,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueueKey {
    pub namespace: String,
    pub name: String,
    pub kind: TaskKind,
}

/// Something for a worker to take. Whether it can still be taken is decided when it is.
#[derive(Debug)]
pub(crate) enum Offer {
    Task { run: Arc<RunRef>, scheduled_event_id: i64, attempt: i32 },
    Query(Box<QueryTask>),
}

/// A query that no workflow task carries.
#[derive(Debug)]
pub(crate) struct QueryTask {
    pub run: Arc<RunRef>,
    pub query: query::WorkflowQuery,
    pub answer: oneshot::Sender<QueryAnswer>,
}

/// What a worker said to a query.
#[derive(Debug)]
pub(crate) enum QueryAnswer {
    Answered(Option<common::Payloads>),
    Failed { message: String, failure: Option<Box<failure::Failure>> },
}

/// All task queues.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    queues: BTreeMap<QueueKey, Queue>,
    shut_down_workers: VecDeque<String>,
    closed: bool,
    next_waiter: u64,
}

#[derive(Debug, Default)]
struct Queue {
    /// With each offer, the queue it belongs on when this one, a sticky one, loses its worker.
    offers: VecDeque<(Offer, Option<QueueKey>)>,
    waiters: VecDeque<Waiter>,
    last_poll: Timestamp,
    /// Who polled, and when last.
    pollers: BTreeMap<String, Timestamp>,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    worker: String,
    deliver: oneshot::Sender<(Offer, Option<QueueKey>)>,
}

impl Queue {
    fn is_alive(&self, now: Timestamp) -> bool {
        self.waiters.iter().any(|waiter| !waiter.deliver.is_closed())
            || now.since(self.last_poll) < STICKY_ALIVE
    }

    fn put(&mut self, mut item: (Offer, Option<QueueKey>), in_front: bool) {
        while let Some(waiter) = self.waiters.pop_front() {
            match waiter.deliver.send(item) {
                Ok(()) => return,
                Err(back) => item = back,
            }
        }
        if in_front {
            self.offers.push_front(item);
        } else {
            self.offers.push_back(item);
        }
    }
}

impl Matching {
    /// Offers on a queue. With a `fallback`, the queue is a sticky one, and the offer goes to the fallback
    /// if that has no worker.
    pub(crate) fn offer(&self, queue: QueueKey, fallback: Option<QueueKey>, offer: Offer, now: Timestamp) {
        let mut inner = self.inner.lock();
        match fallback {
            Some(fallback) if !inner.queues.get(&queue).is_some_and(|q| q.is_alive(now)) => {
                inner.queues.entry(fallback).or_default().put((offer, None), false);
            }
            fallback => inner.queues.entry(queue).or_default().put((offer, fallback), false),
        }
    }

    /// Whether a worker polls this queue, or did a moment ago.
    pub(crate) fn is_alive(&self, queue: &QueueKey, now: Timestamp) -> bool {
        self.inner.lock().queues.get(queue).is_some_and(|queue| queue.is_alive(now))
    }

    /// Waits for an offer; `None` when there was none in time, or the worker or the engine shuts down.
    pub(crate) async fn poll(
        self: &Arc<Self>,
        key: QueueKey,
        worker: String,
        now: Timestamp,
        timeout: Duration,
    ) -> Option<Taken> {
        let taken = |item| Taken { item: Some(item), key: key.clone(), matching: self.clone() };
        let mut place = match self.enter(&key, worker, now) {
            Entry::Offer(item) => return Some(taken(item)),
            Entry::Refused => return None,
            Entry::Waiting(place) => place,
        };
        match tokio::time::timeout(timeout, &mut place.delivered).await {
            Ok(Ok(item)) => Some(taken(item)),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    fn enter(self: &Arc<Self>, key: &QueueKey, worker: String, now: Timestamp) -> Entry {
        let mut inner = self.inner.lock();
        if inner.closed || (!worker.is_empty() && inner.shut_down_workers.contains(&worker)) {
            return Entry::Refused;
        }
        let id = inner.next_waiter;
        inner.next_waiter += 1;
        let queue = inner.queues.entry(key.clone()).or_default();
        queue.last_poll = queue.last_poll.max(now);
        if let Some(item) = queue.offers.pop_front() {
            return Entry::Offer(item);
        }
        let (deliver, delivered) = oneshot::channel();
        queue.waiters.push_back(Waiter { id, worker, deliver });
        Entry::Waiting(Place { id, key: key.clone(), delivered, matching: self.clone() })
    }

    /// Ends the polls of a worker that shuts down, and gives up its sticky queue.
    pub(crate) fn shut_down_worker(&self, worker: &str, sticky: &QueueKey) {
        let mut inner = self.inner.lock();
        if !worker.is_empty() {
            for queue in inner.queues.values_mut() {
                queue.waiters.retain(|waiter| waiter.worker != worker);
            }
            inner.shut_down_workers.push_back(worker.to_owned());
            if inner.shut_down_workers.len() > REMEMBERED_SHUTDOWNS {
                inner.shut_down_workers.pop_front();
            }
        }
        if !sticky.name.is_empty()
            && let Some(queue) = inner.queues.remove(sticky)
        {
            for (offer, fallback) in queue.offers {
                let Some(fallback) = fallback else { continue };
                inner.queues.entry(fallback).or_default().put((offer, None), false);
            }
        }
    }

    /// Ends all polls, now and to come.
    pub(crate) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.queues.clear();
    }

    /// Forgets what waits for workers.
    #[cfg(test)]
    pub(crate) fn forget(&self) {
        self.inner.lock().queues.clear();
    }

    /// Remembers who polls a queue, for those who ask about it.
    pub(crate) fn note_poller(&self, queue: &QueueKey, identity: &str, now: Timestamp) {
        let mut inner = self.inner.lock();
        let pollers = &mut inner.queues.entry(queue.clone()).or_default().pollers;
        if !pollers.contains_key(identity) {
            pollers.retain(|_, at| now.since(*at) < POLLERS_REMEMBERED);
            if pollers.len() >= MOST_POLLERS {
                return;
            }
        }
        pollers.insert(identity.to_owned(), now);
    }

    /// Who polled a queue of late and when, and how many offers wait on it.
    pub(crate) fn load(&self, queue: &QueueKey, now: Timestamp) -> (Vec<(String, Timestamp)>, usize) {
        let inner = self.inner.lock();
        let Some(queue) = inner.queues.get(queue) else { return (Vec::new(), 0) };
        let pollers = queue.pollers.iter().filter(|(_, at)| now.since(**at) < POLLERS_REMEMBERED);
        (pollers.map(|(identity, at)| (identity.clone(), *at)).collect(), queue.offers.len())
    }
}

impl Inner {
    /// Puts an offer back to where it was, or where its queue is gone, a sticky one, to where it belongs then.
    fn give_back(&mut self, key: &QueueKey, (offer, fallback): (Offer, Option<QueueKey>)) {
        if self.closed {
            return;
        }
        match (self.queues.get_mut(key), fallback) {
            (Some(queue), fallback) => queue.put((offer, fallback), true),
            (None, fallback) => {
                let key = fallback.unwrap_or_else(|| key.clone());
                self.queues.entry(key).or_default().put((offer, None), true);
            }
        }
    }
}

/// An offer that a poll was given. It goes back to where it was unless it is said that it was dealt with: whoever
/// polls may go away, or its run may not be readable now.
#[derive(Debug)]
#[must_use = "what is dropped is offered again"]
pub(crate) struct Taken {
    item: Option<(Offer, Option<QueueKey>)>,
    key: QueueKey,
    matching: Arc<Matching>,
}

const IS_THERE: &str = "invariant: an offer is there until it is kept, which takes all of this";

impl Taken {
    pub(crate) fn offer(&self) -> &Offer {
        &self.item.as_ref().expect(IS_THERE).0
    }

    /// The offer, which is not offered again.
    pub(crate) fn keep(mut self) -> Offer {
        self.item.take().expect(IS_THERE).0
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(item) = self.item.take() {
            self.matching.inner.lock().give_back(&self.key, item);
        }
    }
}

enum Entry {
    Offer((Offer, Option<QueueKey>)),
    Waiting(Place),
    Refused,
}

/// A waiting poll. If it is given up at the moment it is served, the offer goes back to where it was.
struct Place {
    id: u64,
    key: QueueKey,
    delivered: oneshot::Receiver<(Offer, Option<QueueKey>)>,
    matching: Arc<Matching>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.delivered.close();
        let mut inner = self.matching.inner.lock();
        if let Some(queue) = inner.queues.get_mut(&self.key) {
            queue.waiters.retain(|waiter| waiter.id != self.id);
        }
        if let Ok(item) = self.delivered.try_recv() {
            inner.give_back(&self.key, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1);

    fn key(name: &str) -> QueueKey {
        QueueKey { namespace: "default".to_owned(), name: name.to_owned(), kind: TaskKind::Workflow }
    }

    fn task(scheduled_event_id: i64) -> Offer {
        let run = RunRef { namespace: String::new(), workflow_id: String::new(), run_id: String::new() };
        Offer::Task { run: Arc::new(run), scheduled_event_id, attempt: 1 }
    }

    async fn poll(matching: &Arc<Matching>, queue: &str) -> Option<Taken> {
        matching.poll(key(queue), "worker".to_owned(), NOW, Duration::from_millis(1)).await
    }

    /// Takes what is offered next, for good.
    async fn next(matching: &Arc<Matching>, queue: &str) -> Option<i64> {
        match poll(matching, queue).await?.keep() {
            Offer::Task { scheduled_event_id, .. } => Some(scheduled_event_id),
            Offer::Query(_) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_dealt_with_is_offered_again_before_the_others() {
        let matching = Arc::<Matching>::default();
        matching.offer(key("queue"), None, task(1), NOW);
        matching.offer(key("queue"), None, task(2), NOW);
        drop(poll(&matching, "queue").await.expect("there is one"));
        assert_eq!(next(&matching, "queue").await, Some(1));
        assert_eq!(next(&matching, "queue").await, Some(2));
        assert_eq!(next(&matching, "queue").await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_that_is_given_up_as_it_is_served_keeps_nothing() {
        let matching = Arc::<Matching>::default();
        let mut given_up = Box::pin(poll(&matching, "queue"));
        assert!(futures::poll!(&mut given_up).is_pending());
        matching.offer(key("queue"), None, task(1), NOW);
        drop(given_up);
        assert_eq!(next(&matching, "queue").await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_back_to_a_worker_that_is_gone_is_offered_to_all() {
        let matching = Arc::<Matching>::default();
        assert!(poll(&matching, "sticky").await.is_none());
        matching.offer(key("sticky"), Some(key("queue")), task(1), NOW);
        let taken = poll(&matching, "sticky").await.expect("there is one");
        matching.shut_down_worker("another", &key("sticky"));
        drop(taken);
        assert_eq!(next(&matching, "queue").await, Some(1));
    }
}
