//! The processes of a command: how many there are, and the end of those it leaves behind.
//!
//! The server is a child subreaper: whatever outlives its parent becomes the server's own child, even what has
//! left the command's process group, and is found in `/proc` and ended.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions};

/// How often leftovers are looked for before giving up on what cannot be killed (a process in
/// uninterruptible sleep, say), and how long between: two seconds in all.
const SWEEPS: u32 = 100;
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

/// After how many looks at the machine as a whole a command's processes are counted anyway.
const COUNTED_ANYWAY: u32 = 10;

#[derive(Debug, Clone, Copy)]
struct Process {
    parent: i32,
    group: i32,
}

/// Tells when there are too many processes below this one.
///
/// Looking at every process is dear, so it is done when the machine as a whole has gained enough of them; and every
/// now and then whatever it gained, because others may have ended meanwhile.
#[derive(Debug)]
pub(super) struct Census {
    limit: usize,
    before: Option<usize>,
    since_counted: u32,
}

impl Census {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, before: machine_total(), since_counted: 0 }
    }

    pub(super) fn exceeded(&mut self) -> bool {
        self.since_counted += 1;
        let gained = match (self.before, machine_total()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => usize::MAX,
        };
        if gained <= self.limit && self.since_counted < COUNTED_ANYWAY {
            return false;
        }
        self.since_counted = 0;
        below(&processes(), std::process::id().cast_signed()).len() > self.limit
    }
}

/// How many processes and threads the whole machine has; far cheaper than looking at each.
pub(super) fn machine_total() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').nth(3)?.split_once('/')?.1.parse().ok()
}

/// Ends everything below this process and collects it.
pub(super) async fn sweep() {
    let own_group = rustix::process::getpgrp().as_raw_nonzero().get();
    for _ in 0..SWEEPS {
        let processes = processes();
        let found = below(&processes, std::process::id().cast_signed());
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

fn below(processes: &HashMap<i32, Process>, root: i32) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (id, process) in processes {
        children.entry(process.parent).or_default().push(*id);
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

fn processes() -> HashMap<i32, Process> {
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

/// The parent and the group in a line of `/proc/PID/stat`. The second field, the program's name, may itself
/// hold spaces and parentheses; what follows its last parenthesis does not.
fn parse_stat(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(1);
    Some(Process { parent: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_call_itself_anything() {
        let process = parse_stat("12 (a) S 1 (b c) R 7 9 9 0 -1").unwrap();
        assert_eq!((process.parent, process.group), (7, 9));
    }

    #[test]
    fn grandchildren_are_found() {
        let processes = [(2, 1), (3, 2), (4, 3), (5, 1)]
            .map(|(id, parent)| (id, Process { parent, group: id }))
            .into_iter()
            .collect();
        let mut found = below(&processes, 2);
        found.sort_unstable();
        assert_eq!(found, [3, 4]);
    }
}
