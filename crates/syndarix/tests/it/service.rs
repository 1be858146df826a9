//! The running service: one at a time, reached through its socket, stopped by a signal, asking where it is told to.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use temporalio_client::grpc::WorkflowService as _;
use temporalio_client::{Connection, ConnectionOptions};
use temporalio_protos::temporal::api::workflowservice::v1::GetSystemInfoRequest;
use tonic::IntoRequest as _;

use crate::data::{self, Data};
use crate::folder::Folder;
use crate::rehearsal::{self, Delays};

/// Far longer than a service takes to start or stop; reaching it is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

/// A service, and what it prints: read or not, it must not lose who reads.
struct Running(Child, BufReader<ChildStdout>);

impl Running {
    /// Starts a command that serves, and waits until it listens. What it prints is little enough to wait in the pipe.
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = folder.command();
        command.args(arguments);
        Self::begin(folder, command)
    }

    fn begin(folder: &Folder, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let printed = child.stdout.take().expect("it is piped");
        let mut running = Self(child, BufReader::new(printed));
        let socket = folder.join(".syndarix/control.sock");
        let deadline = Instant::now() + PATIENCE;
        // It is there before it is its owner's alone, and is listened to only after that.
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < deadline, "nobody listens to the control socket");
            assert!(running.0.try_wait().expect("a child").is_none(), "the service ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        running
    }

    /// The first line it prints that has this in it.
    fn line_with(&mut self, text: &str) -> String {
        let mut lines = self.1.by_ref().lines().map_while(Result::ok);
        lines.find(|line| line.contains(text)).unwrap_or_else(|| panic!("it did not print `{text}`"))
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill starts");
        assert!(sent.success());
    }

    fn end(mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the service does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_second_process_is_refused_and_the_first_stops_on_a_signal() {
    let folder = Folder::ready();
    let running = Running::start(&folder, &["up"]);
    let mode =
        std::fs::metadata(folder.join(".syndarix/control.sock")).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let second = folder.run(&["up"]);
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    let pid = running.0.id().to_string();
    insta::assert_snapshot!("second_process", folder.plain(&second.stderr).replace(&pid, "PID"));
    assert_eq!(folder.run(&["run", "brief.md"]).code, Some(2));
    assert_eq!(folder.run(&["projects"]).code, Some(0), "listings work beside the service");

    running.signal("TERM");
    assert_eq!(running.end(), Some(130));
    assert!(!folder.join(".syndarix/control.sock").exists());
    let idle = folder.run(&["up", "--until-idle"]);
    assert_eq!(idle.code, Some(0), "{}", idle.stderr);
}

#[test]
fn a_closed_terminal_is_a_clean_stop() {
    let folder = Folder::new();
    // Whoever runs the tests may have told them to outlive a terminal, which is passed on.
    let mut command = folder.command_of("env");
    command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_syndarix"), "demo", "--pace", "1"]);
    let mut running = Running::begin(&folder, command);
    // Once the story is told, somebody listens for signals.
    running.line_with("joins as");
    running.signal("HUP");
    assert_eq!(running.end(), Some(130));
    assert!(!folder.join(".syndarix/control.sock").exists());
    assert_eq!(data::processes_about(folder.path()), [""; 0]);
    let done = folder.run(&["demo", "--pace", "0", "--until-idle"]);
    assert_eq!(done.code, Some(0), "what was stopped is continued: {}{}", done.stdout, done.stderr);
    shows_what_the_team_made(&folder);
}

#[test]
fn a_service_that_ignores_its_terminal_outlives_it() {
    let folder = Folder::ready();
    let nohup = format!("trap '' HUP; exec '{}' up", env!("CARGO_BIN_EXE_syndarix"));
    let mut command = folder.command_of("sh");
    command.args(["-c", &nohup]);
    let running = Running::begin(&folder, command);
    running.signal("HUP");
    // It answers as before, so the signal did nothing; what listens for signals is there before the socket is asked.
    assert_eq!(folder.run(&["up"]).code, Some(2), "it holds the data directory");
    running.signal("TERM");
    assert_eq!(running.end(), Some(130));
}

/// The demo's result, through every command that shows one.
fn shows_what_the_team_made(folder: &Folder) {
    let said = |arguments: &[&str]| {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        ran.stdout
    };
    let list = said(&["show"]);
    for name in ["vision.md", "requirements.md", "architecture.md", "delivery.md", "T-1"] {
        assert!(list.contains(name), "{name} is missing: {list}");
    }
    let projects: Vec<serde_json::Value> =
        serde_json::from_str(&said(&["projects", "--json"])).expect("a listing");
    let project = projects[0]["id"].as_str().expect("an id");
    let document: serde_json::Value =
        serde_json::from_str(&said(&["show", project, "delivery", "--json"])).expect("a document");
    let text = document["text"].as_str().expect("its text");
    assert_eq!(said(&["show", "delivery.md"]).trim_end(), text.trim_end());
    let summary = said(&["status"]);
    let first = text.trim().lines().next().expect("a line");
    assert!(summary.contains(first) && summary.contains(&format!("show {project} delivery")), "{summary}");

    let commits: Vec<serde_json::Value> = serde_json::from_str(&said(&["log", "--json"])).expect("a listing");
    let task = commits.iter().find_map(|commit| commit["task"].as_str()).expect("a merge names its task");
    let sheet = said(&["show", task]);
    for part in ["Receipt", "exit code 0", "Review 1"] {
        assert!(sheet.contains(part), "{part} is missing: {sheet}");
    }
    let whole = said(&["diff"]);
    let part = said(&["diff", task]);
    assert!(whole.starts_with("diff --git") && part.starts_with("diff --git") && part.len() < whole.len());
    assert!(said(&["diff", "--stat"]).contains("files changed"));
    let repository = said(&["open", project]);
    assert!(std::path::Path::new(repository.trim_end()).join(".git").is_dir(), "{repository}");

    let unknown = folder.run(&["show", "delivry"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.stdout);
    assert!(unknown.stderr.contains("did you mean `delivery`?"), "{}", unknown.stderr);
    assert_eq!(folder.run(&["diff", "T-99"]).code, Some(2));
}

/// Asks the engine at this address what it is.
async fn system(address: &str) -> Result<String, String> {
    let url: url::Url = format!("http://{address}").parse().expect("a URL");
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await;
    let mut connection = connection.map_err(|error| error.to_string())?;
    let answer = connection.get_system_info(GetSystemInfoRequest {}.into_request()).await;
    answer.map(|answer| answer.into_inner().server_version).map_err(|status| status.to_string())
}

#[tokio::test]
async fn temporals_tools_reach_the_engine_when_asked_to() {
    let folder = Folder::ready();
    let mut running = Running::start(&folder, &["up", "--temporal-listen", "127.0.0.1:0"]);
    let line = running.line_with("Temporal's tools");
    let address = line.strip_prefix("Temporal's tools reach the engine at ").expect("its address");
    let address = address.trim_end_matches('.');
    assert!(system(address).await.is_ok_and(|version| !version.is_empty()));
    running.signal("TERM");
    assert_eq!(running.end(), Some(130));
    assert!(system(address).await.is_err());
}

#[test]
fn a_project_that_is_cancelled_leaves_nothing_running_and_nothing_owed() {
    let folder = Folder::new();
    // Longer than the test takes: whoever develops is asked by nobody to hurry.
    rehearsal::write(&folder, 3, 3, Delays { develop_ms: 600_000, ..Delays::default() });
    let running = Running::start(&folder, &["run", "brief.md"]);
    let data = Data::open(&folder.join(".syndarix")).expect("records");
    let deadline = Instant::now() + PATIENCE;
    while data.task_states().get("in_progress") != Some(&3) {
        assert!(Instant::now() < deadline, "nobody begins: {:?}", data.task_states());
        std::thread::sleep(Duration::from_millis(20));
    }
    let cancelled = folder.run(&["cancel", "many-files", "--reason", "No more."]);
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.stderr);
    assert_eq!(running.end(), Some(1), "a project that was cancelled did not succeed");

    let [(project, state)] = &data.projects()[..] else { panic!("{:?}", data.projects()) };
    assert_eq!(state, "cancelled");
    let mut states = data.task_states();
    assert_eq!((states.remove("done"), states.remove("cancelled")), (Some(4), Some(3)), "{states:?}");
    assert!(states.is_empty(), "{states:?}");
    data.check_journal();
    data.check_books();
    assert!(data.histories().iter().all(|history| !history.is_open), "{:?}", data.histories());
    assert_eq!(data::processes_about(folder.path()), [""; 0]);
    assert_eq!(folder.run(&["cancel", project]).code, Some(2), "cancelled once");
    let idle = folder.run(&["up", "--until-idle"]);
    assert_eq!(idle.code, Some(0), "nothing is left to continue: {}", idle.stderr);
}

fn state_of_the_project(folder: &Folder) -> String {
    let projects: Vec<serde_json::Value> =
        serde_json::from_str(&folder.run(&["projects", "--json"]).stdout).expect("a listing");
    projects[0]["state"].as_str().expect("a state").to_owned()
}

#[test]
fn a_budget_that_does_not_suffice_pauses_the_project_until_a_human_raises_it() {
    let folder = Folder::new();
    rehearsal::write(&folder, 1, 1, Delays::default());
    let refused = folder.run(&["run", "brief.md", "--budget", "0.01", "--until-idle"]);
    assert_eq!(refused.code, Some(3), "{}{}", refused.stdout, refused.stderr);
    let data = Data::open(&folder.join(".syndarix")).expect("records");
    assert_eq!(data.check_books(), 0, "a call that was refused is not made");
    assert_eq!(data.event_counts()["budget_refused"], 1);
    let status = folder.run(&["status"]).stdout;
    assert!(status.contains("Waits for you") && status.contains("blocked"), "{status}");
    assert_eq!(state_of_the_project(&folder), "waiting");

    let too_little = folder.run(&["approve", "A-1"]);
    assert_eq!(too_little.code, Some(2), "{}", too_little.stdout);
    assert!(too_little.stderr.contains("hint: say the new limit, at least $"), "{}", too_little.stderr);
    let raised = folder.run(&["approve", "A-1", "--budget", "5"]);
    assert_eq!(raised.code, Some(0), "{}", raised.stderr);
    assert_eq!(state_of_the_project(&folder), "running");
    let done = folder.run(&["up", "--until-idle"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let spent = data.check_books();
    assert!(spent > 10_000_000, "more than the first budget was needed: {spent}");
}

#[test]
fn the_demo_asks_where_it_is_told_to_and_goes_on_with_the_answer() {
    let folder = Folder::new();
    let asked = folder.run(&["demo", "--pace", "0", "--autonomy", "milestone", "--until-idle"]);
    assert_eq!(asked.code, Some(3), "{}{}", asked.stdout, asked.stderr);

    let approvals: Vec<serde_json::Value> =
        serde_json::from_str(&folder.run(&["approvals", "--json"]).stdout).expect("a listing");
    assert_eq!(approvals.len(), 1, "{approvals:?}");
    let id = approvals[0]["id"].as_str().expect("an id");
    assert!(folder.run(&["approvals", id]).stdout.contains("Architecture"));
    assert_eq!(folder.run(&["approve", id, "--shown", "0000"]).code, Some(2), "bound to what is shown");

    let heard = folder.run(&["feedback", "Use British spelling."]);
    assert_eq!(heard.code, Some(0), "{}", heard.stderr);
    let approved = folder.run(&["approve", id, "--comment", "Go on."]);
    assert_eq!(approved.code, Some(0), "{}", approved.stderr);
    assert!(approved.stdout.contains("syndarix up"), "{}", approved.stdout);
    assert_eq!(folder.run(&["reject", id]).code, Some(2), "decided once");

    let sprint = folder.run(&["up", "--until-idle", "--pace", "0"]);
    assert_eq!(sprint.code, Some(3), "the sprint's end is asked too: {}{}", sprint.stdout, sprint.stderr);
    assert_eq!(folder.run(&["approve", "A-2"]).code, Some(0));
    let done = folder.run(&["up", "--until-idle", "--pace", "0"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let status = folder.run(&["status"]);
    assert!(status.stdout.contains("15 of 15 tasks done"), "{}", status.stdout);
}
