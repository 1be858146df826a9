//! The running service: one at a time, reached through its socket, stopped by a signal, asking where it is told to.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use temporalio_client::grpc::WorkflowService as _;
use temporalio_client::{Connection, ConnectionOptions};
use temporalio_protos::temporal::api::workflowservice::v1::GetSystemInfoRequest;
use tonic::IntoRequest as _;

use crate::folder::Folder;

/// Far longer than a service takes to start or stop; reaching it is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

/// A service, and what it prints: read or not, it must not lose who reads.
struct Running(Child, BufReader<ChildStdout>);

impl Running {
    /// Starts `up` and waits until it listens.
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = folder.command();
        command.arg("up").args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let printed = child.stdout.take().expect("it is piped");
        let mut running = Self(child, BufReader::new(printed));
        let socket = folder.join(".syndarix/control.sock");
        let deadline = Instant::now() + PATIENCE;
        while !socket.exists() {
            assert!(Instant::now() < deadline, "no control socket appeared");
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
        let sent =
            std::process::Command::new("kill").args(["-s", signal, &pid]).status().expect("kill starts");
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
    let running = Running::start(&folder, &[]);
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
    let mut running = Running::start(&folder, &["--temporal-listen", "127.0.0.1:0"]);
    let line = running.line_with("Temporal's tools");
    let address = line.strip_prefix("Temporal's tools reach the engine at ").expect("its address");
    let address = address.trim_end_matches('.');
    assert!(system(address).await.is_ok_and(|version| !version.is_empty()));
    running.signal("TERM");
    assert_eq!(running.end(), Some(130));
    assert!(system(address).await.is_err());
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
