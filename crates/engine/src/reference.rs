//! The document that lists what is answered, made from the tables that answer it.

use crate::kernel::validate::is_offered;
use crate::proto::enums::CommandType;
use crate::service::RPCS;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# What the engine answers

Every RPC of Temporal's services that the engine answers, and every command of a workflow task that it takes. Made by
`cargo xtask docs` from the engine's own tables; do not edit.

Everything else answers `UNIMPLEMENTED` with the name of the RPC: Nexus, worker deployments and versioning, batch
operations, workflow rules, standalone activities, worker heartbeats and configuration, archival, and more than one
cluster. The capabilities in `GetSystemInfo` and `DescribeNamespace` say the same. `PollNexusTaskQueue` is answered, with
nothing, because workers poll it before they know.
";

/// The reference of RPCs and commands, as Markdown.
pub fn protocol_reference() -> String {
    let mut text = String::from(INTRODUCTION);
    let mut group = "";
    for rpc in RPCS {
        if rpc.group != group {
            group = rpc.group;
            let _ = write!(text, "\n## {group}\n\n| RPC | service |\n|---|---|\n");
        }
        let service = rpc.service.rsplit('.').next().unwrap_or(rpc.service);
        let _ = writeln!(text, "| `{}` | {service} |", rpc.name);
    }
    text.push_str("\n## Commands of a workflow task\n\n| command | taken |\n|---|---|\n");
    // Numbers of the protocol's enumeration, which has gaps.
    let commands = (1..64).filter_map(|number| CommandType::try_from(number).ok());
    for command in commands {
        let taken = if is_offered(command) { "yes" } else { "no: the task fails with `FEATURE_DISABLED`" };
        let name = command.as_str_name().trim_start_matches("COMMAND_TYPE_");
        let _ = writeln!(text, "| `{name}` | {taken} |");
    }
    text
}
