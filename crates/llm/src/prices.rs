//! What models cost: the configuration's own prices first, then the public price list.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use genai_prices::{Calculator, PriceRequest, Usage, UsageKey};
use serde::{Deserialize, Serialize};
use syndarix_core::money::NanoUsd;
use syndarix_core::time::Timestamp;
use syndarix_core::usage::TokenUsage;

use crate::provider::{ModelProvider, ModelRef};

/// Tokens per unit of a price.
const MILLION: u128 = 1_000_000;

/// What a model's tokens cost, in US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrice {
    /// Prompt tokens.
    #[serde(with = "usd")]
    pub input: NanoUsd,
    /// Completion tokens.
    #[serde(with = "usd")]
    pub output: NanoUsd,
    /// Prompt tokens read from the provider's cache; as `input` where not given.
    #[serde(default, with = "usd_option", skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<NanoUsd>,
    /// Prompt tokens written to the provider's cache; as `input` where not given.
    #[serde(default, with = "usd_option", skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<NanoUsd>,
}

impl ModelPrice {
    /// No price: a model on the user's own machine.
    pub const FREE: Self =
        Self { input: NanoUsd::ZERO, output: NanoUsd::ZERO, cache_read: None, cache_write: None };

    /// What this usage costs, rounded up to a nano-dollar.
    pub fn cost(&self, usage: &TokenUsage) -> NanoUsd {
        let cached = usage.cache_read_tokens + usage.cache_write_tokens;
        let parts = [
            (usage.input_tokens.saturating_sub(cached), self.input),
            (usage.cache_read_tokens, self.cache_read.unwrap_or(self.input)),
            (usage.cache_write_tokens, self.cache_write.unwrap_or(self.input)),
            (usage.output_tokens, self.output),
        ];
        let total: u128 = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(price.0)).sum();
        NanoUsd(u64::try_from(total.div_ceil(MILLION)).unwrap_or(u64::MAX))
    }
}

/// A model whose price is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the price of {model} is not known, so no budget can be kept; set it in the configuration, in US dollars per \
     million tokens: [prices.\"{model}\"] input = 1.00, output = 3.00; or set allow_unpriced = true to count it as free"
)]
pub struct Unpriced {
    /// The provider-qualified model.
    pub model: String,
}

/// What models cost.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    own: BTreeMap<String, ModelPrice>,
    allow_unpriced: bool,
}

impl Prices {
    /// The public price list, with these prices before it. A key is a model (`openai/gpt-5`) or all models of a
    /// provider (`my-proxy/*`).
    pub fn new(own: impl IntoIterator<Item = (String, ModelPrice)>) -> Self {
        Self { own: own.into_iter().collect(), allow_unpriced: false }
    }

    /// Counts models without a known price as free, rather than refusing to call them.
    #[must_use]
    pub fn allow_unpriced(mut self, allow: bool) -> Self {
        self.allow_unpriced = allow;
        self
    }

    /// The configuration's own price of a model, if it has one.
    pub fn own(&self, model: &ModelRef) -> Option<ModelPrice> {
        let all = || format!("{}/*", model.provider());
        self.own.get(model.as_str()).or_else(|| self.own.get(&all())).copied()
    }

    /// Every model that the configuration prices by name.
    pub fn own_models(&self) -> impl Iterator<Item = &str> {
        self.own.keys().map(String::as_str).filter(|key| !key.ends_with("/*"))
    }

    /// Whether models without a known price are counted as free.
    pub fn allows_unpriced(&self) -> bool {
        self.allow_unpriced
    }

    /// Whether a model has a price, its own or in the public list of this name.
    pub fn has_price(&self, price_list: Option<&str>, model: &ModelRef) -> bool {
        let listed = |list| listed_cost(list, model.model(), &TokenUsage::default(), Timestamp::default());
        self.own(model).is_some() || price_list.and_then(listed).is_some()
    }

    /// What this usage costs at the prices of this moment.
    pub fn cost(
        &self,
        provider: &dyn ModelProvider,
        model: &ModelRef,
        usage: &TokenUsage,
        at: Timestamp,
    ) -> Result<NanoUsd, Unpriced> {
        if let Some(price) = self.own(model) {
            return Ok(price.cost(usage));
        }
        let listed = provider.price_list().and_then(|list| listed_cost(list, model.model(), usage, at));
        match listed {
            Some(cost) => Ok(cost),
            None if provider.is_local() || self.allow_unpriced => Ok(NanoUsd::ZERO),
            None => Err(Unpriced { model: model.to_string() }),
        }
    }

    /// The most a call can cost: the whole prompt at its dearest (providers charge extra for writing their cache)
    /// and the longest answer.
    pub fn worst_case(
        &self,
        provider: &dyn ModelProvider,
        model: &ModelRef,
        prompt_tokens: u64,
        max_output_tokens: u32,
        at: Timestamp,
    ) -> Result<NanoUsd, Unpriced> {
        let plain = TokenUsage {
            input_tokens: prompt_tokens,
            output_tokens: u64::from(max_output_tokens),
            ..TokenUsage::default()
        };
        let writing = TokenUsage { cache_write_tokens: prompt_tokens, ..plain };
        Ok(self.cost(provider, model, &plain, at)?.max(self.cost(provider, model, &writing, at)?))
    }
}

/// The names of the models that the public price list knows of a provider.
pub fn listed_models(price_list: &str) -> Vec<&'static str> {
    Calculator::bundled()
        .providers()
        .filter(|provider| provider.id() == price_list)
        .flat_map(|provider| provider.models().map(genai_prices::ModelInfo::id))
        .collect()
}

fn listed_cost(price_list: &str, model: &str, usage: &TokenUsage, at: Timestamp) -> Option<NanoUsd> {
    let units = Usage::from([
        (UsageKey::INPUT_TOKENS, usage.input_tokens as f64),
        (UsageKey::OUTPUT_TOKENS, usage.output_tokens as f64),
        (UsageKey::CACHE_READ_TOKENS, usage.cache_read_tokens as f64),
        (UsageKey::CACHE_WRITE_TOKENS, usage.cache_write_tokens as f64),
    ]);
    let moment = UNIX_EPOCH + Duration::from_millis(at.0.max(0).unsigned_abs());
    let request = PriceRequest::new(model, &units).with_provider_id(price_list).with_timestamp(moment);
    let price = Calculator::bundled().calculate(&request).ok()?;
    // The list speaks in floating-point dollars; a nano-dollar is far above its error and far below a cent.
    let nano = (price.total_price * 1e9).round();
    (nano.is_finite() && nano >= 0.0).then_some(NanoUsd(nano as u64))
}

/// Amounts in configuration files: `0.25`, `3` or `"0.000000001"`.
mod usd {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use syndarix_core::money::NanoUsd;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Amount {
        Whole(u64),
        Decimal(f64),
        Text(String),
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NanoUsd, D::Error> {
        let text = match Amount::deserialize(deserializer)? {
            Amount::Whole(number) => number.to_string(),
            Amount::Decimal(number) => number.to_string(),
            Amount::Text(text) => text,
        };
        text.parse().map_err(de::Error::custom)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde's `with` asks for")]
    pub(super) fn serialize<S: Serializer>(amount: &NanoUsd, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(amount.to_string().trim_start_matches('$'))
    }
}

mod usd_option {
    use serde::{Deserializer, Serializer};
    use syndarix_core::money::NanoUsd;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<NanoUsd>, D::Error> {
        super::usd::deserialize(deserializer).map(Some)
    }

    #[expect(clippy::ref_option, reason = "the shape serde's `with` asks for")]
    pub(super) fn serialize<S: Serializer>(
        amount: &Option<NanoUsd>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => super::usd::serialize(amount, serializer),
            None => serializer.serialize_none(),
        }
    }
}
