//! Making an environment: set-up runs once, with the network, and what it leaves is seen by every clone.
//!
//! A [`Workshop`] keeps what was made in a folder per [`Key`]. Set-up runs in a clone of the commit, at the path at which
//! every clone is seen later. What it leaves beside the tracked files is the *root layer*; its home, with the caches of
//! package managers and what the first checks built, is the *home layer*. Neither is written again: each clone, and each
//! check, has an upper layer of its own. A crash leaves a folder that is not yet in its place, which the next attempt
//! removes.

mod checks;
mod commit;
mod layers;
mod network;
mod set_up;
mod sweep;
mod workshop;

pub use checks::{CheckRun, Checking};
pub use commit::files_of;
pub use network::NetworkSettings;
pub use set_up::{Progress, SetUpError, SetUpRun};
pub use workshop::{Key, Made, Request, Workshop, WorkshopOptions};
