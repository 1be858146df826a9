//! The built binary, as a user meets it.

#![expect(clippy::format_push_string, reason = "reports are short, and read better so than with `write!`")]

mod answers;
mod bad_input;
mod concurrency;
mod crash;
mod data;
mod expiry;
mod folder;
mod forgery;
mod help;
mod listings;
mod misbehaviour;
mod red;
mod rehearsal;
mod service;
