//! Acceptance checks.

use syndarix_core::task::Check;
use syndarix_tools::check::{self, CheckReport};
use syndarix_tools::policy::Policy;
use syndarix_tools::workspace_server::Limits;

use crate::support::{Bench, Setup};

async fn run(bench: &Bench, command: &[&str]) -> CheckReport {
    let check = Check { command: command.iter().map(|&word| word.to_owned()).collect() };
    let scratch = bench.folder.path().join("check");
    let options = bench.toolbox.check_options(bench.root(), scratch, Vec::new());
    check::run(&check, options).await.expect("a report")
}

#[tokio::test]
async fn a_check_reports_how_it_ended() {
    let limits = Limits { command_timeout_ms: 1000, ..Limits::default() };
    let bench =
        Bench::with(Setup { policy: Policy { limits, ..Policy::default() }, ..Setup::default() }).await;
    let report = run(&bench, &["sh", "-c", "echo ok; exit 0"]).await;
    assert_eq!((report.exit_code, report.output.as_slice()), (0, b"ok\n".as_slice()));
    assert_eq!(report.command, "sh -c 'echo ok; exit 0'");
    assert_eq!(run(&bench, &["false"]).await.exit_code, 1);
    let report = run(&bench, &["sleep", "60"]).await;
    assert_eq!(report.exit_code, 124);
    let report = run(&bench, &["no-such-program"]).await;
    assert_eq!(report.exit_code, 127);
    assert!(String::from_utf8_lossy(&report.output).contains("no such program"));
    let report = run(&bench, &["sh", "-c", "echo x > ../outside"]).await;
    assert_ne!(report.exit_code, 0);
}
