//! Time that does not pass as expected: a process that was stopped, a wall clock that was set. No timer
//! fires early, twice or never. `SYNDARIX_ENGINE_STOP_SECONDS` says for how long the process is stopped.

use crate::acknowledged::history;
use crate::bare::{Bare, Reply, bare};
use crate::process::{Process, number, run, say};
use crate::rpc::Raw;
use crate::script::{Act, Script, Step, worker};
use crate::world::{QUEUE, client, result, work};
use futures::future::{BoxFuture, join_all};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use syndarix_engine::{Clock, Engine, EngineOptions, SystemClock, Timestamp};
use temporalio_client::WorkflowStartOptions;
use temporalio_protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

const STOP_SECONDS: usize = 3;
const WORKFLOWS: u64 = 20;
const DATABASE: &str = "SYNDARIX_ENGINE_STOPPED_DATABASE";

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;

fn nanos(event: &HistoryEvent) -> i64 {
    Timestamp::from_proto(event.event_time.as_ref()).0
}

/// When each timer of a history was started, when it was due, and when it has fired.
fn timers(events: &[HistoryEvent]) -> Vec<(i64, i64, Vec<i64>)> {
    let fired_of = |started: i64| {
        let fired = events.iter().filter(move |event| {
            matches!(&event.attributes,
                Some(Attributes::TimerFiredEventAttributes(fired)) if fired.started_event_id == started)
        });
        fired.map(nanos).collect()
    };
    let started = events.iter().filter_map(|event| match &event.attributes {
        Some(Attributes::TimerStartedEventAttributes(started)) => {
            let span = started.start_to_fire_timeout.expect("a timer has a length");
            let due = nanos(event) + span.seconds * SECOND + i64::from(span.nanos);
            Some((nanos(event), due, fired_of(event.event_id)))
        }
        _ => None,
    });
    started.collect()
}

#[test]
#[ignore = "run by `a_process_that_was_stopped` in a process of its own"]
fn stopped() {
    let Ok(path) = std::env::var(DATABASE) else { return };
    run(async {
        let engine = Engine::open(EngineOptions::new(&path)).await.expect("it opens");
        let client = client(&engine).await;
        work(client.clone(), worker(QUEUE), async {
            let handles = join_all((0..WORKFLOWS).map(|index| {
                let steps = vec![
                    Step::Timer(200 + index * 100),
                    Step::Activity(Act { key: "a".into(), ..Act::default() }),
                    Step::Timer(500),
                ];
                let options = WorkflowStartOptions::new(QUEUE, format!("w{index}")).build();
                let client = client.clone();
                async move { client.start_workflow(Script::run, steps, options).await.expect("it starts") }
            }))
            .await;
            say("started");
            for handle in handles {
                assert_eq!(result(&handle).await, "slept\ndone a\nslept");
            }
        })
        .await;
        engine.shutdown().await;
    });
}

fn send(signal: &str, process: &Process) {
    let sent =
        Command::new("kill").args([signal, &process.id().to_string()]).status().expect("there is kill");
    assert!(sent.success());
}

#[tokio::test]
async fn a_process_that_was_stopped() {
    let pause = Duration::from_secs(number("SYNDARIX_ENGINE_STOP_SECONDS", STOP_SECONDS) as u64);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("engine.db");
    let process = Process::start("time::stopped", &[(DATABASE, path.display().to_string())]);
    process.until("started");
    let stopped = Instant::now();
    send("-STOP", &process);
    std::thread::sleep(pause);
    send("-CONT", &process);
    let (_, status) = process.end();
    println!("finished {:?} after it was stopped for {pause:?}", stopped.elapsed());
    assert!(status.success(), "every workflow finished");
    let raw = Raw::at(directory).await;
    for index in 0..WORKFLOWS {
        let id = format!("w{index}");
        let timers = timers(&history(&raw, &id, "").await);
        assert_eq!(timers.len(), 2, "{id}");
        for (_, due, fired) in timers {
            assert!(fired.len() == 1 && fired[0] >= due, "{id}: due at {due}, fired at {fired:?}");
        }
    }
}

/// The system's clock on a machine whose wall clock is wrong by so much.
#[derive(Debug)]
struct Wrong {
    inner: SystemClock,
    by: Arc<AtomicI64>,
}

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        self.inner.now().plus(self.by.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        self.inner.sleep_until(at.plus(-self.by.load(Ordering::SeqCst)))
    }
}

fn wrong_by(nanos: i64) -> impl FnOnce(EngineOptions) -> EngineOptions {
    let clock = Wrong { inner: SystemClock::new(), by: Arc::new(AtomicI64::new(nanos)) };
    move |options| options.clock(Arc::new(clock))
}

/// Starts a workflow that waits for a timer.
async fn start_timer(bare: &Bare, id: &str, time: Duration) {
    bare.start_idle(id, Reply::default().sleeps(time)).await;
}

async fn fired(raw: &Raw, id: &str) -> usize {
    timers(&history(raw, id, "").await).iter().map(|(_, _, fired)| fired.len()).sum()
}

#[tokio::test]
async fn a_wall_clock_that_was_set_between_two_opens() {
    let raw = Raw::new().await;
    let worker = bare(&client(&raw.engine).await);
    let soon = Duration::from_millis(300);
    start_timer(&worker, "long ago", Duration::from_mins(1)).await;
    start_timer(&worker, "within the hour", Duration::from_mins(30)).await;
    start_timer(&worker, "later", Duration::from_hours(2)).await;
    drop(worker);

    let raw = raw.reopen(wrong_by(-HOUR)).await;
    let worker = bare(&client(&raw.engine).await);
    // What is started now goes by the time that it is now, also in a run whose history is in the future.
    worker.signal("long ago").await.expect("it is taken");
    let task = worker.poll(QUEUE).await;
    worker.reply(&task, Reply::default().starts_timer("second", soon)).await.expect("it is the task");
    start_timer(&worker, "new", soon).await;
    for _ in 0..2 {
        let task = worker.poll(QUEUE).await;
        worker.reply(&task, Reply::default()).await.expect("it is the task");
    }
    assert_eq!(fired(&raw, "new").await, 1);
    assert_eq!(fired(&raw, "long ago").await, 1, "the second; the first is due in an hour");
    assert_eq!(fired(&raw, "within the hour").await, 0);
    let times: Vec<i64> = history(&raw, "long ago", "").await.iter().map(nanos).collect();
    assert!(times.is_sorted(), "a history does not go back in time: {times:?}");
    drop(worker);

    let raw = raw.reopen(wrong_by(HOUR)).await;
    let worker = bare(&client(&raw.engine).await);
    for _ in 0..2 {
        let task = worker.poll(QUEUE).await;
        worker.reply(&task, Reply::default()).await.expect("it is the task");
    }
    let all = [("long ago", 2), ("within the hour", 1), ("later", 0), ("new", 1)];
    for (id, times) in all {
        assert_eq!(fired(&raw, id).await, times, "{id}");
    }
    drop(worker);

    let raw = raw.reopen(|options| options).await;
    // Time passes, and nothing fires again now that it is earlier.
    let worker = bare(&client(&raw.engine).await);
    start_timer(&worker, "last", soon).await;
    worker.poll(QUEUE).await;
    for (id, times) in all {
        assert_eq!(fired(&raw, id).await, times, "{id}");
    }
}
