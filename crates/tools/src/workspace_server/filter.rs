//! A filter over system calls: a process makes no socket that could act outside of the confinement, and asks for nothing
//! that the kernel keeps for a user and not for a process.
//!
//! Sockets: Landlock alone knows TCP only. Where the network is denied and there are no namespaces, no socket is made at all.
//! In a network of its own, whose only interface is its loopback, a process may have those of the internet and those of the
//! Unix family: neither reaches anything outside, since no path of the host's is there to be named. Where the host's
//! network is allowed, those of the internet are, and those that ask the kernel about addresses; but never one of the Unix
//! family, because such sockets reach services of the host (a container daemon, an ssh agent, this program's own control
//! socket). Pairs of connected sockets stay, save pairs for datagrams, which could still be sent to somebody else.
//!
//! The rest: keys, what is typed into a terminal, and the limits of other processes are refused always. Memory, semaphores and
//! queues that processes of one user share by number or name are refused where they are not the command's own, and so
//! are the priorities of others.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// The bit that marks a system call of x86-64's little used 32-bit variant (x32).
const X32: i64 = 0x4000_0000;

/// The families of sockets that the internet is made of, and the one that asks the kernel about it.
const INTERNET: [i32; 3] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
/// Those, and the one that is among the processes of a machine.
const LOCAL: [i32; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_UNIX];

/// The part of a socket's type that is not flags.
const TYPE: u64 = 0xf;

/// What types into a terminal, or pastes into it.
const TYPING: [u64; 2] = [libc::TIOCSTI, libc::TIOCLINUX];

/// Which sockets a process may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sockets {
    /// None.
    None,
    /// Those of a network and a root of its own.
    Local,
    /// Those of the machine's network.
    Internet,
}

/// What a process may ask the kernel for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) sockets: Sockets,
    /// Whether shared memory, semaphores and queues are its own.
    pub(super) own_memory: bool,
    /// Whether it sees no processes but those of its command.
    pub(super) own_processes: bool,
}

/// Installs the filter for the calling thread and all it starts.
pub(super) fn install(allowed: Allowed) -> Result<(), seccompiler::Error> {
    let calls = [always()?, sockets(allowed.sockets)?];
    let shared = (!allowed.own_memory).then(shared_memory);
    let others = if allowed.own_processes { None } else { Some(priorities_of_others()?) };
    let calls = calls.into_iter().chain(shared).chain(others).flatten();
    let rules: BTreeMap<i64, Vec<SeccompRule>> =
        calls.flat_map(|(call, rules)| [(call, rules.clone()), (call | X32, rules)]).collect();
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(libc::EACCES.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}

/// Calls, each with the rules of which one must fit for it to be refused; one without rules is refused whatever its
/// arguments.
type Refused = Vec<(i64, Vec<SeccompRule>)>;

fn always() -> Result<Refused, BackendError> {
    let typing = TYPING.iter().map(|request| rule(vec![dword(1, SeccompCmpOp::Eq, *request)?]));
    // Of another process and not only asked for. Everyone's own limits are process 0's.
    let limits = rule(vec![dword(0, SeccompCmpOp::Ne, 0)?, qword(2, SeccompCmpOp::Ne, 0)?])?;
    Ok(vec![
        (libc::SYS_ioctl, typing.collect::<Result<_, _>>()?),
        (libc::SYS_prlimit64, vec![limits]),
        (libc::SYS_keyctl, Vec::new()),
        (libc::SYS_add_key, Vec::new()),
        (libc::SYS_request_key, Vec::new()),
        // A ring of asynchronous requests could make sockets without the system call.
        (libc::SYS_io_uring_setup, Vec::new()),
    ])
}

fn sockets(allowed: Sockets) -> Result<Refused, BackendError> {
    let refused = match allowed {
        Sockets::None => Vec::new(),
        Sockets::Local => vec![other_than(&LOCAL)?],
        Sockets::Internet => vec![other_than(&INTERNET)?],
    };
    let mut calls = vec![(libc::SYS_socket, refused)];
    if allowed != Sockets::Local {
        calls.push((libc::SYS_socketpair, vec![pair_of(libc::SOCK_DGRAM)?, pair_of(libc::SOCK_RAW)?]));
    }
    Ok(calls)
}

/// What System V and POSIX know by number or name among all processes of a user.
fn shared_memory() -> Refused {
    [libc::SYS_shmget, libc::SYS_shmat, libc::SYS_semget, libc::SYS_msgget, libc::SYS_mq_open]
        .map(|call| (call, Vec::new()))
        .into()
}

/// How much others get of the processors and disks. A thread's own is thread 0's; programs that name one of their threads are
/// refused too.
fn priorities_of_others() -> Result<Refused, BackendError> {
    let first_names_another = || rule(vec![dword(0, SeccompCmpOp::Ne, 0)?]);
    let mut calls = Vec::new();
    for call in [
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setaffinity,
    ] {
        calls.push((call, vec![first_names_another()?]));
    }
    // These name a kind first: a process, a group, a user.
    for (call, process) in [(libc::SYS_setpriority, u64::from(libc::PRIO_PROCESS)), (libc::SYS_ioprio_set, 1)]
    {
        let another = rule(vec![dword(1, SeccompCmpOp::Ne, 0)?])?;
        let many = rule(vec![dword(0, SeccompCmpOp::Ne, process)?])?;
        calls.push((call, vec![another, many]));
    }
    Ok(calls)
}

/// A socket of any family but these.
fn other_than(families: &[i32]) -> Result<SeccompRule, BackendError> {
    let is_not = |family: &i32| dword(0, SeccompCmpOp::Ne, u64::from(family.cast_unsigned()));
    rule(families.iter().map(is_not).collect::<Result<_, _>>()?)
}

/// A pair of sockets of this type.
fn pair_of(kind: i32) -> Result<SeccompRule, BackendError> {
    rule(vec![dword(1, SeccompCmpOp::MaskedEq(TYPE), u64::from(kind.cast_unsigned()))?])
}

/// All of these together.
fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions)
}

fn dword(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}

fn qword(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Qword, operator, value)
}
