//! The engine in a simulation: the real executor, service, matching and timers, on a clock that stands still
//! until the next thing is due, a network that loses and repeats, workers that cannot be relied on, and a
//! disk that is gone at any step, with everything that was not durable.
//!
//! Everything follows from the seed: the same one gives the same trace, whose hash is compared. Each seed ends
//! with a life in which nothing fails and, from some time on, nobody misbehaves; then every workflow comes to its end. After each
//! crash and at the end it is checked that
//!
//! - what was acknowledged is on the disk, and everything that was shown to a reader (`known`);
//! - ids are gapless, everything ends at most once, no timer fired early or late (`chronicle`);
//! - each history, replayed, gives the state that is stored beside it (`agreement`);
//! - what is in memory is what is stored (`memory`).
//!
//! `SYNDARIX_SIMULATION_SEEDS=10000` runs so many seeds; `SYNDARIX_SIMULATION_SEED=7` one of them, and shows how
//! it went. `cargo xtask simulate` does the former in release.

mod activities;
mod agreement;
mod chronicle;
mod clients;
mod clock;
mod dice;
mod disk;
mod known;
mod letters;
mod life;
mod memory;
mod network;
mod program;
mod trace;
mod view;
mod workers;
mod world;

use crate::kernel::Timestamp;
use crate::kernel::time::MILLISECOND;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use world::{BEGINNING, Sabotage, World};

/// Seeds of an ordinary test run: a few seconds.
const SEEDS: u64 = 100;
/// Threads that run seeds, each one at a time.
const THREADS: usize = 2;
/// Failed seeds after which the others are not tried.
const ENOUGH: usize = 5;

/// What a seed came to.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    hash: u64,
    lines: u64,
    /// The last of them.
    story: String,
}

/// Runs one seed to its end; what went wrong otherwise, with the last of what happened before.
fn run(seed: u64) -> Result<Outcome, String> {
    run_with(seed, Sabotage::None)
}

fn run_with(seed: u64, sabotage: Sabotage) -> Result<Outcome, String> {
    let (world, mut dice) = World::new(seed, sabotage);
    let world = Arc::new(world);
    let mut lives = Vec::new();
    let mut opens = BEGINNING;
    for crash in 0..=world.plan.crashes {
        let is_last = crash == world.plan.crashes;
        let chance = dice.split();
        let outcome =
            catch_unwind(AssertUnwindSafe(|| life::live(&world, chance, opens, &mut lives, is_last)));
        let outcome = outcome.unwrap_or_else(|_| Err("the simulation panicked".into()));
        if let Err(what) = outcome {
            return Err(format!("{}{what}\n{:?}", world.trace.last(), world.plan));
        }
        let ended = lives.last().map_or(opens, |(_, ended)| *ended);
        opens = reopened(&world, ended, &mut dice);
    }
    Ok(Outcome { hash: world.trace.hash(), lines: world.trace.lines(), story: world.trace.last() })
}

/// What the wall clock shows when the engine is opened again.
fn reopened(world: &World, ended: Timestamp, dice: &mut dice::Dice) -> Timestamp {
    let away = if dice.chance(700) { dice.between(0, 2_000) } else { dice.between(0, 120_000) };
    let set = if world.plan.clock_is_set { dice.between(-3_600_000, 3_600_000) } else { 0 };
    ended.plus((away + set) * MILLISECOND)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().expect("it is a number"))
}

/// Runs seeds on all threads and gathers what went wrong.
fn run_all(seeds: u64) -> Vec<(u64, String)> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut failures = Vec::new();
        while failures.len() < ENOUGH {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                break;
            }
            if let Err(what) = run(seed) {
                failures.push((seed, what));
            }
        }
        failures
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it runs to its end")).collect()
    })
}

#[test]
fn nothing_acknowledged_is_lost_whatever_happens_in_between() {
    if let Some(seed) = number("SYNDARIX_SIMULATION_SEED") {
        let Outcome { hash, lines, story } =
            run(seed).unwrap_or_else(|what| panic!("seed {seed} failed:\n{what}"));
        println!("{story}seed {seed}: {lines} lines, hash {hash:x}");
        return;
    }
    let seeds = number("SYNDARIX_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let began = std::time::Instant::now();
    let failures = run_all(seeds);
    println!("{seeds} seeds in {:.1} s, {} failed", began.elapsed().as_secs_f64(), failures.len());
    let mut report = String::new();
    for (seed, what) in &failures {
        let last: Vec<&str> = what.lines().rev().take(12).collect();
        let _ = writeln!(report, "SYNDARIX_SIMULATION_SEED={seed} runs it again; it ended with");
        for line in last.iter().rev() {
            let _ = writeln!(report, "  {line}");
        }
    }
    assert!(failures.is_empty(), "{report}");
}

#[test]
fn what_is_broken_on_purpose_is_found_out() {
    for sabotage in
        [Sabotage::LyingDisk, Sabotage::LosingDisk, Sabotage::ForgottenTimers, Sabotage::ForgottenTasks]
    {
        let found = (0..60).find_map(|seed| Some((seed, run_with(seed, sabotage).err()?)));
        let (seed, what) = found.unwrap_or_else(|| panic!("nobody noticed {sabotage:?}"));
        let verdict: Vec<&str> = what.lines().rev().take(4).collect();
        println!("{sabotage:?} shows in seed {seed}: {verdict:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..12 {
        let first = run(seed);
        assert!(first.is_ok(), "seed {seed}: {first:?}");
        assert_eq!(first, run(seed), "seed {seed}");
    }
    assert_ne!(run(1), run(2), "different seeds differ");
}
