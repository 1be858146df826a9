//! The loopback interface of a network that has nothing else: tests that start a server and talk to it work.

use std::io;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

/// The kernel's message that changes an interface (`RTM_NEWLINK` in linux/rtnetlink.h).
const NEW_LINK: u16 = 16;
/// It is a request, and nothing is answered unless it fails (`NLM_F_REQUEST`).
const REQUEST: u16 = 1;
/// The index of the loopback interface in every network.
const LOOPBACK: u32 = 1;
/// The interface is up (`IFF_UP`).
const UP: u32 = 1;
/// A header and a description of an interface, in bytes.
const LENGTH: u32 = 32;

/// Brings the loopback interface of this process's network up.
pub(super) fn bring_up() -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // The family's first protocol, `NETLINK_ROUTE`, is the default.
        None,
    )?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &message(), SendFlags::empty(), &kernel)?;
    Ok(())
}

/// `struct nlmsghdr` and `struct ifinfomsg`, in the machine's byte order.
fn message() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH as usize);
    bytes.extend(LENGTH.to_ne_bytes());
    bytes.extend(NEW_LINK.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    // The sequence number and the sender, then the family, a gap, and the interface's type.
    bytes.extend([0; 12]);
    for word in [LOOPBACK, UP, UP] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_as_long_as_it_says() {
        assert_eq!(message().len(), LENGTH as usize);
    }
}
