//! The running service: one at a time, reached through its socket, stopped by a signal.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::folder::Folder;

/// Far longer than a service takes to start or stop; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running(Child);

impl Running {
    /// Starts `up` and waits until it listens.
    fn start(folder: &Folder) -> Self {
        let mut command = folder.command();
        let child =
            command.arg("up").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut running = Self(child);
        let socket = folder.join(".syndarix/control.sock");
        let deadline = Instant::now() + PATIENCE;
        while !socket.exists() {
            assert!(Instant::now() < deadline, "no control socket appeared");
            assert!(running.0.try_wait().expect("a child").is_none(), "the service ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        running
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
    let running = Running::start(&folder);
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
