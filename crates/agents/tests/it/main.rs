//! Runs end to end: a scripted model, the real store in a temporary folder, and tools that count what they do.
#![expect(
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    reason = "expect-test writes its strings so, and takes expectations by value"
)]

mod answers;
mod bad_models;
mod briefings;
mod crash;
mod guards;
mod interrupts;
mod runs;
mod supervision;
mod team_files;
mod world;
