//! What this process and everything it starts may touch.
//!
//! Three layers, none of which needs privilege or can be undone: Landlock for files, signals and the memory of other
//! processes, a system call filter (see [`super::filter`]), and no capabilities, so that root is as confined as anyone. Since
//! the process confines itself before it serves, commands inherit everything and no code runs between `fork` and
//! `exec`. Each command is [`apart`] within these bounds: it can neither signal the server nor use its memory and
//! descriptors, through which it could answer in its name.
//!
//! Where there are namespaces, the process has moved into a root of its own before (see [`super::namespace`]), and what
//! follows holds within that. Where there are none, these stay open: the modes, owners, times and extended attributes of
//! files that belong to the same user (their content does not), the names of files, and the command lines of other
//! processes. Where the network is allowed, so is whatever listens on the loopback interface.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::io::Errno;
use rustix::process::DumpableBehavior;
use rustix::thread::{CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use super::filter::{self, Allowed, Sockets};

/// The version of Landlock whose file rights are demanded: the first that covers truncation.
const FILES: ABI = ABI::V3;
/// The newest version asked for; what a kernel lacks of it beyond the demanded is gone without.
const NEWEST: ABI = ABI::V7;

/// What is read beside the worktree: programs, libraries, and the parts of `/etc` that they need.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/dotnet",
    "/etc/fonts",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/maven",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/perl",
    "/etc/php",
    "/etc/pki",
    "/etc/protocols",
    "/etc/python3",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/terminfo",
    "/etc/timezone",
    "/run/systemd/resolve",
];

/// The folders of `/etc` that belong to one version of something, by how their names begin.
const VERSIONED: &[&str] = &["java-", "ruby", "gradle", "alternatives"];

/// What the files of `/etc` end with that say which distribution this is. pip reads them, and gives up on one that is there
/// and may not be read.
const IDENTIFYING: &[&str] = &["-release", "_version", "-version"];

pub(super) const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

pub(super) const SHARED_MEMORY: &str = "/dev/shm";

/// What is read beside the worktree, as far as this machine has it.
pub(super) fn system() -> Vec<PathBuf> {
    let found = std::fs::read_dir("/etc").into_iter().flatten().filter_map(Result::ok).filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        VERSIONED.iter().any(|start| name.starts_with(start))
            || IDENTIFYING.iter().any(|end| name.ends_with(end))
    });
    SYSTEM.iter().map(PathBuf::from).chain(found.map(|entry| entry.path())).collect()
}

/// What confines a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// The version of Landlock that is enforced; zero is none.
    pub landlock_abi: u32,
    /// Whether files are confined.
    pub files: bool,
    /// Whether the network is denied.
    pub network: bool,
    /// Whether signals to processes outside are denied.
    pub signals: bool,
    /// What was demanded and is missing, in words.
    pub missing: Option<String>,
}

/// What a process is confined to.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) writable: Vec<PathBuf>,
    pub(super) readable: Vec<PathBuf>,
    pub(super) allowed: Allowed,
}

/// Confines this process, of which the calling thread is the only one, and every process it starts from now on.
pub(super) fn confine(bounds: &Bounds) -> Confinement {
    let mut confinement = confine_thread(bounds);
    // After the capabilities, because giving them up sets it anew. What is executed later has it again.
    if let Err(error) = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        confinement
            .missing
            .get_or_insert_with(|| format!("this process cannot be kept from its commands: {error}"));
    }
    confinement
}

/// Confines the calling thread, and every thread and process it starts from now on.
fn confine_thread(bounds: &Bounds) -> Confinement {
    let mut missing = Vec::new();
    let mut confinement =
        Confinement { landlock_abi: 0, files: false, network: false, signals: false, missing: None };
    match restrict(bounds) {
        Ok(status) => describe(&status, &mut confinement, &mut missing),
        Err(error) => missing.push(format!("Landlock refused: {error}")),
    }
    match filter::install(bounds.allowed) {
        Ok(()) => confinement.network = bounds.allowed.sockets != Sockets::Internet,
        Err(error) => missing.push(format!("system calls cannot be denied: {error}")),
    }
    if let Err(error) = drop_capabilities() {
        missing.push(format!("capabilities cannot be given up: {error}"));
    }
    confinement.missing = (!missing.is_empty()).then(|| missing.join("; "));
    confinement
}

/// Root's programs do not get capabilities back: Landlock has set `no_new_privs`, and so does this.
fn drop_capabilities() -> Result<(), Errno> {
    let none = CapabilitySet::empty();
    rustix::thread::set_no_new_privs(true)?;
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: none, permitted: none, inheritable: none },
    )
}

fn restrict(bounds: &Bounds) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::from_read(NEWEST);
    let all = AccessFs::from_all(NEWEST);
    let device = AccessFs::from_read(NEWEST) | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    let shared_memory = all & !AccessFs::Execute;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(NEWEST))?;
    if bounds.allowed.sockets == Sockets::None {
        ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
    }
    ruleset
        .create()?
        .add_rules(path_beneath_rules(system(), read))?
        .add_rules(path_beneath_rules(&bounds.readable, read))?
        .add_rules(path_beneath_rules(DEVICES, device))?
        .add_rules(path_beneath_rules(bounds.allowed.own_memory.then_some(SHARED_MEMORY), shared_memory))?
        .add_rules(path_beneath_rules(&bounds.writable, all))?
        .restrict_self()
}

/// Puts the calling thread, and what it starts from now on, within bounds of its own inside of the process's: who is
/// outside of them is neither signalled nor looked into. What files and sockets there are stays as it is.
pub(super) fn apart() -> Result<(), RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        // Without being mentioned, moving files between folders would be denied.
        .handle_access(AccessFs::Refer)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(["/"], AccessFs::Refer))?
        .restrict_self()
        .map(drop)
}

fn describe(status: &RestrictionStatus, confinement: &mut Confinement, missing: &mut Vec<String>) {
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => ABI::Unsupported,
    };
    let enforced = status.ruleset != RulesetStatus::NotEnforced;
    confinement.landlock_abi = abi as u32;
    confinement.files = enforced && abi >= FILES;
    confinement.signals = enforced && abi >= ABI::V6;
    match status.landlock {
        LandlockStatus::NotImplemented => missing.push("this kernel has no Landlock".to_owned()),
        LandlockStatus::NotEnabled => missing.push("Landlock is not enabled in this kernel".to_owned()),
        LandlockStatus::Available { .. } if !confinement.files => {
            missing
                .push(format!("this kernel's Landlock (ABI {abi}) cannot deny truncation; ABI {FILES} can"));
        }
        LandlockStatus::Available { .. } => {}
    }
}

/// What confinement this machine offers, found out on a thread that ends with the answer.
pub fn probe() -> Confinement {
    let allowed = Allowed { sockets: Sockets::None, own_memory: false, own_processes: false };
    let bounds = Bounds { writable: Vec::new(), readable: Vec::new(), allowed };
    std::thread::spawn(move || confine_thread(&bounds)).join().unwrap_or_else(|_| Confinement {
        landlock_abi: 0,
        files: false,
        network: false,
        signals: false,
        missing: Some("confinement could not be tried".into()),
    })
}
