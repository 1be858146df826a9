//! Artifacts.

use syndarix_core::ports::Blobs;
use syndarix_store::Error;

use crate::support::{dave, fixture};

#[tokio::test]
async fn an_artifact_has_versions_and_the_latest_is_listed() {
    let f = fixture().await;
    let task = f.task("write").await.id;
    let dave = dave(&f.project);
    for text in ["one", "one", "two"] {
        let written = f.store.write_artifact(
            &f.project,
            "docs/plan.md",
            text.as_bytes().to_vec(),
            Some(&dave),
            Some(&task),
        );
        written.await.expect("written");
    }
    f.store.write_artifact(&f.project, "brief.md", b"b".to_vec(), None, None).await.expect("written");
    let listed = f.store.artifacts(&f.project).await.expect("artifacts");
    let names: Vec<_> = listed.iter().map(|record| (record.name.as_str(), record.version)).collect();
    assert_eq!(names, [("brief.md", 1), ("docs/plan.md", 2)]);
    assert_eq!(Blobs::get(&f.store, &listed[1].content).await.expect("stored"), b"two");
    assert_eq!(f.store.artifact(&f.project, "docs/plan.md").await.expect("stored"), listed[1]);
    assert_eq!(f.story().await, ["task_created", "artifact_written", "artifact_written", "artifact_written"]);
}

#[tokio::test]
async fn a_name_that_leaves_the_project_is_refused() {
    let f = fixture().await;
    for name in ["../q/plan.md", "", "a b.md", "/etc/passwd"] {
        let error = f.store.write_artifact(&f.project, name, vec![1], None, None).await.expect_err(name);
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }
    assert!(matches!(
        f.store.artifact(&f.project, "none.md").await,
        Err(Error::NotFound { kind: "artifact", .. })
    ));
}
