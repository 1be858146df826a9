//! Which models can be called, so that a team file's mistakes are found before anything is spent.

use std::collections::{BTreeMap, BTreeSet};

use crate::prices::{self, Prices};
use crate::provider::{InvalidModelRef, ModelRef};
use crate::providers::Providers;

/// How alike two names must be for one to be suggested for the other, from 0 to 1.
const LIKENESS: f64 = 0.7;

/// The models that can be called.
#[derive(Debug, Clone, Default)]
pub struct ModelCatalog {
    providers: BTreeMap<String, Offer>,
    prices: Prices,
}

/// What a provider offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Offer {
    /// These models and no others; whatever it is asked for where not given.
    only: Option<BTreeSet<String>>,
    /// Only what has a price: neither is it on the user's own machine, nor are unpriced models allowed.
    needs_price: bool,
    /// The public price list that has its models.
    price_list: Option<String>,
}

/// Why a model cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownModel {
    /// The text names no model.
    #[error(transparent)]
    Invalid(#[from] InvalidModelRef),
    /// The provider is not configured.
    #[error("`{model}` is of the provider `{provider}`, which is not configured{}", suggestion(.nearest.as_deref()))]
    Provider {
        /// What was asked for.
        model: String,
        /// Its provider.
        provider: String,
        /// The configured provider with the most similar name.
        nearest: Option<String>,
        /// Every configured provider.
        configured: Vec<String>,
    },
    /// The provider has this model, and nobody knows what it costs.
    #[error("what `{model}` costs is not known")]
    Price {
        /// What was asked for.
        model: String,
    },
    /// The provider has no such model, or its price is not known.
    #[error("`{model}` is not a model known here{}", suggestion(.nearest.as_deref()))]
    Model {
        /// What was asked for.
        model: String,
        /// The known model with the most similar name.
        nearest: Option<String>,
        /// Every model there is, where the provider can only have these.
        listed: Vec<String>,
    },
}

impl UnknownModel {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Invalid(_) => "name the provider too".to_owned(),
            Self::Provider { configured, .. } if configured.is_empty() => {
                "no provider is configured; set ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY or OLLAMA_HOST".to_owned()
            }
            Self::Provider { configured, .. } => format!("configured are {}", configured.join(", ")),
            Self::Model { listed, .. } if !listed.is_empty() => format!("there are {}", listed.join(", ")),
            Self::Price { model } => set_price(model),
            Self::Model { model, .. } => format!("if the name is right, {}", set_price(model)),
        }
    }
}

fn set_price(model: &str) -> String {
    format!(
        "set its price in US dollars per million tokens: [prices.\"{model}\"] input = 1.00, output = 3.00"
    )
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl ModelCatalog {
    /// The models of these providers that have a price.
    pub fn new(providers: &Providers, prices: &Prices) -> Self {
        let offers = providers.iter().map(|provider| {
            let offer = Offer {
                only: provider.models().map(|models| models.into_iter().collect()),
                needs_price: !(provider.is_local() || prices.allows_unpriced()),
                price_list: provider.price_list().map(str::to_owned),
            };
            (provider.name().to_owned(), offer)
        });
        Self { providers: offers.collect(), prices: prices.clone() }
    }

    /// Exactly these models, such as `scripted/main`.
    pub fn of<'a>(models: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidModelRef> {
        let mut providers: BTreeMap<String, Offer> = BTreeMap::new();
        for text in models {
            let model: ModelRef = text.parse()?;
            let offer = providers.entry(model.provider().to_owned()).or_default();
            offer.only.get_or_insert_default().insert(model.model().to_owned());
        }
        Ok(Self { providers, prices: Prices::default() })
    }

    /// The model of this name, if it can be called.
    pub fn check(&self, name: &str) -> Result<ModelRef, UnknownModel> {
        let model: ModelRef = name.parse()?;
        let Some(offer) = self.providers.get(model.provider()) else {
            let configured: Vec<String> = self.providers.keys().cloned().collect();
            return Err(UnknownModel::Provider {
                model: name.to_owned(),
                provider: model.provider().to_owned(),
                nearest: nearest(model.provider(), configured.iter().map(String::as_str)),
                configured,
            });
        };
        let offered = offer.only.as_ref().is_none_or(|models| models.contains(model.model()));
        if offered && (!offer.needs_price || self.prices.has_price(offer.price_list.as_deref(), &model)) {
            return Ok(model);
        }
        if offered && offer.only.is_some() {
            return Err(UnknownModel::Price { model: name.to_owned() });
        }
        let names = self.names_of(model.provider());
        Err(UnknownModel::Model {
            model: name.to_owned(),
            nearest: nearest(name, names.iter().map(String::as_str)),
            listed: if offered { Vec::new() } else { names.into_iter().collect() },
        })
    }

    /// Every model that is known by name, provider-qualified and sorted.
    pub fn models(&self) -> Vec<String> {
        self.providers.keys().flat_map(|provider| self.names_of(provider)).collect()
    }

    /// The configured providers.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    fn names_of(&self, provider: &str) -> BTreeSet<String> {
        let qualified = |model: &str| format!("{provider}/{model}");
        let Some(offer) = self.providers.get(provider) else { return BTreeSet::new() };
        if let Some(models) = &offer.only {
            return models.iter().map(|model| qualified(model)).collect();
        }
        let list = offer.price_list.as_deref().filter(|_| offer.needs_price);
        let mut names: BTreeSet<String> =
            list.into_iter().flat_map(prices::listed_models).map(qualified).collect();
        let prefix = qualified("");
        names.extend(self.prices.own_models().filter(|name| name.starts_with(&prefix)).map(str::to_owned));
        names
    }
}

/// The most similar of these names, if any is similar enough to be what was meant.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
