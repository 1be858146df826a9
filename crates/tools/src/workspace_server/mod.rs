//! The built-in workspace tools: an MCP server on standard input and output, in a process of its own that
//! confines itself before it serves. Whatever it starts inherits the confinement.

mod answer;
pub(crate) mod arguments;
mod background;
pub(crate) mod catalog;
mod changes;
mod command;
mod disk;
mod edit;
mod environment;
mod files;
mod filter;
mod first;
mod git;
mod isolation;
mod loopback;
mod namespace;
mod nearest;
mod numbers;
mod options;
mod patch;
mod place;
mod processes;
mod record;
mod running;
mod sandbox;
mod search;
mod server;
mod test_command;
mod text;
mod weight;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rmcp::ServiceExt as _;
use rustix::process::{Resource, Rlimit};
use serde::{Deserialize, Serialize};
use syndarix_core::time::{Clock as _, SystemClock};

pub(crate) use answer::CommandEnd;
pub use catalog::WorkspaceTool;
pub use isolation::{Isolation, try_isolation};
pub use options::{Limits, Prepared, SandboxRequirement, TestCommand, WorkspaceOptions};
pub use sandbox::{Confinement, probe};

use crate::error::Error;
use crate::git::leftovers::remove_locks;
use crate::launch;
use filter::Sockets;
use namespace::Inside;

/// The request metadata that names the effect a call belongs to.
pub(crate) const META_EFFECT: &str = "syndarix/effect";
/// The request metadata that says a call may have happened before.
pub(crate) const META_REPEATED: &str = "syndarix/repeated";

/// How long an earlier server may take to leave the worktree: longer than ending its commands takes, and shorter
/// than the client waits for this one to start.
const CLAIM_PATIENCE: Duration = Duration::from_secs(15);

/// How many times a command's processes may be started before the kernel refuses: room for every other agent's.
const NPROC_TIMES: usize = 16;

/// Where a server's worktree and scratch folder lie on the machine: what the one outside of a namespace says to the one
/// inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Outside {
    root: PathBuf,
    scratch: PathBuf,
}

/// Confines this process and serves the workspace tools until standard input ends or SIGTERM comes; then
/// everything it started is ended.
///
/// Where commands have processes of their own it starts this program once more, with the same arguments and `--inside
/// TEXT`, which are to end in a call of this function with that text.
///
/// Must be called while the process has one thread, since confinement is per thread: before any async
/// runtime exists. It makes its own.
pub fn serve(options: WorkspaceOptions, inside: Option<&str>) -> Result<(), Error> {
    if thread_count() != Some(1) {
        return Err(Error::Sandbox("the workspace server must be started before any other thread".into()));
    }
    let prepared = &options.prepared;
    let toolchains = environment::Toolchains::find();
    let mut readable = toolchains.readable();
    readable.extend(options.read_only.iter().chain(&prepared.readable).cloned());
    let allowed = weight::Allowed::of(&options.limits);

    let (outside, place, inside, _claim) = match inside {
        None => {
            launch::detach().map_err(|error| Error::Sandbox(format!("no session of its own: {error}")))?;
            let place = place::Place::open(&options.root).map_err(unusable(&options.root))?;
            let claim = place.claim(CLAIM_PATIENCE).map_err(unusable(&options.root))?;
            std::fs::create_dir_all(&options.scratch).map_err(unusable(&options.scratch))?;
            let scratch = options.scratch.canonicalize().map_err(unusable(&options.scratch))?;
            let outside = Outside { root: place.path().to_owned(), scratch };
            if prepared.isolated {
                let inside = namespace::enter(&contents(&options, &outside, &readable))
                    .map_err(|error| not_isolated(&error))?;
                if prepared.own_processes {
                    // The one inside claims it.
                    drop(claim);
                    let outside =
                        serde_json::to_string(&outside).map_err(|error| not_isolated(&error.into()))?;
                    let ended = first::start_inside(&outside).map_err(|error| not_isolated(&error))?;
                    std::process::exit(first::exit_code(ended));
                }
                let seen = place::Place::open(&inside.root).map_err(unusable(&inside.root))?;
                (outside, seen, inside, claim)
            } else {
                let root = place.path().to_owned();
                let home = prepared.home_outside(&outside.scratch);
                let inside = Inside { root, home, temporary: outside.scratch.join("tmp") };
                (outside, place, inside, claim)
            }
        }
        Some(outside) => {
            first::settle()
                .and_then(|()| first::limit(allowed.threads()))
                .map_err(|error| not_isolated(&error))?;
            let outside: Outside =
                serde_json::from_str(outside).map_err(|error| not_isolated(&error.into()))?;
            let inside = Inside::named(prepared.folder());
            let claim = place::Place::open(&outside.root).and_then(|place| place.claim(CLAIM_PATIENCE));
            let claim = claim.map_err(unusable(&outside.root))?;
            let place = place::Place::open(&inside.root).map_err(unusable(&inside.root))?;
            (outside, place, inside, claim)
        }
    };
    let measured = vec![outside.root, outside.scratch.clone()];
    if prepared.isolated {
        // There is nothing in that root but what may be read.
        readable.push("/".into());
    }
    readable.extend(measured.iter().cloned());
    let sources = environment::Sources {
        toolchains: &toolchains,
        prepared,
        readable: &readable,
        inside: &inside,
        network: options.network,
        signature: &options.signature,
    };
    let environment = environment::build(sources).map_err(unusable(&outside.scratch))?;
    bound(&options.limits);

    let own_processes = prepared.isolated && prepared.own_processes;
    let bounds = sandbox::Bounds {
        writable: writable(&inside, prepared.isolated),
        readable,
        allowed: filter::Allowed {
            sockets: match (options.network, prepared.isolated) {
                (true, _) => Sockets::Internet,
                (false, true) => Sockets::Local,
                (false, false) => Sockets::None,
            },
            own_memory: prepared.isolated,
            own_processes,
        },
    };
    let confinement = sandbox::confine(&bounds);
    // What a server that was killed left locked; nothing else works in this worktree now.
    remove_locks(&place.path().join(".git"), Duration::ZERO, SystemClock.now());
    let unconfined = match options.sandbox {
        SandboxRequirement::Full => confinement.missing,
        SandboxRequirement::BestEffort => None,
    };
    let server = server::Server {
        offered: WorkspaceTool::ALL.into_iter().filter(|tool| tool.is_offered(&options)).collect(),
        commands: Arc::new(command::Commands {
            environment,
            disk: disk::Disk::new(measured, options.limits.disk_bytes),
            limits: options.limits.clone(),
            allowed,
            alone: own_processes || confinement.signals,
            single_tests: options.prepared.test_commands,
            one_at_a_time: tokio::sync::Mutex::new(()),
            spared: processes::Spared::default(),
        }),
        background: background::Background::default(),
        changes: Arc::new(changes::Changes::open(&place)),
        place: Arc::new(place),
        limits: options.limits,
        signature: options.signature,
        trailers: options.trailers,
        unconfined,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(unusable(Path::new("/proc/self")))?.block_on(until_ended(server))
}

fn contents<'a>(
    options: &'a WorkspaceOptions,
    outside: &'a Outside,
    readable: &'a [PathBuf],
) -> namespace::Contents<'a> {
    let prepared = &options.prepared;
    let home_layers = [&prepared.home_layer, &prepared.home_below];
    namespace::Contents {
        root: &outside.root,
        name: prepared.folder(),
        root_layer: prepared.root_layer.as_deref(),
        home_layers: home_layers.into_iter().filter_map(Option::as_deref).collect(),
        scratch: &outside.scratch,
        readable,
        network: options.network,
        own_processes: prepared.own_processes,
    }
}

/// Where commands may write. Without a root of their own, their temporary files lie beside their home.
fn writable(inside: &Inside, isolated: bool) -> Vec<PathBuf> {
    let mut writable = vec![inside.root.clone(), inside.home.clone(), inside.temporary.clone()];
    if isolated {
        writable.push("/var/tmp".into());
    }
    writable
}

async fn until_ended(server: server::Server) -> Result<(), Error> {
    let failed = |reason: String| Error::WorkspaceServer {
        program: "this process".into(),
        reason,
        stderr: String::new(),
    };
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| failed(error.to_string()))?;
    let serving = async {
        let running =
            server.serve(rmcp::transport::stdio()).await.map_err(|error| failed(error.to_string()))?;
        running.waiting().await.map_err(|error| failed(error.to_string()))
    };
    let ended = tokio::select! {
        ended = serving => ended.map(|_| ()),
        _ = terminate.recv() => Ok(()),
    };
    processes::sweep().await;
    ended
}

/// Limits that commands inherit. A limit that cannot be set is one the host has set lower already.
fn bound(limits: &Limits) {
    let set = |resource, value: u64| {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        if let Err(error) = rustix::process::setrlimit(resource, limit) {
            tracing::warn!(?resource, %error, "a resource limit could not be set");
        }
    };
    set(Resource::Core, 0);
    set(Resource::Fsize, limits.file_bytes);
    // A second line behind the counting, for what multiplies faster than anyone counts. The kernel counts all of the
    // user's processes, on the whole machine, and not at all for root.
    if let Some(now) = weight::machine_threads() {
        set(Resource::Nproc, (now + NPROC_TIMES * limits.processes) as u64);
    }
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::warn!(%error, "what leaves a command's process group cannot be ended");
    }
}

fn not_isolated(error: &std::io::Error) -> Error {
    Error::Sandbox(format!("no root and no network of their own can be made for commands: {error}"))
}

fn thread_count() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

fn unusable(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    move |source| Error::Path { path: PathBuf::from(path), source }
}
