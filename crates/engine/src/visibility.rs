//! A useful part of Temporal's list filters, as a condition over the `run` table.
//!
//! `field op value` with =, !=, <, <=, >, >=, IN, BETWEEN and STARTS_WITH over the system's own attributes,
//! joined by AND, OR, NOT and parentheses. Values only ever become bound parameters.

use crate::proto::enums::WorkflowExecutionStatus as Status;
use rusqlite::types::Value;
use std::fmt::Write;

/// A filter as SQL.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Filter {
    pub condition: String,
    pub values: Vec<Value>,
}

/// Nesting allowed in a filter; it bounds the recursion of the parser.
const DEEPEST: usize = 32;

/// Translates a filter. An empty one matches everything.
pub(crate) fn parse(query: &str) -> Result<Filter, String> {
    let tokens = tokenize(query)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, filter: Filter::default() };
    if tokens.is_empty() {
        parser.filter.condition = "1".into();
        return Ok(parser.filter);
    }
    parser.either()?;
    match parser.tokens.get(parser.at) {
        None => Ok(parser.filter),
        Some(Token::Word(word)) if word.eq_ignore_ascii_case("order") => Ok(parser.filter),
        Some(token) => Err(format!("unexpected {} in the filter", token.describe())),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Symbol(&'static str),
}

impl Token {
    fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Text(text) => format!("'{text}'"),
            Self::Symbol(symbol) => format!("`{symbol}`"),
        }
    }
}

fn tokenize(query: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(symbol) = ["!=", "<=", ">=", "=", "<", ">", "(", ")", ","]
            .into_iter()
            .find(|symbol| rest.starts_with(symbol))
        {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else if matches!(first, '\'' | '"') {
            let body = &rest[1..];
            let end = body.find(first).ok_or_else(|| format!("a text is not closed: {rest}"))?;
            tokens.push(Token::Text(body[..end].to_owned()));
            rest = &body[end + 1..];
        } else if first == '`' {
            let body = &rest[1..];
            let end = body.find('`').ok_or_else(|| format!("a name is not closed: {rest}"))?;
            tokens.push(Token::Word(body[..end].to_owned()));
            rest = &body[end + 1..];
        } else {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '+')))
                .unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("unexpected character {first:?} in the filter"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    filter: Filter,
}

#[derive(Clone, Copy)]
enum Column {
    Text(&'static str),
    Time(&'static str),
    Status,
}

impl Column {
    fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "WorkflowId" => Self::Text("workflow_id"),
            "RunId" => Self::Text("run_id"),
            "WorkflowType" => Self::Text("workflow_type"),
            "StartTime" | "ExecutionTime" => Self::Time("start_time"),
            "CloseTime" => Self::Time("close_time"),
            "ExecutionStatus" => Self::Status,
            other => return Err(format!("the filter names the unknown attribute {other}")),
        })
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Time(name) => name,
            Self::Status => "status",
        }
    }

    fn value(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text(_) => Ok(Value::Text(text.to_owned())),
            Self::Time(_) => parse_time(text).map(Value::Integer),
            Self::Status => {
                let upper = format!("WORKFLOW_EXECUTION_STATUS_{}", screaming(text));
                Status::from_str_name(&upper)
                    .map(|status| Value::Integer(i64::from(status as i32)))
                    .ok_or_else(|| format!("{text:?} is not an execution status"))
            }
        }
    }
}

/// `TimedOut` to `TIMED_OUT`.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for (index, c) in name.chars().enumerate() {
        if c.is_uppercase() && index > 0 {
            out.push('_');
        }
        out.extend(c.to_uppercase());
    }
    out
}

/// RFC 3339 in UTC, or nanoseconds since the epoch.
fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(nanos) = text.parse() {
        return Ok(nanos);
    }
    text.parse::<prost_wkt_types::Timestamp>()
        .map(|time| crate::kernel::Timestamp::from_proto(Some(&time)).0)
        .map_err(|_| format!("{text:?} is not a time; write it like 2026-01-31T12:00:00Z"))
}

impl Parser<'_> {
    fn either(&mut self) -> Result<(), String> {
        self.both()?;
        while self.keyword("or") {
            self.filter.condition.push_str(" OR ");
            self.both()?;
        }
        Ok(())
    }

    fn both(&mut self) -> Result<(), String> {
        self.one()?;
        while self.keyword("and") {
            self.filter.condition.push_str(" AND ");
            self.one()?;
        }
        Ok(())
    }

    fn one(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("the filter nests deeper than {DEEPEST} levels"));
        }
        if self.keyword("not") {
            self.filter.condition.push_str("NOT ");
            self.one()?;
        } else if self.symbol("(") {
            self.filter.condition.push('(');
            self.either()?;
            self.expect(")")?;
            self.filter.condition.push(')');
        } else {
            self.comparison()?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn comparison(&mut self) -> Result<(), String> {
        let Some(Token::Word(name)) = self.tokens.get(self.at) else {
            return Err("the filter lacks the name of an attribute".into());
        };
        let column = Column::named(name)?;
        self.at += 1;
        if self.keyword("in") {
            self.expect("(")?;
            self.filter.condition.push_str(column.sql());
            self.filter.condition.push_str(" IN (");
            loop {
                self.bind(column)?;
                if !self.symbol(",") {
                    break;
                }
                self.filter.condition.push_str(", ");
            }
            self.expect(")")?;
            self.filter.condition.push(')');
        } else if self.keyword("between") {
            self.filter.condition.push_str(column.sql());
            self.filter.condition.push_str(" BETWEEN ");
            self.bind(column)?;
            if !self.keyword("and") {
                return Err("BETWEEN lacks its AND".into());
            }
            self.filter.condition.push_str(" AND ");
            self.bind(column)?;
        } else if self.keyword("starts_with") {
            // A prefix comparison that needs no escaping of wildcards.
            let prefix = self.literal()?;
            let length = prefix.chars().count() as i64;
            let _ = write!(self.filter.condition, "substr({}, 1, ?) = ?", column.sql());
            self.filter.values.extend([Value::Integer(length), Value::Text(prefix)]);
        } else {
            let Some(Token::Symbol(operator @ ("=" | "!=" | "<" | "<=" | ">" | ">="))) =
                self.tokens.get(self.at)
            else {
                return Err(format!("{name} lacks a comparison in the filter"));
            };
            self.at += 1;
            let _ = write!(self.filter.condition, "{} {operator} ", column.sql());
            self.bind(column)?;
        }
        Ok(())
    }

    fn bind(&mut self, column: Column) -> Result<(), String> {
        let value = column.value(&self.literal()?)?;
        self.filter.values.push(value);
        self.filter.condition.push('?');
        Ok(())
    }

    fn literal(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some(Token::Text(text) | Token::Word(text)) => {
                self.at += 1;
                Ok(text.clone())
            }
            _ => Err("the filter lacks a value".into()),
        }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found =
            matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.symbol(symbol) { Ok(()) } else { Err(format!("the filter lacks a `{symbol}`")) }
    }
}
