//! What a server says about its tools, and how far that is believed.

use rmcp::model::ToolAnnotations;
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::Risk;

use super::config::ToolOverride;
use crate::policy::Nature;

/// What a tool is taken to be. Hints of a server that is not trusted count for nothing, because a server could
/// say anything of itself; what configuration says always wins.
pub(super) fn nature(
    annotations: Option<&ToolAnnotations>,
    trusted: bool,
    configured: ToolOverride,
) -> Nature {
    let hinted = annotations.filter(|_| trusted).map_or(
        Nature { risk: Risk::High, repeatability: Repeatability::Once },
        |hints| {
            let read_only = hints.read_only_hint.unwrap_or(false);
            let open_world = hints.open_world_hint.unwrap_or(true);
            let harmless = read_only || !hints.is_destructive();
            Nature {
                risk: if harmless && !open_world { Risk::Low } else { Risk::High },
                repeatability: if read_only {
                    Repeatability::ReadOnly
                } else if hints.is_idempotent() {
                    Repeatability::Idempotent
                } else {
                    Repeatability::Once
                },
            }
        },
    );
    Nature {
        risk: configured.risk.unwrap_or(hinted.risk),
        repeatability: configured.repeatability.unwrap_or(hinted.repeatability),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_server_is_believed() {
        use Repeatability::{Idempotent, Once, ReadOnly};
        let hints = |read_only, destructive, idempotent, open| {
            ToolAnnotations::from_raw(None, read_only, destructive, idempotent, open)
        };
        let none = ToolOverride::default();
        let low = ToolOverride { risk: Some(Risk::Low), repeatability: None };
        let cases = [
            (None, true, none, Risk::High, Once),
            (Some(hints(None, None, None, None)), true, none, Risk::High, Once),
            (Some(hints(Some(true), None, None, Some(false))), true, none, Risk::Low, ReadOnly),
            (Some(hints(Some(true), None, None, None)), true, none, Risk::High, ReadOnly),
            (Some(hints(None, Some(false), Some(true), Some(false))), true, none, Risk::Low, Idempotent),
            (Some(hints(None, Some(true), None, Some(false))), true, none, Risk::High, Once),
            (Some(hints(Some(true), Some(false), Some(true), Some(false))), false, none, Risk::High, Once),
            (None, false, low, Risk::Low, Once),
        ];
        for (annotations, trusted, configured, risk, repeatability) in cases {
            let found = nature(annotations.as_ref(), trusted, configured);
            assert_eq!(found, Nature { risk, repeatability }, "{annotations:?}, trusted: {trusted}");
        }
    }
}
