//! JSON, with the comments and trailing commas that `devcontainer.json` may have.

use serde_json::Value;

/// A text's value; or what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())
}

/// The value of a text that may have comments and trailing commas; or what is wrong with it.
pub(super) fn parse_with_comments(text: &str) -> Result<Value, String> {
    parse(&without_comments(text))
}

fn without_comments(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut in_string = false;
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some(_)) if in_string => {
                bare.push(character);
                bare.extend(characters.next());
            }
            ('"', _) => {
                in_string = !in_string;
                bare.push(character);
            }
            ('/', Some('/')) if !in_string => while characters.next_if(|next| *next != '\n').is_some() {},
            ('/', Some('*')) if !in_string => {
                let mut before = ' ';
                characters.next();
                for next in characters.by_ref() {
                    if before == '*' && next == '/' {
                        break;
                    }
                    before = next;
                }
            }
            (']' | '}', _) if !in_string => {
                if bare.trim_end().ends_with(',') {
                    bare.truncate(bare.trim_end().len() - 1);
                }
                bare.push(character);
            }
            _ => bare.push(character),
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_go_and_strings_stay() {
        let text = "{ // one\n \"a\": \"http://x/*y*/\", /* two\n */ \"b\": [1, 2,], \"c\": \"\\\"//\", }";
        let value = parse_with_comments(text).unwrap();
        assert_eq!(value, serde_json::json!({"a": "http://x/*y*/", "b": [1, 2], "c": "\"//"}));
    }
}
