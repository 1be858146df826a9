//! The journal.

use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::ports::Journal;
use syndarix_store::{Error, EventQuery};

use crate::support::{assert_gapless, fixture, new_project, new_task, project_id, team};

fn note(project: &str, text: &str) -> NewEvent {
    NewEvent {
        project: project_id(project),
        agent: None,
        task: None,
        kind: EventKind::Note { text: text.to_owned() },
    }
}

#[tokio::test]
async fn events_are_read_in_order_by_project_and_from_a_place() {
    let f = fixture().await;
    f.store.create_project(new_project("q"), team()).await.expect("a project");
    f.clock.set(5_000);
    f.store.append(vec![note("p", "one"), note("q", "two"), note("p", "three")]).await.expect("recorded");
    let read = async |after, limit, project: Option<&str>| {
        let query = EventQuery { after, limit, project: project.map(project_id) };
        let events = f.store.events(query).await.expect("events");
        events.into_iter().map(|event| (event.seq, event.at.0)).collect::<Vec<_>>()
    };
    assert_eq!(read(8, 10, None).await, [(9, 5_000), (10, 5_000), (11, 5_000)]);
    assert_eq!(read(8, 10, Some("p")).await, [(9, 5_000), (11, 5_000)]);
    assert_eq!(read(9, 1, None).await, [(10, 5_000)]);
    assert_eq!(f.store.last_seq().await.expect("a number"), 11);
}

#[tokio::test]
async fn facts_about_an_unknown_project_are_refused_together() {
    let f = fixture().await;
    let error = f.store.append(vec![note("p", "one"), note("nowhere", "two")]).await.expect_err("refused");
    assert_eq!(error.message, "there is no project `nowhere`");
    assert_eq!(f.story().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_journal_has_no_gap_when_many_write_and_some_fail() {
    let f = fixture().await;
    let mut feed = f.store.subscribe();
    let follower = {
        let store = f.store.clone();
        tokio::spawn(async move {
            let mut seen = 0;
            while seen < 4 + 50 * 4 {
                let highest = *feed.borrow_and_update();
                let query = EventQuery { after: seen, limit: 1_000, project: None };
                for event in store.events(query).await.expect("events") {
                    assert_eq!(event.seq, seen + 1);
                    seen = event.seq;
                }
                assert!(seen >= highest, "what was announced is there to be read");
                feed.changed().await.expect("open");
            }
            seen
        })
    };
    let writers = (0..50).map(|n| {
        let (store, project) = (f.store.clone(), f.project.clone());
        tokio::spawn(async move {
            store.create_task(new_task(&project, &format!("slug-{n}"))).await.expect("a task");
            store.append(vec![note("p", "a"), note("p", "b")]).await.expect("recorded");
            let refused = store.create_task(new_task(&project_id("nowhere"), "x")).await;
            assert!(matches!(refused, Err(Error::NotFound { .. })));
            store.append(vec![note("p", "c"), note("nowhere", "d")]).await.expect_err("refused");
            store.append(vec![note("p", "e")]).await.expect("recorded");
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("ends");
    }
    assert_eq!(assert_gapless(&f.store).await, 4 + 50 * 4);
    f.store.append(vec![note("p", "last")]).await.expect("recorded");
    assert!(follower.await.expect("follows") >= 4 + 50 * 4);
}
