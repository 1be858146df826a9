//! Listings before there is anything to list: no error, and no data directory made by looking.

use crate::folder::Folder;

#[test]
fn listings_of_nothing_say_so() {
    let folder = Folder::new();
    let mut said = String::new();
    for listing in ["projects", "agents", "tasks", "messages", "events", "costs", "approvals", "status"] {
        let ran = folder.run(&[listing]);
        assert_eq!(ran.code, Some(0), "{listing}: {}", ran.stderr);
        said.push_str(&format!("{listing}: {}", ran.stdout));
    }
    insta::assert_snapshot!(said);
    assert!(folder.contents().is_empty(), "looking made something");
}

#[test]
fn listings_of_nothing_are_valid_json() {
    let folder = Folder::new();
    for listing in
        ["projects", "agents", "tasks", "messages", "costs", "approvals", "status", "show", "diff", "log"]
    {
        let ran = folder.run(&[listing, "--json"]);
        assert_eq!(ran.code, Some(0), "{listing}: {}", ran.stderr);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&ran.stdout).expect(listing),
            serde_json::json!([])
        );
    }
    assert_eq!(folder.run(&["events", "--json"]).stdout, "");
}

#[test]
fn doctor_looks_at_everything_and_changes_nothing() {
    let folder = Folder::new();
    let ran = folder.run(&["doctor", "--json"]);
    let findings: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).expect("a document");
    let subjects: Vec<&str> = findings.iter().filter_map(|finding| finding["subject"].as_str()).collect();
    for subject in
        ["git", "C compiler", "cargo", "confinement", "clock", "data directory", "space", "records", "models"]
    {
        assert!(subjects.contains(&subject), "{subject} is missing from {subjects:?}");
    }
    assert!(folder.contents().is_empty(), "looking made something");
    let said = folder.run(&["doctor"]).stdout;
    assert!(said.contains("ANTHROPIC_API_KEY is not set"), "{said}");
}
