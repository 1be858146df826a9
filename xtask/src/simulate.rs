//! The engine's simulation, with as many seeds as are asked for.

use std::path::Path;
use std::process::Command;

/// Seeds where none are asked for: a few minutes on two cores.
const SEEDS: &str = "10000";

/// Runs the seeds in release.
pub(crate) fn run(root: &Path, seeds: Option<&str>) -> Result<String, String> {
    let seeds = seeds.unwrap_or(SEEDS);
    let status = Command::new("cargo")
        .current_dir(root)
        .env("SYNDARIX_SIMULATION_SEEDS", seeds)
        .args([
            "test",
            "--release",
            "--package",
            "syndarix-engine",
            "--lib",
            "simulation::",
            "--",
            "--nocapture",
        ])
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !status.success() {
        return Err(format!("the simulation ended with {status}"));
    }
    Ok(format!("{seeds} seeds passed"))
}
