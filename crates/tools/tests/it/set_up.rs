//! Dependencies are installed by whoever makes environments, with nothing of the agent's running meanwhile.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use syndarix_core::tool::Risk;
use syndarix_tools::set_up::{Command, SetUp, SetUpEnd};
use syndarix_tools::workspace_server::Prepared;
use syndarix_tools::{Error, SessionRequest};

use crate::support::{Bench, Setup, call};

/// Notes what it is asked for.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<String>>);

#[async_trait]
impl SetUp for Noting {
    async fn install(&self, session: &SessionRequest) -> Result<SetUpEnd, Error> {
        self.0.lock().unwrap().push(format!("install for {}", session.agent));
        let variables = vec![("INSTALLED".to_owned(), "yes".to_owned())];
        let prepared = Some(Prepared { variables, ..session.prepared.clone() });
        Ok(SetUpEnd { text: "Installed.".to_owned(), succeeded: true, exit_code: Some(0), prepared })
    }

    async fn run(&self, session: &SessionRequest, command: Command) -> Result<SetUpEnd, Error> {
        let with: Vec<String> = session.prepared.variables.iter().map(|(name, _)| name.clone()).collect();
        let words = command.words.join(" ");
        self.0.lock().unwrap().push(format!("{words} in `{}` with {}", command.folder, with.join(" ")));
        Ok(SetUpEnd {
            text: "no such package".to_owned(),
            succeeded: false,
            exit_code: Some(1),
            prepared: None,
        })
    }
}

#[tokio::test]
async fn what_is_installed_is_there_for_the_next_command() {
    let noting = Arc::new(Noting::default());
    let set_up = Some(Arc::clone(&noting) as Arc<dyn SetUp>);
    let bench = Bench::with(Setup { set_up, ..Setup::default() }).await;
    bench.call("start_process", json!({"command": ["sleep", "1000"], "name": "server"})).await;
    assert_eq!(bench.shell("echo [$INSTALLED]").await.content.lines().last(), Some("[]"));
    let answer = bench.call("set_up_environment", json!({})).await;
    assert_eq!((answer.content.as_str(), answer.is_error, answer.exit_code), ("Installed.", false, Some(0)));
    assert_eq!(bench.shell("echo [$INSTALLED]").await.content.lines().last(), Some("[yes]"));
    let listed = bench.call("list_processes", json!({})).await.content;
    assert!(!listed.contains("sleep"), "{listed}");

    let answer =
        bench.call("set_up_environment", json!({"command": ["npm", "i", "x"], "folder": "web"})).await;
    assert!(answer.is_error && answer.exit_code == Some(1), "{answer:?}");
    let refused = bench.call("set_up_environment", json!({"command": []})).await;
    assert!(refused.is_error, "{refused:?}");
    assert_eq!(*noting.0.lock().unwrap(), ["install for p-1/dave", "npm i x in `web` with INSTALLED"]);
}

#[tokio::test]
async fn it_asks_unless_it_is_allowed_and_a_command_always_does() {
    for (set_up_allowed, expected) in [(false, [Risk::High; 2]), (true, [Risk::Low, Risk::High])] {
        let set_up = Some(Arc::new(Noting::default()) as Arc<dyn SetUp>);
        let bench = Bench::with(Setup { set_up, set_up_allowed, ..Setup::default() }).await;
        let risk = |arguments| bench.session.risk(&call("set_up_environment", arguments));
        assert_eq!([risk(json!({})), risk(json!({"command": "npm i x"}))], expected);
    }
    let without = Bench::new().await;
    assert!(without.session.specs().iter().all(|spec| spec.name != "set_up_environment"));
}
