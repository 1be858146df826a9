//! The driver: it runs what [`plan`] decides, stores what becomes of it and hands it to [`apply`].

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use syndarix_core::id::RunId;
use syndarix_core::ports::{Checkpoints, PortError};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::apply::apply;
use crate::checkpoint::{self, Checkpoint, FormatError};
use crate::error::RunError;
use crate::graph::Graph;
use crate::node::{Interrupt, NodeContext, NodeError, NodeOutcome};
use crate::observer::{Event, Observer};
use crate::plan::{Plan, plan};
use crate::state::State;
use crate::superstep::{Standing, Superstep};

/// How many nodes of a superstep run at once where [`Runner::concurrency`] does not say: they wait for
/// models and tools, and more of them at once only move the queue to the provider.
pub const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(16).expect("sixteen is not zero");

/// How a run is begun or gone on with.
#[derive(Debug, Clone, PartialEq)]
pub enum Input<S> {
    /// Begin with this state. A run that was begun before goes on instead, so that a retry is harmless.
    Start(S),
    /// Go on with answers to interrupts, by their ids. Answering again what was answered changes nothing.
    Resume(Vec<(String, Value)>),
    /// Go on.
    Continue,
}

/// Where a run came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<S> {
    /// Its end, with this state.
    Finished(S),
    /// Questions that only the caller can answer. [`Input::Resume`] goes on.
    Interrupted {
        /// The state before the superstep that asks.
        state: S,
        /// What is asked.
        interrupts: Vec<Interrupt>,
    },
}

/// Runs a graph and stores its way. Cheap to make and to clone.
///
/// The nodes of a run are polled by whoever polls [`Runner::run`]: dropping that future stops them all, and
/// what was stored stays. One run must not be driven twice at the same time.
pub struct Runner<S> {
    graph: Arc<Graph<S>>,
    checkpoints: Arc<dyn Checkpoints>,
    concurrency: NonZeroUsize,
    cancel: CancellationToken,
}

impl<S> Clone for Runner<S> {
    fn clone(&self) -> Self {
        Self {
            graph: Arc::clone(&self.graph),
            checkpoints: Arc::clone(&self.checkpoints),
            concurrency: self.concurrency,
            cancel: self.cancel.clone(),
        }
    }
}

impl<S> fmt::Debug for Runner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("graph", &self.graph)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// Something that was waited for in a superstep.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one match; a box would be an allocation per node"
)]
enum Done<U> {
    Node(usize, NodeContext, Result<NodeOutcome<U>, NodeError>),
    Stored(Result<(), PortError>),
}

impl<S: State> Runner<S> {
    /// A driver of this graph over this storage.
    pub fn new(graph: Arc<Graph<S>>, checkpoints: Arc<dyn Checkpoints>) -> Self {
        Self { graph, checkpoints, concurrency: DEFAULT_CONCURRENCY, cancel: CancellationToken::new() }
    }

    /// Bounds how many nodes of a superstep run at once.
    #[must_use]
    pub fn concurrency(self, concurrency: NonZeroUsize) -> Self {
        Self { concurrency, ..self }
    }

    /// Stops the run between two supersteps once this token is cancelled.
    #[must_use]
    pub fn cancelled_by(self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self }
    }

    /// The last stored checkpoint of a run, if it was begun.
    pub async fn latest(&self, run: &RunId) -> Result<Option<Checkpoint<S>>, RunError> {
        let stored = self.checkpoints.latest(run).await?;
        Ok(stored.map(|stored| Checkpoint::decode(&self.graph, &stored)).transpose()?)
    }

    /// Runs until the run is finished, interrupted or fails.
    pub async fn run(
        &self,
        run: &RunId,
        input: Input<S>,
        observer: &dyn Observer,
    ) -> Result<Outcome<S>, RunError> {
        let latest = self.latest(run).await?;
        let begun = latest.is_some();
        let (mut checkpoint, mut answers) = match (latest, input) {
            (Some(checkpoint), Input::Resume(answers)) => (checkpoint, answers),
            (Some(checkpoint), Input::Start(_) | Input::Continue) => (checkpoint, Vec::new()),
            (None, Input::Start(state)) => {
                let checkpoint = Checkpoint::start(&self.graph, state);
                self.checkpoints.put(run, checkpoint.encode()?).await?;
                (checkpoint, Vec::new())
            }
            (None, _) => return Err(RunError::NotStarted { run: run.clone() }),
        };
        observer.observe(&Event::RunStarted { run, superstep: checkpoint.superstep });
        let mut restore = begun;
        loop {
            let mut superstep = match plan(&self.graph, &checkpoint) {
                Plan::Finished => {
                    refuse_unknown::<S>(&checkpoint, answers)?;
                    return Ok(Outcome::Finished(checkpoint.state));
                }
                Plan::StepLimit { limit, next } => {
                    return Err(RunError::StepLimit { graph: self.graph.name.clone(), limit, next });
                }
                Plan::Superstep { number, tasks } => Superstep::new(number, tasks),
            };
            if self.cancel.is_cancelled() {
                return Err(RunError::Cancelled { run: run.clone(), superstep: checkpoint.superstep });
            }
            // Only the first superstep can have a past: the others begin after a commit of this call.
            if std::mem::take(&mut restore) {
                self.restore(run, &checkpoint, &mut superstep, std::mem::take(&mut answers)).await?;
            }
            self.execute(run, &checkpoint, &mut superstep, observer).await?;
            if !superstep.is_done() {
                let interrupts = superstep.interrupts();
                let number = superstep.number();
                observer.observe(&Event::Interrupted { run, superstep: number, interrupts: &interrupts });
                return Ok(Outcome::Interrupted { state: checkpoint.state, interrupts });
            }
            checkpoint = apply(&self.graph, checkpoint, superstep.into_writes())?;
            self.checkpoints.put(run, checkpoint.encode()?).await?;
            let next: Vec<&str> = checkpoint.next.iter().map(|task| task.node.as_str()).collect();
            observer.observe(&Event::SuperstepCommitted {
                run,
                superstep: checkpoint.superstep,
                next: &next,
            });
        }
    }

    /// Takes up what was stored of an unfinished superstep and stores the answers given to it.
    async fn restore(
        &self,
        run: &RunId,
        checkpoint: &Checkpoint<S>,
        superstep: &mut Superstep<S::Update>,
        answers: Vec<(String, Value)>,
    ) -> Result<(), RunError> {
        for (key, write) in self.checkpoints.writes(run, superstep.number()).await? {
            superstep.restore(&key, checkpoint::decode(&write)?)?;
        }
        for position in superstep.answer(answers, &checkpoint.answered)? {
            self.store(run, superstep, position)?.await?;
        }
        Ok(())
    }

    /// Runs every task that is to run. When it returns, each has finished or asks something. After a
    /// failure no further task is begun, and those under way are let finish: their work is paid for.
    async fn execute(
        &self,
        run: &RunId,
        checkpoint: &Checkpoint<S>,
        superstep: &mut Superstep<S::Update>,
        observer: &dyn Observer,
    ) -> Result<(), RunError> {
        let mut waiting = VecDeque::from(superstep.runnable());
        let mut under_way: FuturesUnordered<BoxFuture<'_, Done<S::Update>>> = FuturesUnordered::new();
        let mut running = 0;
        let mut failures: Vec<(usize, NodeError)> = Vec::new();
        loop {
            while failures.is_empty()
                && running < self.concurrency.get()
                && let Some(position) = waiting.pop_front()
            {
                running += 1;
                under_way.push(self.start(run, checkpoint, superstep, position, observer)?);
            }
            match under_way.next().await {
                None => break,
                Some(Done::Stored(result)) => result?,
                Some(Done::Node(position, context, result)) => {
                    running -= 1;
                    observer.observe(&match &result {
                        Ok(NodeOutcome::Update(_)) => Event::NodeFinished { context: &context },
                        Ok(NodeOutcome::Interrupt(interrupt)) => {
                            Event::NodeInterrupted { context: &context, interrupt }
                        }
                        Err(error) => Event::NodeFailed { context: &context, error },
                    });
                    let finished = result.and_then(|outcome| {
                        superstep.finish(position, outcome, &checkpoint.answered).map_err(NodeError::from)
                    });
                    match finished {
                        Err(error) => failures.push((position, error)),
                        Ok(()) if superstep.is_done() => {}
                        Ok(()) => {
                            let store = self.store(run, superstep, position)?;
                            under_way.push(Box::pin(async { Done::Stored(store.await) }));
                        }
                    }
                }
            }
        }
        // An error that another attempt cannot mend decides, wherever it is in the plan.
        failures.sort_by_key(|(position, error)| (error.retryable, *position));
        match failures.into_iter().next() {
            None => Ok(()),
            Some((position, source)) => Err(RunError::Node {
                graph: self.graph.name.clone(),
                node: superstep.task(position).0.node.clone(),
                superstep: superstep.number(),
                source,
            }),
        }
    }

    /// Begins one task.
    fn start<'a>(
        &'a self,
        run: &RunId,
        checkpoint: &'a Checkpoint<S>,
        superstep: &Superstep<S::Update>,
        position: usize,
        observer: &dyn Observer,
    ) -> Result<BoxFuture<'a, Done<S::Update>>, RunError> {
        let (task, standing) = superstep.task(position);
        let answers = match standing {
            Standing::Ready { answers } => answers.clone(),
            _ => Vec::new(),
        };
        let context = NodeContext {
            run: run.clone(),
            superstep: superstep.number(),
            node: task.node.clone(),
            task_index: task.index,
            input: task.input.clone(),
            resume: answers.last().map(|answer| answer.value.clone()),
            answers,
        };
        let vertex = self.graph.vertex(&task.node).ok_or_else(|| FormatError::UnknownNode {
            graph: self.graph.name.clone(),
            node: task.node.clone(),
            nearest: None,
        })?;
        observer.observe(&Event::NodeStarted { context: &context });
        let span = tracing::debug_span!("node", %run, superstep = context.superstep, node = %context.node);
        let work = async move {
            let result = vertex.node.run(&context, &checkpoint.state).await;
            Done::Node(position, context, result)
        };
        Ok(Box::pin(work.instrument(span)))
    }

    /// Stores what a task of an unfinished superstep came to.
    fn store<'a>(
        &'a self,
        run: &RunId,
        superstep: &Superstep<S::Update>,
        position: usize,
    ) -> Result<BoxFuture<'a, Result<(), PortError>>, RunError> {
        let (task, standing) = superstep.task(position);
        let (key, write) = (task.key(), checkpoint::encode(standing)?);
        let (run, number) = (run.clone(), superstep.number());
        Ok(Box::pin(async move { self.checkpoints.put_write(&run, number, &key, write).await }))
    }
}

/// A finished run waits for nothing; only an answer that it got before may come again.
fn refuse_unknown<S: State>(
    checkpoint: &Checkpoint<S>,
    answers: Vec<(String, Value)>,
) -> Result<(), RunError> {
    Superstep::<S::Update>::new(checkpoint.superstep, Vec::new()).answer(answers, &checkpoint.answered)?;
    Ok(())
}
