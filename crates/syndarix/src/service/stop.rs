//! How a service is told to stop: Ctrl-C, SIGTERM, or the end of the terminal it was started in.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// The number of the signal that a terminal's end sends, on every system that this runs on.
const HANGUP: u32 = 1;

/// The signals that stop a service.
#[derive(Debug)]
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    /// `None` where it was ignored when the process started, as `nohup` and `disown` do: who starts a service so
    /// wants it to outlive the terminal.
    hangup: Option<Signal>,
}

impl Stop {
    /// Listens from now on; a signal no longer ends the process by itself.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::internal("signals cannot be received").because(error))
        };
        // What is ignored can only be told before somebody listens.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hangup = if ignores(&status, HANGUP) { None } else { Some(listen(SignalKind::hangup())?) };
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, hangup })
    }

    /// Resolves when somebody says stop.
    pub(crate) async fn asked(&mut self) {
        let Self { interrupt, terminate, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => {
                    hangup.recv().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hung_up => {}
        }
    }
}

/// Whether a process with this `/proc/PID/status` ignores a signal: `SigIgn` is a mask of them, in hexadecimal.
fn ignores(status: &str, signal: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// How long after the first signal a second one is taken for an echo of it: `timeout` and terminals send theirs
/// to the whole process group, and so twice.
const ECHO: Duration = Duration::from_secs(1);

/// Ends the process at once when somebody says stop again while the service stops. A terminal's end is said by the
/// system, to many and more than once, and hurries nobody.
pub(crate) fn force_on_second_signal() {
    tokio::spawn(async {
        tokio::time::sleep(ECHO).await;
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(i32::from(crate::exit::Exit::Interrupted.code()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_mask() {
        for (mask, expected) in [
            ("SigIgn:\t0000000000000001", true),
            ("SigIgn:\t0000000000001001", true),
            ("SigIgn:\t0000000000001000", false),
            ("SigIgn:\tnot a mask", false),
            ("SigBlk:\t0000000000000001", false),
            ("", false),
        ] {
            assert_eq!(
                ignores(&format!("Name:\tx\n{mask}\nSigCgt:\t0000000000000001\n"), HANGUP),
                expected,
                "{mask}"
            );
        }
    }
}
