//! Finding runs: Temporal's list filters, and the search attributes they are about.
//!
//! A query goes through [`lexer`] and [`parser`], gets names and types in [`filter`], and becomes SQL in
//! [`sql`], or is asked of what is in memory ([`matches`]). All of it is pure; `storage` runs the SQL.

pub(crate) mod attributes;
pub(crate) mod check;
pub(crate) mod filter;
mod lexer;
mod matches;
mod parser;
pub(crate) mod sql;
#[cfg(test)]
mod tests;
pub(crate) mod value;

pub(crate) use attributes::Attributes;
pub(crate) use filter::{Query, status_name};
pub(crate) use parser::Direction;

/// A query that is refused, in the reference server's words where it has any.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid query: {0}")]
pub(crate) struct QueryError(String);

impl QueryError {
    fn malformed(at: usize, near: &str) -> Self {
        Self(format!("malformed SQL query: syntax error at position {at} near '{near}'"))
    }

    fn unsupported(what: &str) -> Self {
        Self(format!("operation is not supported: {what}"))
    }

    fn expression(what: &str) -> Self {
        Self(format!("invalid expression: {what}"))
    }

    fn unknown(name: &str, at: usize) -> Self {
        Self(format!("invalid search attribute: {name} (at position {at})"))
    }
}
