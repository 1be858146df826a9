//! What memory an engine takes that has nothing to do: measured in a process of its own, which holds nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use syndarix_engine::{Engine, EngineOptions};

use crate::client;
use crate::disk::resident_mib;

/// Set for that process: the folder for its database.
const FOLDER: &str = "SYNDARIX_BENCH_IDLE";

/// Whether this is that process.
pub(crate) fn asked() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// What that process does.
pub(crate) async fn say(folder: &Path) {
    let engine = Engine::open(EngineOptions::new(folder.join("idle.db"))).await.expect("it opens");
    let client = client(engine.connect().await.expect("it connects"));
    println!("{}", resident_mib());
    drop(client);
    engine.shutdown().await;
}

/// Its memory, in MiB.
pub(crate) fn measure(folder: &Path) -> u64 {
    let own = std::env::current_exe().expect("this program");
    let output = Command::new(own).env(FOLDER, folder).output().expect("it starts");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("it says a number")
}
