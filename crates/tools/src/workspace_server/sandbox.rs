//! Confinement by Landlock: what this process and everything it starts may touch.
//!
//! Landlock needs no privilege and cannot be undone. It covers files and TCP; what it does not cover is said in
//! [`Confinement`]. Since the process confines itself before it serves, commands inherit everything and no code
//! runs between `fork` and `exec`.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use serde::{Deserialize, Serialize};

/// The version of Landlock whose file rights are demanded: the first that covers truncation.
const FILES: ABI = ABI::V3;
/// The version whose TCP rights are demanded where the network is denied.
const NETWORK: ABI = ABI::V4;
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
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/timezone",
    "/run/systemd/resolve",
];

const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/shm"];

/// What confines a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// The version of Landlock that is enforced; zero is none.
    pub landlock_abi: u32,
    /// Whether files are confined in full.
    pub files: bool,
    /// Whether TCP is denied. Landlock covers no other protocol.
    pub tcp: bool,
    /// Whether signals to processes outside are denied.
    pub signals: bool,
    /// Why something is missing, in words, if something demanded is.
    pub missing: Option<String>,
}

/// What a process is confined to.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) writable: Vec<PathBuf>,
    pub(super) readable: Vec<PathBuf>,
    pub(super) network: bool,
}

/// Confines the calling thread, and every thread and process it starts from now on.
pub(super) fn confine(bounds: &Bounds) -> Confinement {
    match restrict(bounds) {
        Ok(status) => describe(&status, bounds.network),
        Err(error) => Confinement {
            landlock_abi: 0,
            files: false,
            tcp: false,
            signals: false,
            missing: Some(format!("Landlock refused: {error}")),
        },
    }
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
    if !bounds.network {
        ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
    }
    ruleset
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(&bounds.readable, read))?
        .add_rules(path_beneath_rules(DEVICES.iter().filter(|path| **path != "/dev/shm"), device))?
        .add_rules(path_beneath_rules(["/dev/shm"], shared_memory))?
        .add_rules(path_beneath_rules(&bounds.writable, all))?
        .restrict_self()
}

fn describe(status: &RestrictionStatus, network: bool) -> Confinement {
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => ABI::Unsupported,
    };
    let enforced = status.ruleset != RulesetStatus::NotEnforced;
    let files = enforced && abi >= FILES;
    let tcp = enforced && !network && abi >= NETWORK;
    let missing = match status.landlock {
        LandlockStatus::NotImplemented => Some("this kernel has no Landlock".to_owned()),
        LandlockStatus::NotEnabled => Some("Landlock is not enabled in this kernel".to_owned()),
        LandlockStatus::Available { .. } if !files => {
            Some(format!("this kernel's Landlock (ABI {abi}) cannot deny truncation; ABI {FILES} can"))
        }
        LandlockStatus::Available { .. } if !network && !tcp => {
            Some(format!("this kernel's Landlock (ABI {abi}) cannot deny the network; ABI {NETWORK} can"))
        }
        LandlockStatus::Available { .. } => None,
    };
    Confinement { landlock_abi: abi as u32, files, tcp, signals: enforced && abi >= ABI::V6, missing }
}

/// What confinement this machine offers, found out on a thread that ends with the answer.
pub fn probe() -> Confinement {
    let bounds = Bounds { writable: Vec::new(), readable: Vec::new(), network: false };
    std::thread::spawn(move || confine(&bounds)).join().unwrap_or_else(|_| Confinement {
        landlock_abi: 0,
        files: false,
        tcp: false,
        signals: false,
        missing: Some("Landlock could not be asked".into()),
    })
}
