//! Killing the process for real: a child process runs an engine and workers until it is killed, again and
//! again; nothing it acknowledged may be missing, and in the end everything finishes.
//!
//! `SYNDARIX_ENGINE_KILLS` says how often it is killed, `SYNDARIX_ENGINE_KILLED_WORKFLOWS` how many
//! workflows live through it, `SYNDARIX_ENGINE_KILL_SEED` when.

use crate::acknowledged::{Fact, check, overheard};
use crate::process::{Process, number, run, say};
use crate::rpc::Raw;
use crate::script::{Act, Close, Script, ScriptRun, Step, Then, worker};
use crate::world::{PATIENCE, QUEUE, client, result, work};
use futures::StreamExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::{Client, WorkflowIdReusePolicy, WorkflowSignalOptions, WorkflowStartOptions};

const KILLS: usize = 3;
const WORKFLOWS: usize = 30;
/// Phases of a workflow at most: more would make its history long, not the test better.
const MOST_PHASES: usize = 10;
/// A victim that acknowledges nothing for this long waits for the next phase: there is nothing to interrupt.
const NOTHING_TO_DO: Duration = Duration::from_millis(500);
/// Requests that are under way at once.
const AT_ONCE: usize = 16;

/// What a victim is told: the database, how many workflows and phases there are, which of them are to be
/// reached, and with which workflow to begin.
const DATABASE: &str = "SYNDARIX_ENGINE_VICTIM_DATABASE";
const AMOUNT: &str = "SYNDARIX_ENGINE_VICTIM_WORKFLOWS";
const PHASES: &str = "SYNDARIX_ENGINE_VICTIM_PHASES";
const REACHED: &str = "SYNDARIX_ENGINE_VICTIM_REACHED";
const FIRST: &str = "SYNDARIX_ENGINE_VICTIM_FIRST";

fn id(index: usize) -> String {
    format!("w{index}")
}

fn word(index: usize, phase: usize) -> String {
    format!("w{index}-{phase}")
}

/// Everything that can be interrupted, and then a word that lets the next phase begin.
fn steps(index: usize, phases: usize) -> Vec<Step> {
    let act = |key: &str| Step::Activity(Act { key: key.into(), ..Act::default() });
    let phase = |phase: usize| {
        let child = Step::Child {
            id: format!("w{index}-child{phase}"),
            steps: vec![Step::Timer(5), act("of child")],
            close: Close::Terminate,
            then: Then::Await,
        };
        [act("first"), Step::Timer(15), child, Step::Parallel(2), Step::Signals(phase + 1)]
    };
    (0..phases).flat_map(phase).collect()
}

async fn start(client: &Client, index: usize, phases: usize) {
    let options = WorkflowStartOptions::new(QUEUE, id(index))
        .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
        .build();
    // Refused where an earlier life has started it.
    let _ = client.start_workflow(Script::run, steps(index, phases), options).await;
}

async fn signal(client: &Client, index: usize, phase: usize) {
    let word = word(index, phase);
    // The same request id in every life of the process: taken once in all.
    let options = WorkflowSignalOptions::builder().request_id(word.clone()).build();
    // Refused where the workflow has finished.
    let _ = client.get_workflow_handle::<ScriptRun>(id(index)).signal(Script::tell, word, options).await;
}

/// Starts every workflow and tells it the words of the phases that are to be reached.
async fn drive(client: &Client, workflows: usize, phases: usize, reached: usize, first: usize) {
    let each = (0..workflows).map(|offset| (first + offset) % workflows).map(|index| async move {
        start(client, index, phases).await;
        for phase in 0..reached {
            signal(client, index, phase).await;
        }
    });
    futures::stream::iter(each).buffer_unordered(AT_ONCE).for_each(|()| async {}).await;
}

/// What the victim does: starts and signals workflows, works on them and reads their histories, and says
/// what was acknowledged, until it is killed.
#[test]
#[ignore = "run by `killed_again_and_again` in a process of its own"]
fn victim() {
    let Ok(path) = std::env::var(DATABASE) else { return };
    let told = |name| number(name, 0);
    run(async {
        let engine = Engine::open(EngineOptions::new(&path)).await.expect("it opens");
        let runs: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let known = runs.clone();
        let client = overheard(&engine, move |fact| {
            say(&fact.to_line());
            if let Fact::TaskCompleted { id, run, .. } = fact {
                known.lock().expect("not poisoned").push((id.clone(), run.clone()));
            }
        })
        .await;
        work(client.clone(), worker(QUEUE), async {
            say("ready");
            let driving = drive(&client, told(AMOUNT), told(PHASES), told(REACHED), told(FIRST));
            let reading = async {
                loop {
                    let next = runs.lock().expect("not poisoned").pop();
                    if let Some((id, run)) = next {
                        read(&client, &id, &run).await;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::join!(driving, reading)
        })
        .await;
    });
}

/// Reads a history as a client: what it is told then must stay true.
async fn read(client: &Client, id: &str, run: &str) {
    use temporalio_protos::temporal::api::{common::v1 as common, workflowservice::v1 as ws};
    let request = ws::GetWorkflowExecutionHistoryRequest {
        namespace: "default".into(),
        execution: Some(common::WorkflowExecution { workflow_id: id.into(), run_id: run.into() }),
        ..Default::default()
    };
    let mut service = client.connection().workflow_service();
    service.get_workflow_execution_history(tonic::Request::new(request)).await.expect("it is readable");
}

/// One life: what was acknowledged before it ended.
fn live_and_die(path: &Path, settings: &[(&str, String)], facts: usize, delay: Duration) -> Vec<Fact> {
    let mut settings = settings.to_vec();
    settings.push((DATABASE, path.display().to_string()));
    let victim = Process::start("crash::victim", &settings);
    let mut said = victim.until("ready");
    said.extend(victim.next(facts, NOTHING_TO_DO));
    // The moment of death is the point of the test; what it interrupts differs each time.
    std::thread::sleep(delay);
    said.extend(victim.kill());
    // The last line may have been cut off by the end.
    said.iter().filter_map(|line| Fact::from_line(line)).collect()
}

fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again() {
    #[expect(clippy::disallowed_methods, reason = "the seed is printed")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos() as usize;
    let seed = number("SYNDARIX_ENGINE_KILL_SEED", now);
    let kills = number("SYNDARIX_ENGINE_KILLS", KILLS);
    let workflows = number("SYNDARIX_ENGINE_KILLED_WORKFLOWS", WORKFLOWS);
    let phases = kills.div_ceil(2).clamp(1, MOST_PHASES);
    println!(
        "SYNDARIX_ENGINE_KILL_SEED={seed}: {kills} kills under {workflows} workflows of {phases} phases"
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("engine.db");
    let mut facts = Vec::new();
    let mut state = seed as u64;
    for life in 0..kills {
        // It lives until it has acknowledged some things for each of them, and a moment longer.
        let lives_for = random(&mut state) % (6 * workflows);
        let delay = Duration::from_millis((random(&mut state) % 20) as u64);
        let settings = [
            (AMOUNT, workflows.to_string()),
            (PHASES, phases.to_string()),
            (REACHED, (life * phases / kills).to_string()),
            (FIRST, (random(&mut state) % workflows).to_string()),
        ];
        let path = path.clone();
        let life = tokio::task::spawn_blocking(move || live_and_die(&path, &settings, lives_for, delay));
        facts.extend(life.await.expect("it ends"));
    }

    let restarted = Instant::now();
    let raw = Raw::at(directory).await;
    let client = client(&raw.engine).await;
    work(client.clone(), worker(QUEUE), async {
        drive(&client, workflows, phases, phases, 0).await;
        for index in 0..workflows {
            let said = result(&client.get_workflow_handle(id(index))).await;
            for phase in 0..phases {
                let word = format!("told {}", word(index, phase));
                let count = said.lines().filter(|line| **line == word).count();
                assert_eq!(count, 1, "workflow {index} was told {word:?} once: {said}");
            }
            assert_eq!(said.lines().count(), 6 * phases, "workflow {index} did everything: {said}");
        }
    })
    .await;
    println!("all finished {:.1} s after the last restart", restarted.elapsed().as_secs_f64());
    assert!(restarted.elapsed() < PATIENCE);
    let counts = check(&raw, &facts).await;
    println!("acknowledged before a kill, and in the histories: {counts:?}");
    assert!(counts.contains_key("activities"), "the victims lived long enough: {counts:?}");
}
