//! The models a team may name: those that can be called, and tiers that stand for chains of them.

use std::collections::BTreeMap;

use syndarix_llm::{ModelCatalog, ModelRef};

use super::reader::suggest;

/// The models that can be called, and what each tier stands for. The built-in agent types name tiers rather than
/// models, so that one team works with whatever provider there is a key for.
#[derive(Debug, Clone, Default)]
pub struct Models {
    catalog: ModelCatalog,
    tiers: BTreeMap<String, Vec<ModelRef>>,
}

impl Models {
    /// The tiers that the built-in agent types name; a configuration gives each a chain.
    pub const TIERS: [&'static str; 3] = ["strong", "balanced", "fast"];

    /// The models of a catalog, without tiers.
    pub fn new(catalog: ModelCatalog) -> Self {
        Self { catalog, tiers: BTreeMap::new() }
    }

    /// Gives a tier its chain.
    #[must_use]
    pub fn with_tier(mut self, tier: impl Into<String>, chain: impl IntoIterator<Item = ModelRef>) -> Self {
        self.tiers.insert(tier.into(), chain.into_iter().collect());
        self
    }

    /// Gives every tier the same chain, as where there is but one model.
    #[must_use]
    pub fn with_every_tier(self, chain: &[ModelRef]) -> Self {
        Self::TIERS.iter().fold(self, |models, tier| models.with_tier(*tier, chain.iter().cloned()))
    }

    /// Whether a chain may name this tier or model; otherwise what is wrong and what to do about it.
    pub(super) fn refuse(&self, name: &str) -> Option<(String, Option<String>)> {
        if self.tiers.contains_key(name) {
            return None;
        }
        if !name.contains('/') {
            // Whoever leaves the provider out is told the model's whole name.
            let whole = self
                .catalog
                .models()
                .into_iter()
                .find(|model| model.split_once('/').is_some_and(|(_, own)| own == name));
            let hint = whole
                .map(|model| format!("did you mean the model `{model}`?"))
                .or_else(|| suggest(name, self.tiers.keys().map(String::as_str)));
            return Some((format!("there is no model tier `{name}`"), hint));
        }
        self.catalog.check(name).err().map(|unknown| (unknown.to_string(), Some(unknown.hint())))
    }

    /// The models to try for these names, each once, in order: a tier is replaced by its chain, and what can no
    /// longer be called is left out.
    pub fn chain<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Vec<ModelRef> {
        let mut chain: Vec<ModelRef> = Vec::new();
        for name in names {
            let models = match self.tiers.get(name) {
                Some(tier) => tier.clone(),
                None => self.catalog.check(name).into_iter().collect(),
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
        let model = |name: &str| name.parse::<ModelRef>().expect(name);
        let catalog = ModelCatalog::of(["scripted/main", "scripted/other"]).expect("valid names");
        let models = Models::new(catalog)
            .with_tier("strong", [model("scripted/main"), model("scripted/other")])
            .with_tier("fast", [model("scripted/other")]);
        let names = ["fast", "scripted/gone", "strong"].map(String::from);
        assert_eq!(models.chain(&names), [model("scripted/other"), model("scripted/main")]);
        assert_eq!(
            models.refuse("stron"),
            Some(("there is no model tier `stron`".to_owned(), Some("did you mean `strong`?".to_owned())))
        );
        assert_eq!(
            models.refuse("other"),
            Some((
                "there is no model tier `other`".to_owned(),
                Some("did you mean the model `scripted/other`?".to_owned())
            ))
        );
    }
}
