//! A filter over system calls, so that a process makes no socket that could act outside of the confinement.
//!
//! Landlock alone knows TCP only. Where the network is denied and there are no namespaces, no socket is made at all. In a
//! network of its own, whose only interface is its loopback, a process may have those of the internet and those of the
//! Unix family: neither reaches anything outside, since no path of the host's is there to be named. Where the host's
//! network is allowed, those of the internet are, and those that ask the kernel about addresses; but never one of the Unix
//! family, because such sockets reach services of the host (a container daemon, an ssh agent, this program's own control
//! socket). Pairs of connected sockets stay, save pairs for datagrams, which could still be sent to somebody else.

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

/// Installs the filter for the calling thread and all it starts.
pub(super) fn filter(allowed: Sockets) -> Result<(), seccompiler::Error> {
    // A call without rules is refused whatever its arguments.
    let refused = match allowed {
        Sockets::None => Vec::new(),
        Sockets::Local => vec![other_than(&LOCAL)?],
        Sockets::Internet => vec![other_than(&INTERNET)?],
    };
    // A ring of asynchronous requests could make sockets without the system call.
    let mut calls = vec![(libc::SYS_socket, refused), (libc::SYS_io_uring_setup, Vec::new())];
    if allowed != Sockets::Local {
        calls.push((libc::SYS_socketpair, vec![pair_of(libc::SOCK_DGRAM)?, pair_of(libc::SOCK_RAW)?]));
    }
    let rules: BTreeMap<i64, Vec<SeccompRule>> =
        calls.into_iter().flat_map(|(call, rules)| [(call, rules.clone()), (call | X32, rules)]).collect();
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(libc::EACCES.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}

/// A socket of any family but these.
fn other_than(families: &[i32]) -> Result<SeccompRule, BackendError> {
    let is_not = |family: &i32| argument(0, SeccompCmpOp::Ne, *family);
    SeccompRule::new(families.iter().map(is_not).collect::<Result<_, _>>()?)
}

/// A pair of sockets of this type.
fn pair_of(kind: i32) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![argument(1, SeccompCmpOp::MaskedEq(TYPE), kind)?])
}

fn argument(index: u8, operator: SeccompCmpOp, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, u64::from(value.cast_unsigned()))
}
