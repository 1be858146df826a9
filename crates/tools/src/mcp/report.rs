//! What became of connecting to a server, for people.

use serde::Serialize;

use super::audience::Audience;

/// One server that is connected, and what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    /// Its name in configuration.
    pub name: String,
    /// How it was reached: `started` with a command, or `connected` to at an address.
    pub how: &'static str,
    /// The program, or the address without user, password and query.
    pub target: String,
    /// How long it took until it had listed its tools.
    pub took_ms: u64,
    /// Its tools, by their names on the server.
    pub tools: Vec<String>,
    /// Those of them that only read, as far as that is believed.
    pub read_only: Vec<String>,
    /// Who gets them.
    pub agents: Audience,
}

impl ServerReport {
    /// What there is to say of it on one line, but for who gets its tools.
    pub fn summary(&self) -> String {
        let seconds = self.took_ms / 1000;
        let tenths = self.took_ms % 1000 / 100;
        let tools = match self.tools.len() {
            1 => "1 tool".to_owned(),
            several => format!("{several} tools"),
        };
        let reading = match self.read_only.len() {
            0 => "none of which is known only to read".to_owned(),
            all if all == self.tools.len() => "which only read".to_owned(),
            _ => format!("of which {} only read", listed(&self.read_only)),
        };
        format!("{} {} in {seconds}.{tenths} s; {tools}, {reading}", self.how, self.target)
    }
}

/// How many names are told before the rest is only counted; a server may have hundreds of tools.
const TOLD: usize = 8;

fn listed(names: &[String]) -> String {
    let told = names.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(TOLD) {
        0 => told,
        rest => format!("{told} and {rest} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_in_one_line() {
        let names = |count: usize| (1..=count).map(|number| format!("t{number}")).collect::<Vec<_>>();
        let report = |tools: usize, read_only: usize| ServerReport {
            name: "docs".to_owned(),
            how: "started",
            target: "docs-mcp".to_owned(),
            took_ms: 1234,
            tools: names(tools),
            read_only: names(read_only),
            agents: Audience::All,
        };
        for (tools, read_only, said) in [
            (1, 0, "started docs-mcp in 1.2 s; 1 tool, none of which is known only to read"),
            (3, 3, "started docs-mcp in 1.2 s; 3 tools, which only read"),
            (3, 2, "started docs-mcp in 1.2 s; 3 tools, of which t1, t2 only read"),
            (
                20,
                10,
                "started docs-mcp in 1.2 s; 20 tools, of which t1, t2, t3, t4, t5, t6, t7, t8 and 2 more only read",
            ),
        ] {
            assert_eq!(report(tools, read_only).summary(), said);
        }
    }
}
