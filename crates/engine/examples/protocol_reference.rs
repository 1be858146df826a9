//! Prints which RPCs and commands the engine answers, as Markdown. `cargo xtask docs` keeps the answer in
//! `docs/engine-rpcs.md`.

#![expect(clippy::print_stdout, reason = "its output is its point")]

fn main() {
    print!("{}", syndarix_engine::protocol_reference());
}
