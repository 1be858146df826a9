//! A filter as SQL over the `run` table and its search values. What a client sent only ever becomes a bound
//! parameter.

use super::attributes::{Attribute, Source, System};
use super::filter::{Filter, Query};
use super::parser::{Comparison, Direction, Test};
use super::value::Value;
use crate::proto::enums::IndexedValueType as Kind;
use rusqlite::types::Value as Bound;
use std::fmt::Write;

/// A piece of SQL and the values of its parameters, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sql {
    pub text: String,
    pub values: Vec<Bound>,
}

impl From<Value> for Bound {
    fn from(value: Value) -> Self {
        match value {
            Value::Int(number) => Self::Integer(number),
            Value::Double(number) => Self::Real(number),
            Value::Bool(truth) => Self::Integer(i64::from(truth)),
            Value::Text(text) => Self::Text(text),
        }
    }
}

/// When a run closed, later than any time while it has not: open runs come first in listings. The index
/// `run_by_close` is over this very text.
pub(crate) const CLOSE_ORDER: &str = "iif(close_time = 0, 9223372036854775807, close_time)";

/// The condition that a filter is.
pub(crate) fn condition(filter: &Filter) -> Sql {
    let mut sql = Sql::default();
    write_filter(&mut sql, filter);
    sql
}

fn write_filter(sql: &mut Sql, filter: &Filter) {
    let (parts, joint, neutral) = match filter {
        Filter::All(parts) => (parts, " AND ", "1"),
        Filter::Any(parts) => (parts, " OR ", "0"),
        Filter::Test { attribute, test } => return write_test(sql, *attribute, test),
    };
    if parts.is_empty() {
        sql.text.push_str(neutral);
        return;
    }
    sql.text.push('(');
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            sql.text.push_str(joint);
        }
        write_filter(sql, part);
    }
    sql.text.push(')');
}

fn write_test(sql: &mut Sql, attribute: Attribute, test: &Test<Value>) {
    match attribute.source {
        Source::System(system) => write_plain_test(sql, column(system), test),
        Source::Stored(id) => write_stored_test(sql, id, attribute.kind, test),
    }
}

/// A test of rows in the table of search values: some row satisfies it, or, of a list and of a text, none
/// satisfies the opposite.
fn write_stored_test(sql: &mut Sql, id: i64, kind: Kind, test: &Test<Value>) {
    let rows = |sql: &mut Sql, within: bool| {
        let operator = if within { "IN" } else { "NOT IN" };
        let _ =
            write!(sql.text, "run_key {operator} (SELECT run_key FROM search_value WHERE attribute = {id}");
    };
    let many = matches!(kind, Kind::KeywordList | Kind::Text);
    let positive = match test {
        Test::Missing { negated } => {
            rows(sql, *negated);
            sql.text.push(')');
            return;
        }
        Test::Compare(Comparison::NotEqual, value) if many => {
            Some(Test::Compare(Comparison::Equal, value.clone()))
        }
        Test::OneOf { values, negated: true } if many => {
            Some(Test::OneOf { values: values.clone(), negated: false })
        }
        _ => None,
    };
    rows(sql, positive.is_none());
    sql.text.push_str(" AND ");
    write_plain_test(sql, "value", positive.as_ref().unwrap_or(test));
    sql.text.push(')');
}

fn write_plain_test(sql: &mut Sql, column: &str, test: &Test<Value>) {
    let not = |negated: &bool| if *negated { "NOT " } else { "" };
    match test {
        Test::Compare(comparison, value) => {
            let _ = write!(sql.text, "{column} {} ?", comparison.symbol());
            sql.values.push(value.clone().into());
        }
        Test::OneOf { values, negated } => {
            let marks = vec!["?"; values.len()].join(", ");
            let _ = write!(sql.text, "{column} {}IN ({marks})", not(negated));
            sql.values.extend(values.iter().cloned().map(Bound::from));
        }
        Test::Between { low, high, negated } => {
            let _ = write!(sql.text, "{column} {}BETWEEN ? AND ?", not(negated));
            sql.values.extend([low.clone().into(), high.clone().into()]);
        }
        Test::StartsWith { prefix, negated } => {
            let length = match prefix {
                Value::Text(start) => start.chars().count() as i64,
                _ => 0,
            };
            // The first half lets an index find where to begin; the second is the condition, which needs no
            // escaping of wildcards.
            let _ = write!(sql.text, "{}({column} >= ? AND substr({column}, 1, ?) = ?)", not(negated));
            sql.values.extend([prefix.clone().into(), Bound::Integer(length), prefix.clone().into()]);
        }
        Test::Missing { negated } => {
            let _ = write!(sql.text, "{column} IS {}NULL", not(negated));
        }
    }
}

/// What a system attribute is in terms of the columns of `run`; NULL where the run does not have it. As on the
/// reference server, what still changes while a run is open is known only of closed runs.
fn column(system: System) -> &'static str {
    match system {
        System::WorkflowId => "workflow_id",
        System::RunId => "run_id",
        System::WorkflowType => "workflow_type",
        System::StartTime => "start_time",
        System::ExecutionTime => "execution_time",
        System::CloseTime => "nullif(close_time, 0)",
        System::ExecutionStatus => "status",
        System::TaskQueue => "task_queue",
        System::HistoryLength => "iif(close_time = 0, NULL, history_length)",
        System::ExecutionDuration => "iif(close_time = 0, NULL, close_time - execution_time)",
        System::StateTransitionCount => "iif(close_time = 0, NULL, state_transitions)",
        System::HistorySizeBytes => "iif(close_time = 0, NULL, history_bytes)",
        System::ParentWorkflowId => "nullif(parent_workflow_id, '')",
        System::ParentRunId => "nullif(parent_run_id, '')",
        System::RootWorkflowId => "root_workflow_id",
        System::RootRunId => "root_run_id",
    }
}

/// One key that a listing is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortKey {
    pub expression: String,
    pub direction: Direction,
}

/// The order of a listing. The last key tells any two runs apart. Without an order in the query, open runs
/// come first, then those closed last; runs that lack an attribute come after those that have it.
pub(crate) fn order(query: &Query) -> Vec<SortKey> {
    let key = |expression: &str, direction| SortKey { expression: expression.to_owned(), direction };
    let mut keys = Vec::new();
    for (attribute, direction) in &query.order_by {
        let expression = match attribute.source {
            Source::System(system) => column(system).to_owned(),
            Source::Stored(id) => format!(
                "(SELECT value FROM search_value WHERE search_value.run_key = run.run_key AND attribute = {id} \
                 AND position = 0)"
            ),
        };
        keys.push(key(&format!("({expression}) IS NULL"), Direction::Ascending));
        keys.push(SortKey { expression, direction: *direction });
    }
    if keys.is_empty() {
        keys.push(key(CLOSE_ORDER, Direction::Descending));
        keys.push(key("start_time", Direction::Descending));
    }
    keys.push(key("run_key", Direction::Descending));
    keys
}

/// The condition that a run comes after the one with these sort keys.
pub(crate) fn after(keys: &[SortKey], last: &[Bound]) -> Sql {
    let mut sql = Sql::default();
    if keys.iter().all(|key| key.direction == Direction::Descending) {
        // All downwards and none NULL: one comparison of rows, which an index over them serves.
        let names: Vec<&str> = keys.iter().map(|key| key.expression.as_str()).collect();
        let marks = vec!["?"; keys.len()].join(", ");
        let _ = write!(sql.text, "({}) < ({marks})", names.join(", "));
        sql.values.extend_from_slice(last);
        return sql;
    }
    sql.text.push('(');
    for (index, (key, value)) in keys.iter().zip(last).enumerate() {
        if index > 0 {
            sql.text.push_str(" OR ");
        }
        sql.text.push('(');
        for (earlier, value) in keys.iter().zip(last).take(index) {
            let _ = write!(sql.text, "{} IS ? AND ", earlier.expression);
            sql.values.push(value.clone());
        }
        let operator = if key.direction == Direction::Ascending { ">" } else { "<" };
        let _ = write!(sql.text, "{} {operator} ?)", key.expression);
        sql.values.push(value.clone());
    }
    sql.text.push(')');
    sql
}
