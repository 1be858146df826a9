//! What filters are taken to mean, and what is refused.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes the strings")]
#![expect(clippy::needless_pass_by_value, reason = "expectations are written where they are used")]

use super::attributes::{Attributes, Custom, PREDEFINED, SYSTEM};
use super::lexer::tokenize;
use super::parser::{Comparison, Expression, LiteralValue, Test, parse};
use super::value::{Value, decode, parse_time, words};
use super::{Query, check, filter, sql};
use crate::limits::Limits;
use crate::proto::common::{Payload, SearchAttributes};
use crate::proto::enums::IndexedValueType as Kind;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn attributes() -> Attributes {
    let kinds = [
        ("CustomText", Kind::Text),
        ("CustomKeyword", Kind::Keyword),
        ("CustomInt", Kind::Int),
        ("CustomDouble", Kind::Double),
        ("CustomBool", Kind::Bool),
        ("CustomTime", Kind::Datetime),
        ("CustomList", Kind::KeywordList),
    ];
    let custom = kinds.into_iter().zip(1..).map(|((name, kind), id)| (name.to_owned(), Custom { id, kind }));
    Attributes { custom: custom.collect() }
}

/// A query as SQL with its values, or why it is refused.
fn check_sql(query: &str, expected: Expect) {
    let shown = match Query::parse(query, &attributes()) {
        Err(error) => error.to_string(),
        Ok(parsed) => {
            let condition = sql::condition(&parsed.filter);
            let order: Vec<String> = sql::order(&parsed)
                .into_iter()
                .map(|key| format!("{} {:?}", key.expression, key.direction))
                .collect();
            let order =
                if parsed.order_by.is_empty() { String::new() } else { format!("\nby {}", order.join(", ")) };
            format!("{}\n{:?}{order}", condition.text, condition.values)
        }
    };
    expected.assert_eq(&shown);
}

#[test]
fn filters_become_sql() {
    check_sql("", expect![["1\n[]"]]);
    check_sql(
        "WorkflowType = 'Order'",
        expect![[r#"
        workflow_type = ?
        [Text("Order")]"#]],
    );
    check_sql(
        "`WorkflowId`=\"it''s \\\"x\\\"\" and not (RunId != 'r' OR CloseTime is null)",
        expect![[r#"
        (workflow_id = ? AND (run_id = ? AND nullif(close_time, 0) IS NOT NULL))
        [Text("it''s \"x\""), Text("r")]"#]],
    );
    check_sql(
        "ExecutionStatus IN ('Running', 'TimedOut', 2)",
        expect![[r#"
        status IN (?, ?, ?)
        [Integer(1), Integer(7), Integer(2)]"#]],
    );
    check_sql(
        "StartTime BETWEEN '2026-01-31T12:00:00Z' AND '2026-01-31T14:00:00.5+01:00'",
        expect![[r#"
        start_time BETWEEN ? AND ?
        [Integer(1769860800000000000), Integer(1769864400500000000)]"#]],
    );
    check_sql(
        "ExecutionDuration > '1h30m' AND ExecutionDuration <= '02:00:00'",
        expect![[r#"
        (iif(close_time = 0, NULL, close_time - execution_time) > ? AND iif(close_time = 0, NULL, close_time - execution_time) <= ?)
        [Integer(5400000000000), Integer(7200000000000)]"#]],
    );
    check_sql(
        "CustomInt >= -5",
        expect![[r#"
        run_key IN (SELECT run_key FROM search_value WHERE attribute = 3 AND value >= ?)
        [Integer(-5)]"#]],
    );
    check_sql(
        "CustomList != 'a'",
        expect![[r#"
        run_key NOT IN (SELECT run_key FROM search_value WHERE attribute = 7 AND value = ?)
        [Text("a")]"#]],
    );
    check_sql(
        "NOT CustomKeyword STARTS_WITH 'a_%'",
        expect![[r#"
        run_key IN (SELECT run_key FROM search_value WHERE attribute = 2 AND NOT (value >= ? AND substr(value, 1, ?) = ?))
        [Text("a_%"), Integer(3), Text("a_%")]"#]],
    );
    check_sql(
        "CustomText = 'Big Data' and ScheduleId = 'x' and SchedulePaused = true",
        expect![[r#"
        (run_key IN (SELECT run_key FROM search_value WHERE attribute = 1 AND value IN (?, ?)) AND workflow_id = ? AND run_key IN (SELECT run_key FROM search_value WHERE attribute = -8 AND value = ?))
        [Text("big"), Text("data"), Text("x"), Integer(1)]"#]],
    );
    check_sql(
        "order by CustomInt desc, WorkflowId",
        expect![[r#"
        1
        []
        by ((SELECT value FROM search_value WHERE search_value.run_key = run.run_key AND attribute = 3 AND position = 0)) IS NULL Ascending, (SELECT value FROM search_value WHERE search_value.run_key = run.run_key AND attribute = 3 AND position = 0) Descending, (workflow_id) IS NULL Ascending, workflow_id Ascending, run_key Descending"#]],
    );
}

#[test]
fn mistakes_are_named_with_their_place() {
    let table = [
        ("WorkflowType =", "invalid query: malformed SQL query: syntax error at position 15 near 'the end'"),
        (
            "WorkflowType = 'a",
            "invalid query: malformed SQL query: syntax error at position 16 near 'a quotation that is not closed'",
        ),
        (
            "WorkflowType = Order",
            "invalid query: operation is not supported: column name on the right side of comparison expression at position 16 (did you forget to quote \"Order\"?)",
        ),
        ("WorkflowType ~ 'a'", "invalid query: malformed SQL query: syntax error at position 14 near '~'"),
        (
            "WorkflowType = 'a' 'b'",
            "invalid query: malformed SQL query: syntax error at position 20 near ''b''",
        ),
        (
            "WorkflowId",
            "invalid query: invalid expression: incomplete expression: 'WorkflowId' at position 1 lacks a comparison",
        ),
        (
            "(WorkflowId = 'a'",
            "invalid query: malformed SQL query: syntax error at position 18 near 'the end'",
        ),
        ("StartTime > 12x", "invalid query: malformed SQL query: syntax error at position 13 near '12x'"),
        ("Nonsense = 1", "invalid query: invalid search attribute: Nonsense (at position 1)"),
        (
            "CustomInt = 'five'",
            "invalid query: invalid expression: invalid value type for search attribute CustomInt of type Int: \"five\" (type: string) at position 13",
        ),
        (
            "CustomBool > true",
            "invalid query: operation is not supported: operator '>' not supported for Bool type search attribute 'CustomBool' at position 1",
        ),
        (
            "CustomInt STARTS_WITH 'a'",
            "invalid query: operation is not supported: operator 'STARTS_WITH' not supported for Int type search attribute 'CustomInt' at position 1",
        ),
        (
            "CustomText in ('a')",
            "invalid query: operation is not supported: operator 'IN' not supported for Text type search attribute 'CustomText' at position 1",
        ),
        (
            "CustomText = ' '",
            "invalid query: invalid expression: no tokens found filtering on Text type search attribute CustomText",
        ),
        (
            "CustomList BETWEEN 'a' AND 'b'",
            "invalid query: invalid expression: cannot do range condition on search attribute 'CustomList' of type KeywordList at position 1",
        ),
        (
            "ExecutionStatus = 'Sleeping'",
            "invalid query: invalid expression: invalid ExecutionStatus value 'Sleeping' at position 19",
        ),
        (
            "StartTime > 'yesterday'",
            "invalid query: invalid expression: unable to parse datetime 'yesterday' at position 13",
        ),
        ("WorkflowId LIKE 'a%'", "invalid query: operation is not supported: operator 'LIKE' at position 12"),
        (
            "WorkflowId IS 'a'",
            "invalid query: invalid expression: 'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'",
        ),
        ("WorkflowId = 'a' LIMIT 5", "invalid query: operation is not supported: 'LIMIT' clause"),
        (
            "GROUP BY WorkflowType",
            "invalid query: operation is not supported: 'GROUP BY' clause is not supported for search attribute WorkflowType",
        ),
        (
            "GROUP BY ExecutionStatus, RunId",
            "invalid query: operation is not supported: 'GROUP BY' clause supports only a single field",
        ),
        (
            "ORDER BY CustomText",
            "invalid query: operation is not supported: unable to sort by search attribute type Text",
        ),
    ];
    for (query, expected) in table {
        let error = Query::parse(query, &attributes()).expect_err(query);
        assert_eq!(error.to_string(), expected, "{query}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let deep = format!("{}WorkflowId = 'a'{}", "(".repeat(40), ")".repeat(40));
    let long = vec!["WorkflowId = 'a'"; 501].join(" OR ");
    let wide = format!("WorkflowId IN ({})", vec!["'a'"; 6_000].join(","));
    for query in [deep, long, wide] {
        assert!(Query::parse(&query, &attributes()).is_err());
    }
    let most = vec!["CustomInt = 1"; 500].join(" OR ");
    assert!(Query::parse(&most, &attributes()).is_ok());
}

#[test]
fn payloads_are_read_by_type() {
    let payload = |json: &str| Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: json.as_bytes().to_vec(),
        ..Payload::default()
    };
    let text = |text: &str| Value::Text(text.into());
    let table = [
        ("5", Kind::Int, Ok(vec![Value::Int(5)])),
        ("[5]", Kind::Int, Ok(vec![Value::Int(5)])),
        ("[5,6]", Kind::Int, Err("[5,6]")),
        ("5.5", Kind::Int, Err("5.5")),
        ("\"5\"", Kind::Int, Err("5")),
        ("null", Kind::Int, Ok(vec![])),
        ("[]", Kind::Keyword, Ok(vec![])),
        ("5", Kind::Double, Ok(vec![Value::Double(5.0)])),
        ("true", Kind::Bool, Ok(vec![Value::Bool(true)])),
        ("1", Kind::Bool, Err("1")),
        ("\"2026-01-31T12:00:00Z\"", Kind::Datetime, Ok(vec![Value::Int(1_769_860_800_000_000_000)])),
        ("\"2026-01-31\"", Kind::Datetime, Err("2026-01-31")),
        ("[\"a\",\"b\"]", Kind::KeywordList, Ok(vec![text("a"), text("b")])),
        ("\"a\"", Kind::KeywordList, Err("a")),
        ("[\"a\",1]", Kind::KeywordList, Err("[\"a\",1]")),
        ("not json", Kind::Text, Err("value from <not json>")),
    ];
    for (json, kind, expected) in table {
        assert_eq!(decode(&payload(json), kind), expected.map_err(str::to_owned), "{json} as {kind:?}");
    }
}

#[test]
fn search_attributes_are_checked() {
    let set = |name: &str, json: String| SearchAttributes {
        indexed_fields: [(
            name.to_owned(),
            Payload {
                metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
                data: json.into_bytes(),
                ..Payload::default()
            },
        )]
        .into(),
    };
    let table = [
        ("CustomInt", "5".to_owned(), Ok(())),
        ("TemporalChangeVersion", "[\"a\"]".to_owned(), Ok(())),
        ("Nonsense", "5".to_owned(), Err("search attribute Nonsense is not defined")),
        ("WorkflowId", "5".to_owned(), Err("WorkflowId attribute can't be set in SearchAttributes")),
        ("CustomInt", "\"x\"".to_owned(), Err("invalid value for search attribute CustomInt of type Int: x")),
        (
            "CustomKeyword",
            format!("\"{}\"", "x".repeat(3_000)),
            Err("search attribute CustomKeyword value size 3002 exceeds size limit 2048"),
        ),
    ];
    for (name, json, expected) in table {
        let checked = check::check(&set(name, json), &attributes(), &Limits::default());
        assert_eq!(checked, expected.map_err(str::to_owned), "{name}");
    }
}

#[test]
fn names_are_told_apart() {
    for (name, ..) in SYSTEM {
        assert!(attributes().named(name).is_some() && attributes().stored(name).is_none(), "{name}");
    }
    for (name, _) in PREDEFINED {
        assert!(attributes().stored(name).is_some(), "{name}");
    }
    assert_eq!(attributes().named("TemporalWorkflowId"), attributes().named("WorkflowId"));
    assert_eq!(attributes().named("workflowid"), None);
}

/// A run in the oracle's eyes: which attributes it has, with which values.
type Row = BTreeMap<&'static str, Vec<Value>>;

const NAMES: [&str; 9] = [
    "WorkflowId",
    "StartTime",
    "CloseTime",
    "CustomText",
    "CustomKeyword",
    "CustomInt",
    "CustomDouble",
    "CustomBool",
    "CustomList",
];

/// Evaluates the syntax itself in three-valued logic, independently of normal forms and SQL.
fn naive(expression: &Expression, row: &Row) -> Option<bool> {
    match expression {
        Expression::Not(inner) => naive(inner, row).map(|truth| !truth),
        Expression::And(parts) => {
            let truths: Vec<_> = parts.iter().map(|part| naive(part, row)).collect();
            if truths.contains(&Some(false)) {
                Some(false)
            } else {
                truths.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
            }
        }
        Expression::Or(parts) => {
            let truths: Vec<_> = parts.iter().map(|part| naive(part, row)).collect();
            if truths.contains(&Some(true)) {
                Some(true)
            } else {
                truths.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
        Expression::Test { name, test } => {
            let attribute = attributes().named(&name.text).expect("the generator uses known names");
            let typed = filter::typed(name, attribute, test).expect("the generator writes typed tests");
            let values = row.get(name.text.as_str()).map_or(&[][..], Vec::as_slice);
            naive_test(&typed, values, matches!(attribute.kind, Kind::KeywordList | Kind::Text))
        }
    }
}

fn naive_test(test: &Test<Value>, values: &[Value], many: bool) -> Option<bool> {
    use std::cmp::Ordering;
    fn compare(left: &Value, right: &Value) -> Ordering {
        let number = |value: &Value| match value {
            Value::Int(number) => Some(*number as f64),
            Value::Double(number) => Some(*number),
            Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
            Value::Text(_) => None,
        };
        match (left, right) {
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            _ => number(left).partial_cmp(&number(right)).expect("numbers compare"),
        }
    }
    if let Test::Missing { negated } = test {
        return Some(values.is_empty() != *negated);
    }
    let any = |wanted: &[Value]| values.iter().any(|v| wanted.iter().any(|w| compare(v, w).is_eq()));
    if many {
        // A list or a text contains a value or does not, also when there is none.
        return match test {
            Test::Compare(Comparison::Equal, value) => Some(any(std::slice::from_ref(value))),
            Test::Compare(_, value) => Some(!any(std::slice::from_ref(value))),
            Test::OneOf { values: wanted, negated } => Some(any(wanted) != *negated),
            _ => unreachable!("not generated"),
        };
    }
    let value = values.first()?;
    Some(match test {
        Test::Compare(comparison, other) => {
            let order = compare(value, other);
            match comparison {
                Comparison::Equal => order.is_eq(),
                Comparison::NotEqual => order.is_ne(),
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
                Comparison::Greater => order.is_gt(),
                Comparison::GreaterOrEqual => order.is_ge(),
            }
        }
        Test::OneOf { values: wanted, negated } => any(wanted) != *negated,
        Test::Between { low, high, negated } => {
            (compare(value, low).is_ge() && compare(value, high).is_le()) != *negated
        }
        Test::StartsWith { prefix: Value::Text(prefix), negated } => {
            let Value::Text(whole) = value else { unreachable!("prefixes are for texts") };
            whole.starts_with(prefix.as_str()) != *negated
        }
        Test::StartsWith { .. } | Test::Missing { .. } => unreachable!("not generated"),
    })
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "ab", "b", "ä", "A", "", "a%", "it's"]).prop_map(str::to_owned)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A test that the attribute's type allows, as text.
fn test_text() -> impl Strategy<Value = String> {
    let comparison = prop::sample::select(vec!["=", "!=", "<>", "<", "<=", ">", ">="]);
    let equality = prop::sample::select(vec!["=", "!="]);
    let not = prop::sample::select(vec!["", "NOT "]);
    let keyword = prop::sample::select(vec!["WorkflowId", "CustomKeyword"]);
    let number = prop::sample::select(vec!["CustomInt", "CustomDouble"]);
    let time = prop::sample::select(vec!["StartTime", "CloseTime"]);
    let name = prop::sample::select(NAMES.to_vec());
    let literal =
        prop_oneof![(-3..4_i64).prop_map(|n| n.to_string()), (-3..4_i64).prop_map(|n| format!("{n}.5"))];
    prop_oneof![
        (name, not.clone()).prop_map(|(name, not)| format!("{name} IS {not}NULL")),
        (keyword.clone(), comparison.clone(), word()).prop_map(|(n, c, w)| format!("{n} {c} {}", quoted(&w))),
        (keyword.clone(), not.clone(), word())
            .prop_map(|(n, not, w)| format!("{n} {not}STARTS_WITH {}", quoted(&w))),
        (keyword.clone(), not.clone(), word(), word()).prop_map(|(n, not, a, b)| format!(
            "{n} {not}BETWEEN {} AND {}",
            quoted(&a),
            quoted(&b)
        )),
        (keyword, not.clone(), prop::collection::vec(word(), 1..3)).prop_map(|(n, not, words)| {
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            format!("{n} {not}IN ({})", words.join(", "))
        }),
        (number.clone(), comparison.clone(), literal.clone()).prop_map(|(n, c, v)| format!("{n} {c} {v}")),
        (number, not.clone(), literal.clone(), literal)
            .prop_map(|(n, not, a, b)| format!("{n} {not}BETWEEN {a} AND {b}")),
        (time, comparison, 0..4_i64).prop_map(|(n, c, v)| format!("{n} {c} {v}")),
        (equality.clone(), any::<bool>()).prop_map(|(c, b)| format!("CustomBool {c} {b}")),
        (equality.clone(), word()).prop_map(|(c, w)| format!("CustomList {c} {}", quoted(&w))),
        (not, word(), word()).prop_map(|(n, a, b)| format!(
            "CustomList {n}IN ({}, {})",
            quoted(&a),
            quoted(&b)
        )),
        (equality, prop::sample::select(vec!["a", "b c", "A-ab"]))
            .prop_map(|(c, w)| format!("CustomText {c} '{w}'")),
    ]
}

fn query_text() -> impl Strategy<Value = String> {
    test_text().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| format!("NOT ({part})")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" AND "))),
            prop::collection::vec(inner, 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
        ]
    })
}

fn row() -> impl Strategy<Value = Row> {
    let texts =
        || prop::collection::vec(word(), 0..2).prop_map(|words| words.into_iter().map(Value::Text).collect());
    let list =
        prop::collection::vec(word(), 0..4).prop_map(|words| words.into_iter().map(Value::Text).collect());
    let ints = prop::collection::vec((-3..4_i64).prop_map(Value::Int), 0..2);
    let doubles = prop::collection::vec((-6..8_i64).prop_map(|n| Value::Double(n as f64 / 2.0)), 0..2);
    let bools = prop::collection::vec(any::<bool>().prop_map(Value::Bool), 0..2);
    let text = prop::option::of(prop::sample::select(vec!["a b", "C", "", "ab a"]));
    let id = word().prop_map(|word| vec![Value::Text(word)]);
    let start = (1..4_i64).prop_map(|time| vec![Value::Int(time)]);
    let close = prop::collection::vec((1..4_i64).prop_map(Value::Int), 0..2);
    (id, start, close, text, texts(), ints, doubles, bools, list).prop_map(
        |(id, start, close, text, keyword, int, double, bool, list): (
            _,
            _,
            _,
            _,
            Vec<Value>,
            _,
            _,
            _,
            Vec<Value>,
        )| {
            let text = text.map_or_else(Vec::new, |text| {
                super::value::indexed(vec![Value::Text(text.into())], Kind::Text)
            });
            NAMES.into_iter().zip([id, start, close, text, keyword, int, double, bool, list]).collect()
        },
    )
}

fn matched(query: &str, rows: &[Row]) -> Vec<i64> {
    let connection = rusqlite::Connection::open_in_memory().expect("a database");
    connection
        .execute_batch(
            "CREATE TABLE run (run_key INTEGER PRIMARY KEY, workflow_id TEXT, start_time INTEGER, close_time INTEGER);
             CREATE TABLE search_value (run_key INTEGER, attribute INTEGER, position INTEGER, value);
             CREATE INDEX search_value_by_value ON search_value (attribute, value);",
        )
        .expect("tables");
    for (key, row) in (0_i64..).zip(rows) {
        let bound =
            |name: &str| row[name].first().cloned().map_or(rusqlite::types::Value::Integer(0), Into::into);
        connection
            .execute(
                "INSERT INTO run VALUES (?1, ?2, ?3, ?4)",
                rusqlite::params![key, bound("WorkflowId"), bound("StartTime"), bound("CloseTime")],
            )
            .expect("a run");
        for (name, custom) in &attributes().custom {
            let values = row.get(name.as_str()).cloned().unwrap_or_default();
            for (position, value) in (0_i64..).zip(values) {
                let value: rusqlite::types::Value = value.into();
                connection
                    .execute(
                        "INSERT INTO search_value VALUES (?1, ?2, ?3, ?4)",
                        rusqlite::params![key, custom.id, position, value],
                    )
                    .expect("a value");
            }
        }
    }
    let query = Query::parse(query, &attributes()).expect("the generator writes valid queries");
    let condition = sql::condition(&query.filter);
    let mut statement = connection
        .prepare(&format!("SELECT run_key FROM run WHERE {} ORDER BY run_key", condition.text))
        .expect("valid SQL");
    let keys = statement.query_map(rusqlite::params_from_iter(condition.values), |row| row.get(0));
    keys.expect("it runs").collect::<rusqlite::Result<_>>().expect("keys")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn sql_matches_what_the_syntax_says(query in query_text(), rows in prop::collection::vec(row(), 1..8)) {
        let statement = parse(&query).expect("the generator writes valid queries");
        let expression = statement.condition.expect("there is a condition");
        let expected: Vec<i64> =
            (0..).zip(&rows).filter(|(_, row)| naive(&expression, row) == Some(true)).map(|(key, _)| key).collect();
        prop_assert_eq!(matched(&query, &rows), expected, "{}", query);
    }

    #[test]
    fn so_does_a_filter_in_memory(query in query_text(), row in row()) {
        let statement = parse(&query).expect("the generator writes valid queries");
        let expression = statement.condition.expect("there is a condition");
        let filter = Query::parse(&query, &attributes()).expect("the generator writes valid queries").filter;
        let values = |asked| {
            let named = row.iter().find(|(name, _)| attributes().named(name) == Some(asked));
            named.map(|(_, values)| values.clone()).unwrap_or_default()
        };
        prop_assert_eq!(filter.matches(&values), naive(&expression, &row) == Some(true), "{}", query);
    }

    #[test]
    fn no_text_makes_the_parser_panic(query in "[ -~äß\\n]{0,60}") {
        let _ = Query::parse(&query, &attributes());
        let _ = tokenize(&query);
    }

    #[test]
    fn times_and_words_never_panic(text in any::<String>()) {
        let _ = (parse_time(&text), words(&text));
    }
}

#[test]
fn numbers_keep_their_kind() {
    use LiteralValue::{Double, Int};
    let statement = parse("CustomInt IN (1, -2, +3, 1.5, 1e3, .5)").expect("numbers");
    let Some(Expression::Test { test: Test::OneOf { values, .. }, .. }) = statement.condition else {
        panic!("an IN test")
    };
    let values: Vec<_> = values.into_iter().map(|literal| literal.value).collect();
    assert_eq!(values, [Int(1), Int(-2), Int(3), Double(1.5), Double(1000.0), Double(0.5)]);
}
