//! What npm runs around the script `test`: `pretest` before it and `posttest` after it. Some packages audit their
//! dependencies there, which asks a server that no check reaches and that says nothing of a commit.

use serde_json::Value;

use super::is_real;

/// The words of a command that audits dependencies, as a program or as an argument of a package manager.
const AUDITS: &[&str] = &["audit", "aud", "audit-ci", "better-npm-audit", "snyk", "nsp"];

/// What npm runs instead of the script `test` where one of its hooks audits, as a line; `None` where the script can be
/// run as it is.
pub(super) fn without_audits(manifest: &Value) -> Option<String> {
    let script = |name: &str| manifest["scripts"][name].as_str().filter(|script| is_real(script));
    let hooks = ["pretest", "posttest"].map(|name| (name, script(name)));
    if !hooks.iter().any(|(_, script)| script.is_some_and(audits)) {
        return None;
    }
    let kept = |(name, script): (&str, Option<&str>)| {
        script.filter(|script| !audits(script)).map(|_| format!("npm run {name}"))
    };
    // A script that only runs another one stands for it. Else npm is told to leave the hooks out, which it then does for
    // the scripts that this one runs as well.
    let test = script("test")?;
    let test = delegate(test)
        .map_or_else(|| "npm test --ignore-scripts".to_owned(), |name| format!("npm run {name}"));
    let [before, after] = hooks.map(kept);
    let commands: Vec<String> = before.into_iter().chain([test]).chain(after).collect();
    Some(commands.join(" && "))
}

fn audits(script: &str) -> bool {
    script
        .split(|character: char| character.is_whitespace() || "&|;()".contains(character))
        .any(|word| AUDITS.contains(&word))
}

/// The script that a script runs and nothing else: `npm run --silent tests-only`.
fn delegate(script: &str) -> Option<&str> {
    let mut words = script.split_whitespace().filter(|word| !matches!(*word, "--silent" | "-s"));
    let named = match (words.next()?, words.next()?) {
        ("npm", "run" | "run-script") => words.next()?,
        _ => return None,
    };
    let plain = named.chars().all(|character| character.is_ascii_alphanumeric() || "-_:".contains(character));
    (plain && words.next().is_none()).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_that_audit_are_left_out() {
        for (scripts, expected) in [
            (r#"{"test": "tape"}"#, None),
            (r#"{"pretest": "eslint .", "test": "tape"}"#, None),
            (r#"{"test": "npm run a", "a": "npm audit"}"#, None),
            (r#"{"test": "tape", "posttest": "auditor"}"#, None),
            (r#"{"posttest": "npm audit"}"#, None),
            (r#"{"test": "tape", "posttest": "npx aud --production"}"#, Some("npm test --ignore-scripts")),
            (r#"{"test": "npm run --silent a", "posttest": "npx npm@'>=10.2' audit"}"#, Some("npm run a")),
            (r#"{"test": "npm run a && npm run b", "posttest": "aud"}"#, Some("npm test --ignore-scripts")),
            (
                r#"{"pretest": "tsc", "test": "npm run a", "posttest": "(npm audit)"}"#,
                Some("npm run pretest && npm run a"),
            ),
            (
                r#"{"pretest": "npm audit", "test": "tape", "posttest": "nyc report"}"#,
                Some("npm test --ignore-scripts && npm run posttest"),
            ),
        ] {
            let manifest: Value = serde_json::from_str(&format!("{{\"scripts\": {scripts}}}")).unwrap();
            assert_eq!(without_audits(&manifest).as_deref(), expected, "{scripts}");
        }
    }
}
