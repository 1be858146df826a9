//! A process that is killed while it writes: what it acknowledged is there, and what is there is whole.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use syndarix_core::budget::{BudgetScope, Reserved};
use syndarix_core::event::EventKind;
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::Ledger;
use syndarix_core::time::SystemClock;
use syndarix_store::{Store, StoreOptions};

use crate::support::{
    assert_gapless, begin, events, new_project, new_task, project_id, reservation, success, team,
};

/// Set in the child to the data directory it writes to.
const DIRECTORY: &str = "SYNDARIX_TEST_CRASH_DIRECTORY";

/// Set in the child to the number of its life.
const LIFE: &str = "SYNDARIX_TEST_CRASH_LIFE";

const LIVES: u64 = 8;
const BUDGET: NanoUsd = NanoUsd(1_000_000_000);

/// Starts a child, reads what it acknowledges and kills it after so many lines.
fn live_and_die(dir: &Path, life: u64, lines: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "crash::child_that_writes_until_killed", "--nocapture"])
        .env(DIRECTORY, dir)
        .env(LIFE, life.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut acknowledged = Vec::new();
    let mut take = |line: String| acknowledged.extend(line.strip_prefix("done ").map(str::to_owned));
    for _ in 0..lines {
        take(output.next().expect("it writes until it is killed").expect("text"));
    }
    child.kill().expect("kills");
    child.wait().expect("ends");
    // What it had said before it died counts too; a line that was cut off does not.
    output.map_while(Result::ok).filter(|line| line.ends_with('.')).for_each(take);
    acknowledged.into_iter().filter(|slug| slug.ends_with('.')).collect()
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    #[expect(clippy::disallowed_methods, reason = "the seed is printed")]
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    println!("seed {seed}");
    let dir = tempfile::tempdir().expect("a folder");
    let mut state = seed;
    let mut acknowledged = HashSet::new();
    for life in 0..LIVES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lines = 5 + (state >> 33) % 120;
        acknowledged.extend(live_and_die(dir.path(), life, lines));
        check(dir.path(), &acknowledged).await;
    }
    assert!(acknowledged.len() as u64 > LIVES, "{} acknowledged", acknowledged.len());
}

async fn check(dir: &Path, acknowledged: &HashSet<String>) {
    let listing = Store::open_read_only(dir).await.expect("what the dead process left can be listed");
    assert_gapless(&listing).await;
    drop(listing);
    let clock = Arc::new(SystemClock);
    let store = Store::open(StoreOptions { data_dir: dir.to_owned(), clock }).await.expect("opens again");
    assert_gapless(&store).await;
    let project = project_id("p");
    let tasks = store.tasks(&project).await.expect("tasks");
    let slugs: HashSet<String> = tasks.iter().map(|task| format!("{}.", task.slug)).collect();
    let lost: Vec<_> = acknowledged.difference(&slugs).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    for (index, task) in tasks.iter().enumerate() {
        assert_eq!(task.id.key(), format!("T-{}", index + 1), "numbers have no gap either");
    }
    let journal = events(&store).await;
    let created = journal.iter().filter(|event| matches!(event.kind, EventKind::TaskCreated { .. })).count();
    assert_eq!(created, tasks.len(), "a change and its event are there together or not at all");
    let succeeded =
        journal.iter().filter(|event| matches!(event.kind, EventKind::ModelCallSucceeded { .. })).count();
    let calls = store.calls(&project).await.expect("calls");
    let settled = calls.iter().filter(|call| call.outcome.is_some());
    assert_eq!(settled.clone().count(), succeeded);
    let scope = BudgetScope::Project { project: project.clone() };
    let lines = store.budgets(&project).await.expect("budgets");
    let line = lines.iter().find(|line| line.scope == scope).expect("the project's own");
    assert_eq!(line.spent, settled.map(|call| call.cost).sum(), "the totals are the calls' sum");
    let open = calls.iter().filter(|call| call.outcome.is_none());
    assert_eq!(line.reserved, open.map(|call| call.reserved).sum());
}

/// Not a test by itself: the process that is killed by the one above.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_writes_until_killed() {
    let (Ok(dir), Ok(life)) = (std::env::var(DIRECTORY), std::env::var(LIFE)) else { return };
    let store = Store::open(StoreOptions { data_dir: dir.into(), clock: Arc::new(SystemClock) });
    let store = store.await.expect("opens");
    let mut new = new_project("p");
    new.budget = BUDGET;
    store.create_project(new, team()).await.expect("a project");
    let writers = (0..6).map(|writer| {
        let (store, life) = (store.clone(), life.clone());
        tokio::spawn(async move {
            for n in 0.. {
                let slug = format!("life-{life}-writer-{writer}-{n}");
                write(&store, &slug).await;
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "done {slug}.").and_then(|()| out.flush());
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("writes until it is killed");
    }
}

async fn write(store: &Store, slug: &str) {
    let project = project_id("p");
    let task = store.create_task(new_task(&project, slug)).await.expect("a task").id;
    let request = reservation(&project, &task, 1, 0, 100);
    begin(store, &request.call.effect).await;
    assert_eq!(store.reserve(&request).await.expect("answered"), Reserved::Granted);
    store.settle(&success(&request.call, 42), Vec::new()).await.expect("settled");
}
