//! Filters over what is held in memory: schedules. Each test is plainly true or not, see [`super::filter`].

use super::attributes::Attribute;
use super::filter::Filter;
use super::parser::{Comparison, Test};
use super::value::Value;
use crate::proto::enums::IndexedValueType as Kind;
use std::cmp::Ordering;

impl Filter {
    /// Whether something matches that has these values of its attributes, as they are indexed.
    pub(crate) fn matches(&self, values: &impl Fn(Attribute) -> Vec<Value>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(values)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(values)),
            Self::Test { attribute, test } => {
                let many = matches!(attribute.kind, Kind::KeywordList | Kind::Text);
                holds(test, &values(*attribute), many)
            }
        }
    }
}

/// What holds of an attribute with these values; `many` where it may have more than one, and then what is not among them
/// is known not to be, also where there is none.
fn holds(test: &Test<Value>, values: &[Value], many: bool) -> bool {
    if let Test::Missing { negated } = test {
        return values.is_empty() != *negated;
    }
    if values.is_empty() && !many {
        return false;
    }
    let any = |check: &dyn Fn(&Value) -> bool| values.iter().any(check);
    let is = |value: &Value, other: &Value, orders: &[Ordering]| orders.contains(&order(value, other));
    match test {
        Test::Compare(comparison, other) => {
            let (orders, negated): (&[Ordering], bool) = match comparison {
                Comparison::Equal => (&[Ordering::Equal], false),
                Comparison::NotEqual => (&[Ordering::Equal], true),
                Comparison::Less => (&[Ordering::Less], false),
                Comparison::LessOrEqual => (&[Ordering::Less, Ordering::Equal], false),
                Comparison::Greater => (&[Ordering::Greater], false),
                Comparison::GreaterOrEqual => (&[Ordering::Greater, Ordering::Equal], false),
            };
            any(&|value| is(value, other, orders)) != negated
        }
        Test::OneOf { values: others, negated } => {
            any(&|value| others.iter().any(|other| order(value, other).is_eq())) != *negated
        }
        Test::Between { low, high, negated } => {
            any(&|value| order(value, low).is_ge() && order(value, high).is_le()) != *negated
        }
        Test::StartsWith { prefix, negated } => any(&|value| starts_with(value, prefix)) != *negated,
        Test::Missing { .. } => false,
    }
}

/// Values of one attribute are all numbers or all texts.
fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        _ => number(left).total_cmp(&number(right)),
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Int(number) => *number as f64,
        Value::Double(number) => *number,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Text(_) => f64::NAN,
    }
}

fn starts_with(value: &Value, prefix: &Value) -> bool {
    matches!((value, prefix), (Value::Text(value), Value::Text(prefix)) if value.starts_with(prefix.as_str()))
}
