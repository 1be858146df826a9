//! The shell's own repositories.

use std::path::{Path, PathBuf};

use syndarix_tools::git::{Authorship, Error, Identity, Merge, Repository, Signature, Source};
use tempfile::TempDir;

use crate::support::git;

const TRAILER: (&str, &str) = ("Syndarix-Task", "p-1/T-1");

/// A user's repository with one commit on `trunk`.
fn users(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("users");
    std::fs::create_dir(&path).unwrap();
    git(&path, &["init", "-q", "-b", "trunk"]);
    commit(&path, "a.txt", "a\n");
    path
}

fn commit(path: &Path, file: &str, content: &str) {
    std::fs::write(path.join(file), content).unwrap();
    git(path, &["add", "-A"]);
    git(path, &["commit", "-q", "-m", file]);
}

/// A clone's branch with one commit, taken over into the repository.
async fn worked(
    repository: &Repository,
    folder: &TempDir,
    branch: &str,
    file: &str,
    content: &str,
) -> PathBuf {
    let dest = folder.path().join(branch);
    let clone = repository.clone_for_task(&dest, branch, "main").await.unwrap();
    commit(&clone.path, file, content);
    repository.fetch_branch(&clone.path, branch).await.unwrap();
    clone.path
}

#[tokio::test]
async fn work_goes_from_a_users_repository_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder);
    std::fs::write(users.join("untracked.md"), "a brief").unwrap();
    let source = Source::inspect(&users).await.unwrap();
    assert_eq!(source.branch.as_deref(), Some("trunk"));
    source.ensure_clean().await.unwrap();

    let path = folder.path().join("repository");
    let repository = Repository::clone_from(&path, &source, "HEAD", "main").await.unwrap();
    let base = repository.head().await.unwrap();
    assert_eq!(base, source.head);
    assert!(!path.join("untracked.md").exists());
    worked(&repository, &folder, "task-1", "b.txt", "b\n").await;
    let merged = repository.merge("task-1", "main", "Merge task-1", TRAILER).await.unwrap();
    let Merge::Merged { commit: merge } = merged else { panic!("{merged:?}") };
    assert_eq!(std::fs::read_to_string(path.join("b.txt")).unwrap(), "b\n");
    assert!(repository.is_clean().await.unwrap());
    assert!(repository.diff_stat(&base, "main").await.unwrap().contains("b.txt | 1 +"));
    assert_eq!(repository.changed_files(&base, "main").await.unwrap(), ["b.txt"]);
    assert!(String::from_utf8(repository.diff(&base, "main").await.unwrap()).unwrap().contains("+b"));
    let subjects: Vec<String> =
        repository.commits(&base, "main").await.unwrap().into_iter().map(|commit| commit.subject).collect();
    assert_eq!(subjects, ["b.txt", "Merge task-1"]);
    assert_eq!(
        git(&path, &["log", "-1", "--format=%an|%(trailers:key=Syndarix-Task,valueonly)"]),
        "Syndarix|p-1/T-1"
    );

    // The user goes on meanwhile; nothing of that is touched.
    std::fs::write(users.join("a.txt"), "changed\n").unwrap();
    let status = git(&users, &["status", "--porcelain"]);
    for _ in 0..2 {
        let pushed = repository.push_branch_to(&source, "main", "syndarix/p-1").await.unwrap();
        assert_eq!(pushed, merge);
    }
    assert_eq!(git(&users, &["rev-parse", "syndarix/p-1"]), merge);
    assert_eq!(git(&users, &["symbolic-ref", "--short", "HEAD"]), "trunk");
    assert_eq!(git(&users, &["status", "--porcelain"]), status);
    assert!(!users.join("b.txt").exists());

    git(&users, &["branch", "-f", "taken", "trunk"]);
    git(&users, &["checkout", "-q", "taken"]);
    commit(&users, "c.txt", "c\n");
    let error = repository.push_branch_to(&source, "main", "taken").await.unwrap_err();
    assert!(matches!(error, Error::ForeignBranch { .. }), "{error}");
}

#[tokio::test]
async fn repositories_that_cannot_be_worked_on_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let error = Source::inspect(&folder.path().join("nowhere")).await.unwrap_err();
    assert!(matches!(error, Error::NotARepository(_)), "{error}");
    let error = Source::inspect(folder.path()).await.unwrap_err();
    assert!(matches!(error, Error::NotARepository(_)), "{error}");
    git(folder.path(), &["init", "-q"]);
    let error = Source::inspect(folder.path()).await.unwrap_err();
    assert!(matches!(error, Error::NoCommits(_)), "{error}");

    let users = users(&folder);
    let source = Source::inspect(&users).await.unwrap();
    std::fs::write(users.join("a.txt"), "changed").unwrap();
    std::fs::write(users.join("staged.txt"), "new").unwrap();
    git(&users, &["add", "staged.txt"]);
    let error = source.ensure_clean().await.unwrap_err();
    assert!(
        matches!(&error, Error::Uncommitted { files, .. } if files == &["a.txt", "staged.txt"]),
        "{error}"
    );
    assert!(error.hint().is_some());
    let error = source.commit("no-such-branch").await.unwrap_err();
    assert!(matches!(error, Error::UnknownRevision { .. }), "{error}");
    git(&users, &["config", "uploadpack.allowFilter", "true"]);
    let address = format!("file://{}", users.display());
    git(folder.path(), &["clone", "-q", "--filter=blob:none", "--no-checkout", &address, "partial"]);
    let partial = Source::inspect(&folder.path().join("partial")).await.unwrap();
    let refused = Repository::clone_from(&folder.path().join("of-partial"), &partial, "HEAD", "main").await;
    assert!(matches!(&refused, Err(error @ Error::Partial(_)) if error.hint().is_some()), "{refused:?}");
    let error = Repository::init(&folder.path().join("x"), "-bad").await.unwrap_err();
    assert!(matches!(error, Error::BranchName(_)), "{error}");
}

#[tokio::test]
async fn a_merge_is_made_once_and_a_conflict_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(&folder.path().join("repository"), "main").await.unwrap();
    worked(&repository, &folder, "one", "same.txt", "one\n").await;
    let other = worked(&repository, &folder, "two", "same.txt", "two\n").await;
    let Merge::Merged { commit: first } =
        repository.merge("one", "main", "Merge one", TRAILER).await.unwrap()
    else {
        panic!("not merged")
    };
    let again = repository.merge("one", "main", "Merge one", TRAILER).await.unwrap();
    assert_eq!(again, Merge::AlreadyMerged { commit: first.clone() });
    let conflict = repository.merge("two", "main", "Merge two", TRAILER).await.unwrap();
    assert_eq!(conflict, Merge::Conflict { files: vec!["same.txt".into()] });
    assert_eq!(repository.head().await.unwrap(), first);
    assert!(repository.is_clean().await.unwrap());

    // The branch is mended in its clone, and then merges; the first merge is still found by its branch.
    git(&other, &["fetch", "-q", repository.path().to_str().unwrap(), "main"]);
    git(&other, &["reset", "-q", "--hard", "FETCH_HEAD"]);
    commit(&other, "same.txt", "both\n");
    repository.fetch_branch(&other, "two").await.unwrap();
    let merged = repository.merge("two", "main", "Merge two", TRAILER).await.unwrap();
    assert!(matches!(merged, Merge::Merged { .. }), "{merged:?}");
    let again = repository.merge("one", "main", "Merge one", TRAILER).await.unwrap();
    assert_eq!(again, Merge::AlreadyMerged { commit: first });
}

#[tokio::test]
async fn what_a_crash_leaves_is_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("repository");
    // A repository and a clone that were being made.
    for leftover in ["repository.building/.git/objects", "task.building/.git"] {
        std::fs::create_dir_all(folder.path().join(leftover)).unwrap();
    }
    let repository = Repository::init(&path, "main").await.unwrap();
    let first = repository.head().await.unwrap();
    assert_eq!(Repository::init(&path, "main").await.unwrap().head().await.unwrap(), first);
    let clone = worked(&repository, &folder, "task", "a.txt", "a\n").await;
    // A clone that is there is kept, work and all.
    std::fs::write(clone.join("unfinished.txt"), "x").unwrap();
    let again = repository.clone_for_task(&folder.path().join("task"), "task", "main").await.unwrap();
    assert!(again.path.join("unfinished.txt").exists());
    assert_eq!(again.read_only, [repository.objects()]);
    // A merge that stopped at a branch's lock, whose owner may still live, and then is gone.
    let lock = |name: &str| std::fs::File::create(path.join(".git").join(name)).unwrap();
    let branch = lock("refs/heads/main.lock");
    assert!(repository.merge("task", "main", "Merge task", TRAILER).await.unwrap_err().retryable());
    branch.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    repository.merge("task", "main", "Merge task", TRAILER).await.unwrap();
    // A merge whose branch moved, but whose work tree did not follow; and git's own lock beside it.
    std::fs::remove_file(path.join("a.txt")).unwrap();
    lock("index.lock").set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    repository.merge("task", "main", "Merge task", TRAILER).await.unwrap();
    assert_eq!(std::fs::read_to_string(path.join("a.txt")).unwrap(), "a\n");
    assert!(repository.is_clean().await.unwrap());
}

#[tokio::test]
async fn nothing_a_clone_configures_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(&folder.path().join("repository"), "main").await.unwrap();
    let clone = repository.clone_for_task(&folder.path().join("task"), "task", "main").await.unwrap().path;
    commit(&clone, "a.txt", "a\n");
    let trap = folder.path().join("trap");
    let touch = format!("touch {}", trap.display());
    for name in
        ["core.fsmonitor", "core.sshCommand", "uploadpack.packObjectsHook", "core.alternateRefsCommand"]
    {
        git(&clone, &["config", name, &touch]);
    }
    git(&clone, &["config", "remote.origin.promisor", "true"]);
    git(&clone, &["config", "remote.origin.url", &format!("ext::sh -c {touch}")]);
    repository.fetch_branch(&clone, "task").await.unwrap();
    assert!(!trap.exists());
}

/// Somebody else's repository, with one commit more than ours, is what each of them would have us take.
#[tokio::test]
async fn nothing_that_a_clone_leads_to_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    let theirs = Repository::init(&other, "main").await.unwrap();
    commit(&other, "secret.txt", "theirs\n");
    let their_tip = theirs.head().await.unwrap();
    let shown = other.display().to_string();
    let named = format!("echo {their_tip} > .git/refs/heads/task");
    let alternates = format!("{named}; echo {shown}/.git/objects > .git/objects/info/alternates");
    let part = &their_tip[..2];
    let lies = [
        (
            "a branch is a link",
            format!("ln -sf {shown}/.git/refs/heads/main .git/refs/heads/task"),
            "a link stands",
        ),
        (
            "its folder is a link",
            format!("rm -r .git/refs/heads; ln -s {shown}/.git/refs/heads .git/refs/heads"),
            "a link",
        ),
        (
            "the list of branches is a link",
            format!("rm .git/refs/heads/task; ln -sf {shown}/.git/HEAD .git/packed-refs"),
            "a link",
        ),
        ("the git folder is a link", format!("rm -r .git; ln -s {shown}/.git .git"), "a link"),
        (
            "the git folder leads elsewhere",
            format!("rm -r .git; echo gitdir: {shown}/.git > .git"),
            "are gone",
        ),
        ("the git folder is gone", "rm -r .git".to_owned(), "are gone"),
        (
            "the objects are a link",
            format!("{named}; rm -r .git/objects; ln -s {shown}/.git/objects .git/objects"),
            "a link",
        ),
        (
            "some objects are a link",
            format!(
                "{named}; rm -rf .git/objects/{part}; ln -s {shown}/.git/objects/{part} .git/objects/{part}"
            ),
            "",
        ),
        (
            "packs are a link",
            format!(
                "{named}; git -C {shown} repack -adq; rm -r .git/objects/pack; ln -s {shown}/.git/objects/pack .git/objects/pack"
            ),
            "",
        ),
        (
            "an object is a link",
            format!(
                "{named}; rm -rf .git/objects/{part}; mkdir .git/objects/{part}; ln -s {shown}/.git/objects/{part}/* .git/objects/{part}/"
            ),
            "",
        ),
        ("it borrows from elsewhere", alternates, ""),
        (
            "a branch is a pipe",
            "rm .git/refs/heads/task; mkfifo .git/refs/heads/task".to_owned(),
            "no such branch",
        ),
        ("a branch is no commit", "echo nonsense > .git/refs/heads/task".to_owned(), "no such branch"),
        ("a tree holds a git folder", dot_git_tree(), "hasDotgit"),
    ];
    for (index, (what, script, said)) in lies.iter().enumerate() {
        let repository =
            Repository::init(&folder.path().join(format!("repository-{index}")), "main").await.unwrap();
        let path = folder.path().join(format!("clone-{index}"));
        let clone = repository.clone_for_task(&path, "task", "main").await.unwrap().path;
        commit(&clone, "a.txt", "a\n");
        repository.fetch_branch(&clone, "task").await.unwrap();
        let before = repository.branch_tip("task").await.unwrap();
        let done =
            std::process::Command::new("sh").args(["-ec", script]).current_dir(&clone).output().unwrap();
        assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
        for taken in
            [repository.fetch_branch(&clone, "task").await, repository.look_at_branch(&clone, "task").await]
        {
            match taken {
                Err(Error::Untakeable { reason, .. }) => assert!(reason.contains(said), "{what}: {reason}"),
                other => panic!("{what}: {other:?}"),
            }
        }
        assert_eq!(repository.branch_tip("task").await.unwrap(), before, "{what}");
        assert!(repository.commit(&their_tip).await.is_err(), "{what}: it came in");
        // Whoever works there next has a clone, with what they handed in before.
        let again = repository.clone_for_task(&path, "task", "task").await.unwrap();
        assert!(again.path.join(".git").symlink_metadata().unwrap().is_dir(), "{what}");
    }
}

/// Commits a tree that git refuses to take in.
fn dot_git_tree() -> String {
    "blob=$(echo x | git hash-object -w --stdin); \
     inner=$(printf '100644 blob %s\tconfig\n' $blob | git mktree); \
     tree=$(printf '040000 tree %s\t.git\n' $inner | git mktree); \
     made=$(git -c user.name=a -c user.email=b commit-tree -p HEAD -m bad $tree); \
     echo $made > .git/refs/heads/task"
        .to_owned()
}

#[tokio::test]
async fn many_merges_at_once_all_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(&folder.path().join("repository"), "main").await.unwrap();
    for index in 0..6 {
        worked(&repository, &folder, &format!("task-{index}"), &format!("{index}.txt"), "x\n").await;
    }
    let merges = (0..6).map(|index| {
        let repository = repository.clone();
        tokio::spawn(
            async move { repository.merge(&format!("task-{index}"), "main", "Merge", TRAILER).await },
        )
    });
    for merge in merges.collect::<Vec<_>>() {
        assert!(matches!(merge.await.unwrap().unwrap(), Merge::Merged { .. }));
    }
    let count = (0..6).filter(|index| repository.path().join(format!("{index}.txt")).exists()).count();
    assert_eq!(count, 6);
    assert!(repository.is_clean().await.unwrap());
}

#[tokio::test]
async fn versions_are_told_from_tags_in_every_clone() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder);
    git(&users, &["tag", "--annotate", "--message", "One", "v1.0"]);
    git(&users, &["tag", "plain"]);
    git(&users, &["tag", "of-a-tree", "HEAD^{tree}"]);
    commit(&users, "b.txt", "b\n");
    git(&users, &["switch", "-q", "-c", "other"]);
    commit(&users, "c.txt", "c\n");
    git(&users, &["tag", "elsewhere"]);
    git(&users, &["switch", "-q", "trunk"]);
    let source = Source::inspect(&users).await.unwrap();
    let described = async |name: &str| {
        let path = folder.path().join(name);
        let repository = Repository::clone_from(&path, &source, "HEAD", "main").await.unwrap();
        let clone = folder.path().join(format!("{name}-clone"));
        let clone = repository.clone_for_task(&clone, "task-1", "main").await.unwrap().path;
        let tags = git(&clone, &["tag", "--list"]).replace('\n', " ");
        format!("{tags}; {}", git(&clone, &["describe", "--tags", "--abbrev=0", "--match", "v*"]))
    };
    assert_eq!(described("good").await, "plain v1.0; v1.0");

    // An old tag without a tagger, which a careful git does not take in.
    let commit = git(&users, &["rev-parse", "HEAD"]);
    let tag = folder.path().join("tag");
    std::fs::write(&tag, format!("object {commit}\ntype commit\ntag v2.0\n\nTwo\n")).unwrap();
    let tag = git(&users, &["hash-object", "-t", "tag", "-w", "--literally", &tag.to_string_lossy()]);
    git(&users, &["update-ref", "refs/tags/v2.0", &tag]);
    assert_eq!(described("odd").await, "plain v1.0 v2.0; v2.0");
}

#[tokio::test]
async fn documents_are_committed_without_a_work_tree_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(&folder.path().join("repository"), "main").await.unwrap();
    let path = repository.path().to_owned();
    commit(&path, "a.txt", "a\n");
    let before = repository.head().await.unwrap();
    let file = |name: &str, text: &[u8]| (PathBuf::from(name), text.to_vec());
    let files = [file("docs/team/vision.md", b"# Vision\r\n"), file("docs/team/delivery.md", b"\xff")];

    let made = repository.commit_files("main", &files, "Add the team's documents").await.unwrap();
    assert_eq!(repository.commit_files("main", &files, "Add the team's documents").await.unwrap(), made);
    assert_eq!(git(&path, &["rev-parse", "main^"]), before);
    assert_eq!(std::fs::read(path.join("docs/team/vision.md")).unwrap(), b"# Vision\r\n");
    assert_eq!(std::fs::read(path.join("docs/team/delivery.md")).unwrap(), b"\xff");
    assert_eq!(std::fs::read(path.join("a.txt")).unwrap(), b"a\n");
    assert!(repository.is_clean().await.unwrap());
    assert!(
        !std::fs::read_dir(path.join(".git"))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().starts_with("documents-") })
    );

    // A branch that is not checked out, a new version, a folder in the place of a file, and nothing at all.
    git(&path, &["branch", "other", &before]);
    repository.commit_files("other", &files[..1], "One").await.unwrap();
    assert_eq!(repository.changed_files(&before, "other").await.unwrap(), ["docs/team/vision.md"]);
    let changed = [file("docs/team/vision.md", b"# More\n"), file("a.txt/b.md", b"b")];
    let newer = repository.commit_files("main", &changed, "Two").await.unwrap();
    assert_ne!(newer, made);
    assert_eq!(std::fs::read(path.join("a.txt/b.md")).unwrap(), b"b");
    assert_eq!(repository.commit_files("main", &[], "None").await.unwrap(), newer);

    let refused = repository.commit_files("main", &[file("../x", b"")], "Out").await.unwrap_err();
    assert!(refused.hint().is_some(), "{refused}");
    assert!(matches!(
        repository.commit_files("nowhere", &files, "x").await,
        Err(Error::UnknownRevision { .. })
    ));
}

#[tokio::test]
async fn commits_are_signed_as_it_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(&folder.path().join("repository"), "main").await.unwrap();
    let path = repository.path().to_owned();
    let base = repository.head().await.unwrap();
    worked(&repository, &folder, "task-1", "b.txt", "b\n").await;
    git(&path, &["config", "user.name", "Ann Ö"]);
    git(&path, &["config", "user.email", "ann@example.org"]);
    let user = Identity::of_user(&path).await.unwrap();
    assert_eq!(user.to_string(), "Ann Ö <ann@example.org>");
    git(&path, &["config", "user.email", "<>"]);
    let unknown = Identity::of_user(&path).await.unwrap_err();
    assert!(unknown.to_string().contains("`user.email`") && unknown.hint().is_some(), "{unknown}");

    let authorship: Authorship = toml::from_str(
        "author = '{agent} <team+{agent}@example.org>'\ncommitter = 'as the user'\nsign_off = true",
    )
    .unwrap();
    assert!(authorship.needs_user());
    let signature: Signature = authorship.shell(Some(&user)).unwrap();
    let repository = repository.signed_by(signature);
    repository.merge("task-1", "main", "Merge task-1", TRAILER).await.unwrap();
    repository.commit_files("main", &[(PathBuf::from("c.md"), b"c".to_vec())], "Add c").await.unwrap();
    let signed = "Syndarix <team+syndarix@example.org>, Ann Ö <ann@example.org>, Ann Ö <ann@example.org>";
    let format = "--format=%an <%ae>, %cn <%ce>, %(trailers:key=Signed-off-by,valueonly,separator=%x20)";
    assert_eq!(git(&path, &["log", "-2", "--first-parent", format]), format!("{signed}\n{signed}"));
    let commits = repository.commits(&base, "main").await.unwrap();
    let tasks: Vec<_> = commits.iter().map(|commit| commit.task.as_deref()).collect();
    assert_eq!(tasks, [None, Some("p-1/T-1"), None]);
    assert!(commits.iter().all(|commit| commit.at.0 > 0));
}

/// A user's repository with a submodule that has one itself, and a file of which Git LFS holds the content.
fn users_with_others(folder: &TempDir) -> PathBuf {
    let add = |at: &Path, what: &str| {
        git(at, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", what, "lib"]);
        git(at, &["commit", "-q", "-m", "lib"]);
    };
    for name in ["inner", "outer"] {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        git(&path, &["init", "-q", "-b", "trunk"]);
        commit(&path, "name.txt", name);
    }
    add(&folder.path().join("outer"), &folder.path().join("inner").display().to_string());
    let users = users(folder);
    add(&users, &folder.path().join("outer").display().to_string());
    git(
        &users,
        &["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive"],
    );
    std::fs::write(users.join(".gitattributes"), "*.bin filter=lfs diff=lfs merge=lfs -text\n").unwrap();
    // The SHA-256 of "large".
    let oid = "d0da0cf1c5a7f3c1dcba7f2c6ac0bfbc4c1ca1c0d02d7f8f1d8b1d4a2d9e4c5f";
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 5\n");
    commit(&users, "a.bin", &pointer);
    let held = users.join(".git/lfs/objects").join(&oid[..2]).join(&oid[2..4]);
    std::fs::create_dir_all(&held).unwrap();
    std::fs::write(held.join(oid), "large").unwrap();
    users
}

#[tokio::test]
async fn clones_have_what_the_users_repository_holds_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let users = users_with_others(&folder);
    let source = Source::inspect(&users).await.unwrap();
    let repository =
        Repository::clone_from(&folder.path().join("repository"), &source, "HEAD", "main").await.unwrap();
    assert_eq!(repository.lacking("HEAD").await.unwrap(), []);
    assert!(repository.is_clean().await.unwrap());
    let clone = repository.clone_for_task(&folder.path().join("task"), "task", "main").await.unwrap().path;
    let read = |path: &str| std::fs::read_to_string(clone.join(path)).unwrap();
    assert_eq!([read("lib/name.txt"), read("lib/lib/name.txt"), read("a.bin")], ["outer", "inner", "large"]);
    assert!(!clone.join("lib/.git").exists());
    // None of it is a change, and none becomes one by what is done beside it.
    std::fs::write(clone.join("lib/built.o"), "x").unwrap();
    std::fs::write(clone.join("a.bin"), "changed").unwrap();
    assert_eq!(git(&clone, &["status", "--porcelain"]), "");
    commit(&clone, "b.txt", "b\n");
    assert_eq!(git(&clone, &["show", "--format=", "--name-only", "HEAD"]), "b.txt");
    repository.fetch_branch(&clone, "task").await.unwrap();
    repository.merge("task", "main", "Merge task", TRAILER).await.unwrap();
    // The user's own stay as they are.
    assert_eq!(git(&users, &["status", "--porcelain", "--ignore-submodules=none", "--", "lib"]), "");

    // A merge in a clone leaves them in their places.
    let other =
        repository.clone_for_task(&folder.path().join("other"), "other", "main~1").await.unwrap().path;
    let trial = Repository::open(&other).await.unwrap();
    trial.fetch_branch(repository.path(), "task").await.unwrap();
    let merged = trial.merge("task", "other", "Merge task", TRAILER).await.unwrap();
    assert!(matches!(merged, Merge::Merged { .. } | Merge::AlreadyMerged { .. }), "{merged:?}");
    let read = |path: &str| std::fs::read_to_string(other.join(path)).unwrap();
    assert_eq!([read("lib/name.txt"), read("a.bin"), read("b.txt")], ["outer", "large", "b\n"]);
}

#[tokio::test]
async fn what_the_users_repository_lacks_of_others_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let users = users_with_others(&folder);
    // A clone as most people make it.
    git(folder.path(), &["clone", "-q", &users.display().to_string(), "plain"]);
    let lacking = async |name: &str| {
        let source = Source::inspect(&folder.path().join("plain")).await.unwrap();
        let repository = Repository::clone_from(&folder.path().join(name), &source, "HEAD", "main").await;
        let repository = repository.unwrap();
        repository.clone_for_task(&folder.path().join(format!("{name}-task")), "task", "main").await.unwrap();
        repository.lacking("HEAD").await.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(lacking("with-nothing").await, ["a.bin, which is in Git LFS", "the submodule lib"]);
    let plain = folder.path().join("plain");
    git(&plain, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init"]);
    assert_eq!(lacking("with-outer").await, ["a.bin, which is in Git LFS", "the submodule lib/lib"]);
}
