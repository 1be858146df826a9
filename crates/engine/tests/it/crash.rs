//! Killing the process for real: a child process runs an engine and workers until it is killed, again and
//! again; nothing it acknowledged may be missing, and in the end everything finishes.

use crate::script::{Act, Script, ScriptRun, Step, worker};
use crate::world::{PATIENCE, QUEUE, client, events, result, work};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::{WorkflowSignalOptions, WorkflowStartOptions};

/// Set for the process that is to be killed: the path of its database.
const VICTIM: &str = "SYNDARIX_ENGINE_CRASH_VICTIM";
const WORKFLOWS: usize = 8;
const SIGNALS: usize = 6;
const CRASHES: u64 = 12;

fn steps() -> Vec<Step> {
    let act = |key: &str| Step::Activity(Act { key: key.into(), ..Act::default() });
    vec![act("a"), Step::Timer(15), Step::Parallel(3), Step::Signals(SIGNALS), act("b")]
}

/// What the victim does: starts and signals workflows, prints what was acknowledged, until it is killed.
#[test]
#[ignore = "run by `killed_again_and_again` in a process of its own"]
fn victim() {
    let Ok(path) = std::env::var(VICTIM) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let engine = Engine::open(EngineOptions::new(&path)).await.expect("it opens");
        let client = client(&engine).await;
        work(client.clone(), worker(QUEUE), async {
            say("ready");
            for round in 0..SIGNALS {
                for index in 0..WORKFLOWS {
                    let id = format!("w{index}");
                    let options = WorkflowStartOptions::new(QUEUE, &id)
                        .id_reuse_policy(temporalio_client::WorkflowIdReusePolicy::RejectDuplicate)
                        .build();
                    if client.start_workflow(Script::run, steps(), options).await.is_ok() {
                        say(&format!("started {id}"));
                    }
                    let word = format!("{id}-{round}");
                    // The same request id in every life of the process: taken once in all.
                    let options = WorkflowSignalOptions::builder().request_id(word.clone()).build();
                    let handle = client.get_workflow_handle::<ScriptRun>(&id);
                    if handle.signal(Script::tell, word.clone(), options).await.is_ok() {
                        say(&format!("signalled {id} {word}"));
                    }
                }
            }
            std::future::pending::<()>().await;
        })
        .await;
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ACK {line}").and_then(|()| out.flush()).expect("the parent reads");
}

/// One life: what was acknowledged before it ended.
fn live_and_die(path: &Path, lifetime: Duration) -> Vec<String> {
    let mut victim = Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "crash::victim", "--ignored", "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the victim starts");
    let output = BufReader::new(victim.stdout.take().expect("it is piped"));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for line in output.lines().map_while(Result::ok) {
            match line.split_once("ACK ") {
                Some((_, "ready")) => ready.send(()).expect("the test waits"),
                Some((_, said)) => acknowledged.push(said.to_owned()),
                None => {}
            }
        }
        acknowledged
    });
    is_ready.recv_timeout(PATIENCE).expect("the victim sets to work");
    // The moment of death is the point of the test; what it interrupts differs each time.
    std::thread::sleep(lifetime);
    victim.kill().expect("it is killed");
    victim.wait().expect("it is gone");
    reader.join().expect("the reader ends")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again() {
    #[expect(clippy::disallowed_methods, reason = "the seed is printed")]
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos() as u64;
    eprintln!("seed {seed}");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("engine.db");
    let mut acknowledged = Vec::new();
    let mut random = seed;
    for _ in 0..CRASHES {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lifetime = Duration::from_millis((random >> 33) % 300);
        let path = path.clone();
        let life = tokio::task::spawn_blocking(move || live_and_die(&path, lifetime));
        acknowledged.extend(life.await.expect("it ends"));
    }

    let engine = Engine::open(EngineOptions::new(&path)).await.expect("it opens");
    let client = client(&engine).await;
    let restarted = Instant::now();
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    work(client.clone(), worker(QUEUE), async {
        for index in 0..WORKFLOWS {
            let id = format!("w{index}");
            let options = WorkflowStartOptions::new(QUEUE, &id)
                .id_reuse_policy(temporalio_client::WorkflowIdReusePolicy::RejectDuplicate)
                .build();
            let _ = client.start_workflow(Script::run, steps(), options).await;
            let handle = client.get_workflow_handle::<ScriptRun>(&id);
            for round in 0..SIGNALS {
                let word = format!("{id}-{round}");
                let options = WorkflowSignalOptions::builder().request_id(word.clone()).build();
                let _ = handle.signal(Script::tell, word, options).await;
            }
            let said = result(&handle).await;
            events(&handle).await;
            told.insert(id, said.lines().map(str::to_owned).collect());
        }
    })
    .await;
    assert!(restarted.elapsed() < PATIENCE);
    assert!(!acknowledged.is_empty(), "the victims lived long enough to acknowledge something");
    for line in &acknowledged {
        let words: Vec<_> = line.split(' ').collect();
        if let ["signalled", id, word] = words.as_slice() {
            let count = told[*id].iter().filter(|said| **said == format!("told {word}")).count();
            assert_eq!(count, 1, "{line} was acknowledged, and is there once; seed {seed}");
        }
    }
    for (id, said) in told {
        assert_eq!(said.len(), 5 + SIGNALS, "{id} finished with everything it was told; seed {seed}");
    }
}
