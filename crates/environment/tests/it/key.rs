use syndarix_environment::find::{Configured, find};
use syndarix_environment::key::set_up_key;
use syndarix_environment::{Part, Repository};

use crate::find::machine;

fn part(files: &[(&str, &str)]) -> Part {
    find(&Repository::of(files.iter().copied()), &machine(), &Configured::default()).parts.remove(0)
}

#[test]
fn a_key_follows_commands_inputs_and_tools() {
    let files = [
        ("package.json", r#"{"scripts": {"test": "a"}, "dependencies": {"a": "1"}}"#),
        ("package-lock.json", "{}"),
    ];
    let part = part(&files);
    let contents =
        |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| text.as_bytes().to_vec());
    let key = set_up_key(&part, contents);
    assert_eq!(key.len(), 32);
    assert_eq!(key, set_up_key(&part, contents));
    assert_ne!(
        key,
        set_up_key(&part, |path| (path != "package-lock.json").then(|| contents(path)).flatten())
    );
    let mut other = part.clone();
    other.set_up[0].command.push("--force".to_owned());
    assert_ne!(key, set_up_key(&other, contents));
    let mut other = part.clone();
    other.tools[0].found = Some("18.0.0".to_owned());
    assert_ne!(key, set_up_key(&other, contents));
    let mut other = part;
    other.checks.clear();
    assert_eq!(key, set_up_key(&other, contents));
}
