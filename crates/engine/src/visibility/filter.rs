//! A filter with its names resolved and its values of the right types, in negation normal form.
//!
//! A comparison with an attribute that a run lacks is neither true nor false, so that its negation does not
//! match either. Pushing every NOT down to the tests leaves a condition in which each test is plainly true or
//! not, and which matches exactly what the three-valued one does.

use super::QueryError;
use super::attributes::{Attribute, Attributes, Source, System, kind_name};
use super::parser::{Comparison, Direction, Expression, Literal, LiteralValue, Name, Test};
use super::value::{Value, parse_time, words};
use crate::proto::enums::{IndexedValueType as Kind, WorkflowExecutionStatus as Status};

/// A condition over runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Test { attribute: Attribute, test: Test<Value> },
}

/// A whole query: which runs, in which order, or in which groups.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub filter: Filter,
    pub order_by: Vec<(Attribute, Direction)>,
    /// Whether runs are counted by status.
    pub by_status: bool,
}

impl Query {
    /// Reads a query. An empty one means every run.
    pub(crate) fn parse(text: &str, attributes: &Attributes) -> Result<Self, QueryError> {
        let statement = super::parser::parse(text)?;
        let filter = match &statement.condition {
            Some(expression) => resolve(expression, attributes, false)?,
            None => Filter::All(Vec::new()),
        };
        let order_by = statement
            .order_by
            .iter()
            .map(|(name, direction)| {
                let attribute = attribute(name, attributes)?;
                if attribute.kind == Kind::Text {
                    return Err(QueryError::unsupported("unable to sort by search attribute type Text"));
                }
                Ok((attribute, *direction))
            })
            .collect::<Result<_, _>>()?;
        if statement.group_by.len() > 1 {
            return Err(QueryError::unsupported("'GROUP BY' clause supports only a single field"));
        }
        for name in &statement.group_by {
            if attribute(name, attributes)?.source != Source::System(System::ExecutionStatus) {
                return Err(QueryError::unsupported(&format!(
                    "'GROUP BY' clause is not supported for search attribute {}",
                    name.text
                )));
            }
        }
        Ok(Self { filter, order_by, by_status: !statement.group_by.is_empty() })
    }
}

fn attribute(name: &Name, attributes: &Attributes) -> Result<Attribute, QueryError> {
    attributes.named(&name.text).ok_or_else(|| QueryError::unknown(&name.text, name.at))
}

fn resolve(expression: &Expression, attributes: &Attributes, negated: bool) -> Result<Filter, QueryError> {
    let all = |parts: &[Expression]| {
        parts.iter().map(|part| resolve(part, attributes, negated)).collect::<Result<Vec<_>, _>>()
    };
    match expression {
        Expression::Not(inner) => resolve(inner, attributes, !negated),
        Expression::And(parts) if negated => Ok(Filter::Any(all(parts)?)),
        Expression::Or(parts) if negated => Ok(Filter::All(all(parts)?)),
        Expression::And(parts) => Ok(Filter::All(all(parts)?)),
        Expression::Or(parts) => Ok(Filter::Any(all(parts)?)),
        Expression::Test { name, test } => {
            let attribute = attribute(name, attributes)?;
            let test = typed(name, attribute, test)?;
            Ok(Filter::Test { attribute, test: if negated { opposite(test) } else { test } })
        }
    }
}

fn opposite(test: Test<Value>) -> Test<Value> {
    match test {
        Test::Compare(comparison, value) => Test::Compare(comparison.opposite(), value),
        Test::OneOf { values, negated } => Test::OneOf { values, negated: !negated },
        Test::Between { low, high, negated } => Test::Between { low, high, negated: !negated },
        Test::StartsWith { prefix, negated } => Test::StartsWith { prefix, negated: !negated },
        Test::Missing { negated } => Test::Missing { negated: !negated },
    }
}

/// Checks that the attribute's type allows the test, and converts its values.
pub(super) fn typed(
    name: &Name,
    attribute: Attribute,
    test: &Test<Literal>,
) -> Result<Test<Value>, QueryError> {
    let kind = attribute.kind;
    let one = |literal: &Literal| value(name, attribute, literal);
    let refused = |operator: &str| {
        Err(QueryError::unsupported(&format!(
            "operator '{operator}' not supported for {} type search attribute '{}' at position {}",
            kind_name(kind),
            name.text,
            name.at
        )))
    };
    let is_status = attribute.source == Source::System(System::ExecutionStatus);
    let ordered = !matches!(kind, Kind::KeywordList | Kind::Text | Kind::Bool) && !is_status;
    Ok(match test {
        Test::Compare(comparison, literal) => {
            if !ordered && !matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
                return refused(comparison.symbol());
            }
            if kind == Kind::Text {
                let negated = *comparison == Comparison::NotEqual;
                return Ok(Test::OneOf { values: words_of(name, literal)?, negated });
            }
            Test::Compare(*comparison, one(literal)?)
        }
        Test::OneOf { negated, .. } if kind == Kind::Text => {
            return refused(if *negated { "NOT IN" } else { "IN" });
        }
        Test::OneOf { values, negated } => {
            Test::OneOf { values: values.iter().map(one).collect::<Result<_, _>>()?, negated: *negated }
        }
        Test::Between { .. } if !ordered => {
            return Err(QueryError::expression(&format!(
                "cannot do range condition on search attribute '{}' of type {} at position {}",
                name.text,
                kind_name(kind),
                name.at
            )));
        }
        Test::Between { low, high, negated } => {
            Test::Between { low: one(low)?, high: one(high)?, negated: *negated }
        }
        Test::StartsWith { negated, .. } if kind != Kind::Keyword || is_status => {
            return refused(if *negated { "NOT STARTS_WITH" } else { "STARTS_WITH" });
        }
        Test::StartsWith { prefix, negated } => Test::StartsWith { prefix: one(prefix)?, negated: *negated },
        Test::Missing { negated } => Test::Missing { negated: *negated },
    })
}

fn words_of(name: &Name, literal: &Literal) -> Result<Vec<Value>, QueryError> {
    let words = match &literal.value {
        LiteralValue::Text(text) => words(text),
        _ => return Err(wrong_type(name, Kind::Text, literal)),
    };
    if words.is_empty() {
        return Err(QueryError::expression(&format!(
            "no tokens found filtering on Text type search attribute {}",
            name.text
        )));
    }
    Ok(words.into_iter().map(Value::Text).collect())
}

fn wrong_type(name: &Name, kind: Kind, literal: &Literal) -> QueryError {
    let shown = match &literal.value {
        LiteralValue::Text(text) => format!("{text:?} (type: string)"),
        LiteralValue::Int(number) => format!("{number} (type: int64)"),
        LiteralValue::Double(number) => format!("{number} (type: float64)"),
        LiteralValue::Bool(truth) => format!("{truth} (type: bool)"),
    };
    QueryError::expression(&format!(
        "invalid value type for search attribute {} of type {}: {shown} at position {}",
        name.text,
        kind_name(kind),
        literal.at
    ))
}

fn value(name: &Name, attribute: Attribute, literal: &Literal) -> Result<Value, QueryError> {
    let kind = attribute.kind;
    if attribute.source == Source::System(System::ExecutionStatus) {
        return status(literal).map(|status| Value::Int(i64::from(status as i32)));
    }
    match (&literal.value, kind) {
        (LiteralValue::Text(text), _) if attribute.source == Source::System(System::ExecutionDuration) => {
            parse_duration(text).map(Value::Int).ok_or_else(|| {
                QueryError::expression(&format!(
                    "invalid duration value for search attribute ExecutionDuration: {text}"
                ))
            })
        }
        (LiteralValue::Int(number), Kind::Int | Kind::Double | Kind::Datetime) => Ok(Value::Int(*number)),
        (LiteralValue::Double(number), Kind::Int | Kind::Double) => Ok(Value::Double(*number)),
        (LiteralValue::Bool(truth), Kind::Bool) => Ok(Value::Bool(*truth)),
        (LiteralValue::Text(text), Kind::Keyword | Kind::KeywordList) => Ok(Value::Text(text.clone())),
        (LiteralValue::Text(text), Kind::Datetime) => parse_time(text).map(Value::Int).ok_or_else(|| {
            QueryError::expression(&format!("unable to parse datetime '{text}' at position {}", literal.at))
        }),
        _ => Err(wrong_type(name, kind, literal)),
    }
}

fn status(literal: &Literal) -> Result<Status, QueryError> {
    let (found, shown) = match &literal.value {
        LiteralValue::Int(number) => {
            (i32::try_from(*number).ok().and_then(|number| Status::try_from(number).ok()), number.to_string())
        }
        LiteralValue::Text(text) => (status_named(text), format!("'{text}'")),
        LiteralValue::Double(number) => (None, number.to_string()),
        LiteralValue::Bool(truth) => (None, truth.to_string()),
    };
    found.ok_or_else(|| {
        QueryError::expression(&format!("invalid ExecutionStatus value {shown} at position {}", literal.at))
    })
}

fn status_named(text: &str) -> Option<Status> {
    Status::from_str_name(text)
        .or_else(|| (0..).map_while(|n| Status::try_from(n).ok()).find(|s| status_name(*s) == text))
}

/// A status as filters and groups write it: `TimedOut` for `WORKFLOW_EXECUTION_STATUS_TIMED_OUT`.
pub(crate) fn status_name(status: Status) -> String {
    let words = status.as_str_name().trim_start_matches("WORKFLOW_EXECUTION_STATUS_").split('_');
    words.map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect()
}

/// Nanoseconds of `1h30m`, `2d`, `1.5s`, `01:30:00`, or a plain number of nanoseconds.
fn parse_duration(text: &str) -> Option<i64> {
    const SECOND: f64 = 1e9;
    if let Ok(nanos) = text.parse() {
        return Some(nanos);
    }
    let parts: Vec<&str> = text.split(':').collect();
    if let [hours, minutes, seconds] = parts[..] {
        let (hours, minutes, seconds): (i64, i64, i64) =
            (hours.parse().ok()?, minutes.parse().ok()?, seconds.parse().ok()?);
        let in_range = hours >= 0 && (0..60).contains(&minutes) && (0..60).contains(&seconds);
        return in_range.then(|| {
            hours.saturating_mul(3_600).saturating_add(minutes * 60 + seconds).saturating_mul(1_000_000_000)
        });
    }
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let length = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..length] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => SECOND,
            "m" => 60.0 * SECOND,
            "h" => 3_600.0 * SECOND,
            "d" => 86_400.0 * SECOND,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[length..];
    }
    Some((sign * total) as i64)
}
