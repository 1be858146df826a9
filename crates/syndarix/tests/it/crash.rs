//! The demo project, killed again and again at random moments: it must come to the same end as when nobody kills it.
//!
//! `SYNDARIX_CRASH_KILLS` says how often it is killed, `SYNDARIX_CRASH_SEED` when.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::data::{self, Data};
use crate::folder::Folder;

/// How often it is killed where nothing else is said: enough to hit every phase of the project about once.
const KILLS: u64 = 8;

/// The longest time between a restart and the next kill, where time decides. Starting takes a tenth of it.
const LONGEST_LIFE_MS: u64 = 2_500;

/// Far longer than the project takes from any point on; reaching it is a failure.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long what was started may take to notice that nobody needs it any more.
const AFTERMATH: Duration = Duration::from_secs(20);

/// The events whose number does not depend on interruptions. The others tell of work that a crash cut off: a run
/// that is continued, a check that is run again, an agent that thinks once more.
const ONCE: [&str; 17] = [
    "project_created",
    "phase_entered",
    "agent_joined",
    "task_created",
    "task_assigned",
    "task_planned",
    "task_state_changed",
    "task_done",
    "review_verdict",
    "branch_merged",
    "message_sent",
    "artifact_written",
    "model_call_succeeded",
    "model_call_failed",
    "model_failover",
    "tool_called",
    "budget_warning",
];

/// What must never happen here, however often it is killed.
const NEVER: [&str; 5] =
    ["approval_requested", "merge_conflict", "tool_denied", "malformed_action", "budget_refused"];

/// The project's history may not hold conversations.
const LONGEST_HISTORY_BYTES: i64 = 200 * 1024;

/// The demo in a folder of its own.
struct Demo {
    folder: Folder,
}

impl Demo {
    fn new() -> Self {
        Self { folder: Folder::new() }
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts it, or continues it, in a process group of its own.
    fn start(&self) -> Child {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log")).expect("a log");
        let errors = File::try_clone(&log).expect("a log");
        let mut command: Command = self.folder.command();
        command.args(["--data-dir", "data", "demo", "--pace", "0"]).process_group(0);
        command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("the binary starts")
    }

    fn data(&self) -> Option<Data> {
        Data::open(&self.data_dir())
    }

    fn last_seq(&self) -> u64 {
        self.data().map_or(0, |data| data.last_seq().cast_unsigned())
    }

    /// The end of what it printed, for messages.
    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Waits for it to end by itself.
    fn finish(&self, mut child: Child) -> Came {
        let status = wait(&mut child, PATIENCE).unwrap_or_else(|| {
            kill(&child, true);
            panic!("the project does not come to its end:\n{}", self.log());
        });
        assert_eq!(status.code(), Some(0), "{}", self.log());
        self.check()
    }

    /// Checks what must hold in any case, and returns what it came to.
    fn check(&self) -> Came {
        let data = self.data().expect("records");
        data.check_journal();
        self.check_events_command(&data);
        let cost = data.check_books();
        let [(project, state)] = &data.projects()[..] else { panic!("{:?}", data.projects()) };
        assert_eq!(state, "completed");
        assert_eq!(data.task_states().keys().collect::<Vec<_>>(), ["done"]);

        assert_eq!(data.effects_without_result(), 0, "an effect has no result");
        let (effects, calls) = (data.effects(), data.calls());
        let called = effects.iter().filter(|(_, name)| *name == "model_call");
        assert!(called.map(|(key, _)| key).eq(calls.keys()), "calls without an effect, or the reverse");
        let not_once: Vec<_> = calls.iter().filter(|(_, (succeeded, ..))| *succeeded != 1).collect();
        assert!(not_once.is_empty(), "answered other than once: {not_once:?}");
        let mut events = data.event_counts();
        // Whether a crash hits a model call is chance. It is made again, and the cut-off one costs nothing here.
        *events.entry("model_call_failed".to_owned()).or_default() -= data.interrupted_calls();
        let tools = effects.values().filter(|name| name.starts_with("tool:") || name.starts_with("team:"));
        assert_eq!(events["tool_called"], tools.count() as i64, "a tool was told of other than once");
        for name in NEVER {
            assert_eq!(events.get(name), None, "{name}");
        }

        let repository = data.repository(project);
        let made = data::effects_in_git(&repository);
        let distinct: BTreeSet<_> = made.iter().collect();
        assert_eq!(distinct.len(), made.len(), "an effect committed twice: {made:?}");

        let histories = data.histories();
        let longest = histories.last().expect("histories");
        assert!(longest.bytes < LONGEST_HISTORY_BYTES, "{longest:?}");
        let open: Vec<_> = histories.iter().filter(|history| history.is_open).collect();
        assert!(open.is_empty(), "workflows are open: {open:?}");

        Came {
            tree: data::git(&repository, &["rev-parse", "main^{tree}"]),
            commits: data::git(&repository, &["rev-list", "--count", "main"]).parse().expect("a number"),
            committed: distinct.into_iter().cloned().collect(),
            events: events.into_iter().filter(|(name, _)| ONCE.contains(&name.as_str())).collect(),
            last_seq: data.last_seq().cast_unsigned(),
            cost,
            effects,
            calls,
        }
    }

    /// `syndarix events` must tell the same journal as the file.
    fn check_events_command(&self, data: &Data) {
        let told = self.folder.run(&["--data-dir", "data", "events", "--all", "--json"]).stdout;
        let seqs = told.lines().map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect("an event in each line");
            event["seq"].as_i64().expect("a number")
        });
        assert!(seqs.eq(1..=data.last_seq()), "`events` leaves a gap");
    }

    fn check_nothing_left(&self) {
        let deadline = Instant::now() + AFTERMATH;
        loop {
            let left = data::processes_about(self.folder.path());
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "processes are left: {left:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What a project came to.
#[derive(Debug, PartialEq)]
struct Came {
    tree: String,
    commits: u64,
    committed: BTreeSet<String>,
    cost: i64,
    effects: BTreeMap<String, String>,
    calls: BTreeMap<String, (i64, i64, i64)>,
    events: BTreeMap<String, i64>,
    last_seq: u64,
}

fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends SIGKILL: to the process alone, as the kernel does when memory is short, or to its whole group, git
/// commands included, as when the machine goes down.
fn kill(child: &Child, whole_group: bool) {
    let id = i32::try_from(child.id()).expect("an id");
    let target = if whole_group { (-id).to_string() } else { id.to_string() };
    let sent = Command::new("kill").args(["-s", "KILL", "--", &target]).status().expect("kill starts");
    assert!(sent.success(), "no signal could be sent");
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

pub(crate) fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// Lets the demo live until the next kill is due, and kills it. Half of the kills come at a moment in time, early ones
/// more often, so that starting is hit as well; all come at the latest when the journal has grown by a share of what is to come, so that
/// they spread over the whole project.
fn live_and_die(demo: &Demo, random: &mut Random, events_to_come: u64, kills_to_come: u64) -> String {
    let growth = 1 + random.below(2 * events_to_come / (kills_to_come + 1));
    let moment = (random.below(2) == 0).then(|| {
        let latest = random.below(LONGEST_LIFE_MS);
        Duration::from_millis(random.below(latest))
    });
    let afterwards = Duration::from_micros(random.below(100_000));
    let whole_group = random.below(2) == 0;

    let before = demo.last_seq();
    let started = Instant::now();
    let mut child = demo.start();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            panic!("it ended by itself, {status}, before it was killed:\n{}", demo.log());
        }
        assert!(started.elapsed() < PATIENCE, "nothing happens any more:\n{}", demo.log());
        if moment.is_some_and(|moment| started.elapsed() >= moment) {
            break;
        }
        if demo.last_seq() >= before + growth {
            std::thread::sleep(afterwards);
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    kill(&child, whole_group);
    child.wait().expect("a child");
    let what = if whole_group { "group" } else { "process" };
    format!("{what} killed after {:?}, events {before} to {}", started.elapsed(), demo.last_seq())
}

#[test]
fn a_project_that_is_killed_again_and_again_comes_to_the_same_end() {
    let kills = number_from("SYNDARIX_CRASH_KILLS").unwrap_or(KILLS);
    let seed = number_from("SYNDARIX_CRASH_SEED").unwrap_or_else(|| {
        #[expect(clippy::disallowed_methods, reason = "the seed is printed")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.expect("a clock after 1970").as_nanos() as u64 % 1_000_000
    });
    println!("{kills} kills with SYNDARIX_CRASH_SEED={seed}");

    let undisturbed = Demo::new();
    let expected = undisturbed.finish(undisturbed.start());
    undisturbed.check_nothing_left();
    println!("longest history: {:?}", undisturbed.data().expect("records").histories().last());

    let mut random = Random(seed);
    let demo = Demo::new();
    for kill in 0..kills {
        let to_come = expected.last_seq.saturating_sub(demo.last_seq());
        let what = live_and_die(&demo, &mut random, to_come, kills - kill);
        println!("{:>2}: {what}", kill + 1);
        if let Some(data) = demo.data() {
            data.check_journal();
            let over = data.projects().iter().any(|(_, state)| state == "completed");
            assert!(!over || kill + 1 == kills, "the project was over after {} kills", kill + 1);
        }
    }
    let came = demo.finish(demo.start());
    demo.check_nothing_left();
    assert_eq!(Came { last_seq: 0, ..came }, Came { last_seq: 0, ..expected });
}
