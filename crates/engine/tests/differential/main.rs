//! The engine beside a real Temporal server: programs that follow from a seed are performed on both, and what came of
//! each step and every event of every history is compared.
//!
//! `cargo xtask differential` starts the server and runs it. Without one, the engine is compared with itself: what
//! programs do and what is masked does not depend on chance.

#![expect(clippy::print_stdout, reason = "what agreed only in a later round is for a person to see")]
#![expect(
    clippy::unnecessary_wraps,
    reason = "a message's fields are optional, and so is what follows from a choice"
)]
#![expect(deprecated, reason = "SDKs in use still write fields that the protocol has deprecated")]

mod belief;
mod commands;
mod compare;
mod driver;
mod generate;
mod mask;
mod on_purpose;
mod program;
mod random;
mod reply;
mod requests;
mod side;
mod starts;

use futures::StreamExt as _;
use program::Program;
use side::Side;
use std::time::SystemTime;

/// How many programs are performed at once: most of their time they wait.
const AT_ONCE: usize = 16;

/// How often a program may be performed: once beside others, then alone. A server with much to do loses now and then
/// what is on its way to a worker, and offers it again when its time is up: then it parts from itself as well. Once to
/// agree is to agree.
const TRIES: usize = 3;

/// Performs the programs of these seeds on both sides; what differs.
async fn compare(sides: [&Side; 2], seeds: impl Iterator<Item = u64>) -> Vec<String> {
    let compared = futures::stream::iter(seeds.map(generate::program)).map(|program| async move {
        let found = once(sides, &program).await;
        found.map(|found| (program, found))
    });
    let mut parted: Vec<(Program, String)> =
        compared.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
    parted.sort_by_key(|(program, _)| program.seed);
    for round in 2..=TRIES {
        for (program, _) in std::mem::take(&mut parted) {
            match once(sides, &program).await {
                Some(found) => parted.push((program, found)),
                None => println!("seed {}: agreed alone, in round {round}", program.seed),
            }
        }
    }
    parted.into_iter().map(|(_, found)| found).collect()
}

#[expect(clippy::disallowed_methods, reason = "no round has the name of one that a kept server knows")]
async fn once(sides: [&Side; 2], program: &Program) -> Option<String> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let round = &format!("r{}", since.as_millis());
    let [left, right] = sides;
    let (one, other) =
        tokio::join!(driver::perform(left, program, round), driver::perform(right, program, round));
    if let Some(step) = compare::idle(&one) {
        println!("seed {}: nothing came of {step}", program.seed);
    }
    compare::difference(program, [left.name, right.name], [&one, &other])
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Temporal server: cargo xtask differential"]
async fn the_engine_does_what_the_server_does() {
    let address = std::env::var("SYNDARIX_DIFFERENTIAL_SERVER").expect("xtask says where the server is");
    let programs = number("SYNDARIX_DIFFERENTIAL_PROGRAMS").unwrap_or(20);
    let first = number("SYNDARIX_DIFFERENTIAL_SEED").unwrap_or(1);
    let (engine, server) = (Side::engine("engine").await, Side::server(&address).await);
    let differences = compare([&engine, &server], first..first + programs).await;
    engine.close().await;
    for line in on_purpose::report() {
        println!("on purpose: {line}");
    }
    let agree = programs - differences.len() as u64;
    println!("{agree} of {programs} programs agree, from seed {first} on");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_does_what_it_does() {
    let (one, other) = (Side::engine("one").await, Side::engine("other").await);
    let differences = compare([&one, &other], 1..9).await;
    one.close().await;
    other.close().await;
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
