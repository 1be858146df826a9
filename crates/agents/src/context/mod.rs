//! Context: what an agent sees. Pure functions from what is stored to what is sent.
//!
//! A run's [`briefing`] is written once, at its beginning, and kept: the same step, tried again after a crash,
//! must send the same request. What follows it is the agent's own conversation, which [`assemble`] fits into the
//! token budget.

mod assemble;
mod briefing;
mod conversation;
mod examples;
mod letter;
mod prompt;
mod shorten;
mod whereabouts;

pub use assemble::assemble;
pub use briefing::{Briefing, BriefingInput, Document, LISTED_TASKS};
pub use conversation::{Answer, Entry, Piece};
pub use letter::Letter;
pub use shorten::{head, middle_out};

/// About how many tokens a text has. Three bytes per token is on the safe side for prose and code: an estimate
/// that is too large only shortens a little sooner.
pub fn tokens(text: &str) -> u64 {
    text.len().div_ceil(3) as u64
}
