//! Programs, confinement, the clock.

use std::process::Command;

use syndarix_core::time::{Clock as _, SystemClock, Timestamp};
use syndarix_tools::workspace_server::{Confinement, Isolation, probe};

use super::Finding;

/// The oldest git that merges without a work tree.
const OLDEST_GIT: (u32, u32) = (2, 38);

/// A moment before which no clock that is right can be: 2025-01-01.
const FIRST_MOMENT: Timestamp = Timestamp(1_735_689_600_000);

/// Looks at all of them.
pub(super) fn examine(isolated: Isolation) -> Vec<Finding> {
    vec![
        git(version("git")),
        program(
            "C compiler",
            &["cc", "gcc", "clang"],
            "install gcc or clang; `cargo run` and C code need one",
        ),
        program(
            "cargo",
            &["cargo"],
            "install Rust from https://rustup.rs; the demo and Rust projects need it",
        ),
        confinement(probe()),
        isolation(isolated),
        clock(SystemClock.now()),
    ]
}

/// The first line that `PROGRAM --version` prints.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or(program).trim().to_owned())
}

fn git(version: Option<String>) -> Finding {
    let Some(version) = version else {
        return Finding::fail("git", "not found", "install git 2.38 or newer");
    };
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    match (next(), next()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST_GIT => Finding::ok("git", version),
        _ => Finding::fail("git", version, "install git 2.38 or newer"),
    }
}

fn program(subject: &str, candidates: &[&str], hint: &str) -> Finding {
    match candidates.iter().find_map(|candidate| version(candidate)) {
        Some(version) => Finding::ok(subject, version),
        None => Finding::warn(subject, "not found", hint),
    }
}

fn confinement(found: Confinement) -> Finding {
    match found.missing {
        None if !found.signals => Finding::warn(
            "confinement",
            format!(
                "Landlock ABI {}: agents' commands could send signals to your other processes",
                found.landlock_abi
            ),
            "use Linux 6.12 or newer, which denies them",
        ),
        None => Finding::ok("confinement", format!("Landlock ABI {}", found.landlock_abi)),
        Some(missing) => Finding::fail(
            "confinement",
            missing,
            "use Linux 6.7 or newer with Landlock enabled, or set `sandbox = \"best_effort\"` in [tools] and trust \
             what agents run",
        ),
    }
}

/// Whether commands have a root and a network of their own. Without them everything works, more slowly and less apart.
fn isolation(found: Isolation) -> Finding {
    match (found.missing, found.processes_missing) {
        (None, None) => Finding::ok(
            "namespaces",
            "agents' commands have a root, a home, processes and a loopback network of their own",
        ),
        (None, Some(missing)) => Finding::warn(
            "namespaces",
            format!("{missing}: agents' commands see the command lines of your other processes"),
            "let a new `/proc` be mounted: in a container, start it with `--security-opt systempaths=unconfined`",
        ),
        (Some(missing), _) => Finding::warn(
            "namespaces",
            format!(
                "{missing}: dependencies are installed into every clone by itself, and commands have no loopback"
            ),
            "allow unprivileged user namespaces (`sysctl kernel.unprivileged_userns_clone=1`, or AppArmor's \
             `kernel.apparmor_restrict_unprivileged_userns=0`), or start the container with them",
        ),
    }
}

fn clock(now: Timestamp) -> Finding {
    if now >= FIRST_MOMENT {
        Finding::ok("clock", now.to_string())
    } else {
        Finding::warn(
            "clock",
            format!("it says {now}"),
            "set the clock; certificates and records depend on it",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn what_a_kernel_cannot_confine_is_said() {
        let full = Confinement { landlock_abi: 7, files: true, network: true, signals: true, missing: None };
        for (found, verdict, said) in [
            (full.clone(), Verdict::Ok, "Landlock ABI 7"),
            (
                Confinement { landlock_abi: 5, signals: false, ..full.clone() },
                Verdict::Warn,
                "Landlock ABI 5: agents' commands could send signals to your other processes",
            ),
            (
                Confinement { missing: Some("this kernel has no Landlock".to_owned()), ..full },
                Verdict::Fail,
                "this kernel has no Landlock",
            ),
        ] {
            let finding = confinement(found);
            assert_eq!((finding.verdict, finding.detail.as_str()), (verdict, said));
        }
    }

    #[test]
    fn a_machine_without_namespaces_works_and_is_told_so() {
        let refused = || Some("not permitted".to_owned());
        for (missing, processes_missing, verdict, said) in [
            (None, None, Verdict::Ok, "a root, a home, processes and"),
            (None, refused(), Verdict::Warn, "see the command lines"),
            (refused(), refused(), Verdict::Warn, "dependencies are installed into every clone"),
        ] {
            let finding = isolation(Isolation { missing, processes_missing });
            assert!(finding.verdict == verdict && finding.detail.contains(said), "{}", finding.detail);
        }
    }

    #[test]
    fn old_and_missing_gits_are_told_apart_from_new_ones() {
        for (version, verdict) in [
            (Some("git version 2.47.2"), Verdict::Ok),
            (Some("git version 2.38.0 (Apple Git-1)"), Verdict::Ok),
            (Some("git version 2.25.1"), Verdict::Fail),
            (Some("git"), Verdict::Fail),
            (None, Verdict::Fail),
        ] {
            assert_eq!(git(version.map(str::to_owned)).verdict, verdict, "{version:?}");
        }
    }
}
