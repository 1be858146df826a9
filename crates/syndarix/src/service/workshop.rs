//! The workshop in which environments are made, as this machine and the configuration have it.

use std::path::Path;
use std::sync::Arc;

use syndarix_environment::Machine;
use syndarix_environment::machine;
use syndarix_environment::make::{NetworkSettings, Workshop, WorkshopOptions};
use syndarix_tools::Launcher;
use syndarix_tools::policy::Policy;
use syndarix_tools::workspace_server::Limits;

use crate::config::{Config, process_environment};

/// How long one command of set-up may take where nothing is said. A large project's first download and build.
const SET_UP_TIMEOUT_MS: u64 = 30 * 60 * 1000;

/// Looks at the machine, and makes a workshop in the folder of the work.
pub(crate) async fn open(
    config: &Config,
    policy: &Policy,
    launcher: Launcher,
    environments: &Path,
) -> (Workshop, Arc<Machine>) {
    let settings = &config.file.environment;
    let isolation = launcher.isolation(environments).await;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let looked = tokio::task::spawn_blocking(move || machine::probe(&path, &process_environment)).await;
    let machine = looked.unwrap_or_default();
    let mut readable = machine::readable(&process_environment, &machine);
    readable.extend(policy.read_only.iter().cloned());
    let timeout_ms = settings.set_up_timeout_ms.unwrap_or(SET_UP_TIMEOUT_MS);
    let set_up_limits = Limits {
        command_timeout_ms: timeout_ms,
        command_timeout_max_ms: timeout_ms,
        disk_bytes: settings.set_up_disk_bytes.unwrap_or(policy.limits.disk_bytes),
        ..policy.limits.clone()
    };
    let workshop = Workshop::new(WorkshopOptions {
        launcher,
        folder: environments.to_owned(),
        isolation,
        sandbox: policy.sandbox,
        set_up_limits,
        check_limits: policy.limits.clone(),
        readable,
        variables: machine::variables(&process_environment),
        network: NetworkSettings::of_user(&process_environment, &settings.pass),
        check_network: config.file.tools.network,
    });
    (workshop, Arc::new(machine))
}
