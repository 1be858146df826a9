//! Working memory.

use syndarix_core::time::Timestamp;

use crate::support::{dave, fixture, kate};

#[tokio::test]
async fn an_agent_remembers_each_key_for_its_time() {
    let f = fixture().await;
    let dave = dave(&f.project);
    f.store.remember(&dave, "style", "tabs", None).await.expect("remembers");
    f.store.remember(&dave, "style", "spaces", None).await.expect("remembers");
    f.store.remember(&dave, "build", "broken", Some(Timestamp(2_000))).await.expect("remembers");
    let recall = async |now| f.store.recall(&dave, Timestamp(now)).await.expect("recalls");
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(recall(1_999).await, [pair("build", "broken"), pair("style", "spaces")]);
    assert_eq!(recall(2_000).await, [pair("style", "spaces")]);
    f.clock.set(2_000);
    f.store.remember(&dave, "build", "mended", None).await.expect("remembers");
    assert_eq!(recall(9_000).await, [pair("build", "mended"), pair("style", "spaces")]);
    assert_eq!(f.store.recall(&kate(&f.project), Timestamp(0)).await.expect("recalls"), []);
    let nobody = f.project.agent("nobody").expect("valid");
    f.store.remember(&nobody, "k", "v", None).await.expect_err("nobody");
}
