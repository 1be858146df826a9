//! What a server says about its tools, and how far that is believed.

use rmcp::model::ToolAnnotations;
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::Risk;

use super::config::ToolOverride;
use crate::policy::Nature;

/// What a tool is taken to be. That it only reads is believed of every server that is not distrusted: a server that lies
/// about it is called without a question, but it was already started with whatever it may do, outside of the confinement.
/// Everything else that a server says counts only where it is `trusted`, because a result that is repeated on its word
/// alone could have happened twice. What configuration says of a tool always wins.
pub(super) fn nature(
    annotations: Option<&ToolAnnotations>,
    trusted: Option<bool>,
    configured: ToolOverride,
) -> Nature {
    let only_reads = annotations.is_some_and(|hints| hints.read_only_hint == Some(true));
    let careful = Nature { risk: Risk::High, repeatability: Repeatability::Once };
    let hinted = match (trusted, annotations) {
        // Reading is no risk however far away it is that something is read.
        (None, Some(_)) if only_reads => Nature { risk: Risk::Low, ..careful },
        (Some(false), _) | (_, None) | (None, Some(_)) => careful,
        (Some(true), Some(_)) if only_reads => {
            Nature { risk: Risk::Low, repeatability: Repeatability::ReadOnly }
        }
        (Some(true), Some(hints)) => {
            let stays = !hints.is_destructive() && hints.open_world_hint == Some(false);
            Nature {
                risk: if stays { Risk::Low } else { Risk::High },
                repeatability: if hints.is_idempotent() {
                    Repeatability::Idempotent
                } else {
                    Repeatability::Once
                },
            }
        }
    };
    Nature {
        risk: configured.risk.unwrap_or(hinted.risk),
        repeatability: configured.repeatability.unwrap_or(hinted.repeatability),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_believed_and_the_rest_only_of_trusted_servers() {
        use Repeatability::{Idempotent, Once, ReadOnly};
        use Risk::{High, Low};
        let hints = |read_only, destructive, idempotent, open| {
            Some(ToolAnnotations::from_raw(None, read_only, destructive, idempotent, open))
        };
        let none = ToolOverride::default();
        let low = ToolOverride { risk: Some(Low), repeatability: None };
        let high = ToolOverride { risk: Some(High), repeatability: None };
        let reads = || hints(Some(true), None, None, None);
        let stays = || hints(None, Some(false), Some(true), Some(false));
        let cases = [
            (None, None, none, High, Once),
            (None, Some(true), none, High, Once),
            (hints(None, None, None, None), None, none, High, Once),
            (hints(None, None, None, None), Some(true), none, High, Once),
            (reads(), None, none, Low, Once),
            (reads(), Some(true), none, Low, ReadOnly),
            (reads(), Some(false), none, High, Once),
            (hints(Some(true), Some(true), None, Some(true)), None, none, Low, Once),
            (hints(Some(true), None, None, Some(false)), Some(true), none, Low, ReadOnly),
            (hints(Some(false), None, None, None), None, none, High, Once),
            (stays(), None, none, High, Once),
            (stays(), Some(true), none, Low, Idempotent),
            (stays(), Some(false), none, High, Once),
            (hints(None, Some(false), None, None), Some(true), none, High, Once),
            (hints(None, Some(true), None, Some(false)), Some(true), none, High, Once),
            (None, None, low, Low, Once),
            (reads(), None, high, High, Once),
        ];
        for (annotations, trusted, configured, risk, repeatability) in cases {
            let found = nature(annotations.as_ref(), trusted, configured);
            assert_eq!(found, Nature { risk, repeatability }, "{annotations:?}, trusted: {trusted:?}");
        }
    }
}
