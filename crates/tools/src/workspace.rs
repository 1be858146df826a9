//! The session's side of the workspace server: starting it, and starting it again.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::connection::{Connection, Program};
use crate::error::Error;
use crate::toolbox::Launcher;
use crate::workspace_server::{Prepared, WorkspaceOptions};

/// How long the server may take to serve. It does little before, but a busy machine may start it late.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What of this process's environment the server sees: where the toolchains are, and nothing secret.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME"];

/// A workspace server that runs while it is needed.
#[derive(Debug)]
pub(crate) struct Workspace {
    launcher: Launcher,
    options: WorkspaceOptions,
    connection: Mutex<Option<Arc<Connection>>>,
    /// What was prepared for its commands since it was opened.
    refitted: parking_lot::Mutex<Option<Prepared>>,
}

impl Workspace {
    pub(crate) fn new(launcher: Launcher, options: WorkspaceOptions) -> Self {
        Self { launcher, options, connection: Mutex::new(None), refitted: parking_lot::Mutex::default() }
    }

    pub(crate) fn options(&self) -> &WorkspaceOptions {
        &self.options
    }

    /// The running server; started when there is none, or none any more.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, Error> {
        let mut connection = self.connection.lock().await;
        match connection.as_ref().filter(|running| !running.is_closed()) {
            Some(running) => Ok(Arc::clone(running)),
            None => Ok(Arc::clone(connection.insert(Arc::new(self.start().await?)))),
        }
    }

    async fn start(&self) -> Result<Connection, Error> {
        let failed = |reason: String, stderr: String| Error::WorkspaceServer {
            program: self.launcher.program.display().to_string(),
            reason,
            stderr,
        };
        let scratch = &self.options.scratch;
        std::fs::create_dir_all(scratch).map_err(|source| Error::Path { path: scratch.clone(), source })?;
        let options = WorkspaceOptions { prepared: self.prepared(), ..self.options.clone() };
        let options =
            serde_json::to_string(&options).map_err(|error| failed(error.to_string(), String::new()))?;
        let mut args: Vec<OsString> = self.launcher.args.iter().map(Into::into).collect();
        args.extend(["--options".into(), options.into()]);
        let env = INHERITED.into_iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
        let program = Program {
            path: self.launcher.program.clone(),
            args,
            env: env.collect(),
            folder: Some(self.options.root.clone()),
        };
        Connection::stdio(&program, START_TIMEOUT).await.map_err(|error| failed(error.reason, error.stderr))
    }

    /// What its commands are given.
    pub(crate) fn prepared(&self) -> Prepared {
        self.refitted.lock().clone().unwrap_or_else(|| self.options.prepared.clone())
    }

    /// What its commands are given from its next start on.
    pub(crate) fn refit(&self, prepared: Prepared) {
        *self.refitted.lock() = Some(prepared);
    }

    /// Ends the server, if it runs, with everything it started, and waits for that.
    pub(crate) async fn close(&self) {
        let running = self.connection.lock().await.take();
        if let Some(connection) = running.and_then(Arc::into_inner) {
            connection.close().await;
        }
    }
}
