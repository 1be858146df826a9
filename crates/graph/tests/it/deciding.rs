//! `plan` and `apply` as tables.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;
use syndarix_graph::{ApplyError, Checkpoint, END, Graph, Next, Plan, Task, Write, apply, plan};

use crate::notes::{Notes, NotesUpdate, step, steps};

/// A checkpoint whose next superstep has these tasks; a number is an input of its own.
fn checkpoint(graph: &Graph<Notes>, superstep: u32, next: &[(&str, Option<i64>)]) -> Checkpoint<Notes> {
    let tasks = next.iter().zip(0..).map(|((node, input), index)| Task {
        index,
        node: (*node).to_owned(),
        input: input.map(Into::into),
    });
    Checkpoint { superstep, next: tasks.collect(), ..Checkpoint::start(graph, Notes::default()) }
}

/// Every task writes its key and adds its place.
fn writes(checkpoint: &Checkpoint<Notes>) -> Vec<Write<NotesUpdate>> {
    let write = |task: &Task| Write {
        update: NotesUpdate {
            ran: Some(vec![task.key()]),
            total: Some(i64::from(task.index)),
            ..NotesUpdate::default()
        },
        task: task.clone(),
        answered: Vec::new(),
    };
    checkpoint.next.iter().map(write).collect()
}

/// What runs after a superstep with these tasks.
fn after(graph: &Graph<Notes>, next: &[(&str, Option<i64>)]) -> String {
    let before = checkpoint(graph, 3, next);
    let writes = writes(&before);
    match apply(graph, before, writes) {
        Ok(after) => {
            assert_eq!(after.superstep, 4);
            assert!(after.next.iter().zip(0..).all(|(task, index)| task.index == index));
            let show = |task: &Task| match &task.input {
                None => task.node.clone(),
                Some(input) => format!("{}({input})", task.node),
            };
            let next: Vec<String> = after.next.iter().map(show).collect();
            let joins =
                if after.joins.is_empty() { String::new() } else { format!(" waiting {:?}", after.joins) };
            format!("[{}]{joins}", next.join(", "))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_plan_is_the_checkpoint_s_next_tasks_up_to_the_limit() {
    let graph = steps(&["a"], &[("a", END)]).step_limit(5).build().expect("a valid graph");
    let check = |superstep, next: &[(&str, Option<i64>)], expected: Expect| {
        let plan = plan(&graph, &checkpoint(&graph, superstep, next));
        let said = match plan {
            Plan::Finished => "finished".to_owned(),
            Plan::Superstep { number, tasks } => {
                format!("{number}: {:?}", tasks.iter().map(Task::key).collect::<Vec<_>>())
            }
            Plan::StepLimit { limit, next } => format!("limit {limit} before {next:?}"),
        };
        expected.assert_eq(&said);
    };
    check(0, &[("a", None)], expect![[r#"1: ["a"]"#]]);
    check(4, &[("a", None), ("a", Some(1)), ("a", Some(2))], expect![[r#"5: ["a", "a#1", "a#2"]"#]]);
    check(5, &[("a", None)], expect![[r#"limit 5 before ["a"]"#]]);
    check(5, &[], expect!["finished"]);
    check(0, &[], expect!["finished"]);
}

#[test]
fn edges_decide_what_runs_next() {
    let edges = [("a", "c"), ("a", "b"), ("b", "d"), ("c", "d"), ("d", END)];
    let graph = steps(&["a", "b", "c", "d"], &edges).build().expect("a valid graph");
    let check = |next: &[(&str, Option<i64>)], expected: Expect| expected.assert_eq(&after(&graph, next));
    check(&[("a", None)], expect!["[b, c]"]);
    check(&[("b", None), ("c", None)], expect!["[d]"]);
    check(&[("d", None)], expect!["[]"]);
    check(&[("a", None), ("d", None)], expect!["[b, c]"]);
}

#[test]
fn routers_decide_on_the_state_after_the_superstep() {
    // The total after a superstep is the sum of its tasks' places.
    let router = |notes: &Notes| match notes.total {
        0 => vec!["b".into(), "c".into(), "b".into()],
        1 => vec![Next::send("b", 7), Next::send("c", json!({"part": 2})), Next::send("b", 8)],
        3 => vec![Next::End],
        6 => vec!["nowhere".into()],
        _ => vec![],
    };
    let graph = steps(&["a", "b", "c"], &[("b", END), ("c", END)])
        .conditional("a", router, ["b", "c", END])
        .build()
        .expect("a valid graph");
    let check = |next: &[(&str, Option<i64>)], expected: Expect| expected.assert_eq(&after(&graph, next));
    check(&[("a", None)], expect!["[b, c]"]);
    check(&[("a", None), ("b", None)], expect![[r#"[b(7), c({"part":2}), b(8)]"#]]);
    // However many tasks of a node ran, its edges are taken once.
    check(&[("a", None), ("a", Some(1))], expect![[r#"[b(7), c({"part":2}), b(8)]"#]]);
    check(&[("a", None), ("b", None), ("c", None)], expect!["[]"]);
    check(
        &[("a", None), ("b", None), ("b", Some(1)), ("c", None)],
        expect![
            "superstep 4: the conditional edge of `a` led to `nowhere`, which is not one of its targets (b, c, end)"
        ],
    );
    check(
        &[("a", None), ("b", None), ("b", Some(1)), ("c", None), ("c", Some(1))],
        expect!["superstep 4: the conditional edge of `a` led nowhere; say `Next::End` to end the branch"],
    );
}

#[test]
fn a_join_waits_for_all_its_sources() {
    let graph = steps(&["a", "b", "c", "d"], &[("a", "b"), ("a", "c"), ("c", "b"), ("b", END), ("d", END)])
        .join(["b", "c"], "d")
        .build()
        .expect("a valid graph");
    let check = |next: &[(&str, Option<i64>)], expected: Expect| expected.assert_eq(&after(&graph, next));
    check(&[("a", None)], expect!["[b, c]"]);
    check(&[("b", None)], expect![[r#"[] waiting {"b + c -> d": {"b"}}"#]]);
    check(&[("b", None), ("c", None)], expect!["[b, d]"]);

    let mut run = checkpoint(&graph, 0, &[("c", None)]);
    for expected in [vec!["b"], vec!["d"], vec![]] {
        let written = writes(&run);
        run = apply(&graph, run, written).expect("applies");
        assert_eq!(run.next.iter().map(|task| task.node.as_str()).collect::<Vec<_>>(), expected);
    }
    assert_eq!(run.joins, BTreeMap::new());
}

#[test]
fn a_second_writer_of_one_value_is_refused_by_the_field_s_name() {
    let graph = steps(&["a", "b"], &[("a", "b"), ("b", END)]).build().expect("a valid graph");
    let before = checkpoint(&graph, 0, &[("a", None), ("b", None), ("b", Some(1))]);
    let mut written = writes(&before);
    written[0].update.verdict = Some(Some("yes".into()));
    let once = apply(&graph, before.clone(), written.clone()).expect("one writer is fine");
    assert_eq!(once.state.verdict.as_deref(), Some("yes"));
    written[2].update.verdict = Some(None);
    let error = apply(&graph, before, written).expect_err("two writers");
    expect!["superstep 1: `a` and `b#2` both wrote `verdict`, which takes one value in a superstep; let one of them write it, or give it a reducer that combines"]
        .assert_eq(&error.to_string());
}

#[test]
fn writes_of_other_tasks_are_refused() {
    let graph = steps(&["a", "b"], &[("a", "b"), ("b", END)]).build().expect("a valid graph");
    let before = checkpoint(&graph, 0, &[("a", None), ("b", None)]);
    for wrong in [
        vec![],
        writes(&before)[..1].to_vec(),
        [writes(&before), writes(&before)].concat(),
        writes(&checkpoint(&graph, 0, &[("b", None), ("a", None)])),
    ] {
        let error = apply(&graph, before.clone(), wrong).expect_err("not its tasks");
        assert!(matches!(error, ApplyError::OtherTasks { .. }), "{error}");
    }
}

proptest! {
    #[test]
    fn the_order_in_which_nodes_finish_does_not_matter(
        tasks in 1..8_usize,
        order in proptest::collection::vec(any::<u32>(), 8),
    ) {
        let names: Vec<String> = (0..tasks).map(|n| format!("n{n}")).collect();
        let mut builder = Graph::builder("test").node("start", step).entry("start");
        for name in &names {
            builder = builder.node(name, step).edge("start", name).edge(name, END);
        }
        let graph = builder.build().expect("a valid graph");
        let next: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        let before = checkpoint(&graph, 1, &next);
        let in_order = writes(&before);
        let mut shuffled: Vec<_> = in_order.iter().cloned().zip(&order).collect();
        shuffled.sort_by_key(|(_, place)| **place);
        let shuffled = shuffled.into_iter().map(|(write, _)| write).collect();
        let expected = apply(&graph, before.clone(), in_order).expect("applies");
        prop_assert_eq!(&expected.state.ran, &names);
        prop_assert_eq!(apply(&graph, before, shuffled).expect("applies"), expected);
    }
}
