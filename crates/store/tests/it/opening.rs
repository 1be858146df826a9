//! Opening a data directory that is fine, in use, newer, damaged or not writable.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rusqlite::Connection;
use syndarix_core::time::SystemClock;
use syndarix_store::{Error, Store, StoreOptions};

use crate::support::{Fixture, assert_gapless, events, fixture, new_task, open};

/// Set in a child to the data directory it shall fail to open.
const DIRECTORY: &str = "SYNDARIX_TEST_READ_ONLY_DIRECTORY";

async fn try_open(dir: &Path) -> Result<Store, Error> {
    Store::open(StoreOptions { data_dir: dir.to_owned(), clock: Arc::new(SystemClock) }).await
}

/// A closed store's folder and its database.
async fn closed() -> (tempfile::TempDir, PathBuf) {
    let Fixture { store, dir, .. } = fixture().await;
    drop(store);
    let path = dir.path().join("syndarix.db");
    (dir, path)
}

#[tokio::test]
async fn reopening_finds_everything() {
    let f = fixture().await;
    let task = f.task("parse").await;
    let before = f.events().await;
    let project = f.store.project(&f.project).await.expect("stored");
    let Fixture { store, dir, .. } = f;
    drop(store);
    let store = open(&dir.path().join(".")).await;
    assert_eq!(events(&store).await, before);
    assert_eq!(store.project(&project.id).await.expect("stored"), project);
    assert_eq!(store.tasks(&project.id).await.expect("tasks"), [task]);
    assert_eq!(*store.subscribe().borrow(), before.len() as u64);
    store.create_task(new_task(&project.id, "print")).await.expect("goes on");
    assert_gapless(&store).await;
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_created() {
    let dir = tempfile::tempdir().expect("a folder");
    let deep = dir.path().join("a/b");
    let store = try_open(&deep).await.expect("opens");
    assert_eq!(store.data_dir(), deep);
    assert_eq!(store.projects().await.expect("projects"), []);
}

#[tokio::test]
async fn a_second_one_is_refused_and_told_who_is_first() {
    let f = fixture().await;
    match try_open(f.dir.path()).await {
        Err(error @ Error::InUse { pid, .. }) => {
            assert_eq!(pid, Some(std::process::id()));
            assert!(error.hint().expect("a hint").contains(&std::process::id().to_string()));
        }
        other => panic!("{other:?}"),
    }
    let listing = Store::open_read_only(f.dir.path()).await.expect("listings are allowed");
    assert_eq!(listing.projects().await.expect("projects").len(), 1);
    f.task("parse").await;
    assert_eq!(listing.tasks(&f.project).await.expect("tasks").len(), 1, "it sees what is committed since");
    let refused = listing.create_task(new_task(&f.project, "x")).await;
    assert!(matches!(refused, Err(Error::OpenedReadOnly)));
    drop(listing);
    let clone = f.store.clone();
    drop(f.store);
    try_open(f.dir.path()).await.expect_err("a handle is left");
    drop(clone);
    try_open(f.dir.path()).await.expect("let go");
}

#[tokio::test]
async fn nothing_to_list_is_said_so() {
    let dir = tempfile::tempdir().expect("a folder");
    assert!(matches!(Store::open_read_only(dir.path()).await, Err(Error::NoData { .. })));
    std::fs::write(dir.path().join("syndarix.db"), b"").expect("an empty file");
    assert!(matches!(Store::open_read_only(dir.path()).await, Err(Error::NoData { .. })));
    assert_eq!(std::fs::read_dir(dir.path()).expect("reads").count(), 1, "looking leaves nothing behind");
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let (dir, path) = closed().await;
    Connection::open(&path).expect("opens").pragma_update(None, "user_version", 99).expect("sets");
    let before = std::fs::read(&path).expect("reads");
    for result in [try_open(dir.path()).await, Store::open_read_only(dir.path()).await] {
        match result {
            Err(error @ Error::NewerFormat { found: 99, .. }) => assert!(error.hint().is_some()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(std::fs::read(&path).expect("reads"), before);
}

#[tokio::test]
async fn what_is_not_our_database_is_refused_and_left_alone() {
    let text = |path: &Path| std::fs::write(path, "once upon a time ".repeat(1_000)).expect("writes");
    let truncated = |path: &Path| {
        let bytes = std::fs::read(path).expect("reads");
        std::fs::write(path, &bytes[..bytes.len() / 2]).expect("writes");
    };
    let scrambled = |path: &Path| {
        let mut bytes = std::fs::read(path).expect("reads");
        for byte in &mut bytes[8_192..24_576] {
            *byte ^= 0x5a;
        }
        std::fs::write(path, bytes).expect("writes");
    };
    let foreign = |path: &Path| {
        std::fs::remove_file(path).expect("removes");
        let connection = Connection::open(path).expect("opens");
        connection.execute_batch("CREATE TABLE songs (title TEXT)").expect("creates");
    };
    let damages: [fn(&Path); 4] = [text, truncated, scrambled, foreign];
    for (name, damage) in ["text", "truncated", "scrambled", "foreign"].into_iter().zip(damages) {
        let (dir, path) = closed().await;
        damage(&path);
        let before = std::fs::read(&path).expect("reads");
        match try_open(dir.path()).await {
            Err(error @ Error::Corrupt { .. }) => {
                assert!(error.hint().expect("a hint").contains("syndarix.db"), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        assert!(std::fs::read(&path).expect("reads") == before, "{name} was changed");
        try_open(dir.path()).await.expect_err("and the folder was let go");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    std::fs::write(&file, "x").expect("writes");
    assert!(matches!(try_open(&file.join("data")).await, Err(Error::Io { .. })));

    // The superuser may write anywhere, so this part is a child's that is not.
    let locked = dir.path().join("locked");
    std::fs::create_dir(&locked).expect("creates");
    for (path, mode) in [(dir.path(), 0o755), (&locked, 0o555)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("sets");
    }
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child.args(["--exact", "opening::child_without_permission", "--nocapture"]).env(DIRECTORY, &locked);
    if rustix::process::geteuid().is_root() {
        child.uid(65_534).gid(65_534);
    }
    match child.output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains("READ-ONLY"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Err(error) => println!("skipped: this test cannot run itself as somebody else: {error}"),
    }
}

/// Not a test by itself: the child of the one above.
#[tokio::test]
async fn child_without_permission() {
    let Ok(dir) = std::env::var(DIRECTORY) else { return };
    for dir in [PathBuf::from(&dir), Path::new(&dir).join("below")] {
        match try_open(&dir).await {
            Err(error @ Error::ReadOnlyDirectory { .. }) => println!("READ-ONLY: {error}"),
            other => panic!("{other:?}"),
        }
    }
}
