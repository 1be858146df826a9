//! The models a configuration can reach, and the tiers that stand for them.

use std::collections::{BTreeMap, BTreeSet};

/// The names of tiers that the built-in agent types use. A configuration should give each a chain.
pub const TIERS: [&str; 3] = ["strong", "balanced", "fast"];

/// Which models exist. Agent types name tiers rather than models, so that one team file works with whatever
/// provider there is a key for; a catalog turns a tier into a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelCatalog {
    models: BTreeSet<String>,
    open_providers: BTreeSet<String>,
    tiers: BTreeMap<String, Vec<String>>,
}

impl ModelCatalog {
    /// A catalog of these provider-qualified models, such as `anthropic/claude-sonnet-4-5`.
    pub fn new<M: Into<String>>(models: impl IntoIterator<Item = M>) -> Self {
        Self { models: models.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Accepts every model of a provider whose list is not known beforehand, such as `ollama`.
    #[must_use]
    pub fn with_open_provider(mut self, provider: impl Into<String>) -> Self {
        self.open_providers.insert(provider.into());
        self
    }

    /// Gives a tier its chain; the models in it become part of the catalog.
    #[must_use]
    pub fn with_tier<M: Into<String>>(
        mut self,
        tier: impl Into<String>,
        chain: impl IntoIterator<Item = M>,
    ) -> Self {
        let chain: Vec<String> = chain.into_iter().map(Into::into).collect();
        self.models.extend(chain.iter().cloned());
        self.tiers.insert(tier.into(), chain);
        self
    }

    /// Whether this is a tier or a model that can be called.
    pub fn knows(&self, name: &str) -> bool {
        self.tiers.contains_key(name)
            || self.models.contains(name)
            || name
                .split_once('/')
                .is_some_and(|(provider, model)| !model.is_empty() && self.open_providers.contains(provider))
    }

    /// Every name that a chain may use: tiers first, then models.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tiers.keys().chain(&self.models).map(String::as_str)
    }

    /// The models to try for these names, each once, in order; tiers are replaced by their chains. Names the
    /// catalog does not know are left out.
    pub fn chain<'a>(&'a self, names: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
        let mut chain: Vec<&str> = Vec::new();
        for name in names {
            let models: Vec<&str> = match self.tiers.get(name.as_str()) {
                Some(tier) => tier.iter().map(String::as_str).collect(),
                None if self.knows(name) => vec![name.as_str()],
                None => Vec::new(),
            };
            for model in models {
                if !chain.contains(&model) {
                    chain.push(model);
                }
            }
        }
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_replaced_by_their_chains_once() {
        let catalog = ModelCatalog::new(["openai/gpt-5"])
            .with_open_provider("ollama")
            .with_tier("strong", ["anthropic/a", "openai/gpt-5"])
            .with_tier("fast", ["anthropic/b"]);
        let names = ["strong", "openai/gpt-5", "ollama/qwen3", "nobody/x", "fast"].map(String::from);
        assert_eq!(catalog.chain(&names), ["anthropic/a", "openai/gpt-5", "ollama/qwen3", "anthropic/b"]);
        assert!(catalog.knows("anthropic/b") && !catalog.knows("ollama/") && !catalog.knows("ollama"));
    }
}
