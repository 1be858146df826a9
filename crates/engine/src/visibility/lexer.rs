//! A list filter's text as tokens, each with the place where it begins.

use super::QueryError;

/// Tokens in one filter; it bounds what a filter costs to parse and to run.
const MOST_TOKENS: usize = 10_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    /// A name in backquotes: never a keyword.
    Quoted(String),
    Text(String),
    Int(i64),
    Double(f64),
    Symbol(&'static str),
}

/// A token and its place: the number of its first character, from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub token: Token,
    pub at: usize,
}

impl Token {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Quoted(name) => format!("`{name}`"),
            Self::Text(text) => format!("'{text}'"),
            Self::Int(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Symbol(symbol) => (*symbol).to_owned(),
        }
    }
}

/// Longer symbols first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 11] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ";"];

pub(super) fn tokenize(query: &str) -> Result<Vec<Placed>, QueryError> {
    let characters: Vec<char> = query.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        let begins = at;
        if first.is_whitespace() {
            at += 1;
            continue;
        }
        let rest = &characters[at..];
        let symbol = SYMBOLS.iter().find(|symbol| symbol.chars().eq(rest.iter().copied().take(symbol.len())));
        let token = if let Some(symbol) = symbol {
            at += symbol.len();
            Token::Symbol(symbol)
        } else if matches!(first, '\'' | '"' | '`') {
            let (text, length) = quoted(rest, first)
                .ok_or_else(|| QueryError::malformed(begins + 1, "a quotation that is not closed"))?;
            at += length;
            if first == '`' { Token::Quoted(text) } else { Token::Text(text) }
        } else if begins_number(rest) {
            let length = number_length(rest);
            let text: String = rest[..length].iter().collect();
            at += length;
            number(&text).ok_or_else(|| QueryError::malformed(begins + 1, &text))?
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.iter().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).count();
            at += length;
            Token::Word(rest[..length].iter().collect())
        } else {
            return Err(QueryError::malformed(begins + 1, &first.to_string()));
        };
        if tokens.len() == MOST_TOKENS {
            return Err(QueryError::malformed(begins + 1, "more words and values than a filter may have"));
        }
        tokens.push(Placed { token, at: begins + 1 });
    }
    Ok(tokens)
}

/// The text of a quotation and how many characters it takes. A backslash and a doubled quotation mark
/// escape, except that names know only the doubled mark.
fn quoted(characters: &[char], mark: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut at = 1;
    loop {
        let &c = characters.get(at)?;
        if c == mark {
            if characters.get(at + 1) != Some(&mark) {
                return Some((text, at + 1));
            }
            text.push(mark);
            at += 2;
        } else if c == '\\' && mark != '`' {
            text.push(match characters.get(at + 1)? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                other => *other,
            });
            at += 2;
        } else {
            text.push(c);
            at += 1;
        }
    }
}

fn begins_number(characters: &[char]) -> bool {
    let digits = match characters {
        ['+' | '-', rest @ ..] => rest,
        all => all,
    };
    match digits {
        ['.', next, ..] => next.is_ascii_digit(),
        [first, ..] => first.is_ascii_digit(),
        [] => false,
    }
}

fn number_length(characters: &[char]) -> usize {
    let mut previous = ' ';
    characters
        .iter()
        .enumerate()
        .take_while(|(index, c)| {
            let exponent_sign = matches!(c, '+' | '-') && (*index == 0 || matches!(previous, 'e' | 'E'));
            previous = **c;
            c.is_alphanumeric() || **c == '.' || exponent_sign
        })
        .count()
}

fn number(text: &str) -> Option<Token> {
    if let Ok(integer) = text.parse() {
        return Some(Token::Int(integer));
    }
    let float: f64 = text.parse().ok()?;
    float.is_finite().then_some(Token::Double(float))
}
