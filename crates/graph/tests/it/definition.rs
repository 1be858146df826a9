//! Definitions that are refused, and what is said about them.

use expect_test::{Expect, expect};
use syndarix_graph::{END, Graph, GraphBuilder, Next};

use crate::notes::{Notes, step, steps};

#[expect(clippy::needless_pass_by_value, reason = "expectations are written in place")]
fn check(builder: GraphBuilder<Notes>, expected: Expect) {
    let said = match builder.build() {
        Ok(graph) => format!("{graph:?}"),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&said);
}

#[test]
fn a_graph_that_can_run_is_built() {
    check(
        steps(&["think", "execute"], &[("execute", "think")]).conditional(
            "think",
            |_| vec![Next::End],
            ["execute", END],
        ),
        expect![[r#"Graph { name: "test", nodes: ["think", "execute"], entry: "think", .. }"#]],
    );
}

#[test]
fn an_edge_to_an_unknown_node_names_the_nearest() {
    check(
        steps(&["think", "execute"], &[("think", "exceute"), ("execute", END)]),
        expect![
            "the graph `test` cannot be built: edge `think` → `exceute`: there is no node `exceute`; did you mean `execute`?"
        ],
    );
    check(
        steps(&["think"], &[("think", "ende")]),
        expect![
            "the graph `test` cannot be built: edge `think` → `ende`: there is no node `ende`; did you mean `end`?"
        ],
    );
    check(
        steps(&["think"], &[("think", END), ("supervise", "think")]),
        expect!["the graph `test` cannot be built: edge `supervise` → `think`: there is no node `supervise`"],
    );
    check(
        steps(&["think"], &[]).conditional("think", |_| vec![Next::End], ["thinks", END]),
        expect![
            "the graph `test` cannot be built: edge `think` → `thinks`: there is no node `thinks`; did you mean `think`?"
        ],
    );
}

#[test]
fn a_node_without_a_way_in_or_out_is_refused() {
    check(
        steps(&["think", "review"], &[("think", END), ("review", "think")]),
        expect!["the graph `test` cannot be built: `review` cannot be reached from the entry `think`"],
    );
    check(
        steps(&["think", "review"], &[("think", "review")]),
        expect![
            "the graph `test` cannot be built: no edge leaves `review`: add one to another node or to `end`"
        ],
    );
    check(
        steps(&["think", "a", "b"], &[("think", "a"), ("think", END), ("a", "b"), ("b", "a")]),
        expect![[r"
            the graph `test` cannot be built:
            - `a` never leads to `end`: a run that reaches it cannot finish
            - `b` never leads to `end`: a run that reaches it cannot finish"]],
    );
}

#[test]
fn names_must_tell_nodes_apart() {
    check(
        steps(&["think", "think", "", END, "a#1"], &[("think", END)]),
        expect![[r"
            the graph `test` cannot be built:
            - there are two nodes `think`
            - `` cannot be the name of a node: it must not be empty, be `end` or contain `#`
            - `end` cannot be the name of a node: it must not be empty, be `end` or contain `#`
            - `a#1` cannot be the name of a node: it must not be empty, be `end` or contain `#`
            - no edge leaves ``: add one to another node or to `end`
            - no edge leaves `end`: add one to another node or to `end`
            - no edge leaves `a#1`: add one to another node or to `end`"]],
    );
}

#[test]
fn the_entry_must_be_a_node() {
    check(
        Graph::builder("test").node("think", step).edge("think", END),
        expect!["the graph `test` cannot be built: it has no entry: name the node that runs first"],
    );
    check(
        steps(&["think"], &[("think", END)]).entry("thnk"),
        expect!["the graph `test` cannot be built: the entry `thnk` is not a node; did you mean `think`?"],
    );
    check(
        Graph::builder("empty").entry("think"),
        expect![[r"
            the graph `empty` cannot be built:
            - it has no nodes
            - the entry `think` is not a node"]],
    );
}

#[test]
fn edges_that_mean_nothing_are_refused() {
    check(
        steps(&["think"], &[("think", END), ("think", END)]),
        expect!["the graph `test` cannot be built: edge `think` → `end` is there twice"],
    );
    check(
        steps(&["think"], &[]).conditional("think", |_| vec![Next::End], Vec::<String>::new()),
        expect!["the graph `test` cannot be built: the conditional edge of `think` has no targets"],
    );
    check(
        steps(&["a", "b"], &[("a", "b"), ("b", END)]).join(["a", "a"], "b").join(["a", "b"], END),
        expect![[r"
            the graph `test` cannot be built:
            - the join into `b` needs two or more different sources
            - the join into `end` is not needed: a run ends when every branch has"]],
    );
    check(
        steps(&["think"], &[("think", END)]).step_limit(0),
        expect![
            "the graph `test` cannot be built: its step limit is zero: a run could not take a single step"
        ],
    );
}
