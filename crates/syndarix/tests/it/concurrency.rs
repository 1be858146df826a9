//! Many at once: agents in one project, projects in one service. `SYNDARIX_AGENTS` says how many agents.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::crash::number_from;
use crate::data::{self, Data, StateChange};
use crate::folder::Folder;
use crate::rehearsal::{self, Delays};

/// How many agents work at once where nothing else is said; fifty take two minutes on two slow cores.
const AGENTS: u64 = 20;

/// Far longer than anything here takes; reaching it is a failure.
const PATIENCE: Duration = Duration::from_mins(5);

/// The most of `wanted` agents that were at work at the same moment.
fn peak(changes: &[StateChange], wanted: impl Fn(&str) -> bool) -> usize {
    let mut at_work = BTreeSet::new();
    let mut peak = 0;
    for change in changes.iter().filter(|change| wanted(&change.agent)) {
        match change.to.as_str() {
            "idle" | "completed" | "error" => at_work.remove(&change.agent),
            _ => at_work.insert(&change.agent),
        };
        peak = peak.max(at_work.len());
    }
    peak
}

fn records(folder: &Folder) -> Option<Data> {
    Data::open(&folder.join(".syndarix"))
}

/// Checks what must hold in any data directory whose projects are all over.
fn check(data: &Data) {
    data.check_journal();
    assert!(data.check_books() > 0, "nothing was spent");
    assert_eq!(data.effects_without_result(), 0);
    assert_eq!(data.task_states().keys().collect::<Vec<_>>(), ["done"]);
    let histories = data.histories();
    let open: Vec<_> = histories.iter().filter(|history| history.is_open).collect();
    assert!(open.is_empty(), "workflows are open: {open:?}");
}

#[test]
fn many_agents_work_at_once_in_one_project() {
    let agents = number_from("SYNDARIX_AGENTS").unwrap_or(AGENTS) as usize;
    let folder = Folder::new();
    // Long enough for everyone's worktree to be made before the first model answers.
    let delays = Delays { develop_ms: 5_000 + 400 * agents as u64, ..Delays::default() };
    rehearsal::write(&folder, agents, agents, delays);
    let ran = folder.run(&["run", "brief.md"]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("rehearsal/main (scripted, not a real model)"), "{}", ran.stdout);

    let data = records(&folder).expect("records");
    check(&data);
    println!("longest history: {:?}", data.histories().last());
    let [(project, state)] = &data.projects()[..] else { panic!("{:?}", data.projects()) };
    assert_eq!(state, "completed");
    let files = data::git(&data.repository(project), &["ls-tree", "--name-only", "main"]);
    let files: BTreeSet<&str> = files.lines().collect();
    let wanted: Vec<String> = (1..=agents).map(rehearsal::file).collect();
    assert_eq!(files, wanted.iter().map(String::as_str).collect());
    let engineers = |agent: &str| agent.contains("engineer");
    assert_eq!(peak(&data.state_changes(Some(project.as_str())), engineers), agents);
}

#[test]
fn ten_projects_are_worked_on_at_once_by_one_service() {
    const PROJECTS: usize = 10;
    let folder = Folder::new();
    // Longer than it takes to begin one project, so that none gets ahead before all are there.
    rehearsal::write(&folder, 1, 1, Delays { vision_ms: 5_000, ..Delays::default() });
    for begun in 1..=PROJECTS {
        let mut command = folder.command();
        command.args(["run", "brief.md"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let deadline = Instant::now() + PATIENCE;
        while records(&folder).is_none_or(|data| data.projects().len() < begun) {
            assert!(Instant::now() < deadline, "project {begun} does not begin");
            assert!(child.try_wait().expect("a child").is_none(), "it ended before project {begun} began");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().expect("it is killed");
        child.wait().expect("a child");
    }
    let ran = folder.run(&["up", "--until-idle"]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("Continuing 10 projects."), "{}", ran.stdout);

    let data = records(&folder).expect("records");
    check(&data);
    for (project, state) in data.projects() {
        assert_eq!(state, "completed", "{project}");
        let files = data::git(&data.repository(&project), &["ls-tree", "--name-only", "main"]);
        assert_eq!(files, rehearsal::file(1), "{project}");
    }
    // Each project has one agent at work at a time in this stage, so ten agents are ten projects.
    assert_eq!(peak(&data.state_changes(None), |agent| agent.ends_with("olivia")), PROJECTS);
}
