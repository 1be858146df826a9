//! What a command weighs: its processes, its threads and its memory. Nothing here needs privilege or control groups: the
//! processes are looked at, cheaply while the machine as a whole shows that they cannot be too many.

use std::collections::HashSet;
use std::os::linux::fs::MetadataExt as _;

use super::options::Limits;
use super::processes::{Process, Whose, processes};
use super::running::Stop;

/// After how many looks at the machine as a whole a command is weighed anyway.
const WEIGHED_ANYWAY: u32 = 10;

/// How many threads there may be for each process that there may be.
const THREADS_TIMES: usize = 8;

/// The part of the machine's memory that a command may have where nothing else is said.
const PART_OF_MEMORY: u64 = 2;
/// What it may have where that is not known.
const UNKNOWN_MEMORY: u64 = 4 * 1024 * 1024 * 1024;

/// The size of a block in which the kernel counts what files take.
const BLOCK: u64 = 512;

/// What a command may weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    processes: usize,
    memory: u64,
}

impl Allowed {
    pub(super) fn of(limits: &Limits) -> Self {
        let half = || machine_memory("MemTotal:").map(|total| total / PART_OF_MEMORY);
        let memory = limits.memory_bytes.or_else(half).unwrap_or(UNKNOWN_MEMORY);
        Self { processes: limits.processes, memory }
    }

    /// How many processes and threads there may be together.
    pub(super) fn threads(&self) -> usize {
        self.processes * THREADS_TIMES
    }

    /// Why this is too much, if it is.
    fn exceeded_by(&self, weight: Weight) -> Option<Stop> {
        if weight.processes > self.processes {
            Some(Stop::TooManyProcesses(self.processes))
        } else if weight.threads > self.threads() {
            Some(Stop::TooManyThreads(self.threads()))
        } else if weight.memory > self.memory {
            Some(Stop::TooMuchMemory(self.memory))
        } else {
            None
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Weight {
    processes: usize,
    threads: usize,
    memory: u64,
}

/// What the machine as a whole has, which is far cheaper to know.
#[derive(Debug, Clone, Copy)]
struct Machine {
    threads: usize,
    /// What could still be had, in bytes.
    available: u64,
}

impl Machine {
    fn now() -> Option<Self> {
        Some(Self { threads: machine_threads()?, available: machine_memory("MemAvailable:")? })
    }
}

/// Tells when something weighs too much.
///
/// Looking at every process is dear, so it is done when the machine as a whole has changed by enough of it; and every
/// now and then whatever it changed by, because others may have ended meanwhile.
#[derive(Debug)]
pub(super) struct Scales {
    whose: Whose,
    allowed: Allowed,
    before: Option<Machine>,
    since_weighed: u32,
}

impl Scales {
    pub(super) fn new(whose: Whose, allowed: Allowed) -> Self {
        Self { whose, allowed, before: Machine::now(), since_weighed: 0 }
    }

    /// Why there is too much, if there is.
    pub(super) fn exceeded(&mut self) -> Option<Stop> {
        self.since_weighed += 1;
        if self.since_weighed < WEIGHED_ANYWAY && !self.may_exceed() {
            return None;
        }
        self.since_weighed = 0;
        self.allowed.exceeded_by(self.weigh())
    }

    fn may_exceed(&self) -> bool {
        let (Some(before), Some(now)) = (self.before, Machine::now()) else { return true };
        now.threads.saturating_sub(before.threads) > self.allowed.processes
            || before.available.saturating_sub(now.available) > self.allowed.memory
    }

    fn weigh(&self) -> Weight {
        let processes = processes();
        let found = self.whose.of(&processes);
        let known: Vec<(i32, Process)> =
            found.into_iter().filter_map(|id| Some((id, *processes.get(&id)?))).collect();
        let threads = known.iter().map(|(_, process)| process.threads).sum();
        let page = rustix::param::page_size() as u64;
        let resident: u64 = known.iter().map(|(_, process)| process.resident_pages * page).sum();
        let unmapped = unmapped(known.iter().map(|(id, _)| *id));
        let mut memory = resident + unmapped;
        // What processes share was counted for each of them; to know better takes longer.
        if memory > self.allowed.memory {
            let shares = known.iter().map(|(id, process)| {
                proportional(*id).unwrap_or(Share { own: process.resident_pages * page, files: 0 })
            });
            let (own, files) =
                shares.fold((0, 0), |(own, files), share| (own + share.own, files + share.files));
            memory = own + files.max(unmapped);
        }
        Weight { processes: known.len(), threads, memory }
    }
}

/// How many processes and threads the whole machine has.
pub(super) fn machine_threads() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').nth(3)?.split_once('/')?.1.parse().ok()
}

/// A line of `/proc/meminfo`, in bytes.
fn machine_memory(name: &str) -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/meminfo").ok()?, name)
}

/// The memory of a process, with its part of what it shares.
#[derive(Debug, Clone, Copy)]
struct Share {
    own: u64,
    /// What it has mapped of files that are in memory alone.
    files: u64,
}

fn proportional(id: i32) -> Option<Share> {
    let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let files = kilobytes(&text, "Pss_Shmem:").unwrap_or(0);
    let all = kilobytes(&text, "Pss:")? + kilobytes(&text, "SwapPss:").unwrap_or(0);
    Some(Share { own: all.saturating_sub(files), files })
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

/// What files without a name hold in memory: what of them no process has mapped is nobody's otherwise.
fn unmapped(ids: impl Iterator<Item = i32>) -> u64 {
    let mut seen = HashSet::new();
    let mut total = 0;
    for id in ids {
        let Ok(entries) = std::fs::read_dir(format!("/proc/{id}/fd")) else { continue };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            let is_memory = std::fs::read_link(&path)
                .is_ok_and(|to| to.as_os_str().as_encoded_bytes().starts_with(b"/memfd:"));
            if is_memory
                && let Ok(found) = std::fs::metadata(&path)
                && seen.insert((found.st_dev(), found.st_ino()))
            {
                total += found.st_blocks() * BLOCK;
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_said_first_of_processes_then_of_threads_then_of_memory() {
        let limits = Limits { processes: 10, memory_bytes: Some(1_000), ..Limits::default() };
        let allowed = Allowed::of(&limits);
        for (weight, expected) in [
            ((10, 80, 1_000), None),
            ((11, 90, 2_000), Some(Stop::TooManyProcesses(10))),
            ((10, 81, 2_000), Some(Stop::TooManyThreads(80))),
            ((1, 1, 1_001), Some(Stop::TooMuchMemory(1_000))),
        ] {
            let (processes, threads, memory) = weight;
            assert_eq!(allowed.exceeded_by(Weight { processes, threads, memory }), expected, "{weight:?}");
        }
    }

    #[test]
    fn where_nothing_is_said_a_command_may_have_half_of_the_memory() {
        let allowed = Allowed::of(&Limits::default());
        assert_eq!(Some(allowed.memory * 2), machine_memory("MemTotal:").map(|total| total / 2 * 2));
    }

    #[test]
    fn sizes_are_read_by_their_names() {
        let text = "Rss:  90 kB\nPss:                  12 kB\nPss_Shmem:             4 kB\n";
        assert_eq!((kilobytes(text, "Pss:"), kilobytes(text, "SwapPss:")), (Some(12_288), None));
    }

    #[test]
    fn files_without_a_name_are_counted_once() {
        let own = std::process::id().cast_signed();
        let before = unmapped([own].into_iter());
        let file = rustix::fs::memfd_create("held", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let other = file.try_clone().unwrap();
        let written = std::io::Write::write_all(&mut std::fs::File::from(file), &vec![1; 1 << 20]);
        written.unwrap();
        assert_eq!(unmapped([own, own].into_iter()), before + (1 << 20));
        drop(other);
    }
}
