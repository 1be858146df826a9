//! One life of the engine: from opening what is on the disk to the moment it goes down.

use super::chronicle::{Chronicle, Lives};
use super::clock::SimulatedClock;
use super::dice::Dice;
use super::disk::{self, Power};
use super::known::Fact;
use super::network::Line;
use super::world::{Sabotage, World};
use super::{activities, clients, letters, network, workers};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::executor::RunRef;
use crate::kernel::Timestamp;
use crate::kernel::time::SECOND;
use crate::options::EngineOptions;
use crate::proto::common;
use crate::service::Service;
use crate::storage::{OpenRun, Storage};
use futures::FutureExt;
use parking_lot::Mutex;
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long everything may take to end once nobody misbehaves: far longer than all timeouts one after another.
const PATIENCE: Duration = Duration::from_hours(48);
/// The longest pause between two looks at whether everything has ended.
const LONGEST_LOOK: Duration = Duration::from_mins(10);

/// An open engine and who talks to it.
#[derive(Debug)]
pub(super) struct Life {
    pub world: Arc<World>,
    pub service: Arc<Service>,
    pub clock: Arc<SimulatedClock>,
    /// The last life: the power does not fail, and everything comes to its end.
    is_last: bool,
    /// The network is good, and everybody does what they should.
    calm: AtomicBool,
    power: Arc<Power>,
    contradiction: Mutex<Option<String>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Life {
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether nobody and nothing misbehaves from now on.
    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Lets the power fail at so many groups of writes from now.
    pub(super) fn fail_power_after(&self, groups: i64) {
        if !self.is_last {
            self.power.fail_after(groups);
        }
    }

    /// Takes in what the engine has acknowledged.
    pub(super) fn learn(&self, fact: Fact) {
        let learned = self.world.known.lock().learn(fact);
        if let Err(contradiction) = learned {
            self.contradict(contradiction);
        }
    }

    /// Reports what must not be.
    pub(super) fn contradict(&self, what: String) {
        self.contradiction.lock().get_or_insert(what);
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().push(tokio::spawn(task));
    }

    /// What went wrong so far.
    fn verdict(&self) -> Result<(), String> {
        if let Some(contradiction) = self.contradiction.lock().clone() {
            return Err(contradiction);
        }
        let mut tasks = self.tasks.lock();
        let (ended, running): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *tasks).into_iter().partition(JoinHandle::is_finished);
        *tasks = running;
        for task in ended {
            if let Some(Err(error)) = task.now_or_never() {
                return Err(format!("a client or worker panicked: {error}"));
            }
        }
        Ok(())
    }
}

/// Lives one life, and says when it ended. Everything in memory is lost with its runtime.
pub(super) fn live(
    world: &Arc<World>,
    dice: Dice,
    opens: Timestamp,
    lives: &mut Lives,
    is_last: bool,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let outcome = runtime.block_on(async {
        let clock = Arc::new(SimulatedClock::new(opens));
        lives.push((opens, opens));
        let outcome = serve(world, dice, &clock, lives, is_last).await;
        if let Some(life) = lives.last_mut() {
            life.1 = clock.now();
        }
        outcome
    });
    drop(runtime);
    outcome
}

async fn serve(
    world: &Arc<World>,
    mut dice: Dice,
    clock: &Arc<SimulatedClock>,
    lives: &Lives,
    is_last: bool,
) -> Result<(), String> {
    let (storage, steps) =
        Storage::open_stepped(&world.path).map_err(|error| format!("cannot open: {error}"))?;
    check(world, &storage, lives).await?;
    world.trace.note(clock.now(), if is_last { "the engine opens, for good" } else { "the engine opens" });
    let power = Arc::new(Power::default());
    if !is_last && dice.chance(600) {
        power.fail_after(dice.between(0, 60));
    }
    let disk = tokio::spawn(disk::run(steps, dice.split(), power.clone(), world.plan.sabotage));
    // Next to none are kept in memory, so that forgetting is part of every life.
    let options = EngineOptions::new(&world.path)
        .clock(clock.clone())
        .lost_tasks(world.plan.lost_tasks)
        .workflows_in_memory(2);
    let engine = tokio::select! {
        biased;
        () = power.failed() => return Ok(()),
        engine = Engine::serve(options, storage, dice.entropy()) => {
            engine.map_err(|error| format!("cannot serve: {error}"))?
        }
    };
    sabotage(world, &engine)?;
    let life = Arc::new(Life {
        world: world.clone(),
        service: engine.service.clone(),
        clock: clock.clone(),
        is_last,
        calm: AtomicBool::new(is_last && dice.chance(500)),
        power: power.clone(),
        contradiction: Mutex::default(),
        tasks: Mutex::default(),
    });
    populate(&life, &mut dice);
    let ended = if is_last {
        tokio::time::sleep(Duration::from_millis(dice.between(0, 20_000) as u64)).await;
        life.calm.store(true, Ordering::Relaxed);
        until_quiet(&life).await
    } else {
        let most_ms = if dice.chance(500) { 8_000 } else { 120_000 };
        // The power fails, or the process is killed.
        let killed = Duration::from_millis(dice.between(0, most_ms) as u64);
        let _ = tokio::time::timeout(killed, power.failed()).await;
        Ok(())
    };
    life.verdict()?;
    if disk.is_finished() {
        return Err("the disk has failed".into());
    }
    ended?;
    if is_last {
        check(world, &engine.service.executor.storage, lives).await?;
        super::memory::check(&engine.service.executor).await?;
    }
    Ok(())
}

/// Breaks what was found again, where the plan says so.
fn sabotage(world: &World, engine: &Engine) -> Result<(), String> {
    let executor = &engine.service.executor;
    match world.plan.sabotage {
        Sabotage::ForgottenTimers => {
            let open = executor.storage.readers.open_runs().map_err(|error| error.to_string())?;
            for run in open {
                let OpenRun { namespace, workflow_id, run_id, .. } = run;
                executor.timers.set(&Arc::new(RunRef { namespace, workflow_id, run_id }), Timestamp::NONE);
            }
        }
        Sabotage::ForgottenTasks => executor.matching.forget(),
        Sabotage::None | Sabotage::LyingDisk | Sabotage::LosingDisk => {}
    }
    Ok(())
}

fn populate(life: &Arc<Life>, dice: &mut Dice) {
    let mut connect = |name: String| Line { life: life.clone(), dice: dice.split(), name };
    for letter in life.world.letters.lock().iter() {
        life.spawn(letters::carry(connect(format!("letter {}", letter.number)), letter.number));
    }
    for worker in 0..life.world.plan.workers {
        workers::start(connect(format!("worker {worker}")));
        life.spawn(activities::run(connect(format!("hand {worker}"))));
    }
    for client in 0..life.world.plan.clients {
        life.spawn(clients::run(connect(format!("client {client}")), client as usize));
    }
}

/// Checks everything that is on the disk.
async fn check(world: &World, storage: &Storage, lives: &Lives) -> Result<(), String> {
    let chronicle = Chronicle::read(&storage.readers).await;
    for run in chronicle.runs() {
        world.trace.digest(run.state.core.run_id.as_bytes());
        for event in &run.events {
            world.trace.digest(&event.encode_to_vec());
        }
    }
    let known = world.known.lock();
    chronicle.check(lives, world.plan.clock_is_set, &known)?;
    known.check(&chronicle)
}

/// Lets go on what somebody has paused and left.
async fn release(life: &Arc<Life>, open: &[OpenRun]) {
    for OpenRun { workflow_id, run_id, .. } in open {
        let run = common::WorkflowExecution { workflow_id: workflow_id.clone(), run_id: run_id.clone() };
        let request = clients::unpause(Some(run)).encode_to_vec();
        // What has closed meanwhile or has no activities is not to be released.
        drop(life.service.call(network::SERVICE, "UnpauseActivity", request.into()).await);
    }
}

/// Waits until all clients have done what they wanted and every workflow has ended.
async fn until_quiet(life: &Arc<Life>) -> Result<(), String> {
    let storage = &life.service.executor.storage;
    let began = life.now();
    let mut pause = Duration::from_secs(1);
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_LOOK);
        life.verdict()?;
        let open = storage.readers.open_runs().map_err(|error| error.to_string())?;
        let outbox = storage.readers.outbox().map_err(|error| error.to_string())?;
        let busy =
            life.world.clients.lock().iter().filter(|client| !client.is_done(&life.world.plan)).count();
        let letters = life.world.letters.lock().len();
        release(life, &open).await;
        if open.is_empty() && outbox.is_empty() && busy == 0 && letters == 0 {
            return Ok(());
        }
        if life.now().since(began) > PATIENCE.as_secs() as i64 * SECOND {
            let chronicle = Chronicle::read(&storage.readers).await;
            return Err(format!(
                "it does not come to an end: {busy} clients are busy, {letters} answers and {} transfers on \
                 their way, {} workflows are open:\n{}",
                outbox.len(),
                open.len(),
                chronicle.open()
            ));
        }
    }
}
