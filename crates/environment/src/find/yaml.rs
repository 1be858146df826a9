//! YAML as continuous-integration services write it: a tree of texts that remember their lines.
//!
//! Scalars stay texts, so that `python-version: 3.10` is not the number 3.1. The tree is built from the parser's events
//! and not by its recursive loader, so that neither depth nor aliases can exhaust the stack or the memory.

use std::collections::HashMap;

use yaml_rust2::parser::{Event, Parser};

/// Deeper than any file that a person wrote.
const DEPTH: usize = 64;
/// Nodes with all aliases laid out; the largest workflows have some thousands.
const NODES: usize = 100_000;

/// How much deeper a closing bracket is put.
const CLOSING: &str = "                ";

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Yaml {
    Text(String, u32),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

/// A list or map that is not finished, with its anchor and the key that waits for its value.
struct Open {
    node: Yaml,
    anchor: usize,
    key: Option<String>,
    /// How many values it has so far, those of its aliases laid out.
    size: usize,
}

/// The first document of a text; or what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Yaml, String> {
    strictly(text).or_else(|why| {
        // A bracket that closes no deeper than its key is against the letter of YAML, and what services accept.
        let is_closing = |line: &str| matches!(line.trim(), "]" | "}" | "]," | "},");
        let lines = text
            .lines()
            .map(|line| if is_closing(line) { format!("{CLOSING}{line}") } else { line.to_owned() });
        strictly(&lines.collect::<Vec<_>>().join("\n")).map_err(|_| why)
    })
}

fn strictly(text: &str) -> Result<Yaml, String> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, (Yaml, usize)> = HashMap::new();
    loop {
        let (event, marker) = parser.next_token().map_err(|error| error.to_string())?;
        let (node, anchor, size) = match event {
            Event::SequenceStart(anchor, _) => {
                open.push(Open { node: Yaml::List(Vec::new()), anchor, key: None, size: 1 });
                continue_below(&open)?;
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open { node: Yaml::Map(Vec::new()), anchor, key: None, size: 1 });
                continue_below(&open)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(done) => (done.node, done.anchor, done.size),
                None => continue,
            },
            Event::Scalar(text, _, anchor, _) => (Yaml::Text(text, marker.line() as u32), anchor, 1),
            Event::Alias(anchor) => {
                let (node, size) = anchors.get(&anchor).ok_or("an alias of nothing")?;
                // Counted before it is laid out, for it may be larger than the memory.
                if open.last().map_or(0, |parent| parent.size) + size > NODES {
                    return Err(format!("it has more than {NODES} values"));
                }
                (node.clone(), 0, *size)
            }
            Event::StreamEnd => return Err("it is empty".to_owned()),
            _ => continue,
        };
        if anchor != 0 {
            anchors.insert(anchor, (node.clone(), size));
        }
        match open.last_mut() {
            None => return Ok(node),
            Some(parent) => {
                parent.size += size;
                if parent.size > NODES {
                    return Err(format!("it has more than {NODES} values"));
                }
                parent.take(node);
            }
        }
    }
}

/// Refuses what is nested too deep.
fn continue_below(open: &[Open]) -> Result<(), String> {
    if open.len() > DEPTH { Err(format!("it is nested deeper than {DEPTH}")) } else { Ok(()) }
}

impl Open {
    fn take(&mut self, node: Yaml) {
        match &mut self.node {
            Yaml::List(list) => list.push(node),
            Yaml::Map(map) => match self.key.take() {
                // YAML's merge key; what the map says itself comes first.
                Some(key) if key == "<<" => {
                    if let Yaml::Map(merged) = node {
                        for (key, value) in merged {
                            if !map.iter().any(|(known, _)| *known == key) {
                                map.push((key, value));
                            }
                        }
                    }
                }
                Some(key) => map.push((key, node)),
                None => {
                    self.key = Some(if let Yaml::Text(text, _) = node { text } else { String::new() });
                }
            },
            Yaml::Text(..) => {}
        }
    }
}

impl Yaml {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(super) fn entries(&self) -> &[(String, Self)] {
        if let Self::Map(map) = self { map } else { &[] }
    }

    /// The elements of a list; one that is not a list is its only element.
    pub(super) fn elements(&self) -> &[Self] {
        if let Self::List(list) = self { list } else { std::slice::from_ref(self) }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text, _) = self { Some(text) } else { None }
    }

    pub(super) fn line(&self) -> Option<u32> {
        if let Self::Text(_, line) = self { Some(*line) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stays_as_it_is_written() {
        let yaml = parse("on: push\nwith:\n  python-version: 3.10\n").unwrap();
        let version = yaml.at(&["with", "python-version"]).unwrap();
        assert_eq!((version.text(), version.line()), (Some("3.10"), Some(3)));
    }

    #[test]
    fn aliases_and_merges_are_laid_out() {
        let yaml = parse("base: &base {image: node}\njob:\n  <<: *base\n  script: [one, two]\n").unwrap();
        assert_eq!(yaml.at(&["job", "image"]).and_then(Yaml::text), Some("node"));
        assert_eq!(yaml.at(&["job", "script"]).unwrap().elements().len(), 2);
    }

    #[test]
    fn a_bracket_may_close_beside_its_key() {
        let yaml = parse("jobs:\n  a:\n    b: [\n      one,\n    ]\n    c: two\n").unwrap();
        assert_eq!(yaml.at(&["jobs", "a", "c"]).and_then(Yaml::text), Some("two"));
        assert_eq!(yaml.at(&["jobs", "a", "b"]).unwrap().elements().len(), 1);
    }

    #[test]
    fn neither_depth_nor_aliases_exhaust_anything() {
        assert!(parse(&"[".repeat(100_000)).is_err());
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, before) in "bcdefghij".chars().zip("abcdefghi".chars()) {
            let list = vec![format!("*{before}"); 10].join(",");
            bomb += &[&name.to_string(), ": &", &name.to_string(), " [", &list, "]\n"].concat();
        }
        assert!(parse(&bomb).is_err());
    }
}
