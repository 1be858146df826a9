//! The processes of a command: which they are, and the end of those it leaves behind.
//!
//! The server is a child subreaper: whatever outlives its parent becomes the server's own child, even what has
//! left the command's process group, and is found in `/proc` and ended.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions};

/// How often leftovers are looked for before giving up on what cannot be killed (a process in
/// uninterruptible sleep, say), and how long between: two seconds in all.
const SWEEPS: u32 = 100;
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

/// The processes that go on running between commands, each with its group and all below it. What leaves both its group
/// and its parent is not among them.
#[derive(Debug, Clone, Default)]
pub(super) struct Spared(Arc<Mutex<BTreeSet<i32>>>);

impl Spared {
    pub(super) fn add(&self, leader: Pid) {
        self.0.lock().insert(leader.as_raw_nonzero().get());
    }

    pub(super) fn remove(&self, leader: Pid) {
        self.0.lock().remove(&leader.as_raw_nonzero().get());
    }
}

/// Which processes are counted.
#[derive(Debug, Clone)]
pub(super) enum Whose {
    /// Everything below this one save what is spared: a command's.
    Command(Spared),
    /// A process that goes on running, with its group and all below it.
    Leader(Pid),
}

impl Whose {
    /// Their ids.
    pub(super) fn of(&self, processes: &HashMap<i32, Process>) -> Vec<i32> {
        let server = std::process::id().cast_signed();
        match self {
            Self::Command(spared) => below(processes, server, &spared.0.lock()),
            Self::Leader(leader) => tree(processes, leader.as_raw_nonzero().get()),
        }
    }
}

/// A process as the kernel tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    parent: i32,
    group: i32,
    pub(super) threads: usize,
    pub(super) resident_pages: u64,
}

/// Ends every process that this one may signal, in one go, so that nothing multiplies faster than it is found. Only for
/// where those are its own: within a namespace of processes, or bounds for signals.
pub(super) fn end_all() {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(-1), nix::sys::signal::SIGKILL);
}

/// Ends everything below this process and collects it.
pub(super) async fn sweep() {
    sweep_all_but(&Spared::default()).await;
}

/// Ends everything below this process that is not spared, and collects it.
pub(super) async fn sweep_all_but(spared: &Spared) {
    let own_group = rustix::process::getpgrp().as_raw_nonzero().get();
    for _ in 0..SWEEPS {
        // Nearly always, and far cheaper to know than who they would be.
        if !has_children() {
            return;
        }
        let processes = processes();
        let found = below(&processes, std::process::id().cast_signed(), &spared.0.lock());
        if found.is_empty() {
            return;
        }
        // Groups first: the kernel signals a group in one go, so that nothing in it forks its way out.
        let groups: BTreeSet<i32> =
            found.iter().filter_map(|id| processes.get(id)).map(|process| process.group).collect();
        for group in groups.into_iter().filter(|group| *group != own_group).filter_map(Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        for id in found.into_iter().filter_map(Pid::from_raw) {
            let _ = rustix::process::kill_process(id, Signal::KILL);
            let _ = rustix::process::waitpid(Some(id), WaitOptions::NOHANG);
        }
        tokio::time::sleep(SWEEP_PAUSE).await;
    }
    tracing::warn!("processes of a command could not be ended");
}

/// Whether anything is below this process, be it ended and not collected.
fn has_children() -> bool {
    let any = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(rustix::process::waitid(WaitId::All, any), Err(Errno::CHILD))
}

/// Ends a process, its group and all below it; who is the process's parent collects it.
pub(super) fn end_tree(leader: Pid) {
    let found = tree(&processes(), leader.as_raw_nonzero().get());
    let _ = rustix::process::kill_process_group(leader, Signal::KILL);
    for id in found.into_iter().filter_map(Pid::from_raw) {
        let _ = rustix::process::kill_process(id, Signal::KILL);
    }
}

/// All below a process, save those that are spared or in a spared group, with all below them.
fn below(processes: &HashMap<i32, Process>, root: i32, spared: &BTreeSet<i32>) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (id, process) in processes {
        if !spared.contains(id) && !spared.contains(&process.group) {
            children.entry(process.parent).or_default().push(*id);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(child);
            next.push(child);
        }
    }
    found
}

/// A process, those in its group, and all below any of them.
fn tree(processes: &HashMap<i32, Process>, leader: i32) -> Vec<i32> {
    let members = processes.iter().filter(|(id, process)| **id == leader || process.group == leader);
    let mut found: BTreeSet<i32> = members.map(|(id, _)| *id).collect();
    for member in found.clone() {
        found.extend(below(processes, member, &BTreeSet::new()));
    }
    found.into_iter().collect()
}

/// Every process that is seen from here.
pub(super) fn processes() -> HashMap<i32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let id: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((id, parse_stat(&stat)?))
        })
        .collect()
}

/// A line of `/proc/PID/stat`. Its second field, the program's name, may itself hold spaces and parentheses; what follows
/// its last parenthesis does not.
fn parse_stat(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    // From the third on: the fields are counted from one.
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    Some(Process {
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        threads: field(20)?.parse().ok()?,
        resident_pages: field(24)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_call_itself_anything() {
        let line = "12 (a) S 1 (b c) R 7 9 9 0 -1 4194304 1 0 0 0 5 6 0 0 20 0 3 0 77 4096000 450 184467";
        let expected = Process { parent: 7, group: 9, threads: 3, resident_pages: 450 };
        assert_eq!(parse_stat(line), Some(expected));
    }

    #[test]
    fn grandchildren_are_found_save_those_that_are_spared() {
        // Process, parent, group: two programs below the server, the second of which goes on running.
        let processes: HashMap<i32, Process> =
            [(2, 1, 2), (3, 2, 3), (4, 3, 3), (5, 1, 5), (6, 2, 6), (7, 6, 7), (8, 1, 6), (9, 2, 6)]
                .map(|(id, parent, group)| (id, Process { parent, group, threads: 1, resident_pages: 0 }))
                .into_iter()
                .collect();
        let sorted = |mut found: Vec<i32>| {
            found.sort_unstable();
            found
        };
        assert_eq!(sorted(below(&processes, 2, &BTreeSet::new())), [3, 4, 6, 7, 9]);
        assert_eq!(sorted(below(&processes, 2, &BTreeSet::from([6]))), [3, 4]);
        assert_eq!(sorted(tree(&processes, 6)), [6, 7, 8, 9]);
    }
}
