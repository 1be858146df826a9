//! The port behind which every model is.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::{FailureKind, ProviderError};
use crate::reply::ModelReply;
use crate::request::ModelRequest;

/// A model of a provider, written `anthropic/claude-sonnet-4-5`. The provider is the part before the first slash;
/// the model's own name may contain more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelRef {
    text: String,
    slash: usize,
}

/// Why a text does not name a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not name a model; write it as PROVIDER/MODEL, like `anthropic/claude-sonnet-4-5`")]
pub struct InvalidModelRef(pub String);

impl ModelRef {
    /// The name of the provider's configuration, such as `anthropic`.
    pub fn provider(&self) -> &str {
        &self.text[..self.slash]
    }

    /// The model's name at that provider.
    pub fn model(&self) -> &str {
        &self.text[self.slash + 1..]
    }

    /// Both, as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for ModelRef {
    type Err = InvalidModelRef;
    fn from_str(text: &str) -> Result<Self, InvalidModelRef> {
        let invalid = || InvalidModelRef(text.to_owned());
        let slash = text.find('/').ok_or_else(invalid)?;
        let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if slash == 0 || slash + 1 == text.len() || !clean {
            return Err(invalid());
        }
        Ok(Self { text: text.to_owned(), slash })
    }
}

impl TryFrom<String> for ModelRef {
    type Error = InvalidModelRef;
    fn try_from(text: String) -> Result<Self, InvalidModelRef> {
        text.parse()
    }
}

impl From<ModelRef> for String {
    fn from(model: ModelRef) -> String {
        model.text
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Which attempt of which call a provider is asked for. Both counts come from the ledger, so they are the same
/// after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallInfo<'a> {
    /// The model's name at this provider.
    pub model: &'a str,
    /// How many attempts of this call failed before, at any model.
    pub attempt: u32,
    /// How many of them were at this model.
    pub model_attempt: u32,
}

impl<'a> CallInfo<'a> {
    /// The first attempt at a model.
    pub fn first(model: &'a str) -> Self {
        Self { model, attempt: 0, model_attempt: 0 }
    }
}

/// A provider of models.
#[async_trait]
pub trait ModelProvider: Send + Sync + fmt::Debug {
    /// The name under which it is configured; the first part of a [`ModelRef`].
    fn name(&self) -> &str;

    /// Asks a model once, without retrying. Deltas go to the sink as they arrive; dropping the future gives the
    /// call up.
    async fn call(
        &self,
        call: &CallInfo<'_>,
        request: &ModelRequest,
        sink: &dyn DeltaSink,
    ) -> Result<ModelReply, ProviderError>;

    /// The prompt's size in tokens, never too small by more than a few percent: the worst case is priced from it.
    fn estimate_prompt_tokens(&self, model: &str, request: &ModelRequest) -> u64;

    /// Under which provider the public price list knows these models; `None` where it does not.
    fn price_list(&self) -> Option<&str> {
        None
    }

    /// The models it has, where it can only have these; `None` where only asking would tell.
    fn models(&self) -> Option<Vec<String>> {
        None
    }

    /// Whether its models run on the user's own machine and cost nothing unless the configuration says so.
    fn is_local(&self) -> bool {
        false
    }

    /// Whether a call that was cut off on this side may have reached a model and be charged for.
    fn charges_for_interrupted_calls(&self) -> bool {
        true
    }
}

/// Something that happened during a call, before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta<'a> {
    /// An attempt begins.
    Attempt {
        /// The provider-qualified model.
        model: &'a str,
        /// Which attempt of the call, from 0.
        attempt: u32,
    },
    /// The model said something.
    Text(&'a str),
    /// The model thinks; its thoughts are not kept.
    Reasoning,
    /// The model writes a tool call.
    ToolCall {
        /// The tool's name.
        name: &'a str,
    },
    /// An attempt failed, and the call goes on.
    Retrying {
        /// The model asked next.
        model: &'a str,
        /// What went wrong.
        kind: FailureKind,
        /// How long it waits first.
        after: Duration,
    },
}

/// Where deltas go. Must not block.
pub trait DeltaSink: Send + Sync {
    /// Takes notice.
    fn delta(&self, delta: Delta<'_>);
}

/// Takes no notice.
impl DeltaSink for () {
    fn delta(&self, _delta: Delta<'_>) {}
}

impl<F: Fn(Delta<'_>) + Send + Sync> DeltaSink for F {
    fn delta(&self, delta: Delta<'_>) {
        self(delta);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_with_its_provider() {
        let model: ModelRef = "router/meta/llama-4".parse().expect("valid");
        assert_eq!((model.provider(), model.model()), ("router", "meta/llama-4"));
        for bad in ["", "gpt-5", "/x", "openai/", "open ai/x"] {
            assert!(bad.parse::<ModelRef>().is_err(), "{bad:?} was accepted");
        }
    }
}
