//! The command line's own words.

use crate::folder::Folder;

#[test]
fn the_help_names_every_command_and_exit_code() {
    let ran = Folder::new().run(&["--help"]);
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn run_explains_its_flags() {
    insta::assert_snapshot!(Folder::new().run(&["run", "--help"]).stdout);
}

#[test]
fn a_wrong_flag_is_bad_input() {
    let ran = Folder::new().run(&["run", "b.md", "--bugdet", "3"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--budget"), "{}", ran.stderr);
}

#[test]
fn completions_are_printed_for_every_shell() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = folder.run(&["completions", shell]);
        assert_eq!(ran.code, Some(0), "{shell}: {}", ran.stderr);
        assert!(ran.stdout.contains("approvals"), "{shell}");
    }
}

#[test]
fn the_effective_configuration_is_shown_without_secrets() {
    let folder = Folder::new();
    folder.write(
        "syndarix.toml",
        "[defaults]\nbudget = 2.5\n[mcp.docs]\ncommand = \"docs\"\nenv_from = [\"TOKEN\"]\n",
    );
    let output = folder.command().args(["config", "check"]).env("OPENAI_API_KEY", "sk-very-secret").output();
    let printed = String::from_utf8(output.expect("the binary starts").stdout).expect("text");
    assert!(!printed.contains("sk-very-secret"), "{printed}");
    insta::assert_snapshot!(printed);
}
