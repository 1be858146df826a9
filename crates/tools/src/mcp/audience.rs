//! Who gets the tools of a configured server.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The word that stands for every agent.
const ALL: &str = "all";

/// Which agents get a server's tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Audience {
    /// All of them.
    #[default]
    All,
    /// Those with one of these roles, agent types or names.
    Named(Vec<String>),
}

/// The agent that a session is for, as configuration can name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its role, such as `engineer`.
    pub role: String,
    /// Its agent type, which is named like its role unless a team file says otherwise.
    pub agent_type: String,
    /// Its own name, such as `Dave`.
    pub name: String,
}

impl Audience {
    /// Whether an agent belongs to it. Names of agents are compared without regard to case, as everywhere.
    pub fn includes(&self, holder: &Holder) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| {
                *name == holder.role || *name == holder.agent_type || name.eq_ignore_ascii_case(&holder.name)
            }),
        }
    }
}

/// The scopes of an agent whose type allows `tools`, with those of the servers that are meant for it. A type that names
/// tools of a server itself gets exactly those: who writes `mcp.git.log` does not mean the rest of `mcp.git`.
pub fn scopes<'a>(
    tools: &[String],
    holder: &Holder,
    servers: impl Iterator<Item = (&'a str, &'a Audience)>,
) -> Vec<String> {
    let added = servers
        .filter(|(server, audience)| {
            audience.includes(holder) && !tools.iter().any(|tool| names(tool, server))
        })
        .map(|(server, _)| format!("mcp.{server}.*"));
    tools.iter().cloned().chain(added).collect()
}

/// Whether a scope is one of this server by name.
fn names(scope: &str, server: &str) -> bool {
    let rest = scope.strip_prefix("mcp.").and_then(|rest| rest.strip_prefix(server));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str(ALL),
            Self::Named(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "`agents` is \"all\" or a list of roles, agent types and names")]
        enum Given {
            One(String),
            Several(Vec<String>),
        }
        match Given::deserialize(deserializer)? {
            Given::One(word) if word == ALL => Ok(Self::All),
            Given::One(word) => Err(D::Error::custom(format!(
                "`agents` is \"all\" or a list, such as [\"engineer\"]; write [\"{word}\"] for one"
            ))),
            Given::Several(names) if names.iter().any(|name| name == ALL) => Ok(Self::All),
            Given::Several(names) => Ok(Self::Named(names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Audience {
        Audience::Named(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn an_agent_gets_the_servers_that_are_meant_for_it() {
        let dave = Holder {
            role: "engineer".to_owned(),
            agent_type: "rustacean".to_owned(),
            name: "Dave".to_owned(),
        };
        let docs = ["mcp.docs.*"];
        for (tools, audience, added) in [
            (&["workspace.*"][..], Audience::All, &docs[..]),
            (&[], Audience::All, &docs),
            (&["workspace.*"], named(&["engineer"]), &docs),
            (&["workspace.*"], named(&["qa", "rustacean"]), &docs),
            (&["workspace.*"], named(&["dave"]), &docs),
            (&["workspace.*"], named(&["qa"]), &[]),
            (&["workspace.*"], named(&[]), &[]),
            (&["mcp.docs.search"], Audience::All, &[]),
            (&["mcp.docs.*"], named(&["qa"]), &[]),
            (&["mcp.docs2.*"], Audience::All, &docs),
            (&["mcp.*"], named(&["qa"]), &[]),
        ] {
            let tools: Vec<String> = tools.iter().map(|&tool| tool.to_owned()).collect();
            let found = scopes(&tools, &dave, [("docs", &audience)].into_iter());
            assert_eq!(found[..tools.len()], tools);
            assert_eq!(found[tools.len()..], *added, "{tools:?} {audience:?}");
        }
    }

    #[test]
    fn it_is_written_as_a_word_or_a_list() {
        for (text, expected) in [
            ("\"all\"", Some(Audience::All)),
            ("[\"qa\", \"all\"]", Some(Audience::All)),
            ("[\"qa\"]", Some(named(&["qa"]))),
            ("[]", Some(named(&[]))),
            ("\"qa\"", None),
            ("7", None),
        ] {
            assert_eq!(serde_json::from_str::<Audience>(text).ok(), expected, "{text}");
        }
        for audience in [Audience::All, named(&["qa", "Dave"])] {
            let text = serde_json::to_string(&audience).expect("writes");
            assert_eq!(serde_json::from_str::<Audience>(&text).expect("reads back"), audience);
        }
    }
}
