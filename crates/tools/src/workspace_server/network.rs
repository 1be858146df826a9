//! A filter over system calls, so that a process makes no socket that could act outside of the confinement.
//!
//! Landlock alone knows TCP only. Where the network is denied, no socket is made at all. Where it is allowed, those of
//! the internet are, and those that ask the kernel about addresses; but never one of the Unix family, because such
//! sockets reach services of the host (a container daemon, an ssh agent, this program's own control socket). Pairs
//! of connected sockets stay, save pairs for datagrams, which could still be sent to somebody else.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// The bit that marks a system call of x86-64's little used 32-bit variant (x32).
const X32: i64 = 0x4000_0000;

/// The families of sockets that an allowed network is made of.
const FAMILIES: [i32; 3] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The part of a socket's type that is not flags.
const TYPE: u64 = 0xf;

/// Installs the filter for the calling thread and all it starts.
pub(super) fn filter(network: bool) -> Result<(), seccompiler::Error> {
    let sockets = if network { vec![other_families()?] } else { Vec::new() };
    let rules: BTreeMap<i64, Vec<SeccompRule>> = [
        (libc::SYS_socket, sockets),
        (libc::SYS_socketpair, vec![pair_of(libc::SOCK_DGRAM)?, pair_of(libc::SOCK_RAW)?]),
        // A ring of asynchronous requests could make sockets without the system call.
        (libc::SYS_io_uring_setup, Vec::new()),
    ]
    .into_iter()
    .flat_map(|(call, rules)| [(call, rules.clone()), (call | X32, rules)])
    .collect();
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(libc::EACCES.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}

/// A socket of any family but those of the internet.
fn other_families() -> Result<SeccompRule, BackendError> {
    let is_not = |family: i32| argument(0, SeccompCmpOp::Ne, family);
    SeccompRule::new(FAMILIES.into_iter().map(is_not).collect::<Result<_, _>>()?)
}

/// A pair of sockets of this type.
fn pair_of(kind: i32) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![argument(1, SeccompCmpOp::MaskedEq(TYPE), kind)?])
}

fn argument(index: u8, operator: SeccompCmpOp, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, u64::from(value.cast_unsigned()))
}
