//! Reducers, and updates on their way through storage.

use std::collections::BTreeMap;

use syndarix_graph::State as _;

use crate::notes::{Notes, NotesUpdate};

#[test]
fn each_field_takes_up_updates_by_its_reducer() {
    let mut notes = Notes { total: 5, ..Notes::default() };
    for (name, number) in [("a", 1), ("b", 2), ("a", 3)] {
        notes.apply(NotesUpdate {
            ran: Some(vec![name.to_owned()]),
            total: Some(number),
            verdict: Some(Some(name.to_owned())),
            by_name: Some(BTreeMap::from([(name.to_owned(), number)])),
        });
    }
    notes.apply(NotesUpdate::default());
    let expected = Notes {
        ran: ["a", "b", "a"].map(String::from).to_vec(),
        total: 11,
        verdict: Some("a".into()),
        by_name: BTreeMap::from([("a".into(), 3), ("b".into(), 2)]),
    };
    assert_eq!(notes, expected);
}

#[test]
fn setting_nothing_is_not_leaving_alone() {
    for (update, stored, verdict) in [
        (NotesUpdate { verdict: Some(None), ..NotesUpdate::default() }, r#"{"verdict":null}"#, None),
        (NotesUpdate::default(), "{}", Some("kept".to_owned())),
    ] {
        let text = serde_json::to_string(&update).expect("stores");
        assert_eq!(text, stored);
        let read: NotesUpdate = serde_json::from_str(&text).expect("reads back");
        let mut notes = Notes { verdict: Some("kept".into()), ..Notes::default() };
        notes.apply(read);
        assert_eq!(notes.verdict, verdict);
    }
}

#[test]
fn only_fields_that_take_one_value_are_named() {
    let update = NotesUpdate { total: Some(1), ran: Some(vec![]), ..NotesUpdate::default() };
    assert!(Notes::last_value_fields(&update).is_empty());
    let update = NotesUpdate { verdict: Some(None), ..update };
    assert_eq!(Notes::last_value_fields(&update), ["verdict"]);
}
