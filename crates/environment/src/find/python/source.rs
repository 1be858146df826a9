//! What a `setup.py` or a `noxfile.py` says in literals. It is not run: what it computes stays unknown.

use std::collections::BTreeMap;

/// The words that stand before a parenthesis without calling anything.
const KEYWORDS: &[&str] = &["if", "else", "in", "not", "and", "or", "for", "lambda", "return"];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Text(String),
    Word(String),
    Sign(char),
}

/// A Python file, as far as literals go.
#[derive(Debug)]
pub(super) struct Source {
    tokens: Vec<Token>,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let mut tokens = Vec::new();
        let characters: Vec<char> = text.chars().collect();
        let mut at = 0;
        while let Some(&character) = characters.get(at) {
            match character {
                '#' => {
                    while characters.get(at).is_some_and(|character| *character != '\n') {
                        at += 1;
                    }
                }
                '"' | '\'' => {
                    let triple = characters.get(at + 1) == Some(&character)
                        && characters.get(at + 2) == Some(&character);
                    let quote = if triple { 3 } else { 1 };
                    at += quote;
                    let mut literal = String::new();
                    while at < characters.len() {
                        if characters[at] == '\\' && at + 1 < characters.len() {
                            literal.push(characters[at + 1]);
                            at += 2;
                        } else if characters[at..]
                            .iter()
                            .take(quote)
                            .filter(|next| **next == character)
                            .count()
                            == quote
                        {
                            break;
                        } else {
                            literal.push(characters[at]);
                            at += 1;
                        }
                    }
                    at += quote;
                    tokens.push(Token::Text(literal));
                }
                _ if character.is_alphanumeric() || character == '_' => {
                    let mut word = String::new();
                    while let Some(next) =
                        characters.get(at).filter(|next| next.is_alphanumeric() || **next == '_')
                    {
                        word.push(*next);
                        at += 1;
                    }
                    // The `r` of `r"…"` is no word of its own.
                    if !(word.len() <= 2 && matches!(characters.get(at), Some('"' | '\''))) {
                        tokens.push(Token::Word(word));
                    }
                }
                _ => {
                    if !character.is_whitespace() {
                        tokens.push(Token::Sign(character));
                    }
                    at += 1;
                }
            }
        }
        Self { tokens }
    }

    /// Where the value of a name begins: after `name =`, or `"name":`.
    fn value_of(&self, name: &str) -> Option<usize> {
        self.tokens
            .windows(2)
            .position(|pair| match pair {
                [Token::Word(word), Token::Sign('=')] => word == name,
                [Token::Text(text), Token::Sign(':')] => text == name,
                _ => false,
            })
            .map(|position| position + 2)
    }

    /// The texts of a list or a single text; where a variable is named, of that variable.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.value_of(name).map(|at| self.texts_at(at, true)).unwrap_or_default()
    }

    fn texts_at(&self, at: usize, follow: bool) -> Vec<String> {
        match self.tokens.get(at) {
            Some(Token::Text(text)) => vec![text.clone()],
            Some(Token::Word(variable)) if follow => {
                self.value_of(variable).map(|at| self.texts_at(at, false)).unwrap_or_default()
            }
            Some(Token::Sign('[' | '(' | '{')) => {
                let end = self.closing(at);
                let mut texts = Vec::new();
                let mut position = at + 1;
                while position < end {
                    match &self.tokens[position] {
                        Token::Text(text) => texts.push(text.clone()),
                        // What is handed to a function is not what it returns.
                        Token::Word(word)
                            if self.opens(position + 1) && !KEYWORDS.contains(&word.as_str()) =>
                        {
                            position = self.closing(position + 1);
                        }
                        _ => {}
                    }
                    position += 1;
                }
                texts
            }
            _ => Vec::new(),
        }
    }

    /// The texts by key of a table; where a variable is named, of that variable.
    pub(super) fn table(&self, name: &str) -> BTreeMap<String, Vec<String>> {
        let mut table = BTreeMap::new();
        let Some(mut at) = self.value_of(name) else { return table };
        if let Some(Token::Word(variable)) = self.tokens.get(at)
            && let Some(value) = self.value_of(variable)
        {
            at = value;
        }
        if self.tokens.get(at) != Some(&Token::Sign('{')) {
            return table;
        }
        let end = self.closing(at);
        let mut depth = 0;
        for position in at..end {
            match &self.tokens[position] {
                Token::Sign('[' | '(' | '{') => depth += 1,
                Token::Sign(']' | ')' | '}') => depth -= 1,
                Token::Text(key)
                    if depth == 1 && self.tokens.get(position + 1) == Some(&Token::Sign(':')) =>
                {
                    table.insert(key.clone(), self.texts_at(position + 2, true));
                }
                _ => {}
            }
        }
        table
    }

    /// The arguments, each a text, of every call of `object.method`, in order.
    pub(super) fn calls(&self, method: &str) -> Vec<Vec<String>> {
        let mut calls = Vec::new();
        for (position, window) in self.tokens.windows(3).enumerate() {
            let [Token::Sign('.'), Token::Word(word), Token::Sign('(')] = window else { continue };
            if word == method {
                calls.push(self.texts_at(position + 2, false));
            }
        }
        calls
    }

    /// Whether a parenthesis opens here.
    fn opens(&self, at: usize) -> bool {
        self.tokens.get(at) == Some(&Token::Sign('('))
    }

    /// Where what opens here closes.
    fn closing(&self, at: usize) -> usize {
        let mut depth = 0;
        for (position, token) in self.tokens.iter().enumerate().skip(at) {
            match token {
                Token::Sign('[' | '(' | '{') => depth += 1,
                Token::Sign(']' | ')' | '}') => {
                    depth -= 1;
                    if depth == 0 {
                        return position;
                    }
                }
                _ => {}
            }
        }
        self.tokens.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_and_the_rest_is_not() {
        let source = Source::parse(
            "TESTS = ['pytest', r\"mock\"]  # 'no'\nsetup(python_requires='>=3.7', tests_require=TESTS,\n  \
             extras_require={'test': TESTS, 'docs': [\"sphinx ; python_version > '3'\"], 'all': f()})\n\
             session.install('-e', '.[test]')",
        );
        assert_eq!(source.texts("tests_require"), ["pytest", "mock"]);
        assert_eq!(source.texts("python_requires"), [">=3.7"]);
        let extras = source.table("extras_require");
        assert_eq!(extras.keys().collect::<Vec<_>>(), ["all", "docs", "test"]);
        assert_eq!(extras["test"], ["pytest", "mock"]);
        assert_eq!(source.calls("install"), [["-e", ".[test]"]]);
        let source = Source::parse(
            "session.install(*nox.project.dependency_groups(pyproject, 'test'), 'a', ('b'), *(['c'] if (x) else []))",
        );
        assert_eq!(source.calls("install"), [["a", "b", "c"]]);
        assert_eq!(source.calls("dependency_groups"), [["test"]]);
        for broken in ["setup(extras_require={'a': [", "'''", "\"\\", "extras_require = {"] {
            Source::parse(broken).table("extras_require");
        }
    }
}
