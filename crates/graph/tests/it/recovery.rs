//! Random graphs whose process dies after, or just before, any stored step: they must come to the same end as
//! an undisturbed run, and no node whose work was stored may run again. Every failure names the seed that
//! reproduces it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use syndarix_core::id::RunId;
use syndarix_core::ports::{Checkpoints, PortError, StoredCheckpoint};
use syndarix_graph::{
    Checkpoint, END, Graph, Input, Interrupt, MemoryCheckpoints, Next, Node, NodeContext, NodeError,
    NodeOutcome, Outcome, RunError, Runner, Task,
};
use tokio::sync::Notify;

use crate::notes::{Notes, NotesUpdate, run_id};

const SEEDS: u64 = 160;

/// SplitMix64: a generator whose every seed is as good as any other.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A generator that depends on nothing but these values.
    fn of(parts: impl IntoIterator<Item = u64>) -> Self {
        parts.into_iter().fold(Self(0), |random, part| Self(random.clone().next() ^ part))
    }
}

/// What is stored, and the moment at which the process dies.
#[derive(Default)]
struct Storage {
    inner: MemoryCheckpoints,
    crash: Mutex<Option<Crash>>,
    crashed: Notify,
    /// The tasks whose work is stored: superstep and key.
    stored: Mutex<BTreeSet<(u32, String)>>,
    steps: Mutex<u32>,
}

struct Crash {
    steps_left: u64,
    before: bool,
}

impl Storage {
    /// Performs a stored step, unless the process dies at it; then it never returns.
    async fn step(&self, perform: impl Future<Output = Result<(), PortError>>) -> Result<(), PortError> {
        let dies = self.crash.lock().as_mut().and_then(|crash| {
            let now = crash.steps_left == 0;
            crash.steps_left = crash.steps_left.saturating_sub(1);
            now.then_some(crash.before)
        });
        if dies != Some(true) {
            perform.await?;
            *self.steps.lock() += 1;
        }
        if dies.is_some() {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

#[async_trait]
impl Checkpoints for Storage {
    async fn put(&self, run: &RunId, checkpoint: StoredCheckpoint) -> Result<(), PortError> {
        self.step(async {
            self.stored.lock().retain(|(superstep, _)| *superstep > checkpoint.superstep);
            self.inner.put(run, checkpoint).await
        })
        .await
    }

    async fn latest(&self, run: &RunId) -> Result<Option<StoredCheckpoint>, PortError> {
        self.inner.latest(run).await
    }

    async fn list(&self, run: &RunId) -> Result<Vec<StoredCheckpoint>, PortError> {
        self.inner.list(run).await
    }

    async fn put_write(
        &self,
        run: &RunId,
        superstep: u32,
        node: &str,
        write: Vec<u8>,
    ) -> Result<(), PortError> {
        self.step(async {
            let value: Value = serde_json::from_slice(&write).expect("a write is JSON");
            if value["body"]["status"] == "done" {
                self.stored.lock().insert((superstep, node.to_owned()));
            }
            self.inner.put_write(run, superstep, node, write).await
        })
        .await
    }

    async fn writes(&self, run: &RunId, superstep: u32) -> Result<Vec<(String, Vec<u8>)>, PortError> {
        self.inner.writes(run, superstep).await
    }
}

/// A node that asks up to twice, may fail, and writes what depends on all it was given.
struct Worker {
    seed: u64,
    number: u64,
    disturbance: Option<Arc<Mutex<Random>>>,
    storage: Arc<Storage>,
}

#[async_trait]
impl Node<Notes> for Worker {
    async fn run(&self, ctx: &NodeContext, notes: &Notes) -> Result<NodeOutcome<NotesUpdate>, NodeError> {
        let task = Task { index: ctx.task_index, node: ctx.node.clone(), input: ctx.input.clone() };
        let stored = self.storage.stored.lock().contains(&(ctx.superstep, task.key()));
        assert!(!stored, "seed {}: {} ran again in superstep {}", self.seed, task.key(), ctx.superstep);
        let latest = self.storage.latest(&ctx.run).await.expect("memory").expect("is begun");
        assert_eq!(
            latest.superstep + 1,
            ctx.superstep,
            "seed {}: a committed superstep ran again",
            self.seed
        );

        if let Some(random) = &self.disturbance {
            let yields = random.lock().below(4);
            let fails = random.lock().below(12) == 0;
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            if fails {
                return Err(NodeError::retryable("disturbed"));
            }
        }
        let place = u64::from(ctx.superstep) << 32 | u64::from(ctx.task_index);
        let mut random = Random::of([self.seed, self.number, place]);
        let questions = random.below(4).saturating_sub(1);
        for question in 0..questions {
            let id = format!("{}-{}-{question}", task.key(), ctx.superstep);
            if ctx.answer(&id).is_none() {
                return Ok(NodeOutcome::Interrupt(Interrupt { id, value: json!(question) }));
            }
        }
        let answers: i64 = ctx.answers.iter().filter_map(|answer| answer.value.as_i64()).sum();
        let input = ctx.input.as_ref().and_then(Value::as_i64).unwrap_or(1);
        let mut line = format!("{}@{}", task.key(), ctx.superstep);
        write!(line, " saw {} and {answers}", notes.total).expect("a string takes everything");
        Ok(NodeOutcome::Update(NotesUpdate {
            ran: Some(vec![line]),
            total: Some((notes.total * 31 + answers * 7 + input + random.below(1000) as i64) % 1_000_003),
            verdict: None,
            by_name: Some([(ctx.node.clone(), i64::from(ctx.superstep))].into()),
        }))
    }
}

/// A graph of up to seven nodes in a chain with more edges of every kind across it, forward and back.
fn graph(seed: u64, storage: &Arc<Storage>, disturbance: Option<&Arc<Mutex<Random>>>) -> Graph<Notes> {
    let mut random = Random::of([seed, 1]);
    let count = 2 + random.below(6);
    let name = |number: u64| format!("n{number}");
    let mut builder = Graph::builder("random").entry("n0").step_limit(12);
    let mut edges = BTreeSet::new();
    for number in 0..count {
        let worker = Worker { seed, number, disturbance: disturbance.cloned(), storage: Arc::clone(storage) };
        builder = builder.node(name(number), worker);
        let next = if number + 1 < count { name(number + 1) } else { END.to_owned() };
        edges.insert((name(number), next));
    }
    for _ in 0..random.below(2 * count) {
        let (from, to) = (random.below(count), random.below(count));
        match random.below(4) {
            0 if from < to => {
                edges.insert((name(from), name(to)));
            }
            1 if from < to && from > 0 => builder = builder.join([name(from - 1), name(from)], name(to)),
            kind => {
                let (target, sends) = (name(to), kind == 2);
                let router = move |notes: &Notes| {
                    let mut random = Random::of([seed, from, to, notes.total.unsigned_abs()]);
                    match random.below(3) {
                        0 if sends => (0..=random.below(3)).map(|n| Next::send(&target, n)).collect(),
                        0 => vec![Next::node(&target)],
                        _ => vec![Next::End],
                    }
                };
                builder = builder.conditional(name(from), router, [name(to), END.to_owned()]);
            }
        }
    }
    let builder = edges.into_iter().fold(builder, |builder, (from, to)| builder.edge(from, to));
    builder.build().unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

/// What the answer to an interrupt is, whenever and in whatever company it is given.
fn answer(interrupt: &Interrupt) -> (String, Value) {
    let sum: u64 = interrupt.id.bytes().map(u64::from).sum();
    (interrupt.id.clone(), json!(sum))
}

/// How a run ended and what it left.
#[derive(Debug, PartialEq)]
struct End {
    finished: bool,
    last: Checkpoint<Notes>,
}

/// Drives a run to its end, through questions, failures and crashes. Returns also how often it was begun anew.
async fn drive(seed: u64, storage: &Arc<Storage>, mut disturbance: Option<Random>) -> (End, u32) {
    let node_disturbance = disturbance.as_mut().map(|random| Arc::new(Mutex::new(Random(random.next()))));
    let mut input = Input::Start(Notes::default());
    let (run, mut restarts) = (run_id(), 0);
    loop {
        assert!(restarts < 10_000, "seed {seed}: it never ends");
        let concurrency = disturbance.as_mut().map_or(16, |random| 1 + random.below(5) as usize);
        let port: Arc<dyn Checkpoints> = Arc::<Storage>::clone(storage);
        let runner = Runner::new(Arc::new(graph(seed, storage, node_disturbance.as_ref())), port)
            .concurrency(NonZeroUsize::new(concurrency).expect("at least one"));
        *storage.crash.lock() = disturbance
            .as_mut()
            .map(|random| Crash { steps_left: random.below(6), before: random.below(2) == 0 });
        let ended = tokio::select! {
            biased;
            () = storage.crashed.notified() => None,
            ended = runner.run(&run, input.clone(), &()) => Some(ended),
        };
        let finished = match ended {
            // After a crash the caller does what it was about to do; so it is with a retried activity.
            None => {
                restarts += 1;
                continue;
            }
            Some(Ok(Outcome::Finished(_))) => true,
            Some(Err(RunError::StepLimit { .. })) => false,
            Some(Ok(Outcome::Interrupted { interrupts, .. })) => {
                assert!(!interrupts.is_empty(), "seed {seed}: interrupted without a question");
                let mut answers: Vec<_> = interrupts.iter().map(answer).collect();
                if let Some(random) = &mut disturbance {
                    let first = random.below(answers.len() as u64) as usize;
                    answers.drain(..first);
                    answers.truncate(1 + random.below(answers.len() as u64) as usize);
                }
                input = Input::Resume(answers);
                continue;
            }
            Some(Err(RunError::Node { source, .. })) if source.retryable => {
                restarts += 1;
                continue;
            }
            Some(Err(error)) => panic!("seed {seed}: {error}"),
        };
        *storage.crash.lock() = None;
        let last = runner.latest(&run_id()).await.expect("reads").expect("is begun");
        return (End { finished, last }, restarts);
    }
}

#[tokio::test]
async fn random_crashes_change_nothing() {
    let (mut restarts, mut finished, mut supersteps, mut questions) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let (expected, undisturbed) = drive(seed, &Arc::default(), None).await;
        assert_eq!(undisturbed, 0);
        let (found, more) = drive(seed, &Arc::default(), Some(Random::of([seed, 2]))).await;
        assert_eq!(found, expected, "seed {seed}");
        restarts += more;
        finished += u32::from(found.finished);
        supersteps += found.last.superstep;
        questions += found.last.answered.len();
    }
    println!(
        "{SEEDS} runs, {finished} to their end: {supersteps} supersteps, {questions} questions, {restarts} restarts"
    );
    assert!(restarts > SEEDS as u32 && questions > SEEDS as usize, "the runs were hardly disturbed");
}

/// A crash at every single stored step of a few runs, before it and after it.
#[tokio::test]
async fn a_crash_at_any_step_changes_nothing() {
    for seed in 0..SEEDS / 10 {
        let reference = Arc::<Storage>::default();
        let (expected, _) = drive(seed, &reference, None).await;
        let (run, steps) = (run_id(), *reference.steps.lock());
        for (at, before) in (0..steps).flat_map(|step| [(step, true), (step, false)]) {
            let storage = Arc::<Storage>::default();
            let mut crash = Some(Crash { steps_left: u64::from(at), before });
            let mut input = Input::Start(Notes::default());
            let finished = loop {
                if let Some(crash) = crash.take() {
                    *storage.crash.lock() = Some(crash);
                }
                let port: Arc<dyn Checkpoints> = Arc::<Storage>::clone(&storage);
                let runner = Runner::new(Arc::new(graph(seed, &storage, None)), port);
                let ended = tokio::select! {
                    biased;
                    () = storage.crashed.notified() => { *storage.crash.lock() = None; None }
                    ended = runner.run(&run, input.clone(), &()) => Some(ended),
                };
                match ended {
                    None => {}
                    Some(Ok(Outcome::Interrupted { interrupts, .. })) => {
                        input = Input::Resume(interrupts.iter().map(answer).collect());
                    }
                    Some(Ok(Outcome::Finished(_))) => break true,
                    Some(Err(RunError::StepLimit { .. })) => break false,
                    Some(Err(error)) => panic!("seed {seed}, step {at}: {error}"),
                }
            };
            let graph = graph(seed, &storage, None);
            let stored = storage.latest(&run_id()).await.expect("memory").expect("is begun");
            let found = End { finished, last: Checkpoint::decode(&graph, &stored).expect("reads") };
            assert_eq!(found, expected, "seed {seed}, step {at}, before: {before}");
        }
    }
}
