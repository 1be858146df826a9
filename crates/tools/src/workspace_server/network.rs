//! No network: a filter that lets a process make no socket.
//!
//! Landlock alone knows TCP only. Sockets of the Unix family are denied too, because they reach services of the
//! host (a container daemon, an ssh agent, this program's own control socket) that would act outside the
//! confinement; pairs of connected sockets, which reach nobody, stay.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// The bit that marks a system call of x86-64's little used 32-bit variant (x32).
const X32: i64 = 0x4000_0000;

/// Installs the filter for the calling thread and all it starts.
pub(super) fn deny() -> Result<(), seccompiler::Error> {
    // A ring of asynchronous requests could make sockets without the system call.
    let denied = [libc::SYS_socket, libc::SYS_io_uring_setup];
    let rules: BTreeMap<i64, Vec<_>> =
        denied.into_iter().flat_map(|call| [call, call | X32]).map(|call| (call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(libc::EACCES.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}
