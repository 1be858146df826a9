//! The shell's own repositories. Agents never touch them: they work in clones, and what they made is read
//! back without running anything in the clone, because a clone's configuration is the agent's to write.

mod carrier;
mod clone_files;
pub(crate) mod command;
mod documents;
mod durable;
mod elsewhere;
mod error;
mod identity;
pub(crate) mod leftovers;
mod merge;
mod repository;
mod source;
pub mod trailers;

pub use documents::document_files;
pub use elsewhere::Lacking;
pub use error::Error;
pub use identity::{Authorship, Identity, InvalidSigner, Signature, Signer, Template};
pub use merge::Merge;
pub use repository::{Commit, Repository, TaskClone};
pub use source::Source;
