//! What cannot be used is refused with a clear error, a hint and exit code 2, and nothing is changed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::folder::{Folder, Ran, SOME_MODEL};

/// Runs a command that must be refused without a change, and returns what it printed.
fn refused(folder: &Folder, arguments: &[&str]) -> String {
    let before = folder.contents();
    let Ran { code, stdout, stderr } = folder.run(arguments);
    assert_eq!(code, Some(2), "{arguments:?}\nstdout: {stdout}\nstderr: {stderr}");
    assert!(stderr.contains("hint:"), "{arguments:?} gives no hint: {stderr}");
    let after = folder.contents();
    // The lock of a data directory says who held it last.
    let is_same = |path: &PathBuf| {
        before.get(path) == after.get(path) || path.ends_with(".syndarix/lock") && before.contains_key(path)
    };
    let changed: Vec<_> = after.keys().filter(|path| !is_same(path)).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{arguments:?} changed {changed:?}");
    folder.plain(&stderr)
}

fn run_with_brief(brief: &[u8]) -> String {
    let folder = Folder::ready();
    folder.write("brief.md", brief);
    refused(&folder, &["run", "brief.md"])
}

fn run_with_team(team: &str) -> String {
    let folder = Folder::ready();
    folder.write("team.toml", team);
    refused(&folder, &["run", "brief.md", "--team", "team.toml"])
}

#[test]
fn a_brief_that_is_missing_empty_binary_or_huge() {
    insta::assert_snapshot!("brief_missing", refused(&Folder::ready(), &["run", "nobody.md"]));
    insta::assert_snapshot!("brief_is_a_folder", refused(&Folder::ready(), &["run", "."]));
    insta::assert_snapshot!("brief_empty", run_with_brief(b" \n\n"));
    insta::assert_snapshot!("brief_binary", run_with_brief(b"\x7fELF\x02\x01\x01\0"));
    insta::assert_snapshot!("brief_not_utf8", run_with_brief(b"caf\xe9"));
    insta::assert_snapshot!("brief_huge", run_with_brief(&vec![b'a'; 1 << 20]));
}

#[test]
fn a_budget_that_is_no_amount() {
    let budget = |budget| refused(&Folder::ready(), &["run", "brief.md", "--budget", budget]);
    insta::assert_snapshot!("budget_negative", budget("-5"));
    insta::assert_snapshot!("budget_zero", budget("0"));
    insta::assert_snapshot!("budget_word", budget("lots"));
}

#[test]
fn a_repository_that_cannot_be_worked_on() {
    let folder = Folder::ready();
    let run = ["run", "brief.md", "--repo", "code"];
    insta::assert_snapshot!("repository_missing", refused(&folder, &run));
    insta::assert_snapshot!("repository_file", refused(&folder, &["run", "brief.md", "--repo", "brief.md"]));
    folder.write("code/a.txt", "one\n");
    insta::assert_snapshot!("repository_none", refused(&folder, &run));
    folder.git(&["init", "--quiet", "code"]);
    insta::assert_snapshot!("repository_without_commits", refused(&folder, &run));
    folder.git(&["-C", "code", "add", "."]);
    folder.git(&["-C", "code", "commit", "--quiet", "-m", "One"]);
    folder.write("code/a.txt", "two\n");
    insta::assert_snapshot!("repository_uncommitted", refused(&folder, &run));
}

#[test]
fn a_team_file_that_cannot_be_meant() {
    insta::assert_snapshot!(
        "team_missing",
        refused(&Folder::ready(), &["run", "brief.md", "--team", "nobody.toml"])
    );
    insta::assert_snapshot!(
        "team_unknown_key",
        run_with_team(
            "version = 1\nextends = \"default\"\n\n[[agents]]\nname = \"Dave\"\ntype = \"engineer\"\nbuget = 1\n"
        )
    );
    insta::assert_snapshot!(
        "team_two_with_one_name",
        run_with_team(&team(&["Dave engineer -", "dave engineer -"]))
    );
    insta::assert_snapshot!(
        "team_cycle",
        run_with_team(&team(&["Dave engineer Ellis", "Ellis engineer Kate", "Kate engineer Dave"]))
    );
    insta::assert_snapshot!(
        "team_without_roles",
        run_with_team(
            "version = 1\n\n[[agents]]\ntype = \"engineer\"\ncount = 3\n\n[[agents]]\ntype = \"architect\"\n"
        )
    );
    insta::assert_snapshot!(
        "team_unknown_model",
        run_with_team(
            "version = 1\nextends = \"default\"\n\n[[agents]]\nname = \"Dave\"\ntype = \"engineer\"\nmodels = [\"huose/m\"]\n"
        )
    );
    insta::assert_snapshot!(
        "team_unknown_model_of_a_provider",
        run_with_team(
            "version = 1\nextends = \"default\"\n\n[[agents]]\nname = \"Dave\"\ntype = \"engineer\"\nmodels = [\"house/n\"]\n"
        )
    );
}

/// A team file with these members, each as `NAME TYPE REPORTS_TO`.
fn team(members: &[&str]) -> String {
    let mut text = "version = 1\nextends = \"default\"\n".to_owned();
    for member in members {
        let mut words = member.split(' ');
        let mut next = || words.next().expect("three words");
        text.push_str(&format!("\n[[agents]]\nname = \"{}\"\ntype = \"{}\"\n", next(), next()));
        match next() {
            "-" => {}
            lead => text.push_str(&format!("reports_to = \"{lead}\"\n")),
        }
    }
    text
}

#[test]
fn a_configuration_that_cannot_be_meant() {
    let check = |text: &str| {
        let folder = Folder::ready();
        folder.write("syndarix.toml", text);
        refused(&folder, &["config", "check"])
    };
    insta::assert_snapshot!("configuration_unknown_key", check("[defaults]\nbugdet = 5\n"));
    insta::assert_snapshot!("configuration_secret", check("[providers.openai]\napi_key = \"sk-1\"\n"));
    insta::assert_snapshot!("configuration_autonomy", check("[defaults]\nautonomy = \"full\"\n"));
    insta::assert_snapshot!("configuration_not_toml", check("[defaults\n"));
    insta::assert_snapshot!(
        "configuration_unknown_model",
        check(&format!("{SOME_MODEL}\n[models]\nstrong = [\"house/n\"]\n"))
    );
    insta::assert_snapshot!(
        "configuration_unknown_agent",
        check(&format!("{SOME_MODEL}\n[mcp.docs]\ncommand = \"docs\"\nagents = [\"enginer\"]\n"))
    );
    insta::assert_snapshot!(
        "configuration_missing",
        refused(&Folder::new(), &["config", "check", "--config", "c.toml"])
    );
}

#[test]
fn no_model_at_all() {
    let folder = Folder::ready();
    folder.write("syndarix.toml", "");
    insta::assert_snapshot!("model_none", refused(&folder, &["run", "brief.md"]));
}

#[test]
fn an_mcp_server_that_does_not_start() {
    let folder = Folder::ready();
    folder.write(
        "syndarix.toml",
        format!("{SOME_MODEL}\n[mcp.docs]\ncommand = \"syndarix-no-such-program\"\n"),
    );
    insta::assert_snapshot!("mcp_not_found", refused(&folder, &["run", "brief.md"]));
    folder.write(
        "syndarix.toml",
        format!("{SOME_MODEL}\n[mcp.docs]\ncommand = \"docs\"\nenv_from = [\"DOCS_TOKEN\"]\n"),
    );
    insta::assert_snapshot!("mcp_secret_missing", refused(&folder, &["run", "brief.md"]));
    for (name, server) in [
        ("mcp_ended", "command = \"sh\"\nargs = [\"-c\", \"echo no token >&2; exit 1\"]"),
        ("mcp_not_reached", "url = \"http://127.0.0.1:9/mcp\""),
    ] {
        folder.write("syndarix.toml", format!("{SOME_MODEL}\n[mcp.docs]\n{server}\n"));
        insta::assert_snapshot!(name, refused(&folder, &["run", "brief.md"]));
    }
}

#[test]
fn a_data_directory_that_cannot_be_written_to() {
    // Not even root can create a folder in sysfs.
    let folder = Folder::ready();
    let said = refused(&folder, &["run", "brief.md", "--data-dir", "/sys/syndarix"]);
    // Root is told that it is not permitted, everyone else that it is denied.
    let said = said.replace("Permission denied (os error 13)", "Operation not permitted (os error 1)");
    insta::assert_snapshot!("data_read_only", said);
    // For everyone else, a folder without the right to write is enough.
    let locked = folder.join("locked");
    std::fs::create_dir(&locked).expect("a folder");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).expect("permissions");
    if tempfile::tempfile_in(&locked).is_err() {
        refused(&folder, &["run", "brief.md", "--data-dir", "locked"]);
    }
}

/// Needs a mount of its own, which needs user namespaces; skipped where there are none.
#[test]
fn a_data_directory_on_a_full_disk() {
    // From no space at all to what the databases take, but not a project.
    for size in ["4k", "64k", "400k", "2m", "60m"] {
        let folder = Folder::ready();
        std::fs::create_dir(folder.join("small")).expect("a folder");
        let mut script = Command::new("unshare");
        script.current_dir(folder.path()).env("OLLAMA_HOST", "http://127.0.0.1:9").args(["-Urm", "sh", "-c"]);
        script.arg(format!(
            "mount -t tmpfs -o size={size} none small || exit 77; \"$0\" run brief.md --data-dir small; code=$?; \
             [ -z \"$(ls -A small)\" ] || exit 78; exit $code",
        ));
        script.arg(folder.command().get_program());
        let Ok(output) = script.output() else { return };
        let ran = Ran::from(output);
        if ran.code == Some(77) || ran.stderr.contains("unshare") {
            eprintln!("skipped: no user namespaces here: {}", ran.stderr);
            return;
        }
        assert_eq!(ran.code, Some(2), "{size}: 78 is for what was left behind: {}{}", ran.stdout, ran.stderr);
        if size == "64k" {
            insta::assert_snapshot!("data_full", folder.plain(&ran.stderr));
        }
    }
}

#[test]
fn a_port_that_strangers_would_reach() {
    let folder = Folder::ready();
    let up =
        |folder: &Folder, address| refused(folder, &["up", "--until-idle", "--temporal-listen", address]);
    insta::assert_snapshot!("port_public", up(&folder, "0.0.0.0:7233"));
    let configured = |text: &str| folder.write("syndarix.toml", format!("{SOME_MODEL}{text}"));
    configured("[tools]\nnetwork = true\n");
    insta::assert_snapshot!("port_beside_agents_network", up(&folder, "127.0.0.1:0"));
    configured("[temporal]\ntoken_env = \"NOT_SET\"\n");
    insta::assert_snapshot!("port_no_token", up(&folder, "127.0.0.1:0"));
    configured("[temporal]\ntls_certificate = \"a.pem\"\n");
    insta::assert_snapshot!("port_half_a_certificate", up(&folder, "127.0.0.1:0"));
    configured("[temporal]\ntls_certificate = \"a.pem\"\ntls_key = \"a.key\"\n");
    insta::assert_snapshot!("port_no_certificate", up(&folder, "127.0.0.1:0"));
}

#[test]
fn a_database_that_is_damaged() {
    let folder = Folder::ready();
    folder.write(".syndarix/syndarix.db", vec![0x5a; 8192]);
    for command in [&["run", "brief.md"][..], &["projects"], &["up", "--until-idle"]] {
        insta::assert_snapshot!("database_damaged", refused(&folder, command));
    }
}

#[test]
fn workflows_that_are_damaged() {
    let folder = Folder::ready();
    let idle = folder.run(&["up", "--until-idle"]);
    assert_eq!(idle.code, Some(0), "{}", idle.stderr);
    let sound = folder.run(&["doctor"]).stdout;
    assert!(sound.contains("workflows") && sound.contains("sound"), "{sound}");

    // Readers leave files beside a database that its next writer clears away.
    for beside in ["engine.db-wal", "engine.db-shm", "syndarix.db-wal", "syndarix.db-shm"] {
        let _ = std::fs::remove_file(folder.join(".syndarix").join(beside));
    }
    folder.write(".syndarix/engine.db", vec![0x5a; 8192]);
    for command in [&["run", "brief.md"][..], &["up", "--until-idle"]] {
        insta::assert_snapshot!("workflows_damaged", refused(&folder, command));
    }
    let doctor = folder.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("file is not a database"), "{}", doctor.stdout);
}

#[test]
fn things_that_are_not_there() {
    let folder = Folder::ready();
    insta::assert_snapshot!("data_none", refused(&folder, &["approve", "A-1"]));
    insta::assert_snapshot!("project_none", refused(&folder, &["status", "--project", "x"]));
    refused(&folder, &["cancel", "x"]);
    refused(&folder, &["feedback", "Use UTC."]);
    refused(&folder, &["feedback", "  "]);
}

#[test]
fn a_failure_is_a_document_for_a_program() {
    let ran = Folder::new().run(&["run", "nobody.md", "--json"]);
    assert_eq!(ran.code, Some(2));
    let document: serde_json::Value = serde_json::from_str(&ran.stderr).expect("a document");
    assert_eq!(document["error"]["exit_code"], 2);
    assert!(document["error"]["hint"].is_string(), "{document}");
}
