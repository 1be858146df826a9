//! The benchmarks, one after another: at once they would measure each other.

use std::path::Path;
use std::process::Command;

/// What is measured, the package and the benchmark.
const BENCHMARKS: [(&str, &str, &str); 4] = [
    ("A superstep of a state graph", "syndarix-graph", "superstep"),
    ("A workflow, a signal, a durable activity step", "syndarix-engine", "steps"),
    ("Agents that work side by side", "syndarix-agents", "agents"),
    ("What the confinement costs", "syndarix-tools", "confinement"),
];

/// Builds each benchmark as what is installed is built, and lets it print its table as it goes.
#[expect(clippy::print_stdout, reason = "it is a command-line program")]
pub(crate) fn run(root: &Path) -> Result<String, String> {
    for (title, package, benchmark) in BENCHMARKS {
        println!("\n{title} (cargo bench --package {package} --bench {benchmark})");
        let status = Command::new("cargo")
            .current_dir(root)
            .args(["bench", "--quiet", "--package", package, "--bench", benchmark])
            .status()
            .map_err(|error| format!("cargo cannot be started: {error}"))?;
        if !status.success() {
            return Err(format!("the benchmark `{benchmark}` of {package} ended with {status}"));
        }
    }
    Ok("\ndocs/benchmarks.md says what each row means".to_owned())
}
