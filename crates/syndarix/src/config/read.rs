//! Finding and reading `syndarix.toml`, and saying what is wrong with it.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::file::{File, McpServer, Provider};
use super::{Config, readable};
use crate::failure::Failure;

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "syndarix.toml";

/// How alike two names must be for one to be suggested for the other, from 0 to 1.
const LIKENESS: f64 = 0.7;

/// Reads the file that was named, or `syndarix.toml` in the current folder if there is one.
pub(crate) fn load(named: Option<&Path>) -> Result<Config, Failure> {
    let path = named.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_owned);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => return Ok(Config::default()),
        Err(error) => {
            let failure = Failure::bad_input(format!("the configuration {} cannot be read", path.display()));
            return Err(failure.because(error).hint("check the path given with --config or SYNDARIX_CONFIG"));
        }
    };
    let mut file = parse(&path.display().to_string(), &text)?;
    let base = std::path::absolute(&path)
        .map_err(|error| Failure::bad_input("the configuration has no absolute path").because(error))?;
    let base = base.parent().unwrap_or(&base);
    let home = super::process_environment("HOME").map(PathBuf::from);
    for folder in &mut file.tools.readable {
        *folder = readable::resolve(folder, home.as_deref(), base)?;
    }
    Ok(Config { path: Some(path), file })
}

/// Reads a configuration's text; `name` is the file's, for messages.
pub(crate) fn parse(name: &str, text: &str) -> Result<File, Failure> {
    let file: File = toml::from_str(text).map_err(|error| explain(name, text, &error))?;
    for (server, entry) in &file.mcp {
        check_mcp(server, entry).map_err(|reason| at_table(name, text, "mcp", server, reason))?;
    }
    for (provider, entry) in &file.providers {
        check_provider(provider, entry)
            .map_err(|reason| at_table(name, text, "providers", provider, reason))?;
    }
    Ok(file)
}

/// What is wrong with an entry, and what to do.
type Reason = (String, &'static str);

fn check_mcp(name: &str, server: &McpServer) -> Result<(), Reason> {
    let wrong = |message: &str, hint| Err((format!("the MCP server `{name}` {message}"), hint));
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return wrong("has a name its tools cannot carry", "use letters, digits, `-` and `_`");
    }
    match (&server.command, &server.url) {
        (None, None) => wrong("has neither a `command` nor a `url`", "say how it is started or where it is"),
        (Some(_), Some(_)) => wrong("has both a `command` and a `url`", "keep the one that is meant"),
        (Some(_), None) if !server.headers_from.is_empty() => {
            wrong("is a command, and commands have no headers", "use `env_from`")
        }
        (None, Some(_)) if !server.env.is_empty() || !server.env_from.is_empty() => {
            wrong("is an address, and addresses have no environment", "use `headers_from`")
        }
        _ => Ok(()),
    }
}

fn check_provider(name: &str, provider: &Provider) -> Result<(), Reason> {
    let wrong = |message: &str, hint| Err((format!("the provider `{name}` {message}"), hint));
    if name.is_empty() || name.contains('/') {
        return wrong("has a name its models cannot be qualified with", "use a name without `/`");
    }
    if provider.kind.is_none() && super::providers::known_kind(name).is_none() {
        return wrong(
            "is not one whose kind is known",
            "add `kind = \"openai\"` (or \"anthropic\", \"openai_responses\", \"gemini\", \"ollama\"): what it speaks",
        );
    }
    if provider.base_url.is_none() && super::providers::known_kind(name).is_none() {
        return wrong("has no address", "add `base_url = \"https://…/v1/\"`");
    }
    if let Some(url) = &provider.base_url
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        return wrong("has a `base_url` that is not an http address", "write it like \"https://host/v1/\"");
    }
    Ok(())
}

/// Points at the header or key of `[section.entry]`, which serde no longer knows once the file is read.
fn at_table(name: &str, text: &str, section: &str, entry: &str, (message, hint): Reason) -> Failure {
    let failure = Failure::bad_input(message).hint(hint);
    match find_entry(text, section, entry) {
        Some(span) => failure.at(name, text, span, "here"),
        None => failure,
    }
}

fn find_entry(text: &str, section: &str, entry: &str) -> Option<Range<usize>> {
    let table = toml::de::DeTable::parse(text).ok()?;
    let (_, section) = table.get_ref().iter().find(|(key, _)| key.get_ref() == section)?;
    let toml::de::DeValue::Table(section) = section.get_ref() else { return None };
    section.iter().find(|(key, _)| key.get_ref() == entry).map(|(key, _)| key.span())
}

/// Turns serde's and TOML's words into a report with the line, the nearest name and what is allowed.
fn explain(name: &str, text: &str, error: &toml::de::Error) -> Failure {
    let span = error.span().unwrap_or(0..0);
    let message = error.message();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (Some(unknown), true) = (quoted.first(), message.starts_with("unknown ")) else {
        return Failure::bad_input(format!("{name} cannot be read: {message}"))
            .at(name, text, span, "here")
            .hint("mend this line; `syndarix config check` says whether the file is right");
    };
    let (what, key) = if message.starts_with("unknown field") { ("key", true) } else { ("value", false) };
    let known = &quoted[1..];
    let label = match nearest(unknown, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("not a {what} that is known here"),
    };
    if key && is_secret(unknown) {
        return Failure::bad_input(format!(
            "there is no key `{unknown}`, and there will be none for a secret"
        ))
        .at(name, &without_value(text, &span), span, label)
        .hint("name the environment variable that holds it, as in `api_key_env = \"OPENAI_API_KEY\"`");
    }
    Failure::bad_input(format!("there is no {what} `{unknown}` here"))
        .at(name, text, span, label)
        .hint(format!("known {what}s here: {}", known.join(", ")))
}

/// The text up to the end of a key, so that a report about it does not repeat the secret that follows it.
fn without_value(text: &str, key: &Range<usize>) -> String {
    format!("{} = …", text.get(..key.end).unwrap_or_default())
}

fn is_secret(key: &str) -> bool {
    matches!(key, "api_key" | "apikey" | "key" | "token" | "secret" | "password" | "headers")
}

/// The most similar of these names, if any is similar enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "a case reads better without a reference")]
    fn check(text: &str, expected: Expect) {
        let said = match parse("syndarix.toml", text) {
            Ok(_) => "accepted".to_owned(),
            Err(failure) => failure.render(false),
        };
        expected.assert_eq(&said);
    }

    #[test]
    fn a_complete_file_is_accepted() {
        check(
            r#"
            [defaults]
            autonomy = "autonomous"
            budget = 2.5
            team = "team.toml"
            check = "cargo test --offline"
            [models]
            strong = ["anthropic/claude-opus-4-5", "local/qwen3"]
            [providers.local]
            kind = "openai"
            base_url = "http://127.0.0.1:8000/v1/"
            api_key_env = "LOCAL_KEY"
            [prices."local/qwen3"]
            input = 0
            output = 0.25
            [mcp.git]
            command = "uvx"
            args = ["mcp-server-git"]
            env_from = ["GIT_TOKEN"]
            [mcp.docs]
            url = "https://example.com/mcp"
            headers_from = { Authorization = "DOCS_AUTHORIZATION" }
            [tools]
            low_risk_commands = ["just test", "sh -c 'a && b'"]
            sandbox = "best_effort"
            readable = ["/opt/sdk", "~/tools"]
            [tools.limits]
            command_timeout_ms = 60000
            [limits]
            agents_at_once = 8
            [approvals]
            valid_for = "36 hours"
            [git]
            author = "{agent} (Syndarix) <team+{agent}@example.org>"
            committer = "as the user"
            sign_off = true
            [results]
            documents = "docs/team"
            "#,
            expect!["accepted"],
        );
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest() {
        check(
            "[defaults]\nbudgett = 5\n",
            expect![[r#"
            error:
              × there is no key `budgett` here
               ╭─[syndarix.toml:2:1]
             1 │ [defaults]
             2 │ budgett = 5
               · ───┬───
               ·    ╰── did you mean `budget`?
               ╰────
            hint: known keys here: autonomy, budget, team, check
        "#]],
        );
        check(
            "[providers.openai]\napi_key = \"sk-1\"\n",
            expect![[r#"
                error:
                  × there is no key `api_key`, and there will be none for a secret
                   ╭─[syndarix.toml:2:1]
                 1 │ [providers.openai]
                 2 │ api_key = …
                   · ───┬───
                   ·    ╰── did you mean `api_key_env`?
                   ╰────
                hint: name the environment variable that holds it, as in `api_key_env = "OPENAI_API_KEY"`
            "#]],
        );
    }

    #[test]
    fn a_value_that_does_not_fit_is_shown_where_it_is() {
        check(
            "[defaults]\nautonomy = \"milestones\"\n",
            expect![[r#"
            error:
              × there is no value `milestones` here
               ╭─[syndarix.toml:2:12]
             1 │ [defaults]
             2 │ autonomy = "milestones"
               ·            ──────┬─────
               ·                  ╰── did you mean `milestone`?
               ╰────
            hint: known values here: full_control, milestone, autonomous
        "#]],
        );
        check(
            "[defaults]\nbudget = -1\n",
            expect![[r#"
                error:
                  × syndarix.toml cannot be read: `-1` is not an amount in US dollars: it must not be negative
                   ╭─[syndarix.toml:2:10]
                 1 │ [defaults]
                 2 │ budget = -1
                   ·          ─┬
                   ·           ╰── here
                   ╰────
                hint: mend this line; `syndarix config check` says whether the file is right
            "#]],
        );
        check(
            "[approvals]\nvalid_for = \"a while\"\n",
            expect![[r#"
                error:
                  × syndarix.toml cannot be read: `a while` is not how long an approval is valid: write it like `7
                  │ days` or `12 hours`, at most a year, or `never`
                   ╭─[syndarix.toml:2:13]
                 1 │ [approvals]
                 2 │ valid_for = "a while"
                   ·             ────┬────
                   ·                 ╰── here
                   ╰────
                hint: mend this line; `syndarix config check` says whether the file is right
            "#]],
        );
        check(
            "[tools]\nlow_risk_commands = [\"just test\", \"sh -c 'x\"]\n",
            expect![[r#"
            error:
              × syndarix.toml cannot be read: `sh -c 'x` cannot be read as a command: a quote in it is not
              │ closed, or it ends in a backslash
               ╭─[syndarix.toml:2:21]
             1 │ [tools]
             2 │ low_risk_commands = ["just test", "sh -c 'x"]
               ·                     ────────────┬────────────
               ·                                 ╰── here
               ╰────
            hint: mend this line; `syndarix config check` says whether the file is right
        "#]],
        );
        check(
            "[git]\nauthor = \"{agnet} <team@example.org>\"\n",
            expect![[r#"
            error:
              × syndarix.toml cannot be read: `{agnet}` stands for nothing in the name on a commit: did you
              │ mean `{agent}`?
               ╭─[syndarix.toml:2:10]
             1 │ [git]
             2 │ author = "{agnet} <team@example.org>"
               ·          ──────────────┬─────────────
               ·                        ╰── here
               ╰────
            hint: mend this line; `syndarix config check` says whether the file is right
        "#]],
        );
        check(
            "[results]\ndocuments = \"../docs\"\n",
            expect![[r#"
            error:
              × syndarix.toml cannot be read: `../docs` is not a folder of the repository: write it relative
              │ to the root, like `docs/team`
               ╭─[syndarix.toml:2:13]
             1 │ [results]
             2 │ documents = "../docs"
               ·             ────┬────
               ·                 ╰── here
               ╰────
            hint: mend this line; `syndarix config check` says whether the file is right
        "#]],
        );
        check(
            "[defaults\n",
            expect![[r#"
                error:
                  × syndarix.toml cannot be read: unclosed table, expected `]`
                   ╭─[syndarix.toml:1:10]
                 1 │ [defaults
                   ·          ▲
                   ·          ╰── here
                   ╰────
                hint: mend this line; `syndarix config check` says whether the file is right
            "#]],
        );
    }

    #[test]
    fn an_entry_that_says_too_little_is_shown_where_it_is() {
        check(
            "[mcp.git]\nargs = []\n",
            expect![[r#"
            error:
              × the MCP server `git` has neither a `command` nor a `url`
               ╭─[syndarix.toml:1:6]
             1 │ [mcp.git]
               ·      ─┬─
               ·       ╰── here
             2 │ args = []
               ╰────
            hint: say how it is started or where it is
        "#]],
        );
        check(
            "[providers.mine]\nbase_url = \"http://x/\"\n",
            expect![[r#"
            error:
              × the provider `mine` is not one whose kind is known
               ╭─[syndarix.toml:1:12]
             1 │ [providers.mine]
               ·            ──┬─
               ·              ╰── here
             2 │ base_url = "http://x/"
               ╰────
            hint: add `kind = "openai"` (or "anthropic", "openai_responses", "gemini", "ollama"): what it speaks
        "#]],
        );
    }
}
