//! Repository chores: `cargo xtask`.

mod bench;
mod clients;
mod command_reference;
mod differential;
mod engine_reference;
mod engine_server;
mod generated;
mod links;
mod local_server;
mod real_input;
mod repositories;
mod sdk_suite;
mod simulate;
mod soak;
mod whole_run;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask docs [--check]
       cargo xtask real-input
       cargo xtask sdk-suite [--heavy | --examples] [--runs N] [--only TEXT] [--server http://HOST:PORT]
       cargo xtask soak
       cargo xtask clients [--only TEXT] [--no-browser] [--server HOST:PORT]
       cargo xtask simulate [SEEDS]
       cargo xtask differential [--programs N] [--seed S] [--server http://HOST:PORT]
       cargo xtask bench
       cargo xtask repositories [--only NAME]... [--set small|all] [--keep] [--outside | --bad | --runs] [--program PATH]

    docs           writes docs/commands.md from the binary's own help, docs/engine-rpcs.md from the engine's tables and
                   docs/repositories.md from the list of packages, and checks that links between documents lead somewhere
    docs --check   the same, but fails where one of them is stale instead of writing it
    real-input     works a brief on a published crate, against a mock server of both providers; needs Node and a registry
    sdk-suite      runs the integration tests of Temporal's Rust SDK against the engine's port, or its heavy tests, or its
                   examples; needs protoc and a registry
    soak           runs the engine's tests of crashes, disks, time and load in release, with the numbers it promises
    clients        lets other people's clients use the engine's port: the SDK for Python, the command line, the Web UI in a
                   browser; needs python3, go, their registries, and chromium
    simulate       runs the engine's simulation in release, with ten thousand seeds or as many as are asked for
    differential   performs programs that follow from seeds, 300 of them, on the engine and on a real Temporal server,
                   and compares their histories and every error; needs Go, and a registry the first time
    bench          builds the benchmarks as what is installed, runs them one after another and prints their tables
    repositories   runs `syndarix check` on published packages and compares it with their tests outside of any
                   confinement; with --outside runs only those, with --bad tries input that cannot work, with --runs
                   works briefs on three of them, against a mock server of both providers; needs Python, Node, Go, Maven
                   and a JDK, and their registries";

const PAGES: [generated::Page; 3] = [command_reference::PAGE, engine_reference::PAGE, repositories::PAGE];

#[expect(clippy::print_stderr, clippy::print_stdout, reason = "it is a command-line program")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies below the root");
    let result = match arguments[..] {
        ["docs"] => PAGES.iter().try_for_each(|page| page.write(root)).and_then(|()| links::check(root)),
        ["docs", "--check"] => {
            PAGES.iter().try_for_each(|page| page.check(root)).and_then(|()| links::check(root))
        }
        ["simulate"] => simulate::run(root, None),
        ["simulate", seeds] => simulate::run(root, Some(seeds)),
        ["bench"] => bench::run(root),
        ["soak"] => soak::run(root),
        ["real-input"] => real_input::run(root),
        ["repositories", ref rest @ ..] => match repositories::Asked::parse(rest) {
            Some(asked) => repositories::run(root, &asked),
            None => Err(USAGE.to_owned()),
        },
        ["sdk-suite", ref rest @ ..] => match sdk_suite::Asked::parse(rest) {
            Some(asked) => sdk_suite::run(root, &asked),
            None => Err(USAGE.to_owned()),
        },
        ["clients", ref rest @ ..] => match clients::Asked::parse(rest) {
            Some(asked) => clients::run(root, &asked),
            None => Err(USAGE.to_owned()),
        },
        ["differential", ref rest @ ..] => match differential::Asked::parse(rest) {
            Some(asked) => differential::run(root, &asked),
            None => Err(USAGE.to_owned()),
        },
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}
