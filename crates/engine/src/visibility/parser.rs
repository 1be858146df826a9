//! A list filter's grammar: what it says, before anyone knows whether the names exist.
//!
//! ```text
//! filter     = [either] [GROUP BY name {, name}] [ORDER BY name [ASC|DESC] {, …}]
//! either     = both {OR both}
//! both       = one {AND one}
//! one        = NOT one | ( either ) | name test
//! test       = operator literal | [NOT] IN ( literal {, literal} ) | [NOT] BETWEEN literal AND literal
//!            | [NOT] STARTS_WITH literal | IS [NOT] NULL
//! ```

use super::QueryError;
use super::lexer::{Placed, Token, tokenize};

/// Nesting allowed in a filter; it bounds the recursion of the parser.
const DEEPEST: usize = 32;
/// Comparisons allowed in a filter; SQLite's own limit on the depth of an expression is 1,000.
const MOST_TESTS: usize = 500;

/// A parsed filter.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Statement {
    pub condition: Option<Expression>,
    pub group_by: Vec<Name>,
    pub order_by: Vec<(Name, Direction)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

#[derive(Debug, PartialEq)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Test { name: Name, test: Test<Literal> },
}

/// What is said of one attribute. Literals as written, or values of the attribute's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test<V> {
    Compare(Comparison, V),
    OneOf {
        values: Vec<V>,
        negated: bool,
    },
    Between {
        low: V,
        high: V,
        negated: bool,
    },
    StartsWith {
        prefix: V,
        negated: bool,
    },
    /// `IS NULL`, or `IS NOT NULL` where negated.
    Missing {
        negated: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// As SQL and as error messages write it.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// What holds of a value exactly when this does not.
    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }
}

/// A name and its place in the filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub text: String,
    pub at: usize,
}

/// A value and its place in the filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Literal {
    pub value: LiteralValue,
    pub at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum LiteralValue {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

/// Parses a filter. An empty one says nothing.
pub(super) fn parse(query: &str) -> Result<Statement, QueryError> {
    let tokens = tokenize(query)?;
    let mut parser = Parser { tokens: &tokens, next: 0, depth: 0, tests: 0, end: query.chars().count() + 1 };
    let mut statement = Statement::default();
    if !tokens.is_empty() && !parser.is_keyword("order") && !parser.is_keyword("group") {
        statement.condition = Some(parser.either()?);
    }
    if parser.keyword("group") {
        parser.expect_keyword("by")?;
        statement.group_by = parser.list(Parser::name)?;
    }
    if parser.keyword("order") {
        parser.expect_keyword("by")?;
        statement.order_by = parser.list(|parser| {
            let name = parser.name()?;
            let descending = parser.keyword("desc");
            if !descending {
                parser.keyword("asc");
            }
            Ok((name, if descending { Direction::Descending } else { Direction::Ascending }))
        })?;
    }
    if parser.is_keyword("limit") {
        return Err(QueryError::unsupported("'LIMIT' clause"));
    }
    match parser.tokens.get(parser.next) {
        None => Ok(statement),
        Some(_) => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    tokens: &'a [Placed],
    next: usize,
    depth: usize,
    tests: usize,
    /// The place just after the filter.
    end: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Expression, QueryError> {
        self.joined("or", Self::both, Expression::Or)
    }

    fn both(&mut self) -> Result<Expression, QueryError> {
        self.joined("and", Self::one, Expression::And)
    }

    fn joined(
        &mut self,
        keyword: &str,
        part: impl Fn(&mut Self) -> Result<Expression, QueryError>,
        join: impl Fn(Vec<Expression>) -> Expression,
    ) -> Result<Expression, QueryError> {
        let first = part(self)?;
        if !self.is_keyword(keyword) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.keyword(keyword) {
            parts.push(part(self)?);
        }
        Ok(join(parts))
    }

    fn one(&mut self) -> Result<Expression, QueryError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(QueryError::malformed(
                self.place(),
                &format!("parentheses nested deeper than {DEEPEST} levels"),
            ));
        }
        let expression = if self.keyword("not") {
            Expression::Not(Box::new(self.one()?))
        } else if self.symbol("(") {
            let inner = self.either()?;
            self.expect_symbol(")")?;
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn test(&mut self) -> Result<Expression, QueryError> {
        self.tests += 1;
        if self.tests > MOST_TESTS {
            return Err(QueryError::malformed(self.place(), &format!("more than {MOST_TESTS} comparisons")));
        }
        let name = self.name()?;
        let negated = self.keyword("not");
        let test = if self.keyword("in") {
            self.expect_symbol("(")?;
            let values = self.list(Self::literal)?;
            self.expect_symbol(")")?;
            Test::OneOf { values, negated }
        } else if self.keyword("between") {
            let low = self.literal()?;
            self.expect_keyword("and")?;
            Test::Between { low, high: self.literal()?, negated }
        } else if self.keyword("starts_with") {
            Test::StartsWith { prefix: self.literal()?, negated }
        } else if self.is_keyword("like") {
            return Err(QueryError::unsupported(&format!("operator 'LIKE' at position {}", self.place())));
        } else if negated {
            return Err(self.unexpected());
        } else if self.keyword("is") {
            let negated = self.keyword("not");
            if !self.keyword("null") {
                return Err(QueryError::expression(
                    "'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'",
                ));
            }
            Test::Missing { negated }
        } else {
            let comparison = self.comparison(&name)?;
            Test::Compare(comparison, self.literal()?)
        };
        Ok(Expression::Test { name, test })
    }

    fn comparison(&mut self, name: &Name) -> Result<Comparison, QueryError> {
        let comparison = match self.peek() {
            Some(Token::Symbol("=")) => Comparison::Equal,
            Some(Token::Symbol("!=" | "<>")) => Comparison::NotEqual,
            Some(Token::Symbol("<")) => Comparison::Less,
            Some(Token::Symbol("<=")) => Comparison::LessOrEqual,
            Some(Token::Symbol(">")) => Comparison::Greater,
            Some(Token::Symbol(">=")) => Comparison::GreaterOrEqual,
            None => {
                return Err(QueryError::expression(&format!(
                    "incomplete expression: '{}' at position {} lacks a comparison",
                    name.text, name.at
                )));
            }
            Some(_) => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(comparison)
    }

    fn name(&mut self) -> Result<Name, QueryError> {
        let at = self.place();
        match self.peek() {
            Some(Token::Word(text) | Token::Quoted(text)) => {
                let text = text.clone();
                self.next += 1;
                Ok(Name { text, at })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn literal(&mut self) -> Result<Literal, QueryError> {
        let at = self.place();
        let value = match self.peek() {
            Some(Token::Text(text)) => LiteralValue::Text(text.clone()),
            Some(Token::Int(number)) => LiteralValue::Int(*number),
            Some(Token::Double(number)) => LiteralValue::Double(*number),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("true") => LiteralValue::Bool(true),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("false") => LiteralValue::Bool(false),
            Some(Token::Word(word) | Token::Quoted(word)) => {
                return Err(QueryError::unsupported(&format!(
                    "column name on the right side of comparison expression at position {at} (did you forget to \
                     quote \"{word}\"?)"
                )));
            }
            _ => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(Literal { value, at })
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, QueryError>) -> Result<Vec<T>, QueryError> {
        let mut items = vec![item(self)?];
        while self.symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |placed| placed.at)
    }

    fn unexpected(&self) -> QueryError {
        let what = self.peek().map_or_else(|| "the end".to_owned(), Token::describe);
        QueryError::malformed(self.place(), &what)
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        self.next += usize::from(found);
        found
    }

    fn expect_keyword(&mut self, keyword: &str) -> Result<(), QueryError> {
        if self.keyword(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol);
        self.next += usize::from(found);
        found
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), QueryError> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }
}
