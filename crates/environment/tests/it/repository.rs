use std::convert::Infallible;
use std::fs;

use syndarix_environment::Repository;

#[test]
fn a_commit_is_read_as_far_as_it_tells() {
    let listing = b"100644 blob 1 20\tCargo.toml\x00100644 blob 1 5\tsrc/lib.rs\x00100644 blob 1 9\ttests/test_a.py\x00100644 blob 1 9\tapi/requirements.txt\x00100644 blob 1 9\tnode_modules/a/package.json\x00100644 blob 1 99999999\tpackage.json\0";
    let mut asked = Vec::new();
    let repository = Repository::read(listing, |path| {
        asked.push(path.to_owned());
        Ok::<_, Infallible>(Some(b"text".to_vec()))
    })
    .unwrap();
    assert_eq!(asked, ["Cargo.toml", "api/requirements.txt", "tests/test_a.py"]);
    assert!(repository.has("src/lib.rs") && repository.text("src/lib.rs").is_none());
    assert_eq!(repository.text("Cargo.toml"), Some("text"));
}

#[test]
fn what_is_read_is_bounded() {
    let mut listing = String::new();
    for at in 0..5000 {
        listing.push_str("100644 blob 1 4000000\tp");
        listing.push_str(&at.to_string());
        listing.push_str("/Cargo.toml\x00100644 blob 1 10\tt/test_");
        listing.push_str(&at.to_string());
        listing.push_str(".py\0");
    }
    let wanted = Repository::wanted(&Repository::entries(listing.as_bytes()));
    assert!(wanted.len() < 100, "{}", wanted.len());
}

#[test]
fn a_folder_is_read_without_what_tools_put_there() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["go.mod", "sub/package.json", "node_modules/a/package.json", ".git/config"] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{}").unwrap();
    }
    std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
    let repository = Repository::from_folder(folder.path());
    assert_eq!(repository.paths.iter().collect::<Vec<_>>(), ["go.mod", "sub/package.json"]);
    assert_eq!(repository.text("sub/package.json"), Some("{}"));
}
