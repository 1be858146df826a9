//! Processes of the commands' own: none outside of them is seen, named, signalled or weighed down, and all of them end with
//! the first.
//!
//! A process that asks for such a namespace does not move there; what it starts next does, and is the first there. So the
//! server starts itself once more, and is nothing from then on but that process's outside.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus};

use nix::sys::signal::{SigSet, Signal as Masked};
use rustix::mount::MountFlags;
use rustix::process::Signal;
use rustix::thread::CapabilitySet;

use super::namespace::make_read_only;

/// The argument that says to a server that it is the first of its processes, before what it is to know of its outside.
const INSIDE: &str = "--inside";

const PROC: &str = "/proc";

/// What `/proc` tells of the machine and not of processes, and is of no use but to whoever attacks it.
const HIDDEN: [&str; 7] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
];

/// How many numbers of processes the kernel keeps for itself.
const RESERVED: usize = 300;

/// The first kernel on which each namespace of processes has a limit of its own. Before, it is the machine's.
const OWN_LIMIT: (u32, u32) = (6, 14);

/// Starts this program once more, with the same arguments and one that says where it is, and waits for its end. What asks
/// this one to end closes that one's input, too, which ends it in its own time.
pub(super) fn start_inside(outside: &str) -> io::Result<ExitStatus> {
    let mut ends = SigSet::empty();
    ends.extend([Masked::SIGTERM, Masked::SIGINT, Masked::SIGHUP]);
    ends.thread_block()?;
    // To mount it needs this; whoever is not root loses it with a new program, unless it is said to stay.
    let mut held = rustix::thread::capabilities(None)?;
    held.inheritable |= CapabilitySet::SYS_ADMIN;
    rustix::thread::set_capabilities(None, held)?;
    rustix::thread::configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)?;
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| OsString::from("workspace-server"));
    // By that path, because its own may not exist where it is now.
    Command::new("/proc/self/exe").arg0(name).args(arguments).args([INSIDE, outside]).status()
}

/// The exit code of a process that ended like this.
pub(super) fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// What the first process does before anything else: it ends with the one outside, leads a session, since that one's has no
/// number here, and makes its own `/proc`.
pub(super) fn settle() -> io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("proc", PROC, "proc", flags, None)?;
    for path in HIDDEN.map(Path::new).into_iter().filter(|path| path.exists()) {
        rustix::mount::mount_bind("/dev/null", path)?;
    }
    Ok(())
}

/// Lets no more processes and threads exist than this, whatever they do and whoever they are. Then nobody changes what
/// `/proc` lets root change.
pub(super) fn limit(threads: usize) -> io::Result<()> {
    if kernel().is_some_and(|kernel| kernel >= OWN_LIMIT) {
        let _ = std::fs::write("/proc/sys/kernel/pid_max", (RESERVED + threads).to_string());
    }
    // Shared memory goes when nobody looks at it any more.
    let _ = std::fs::write("/proc/sys/kernel/shm_rmid_forced", "1");
    make_read_only(Path::new(PROC))
}

fn kernel() -> Option<(u32, u32)> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
