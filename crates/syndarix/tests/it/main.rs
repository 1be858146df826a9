//! The built binary, as a user meets it.

mod bad_input;
mod folder;
mod help;
mod listings;
mod service;
