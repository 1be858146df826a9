//! A session: one run's tools.

use syndarix_core::effect::EffectKey;
use syndarix_core::tool::{Risk, ToolCall, ToolOutput, ToolSpec};

use crate::error::Error;
use crate::toolbox::{SessionRequest, ToolboxOptions};

/// What a human decided about a call that may or may not have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphan {
    /// Perform it (again).
    Repeat,
    /// Take it as done, and tell the model so.
    AssumeDone,
}

/// One run's tools: every call is checked against policy and schema, happens once, and is journalled.
#[derive(Debug)]
pub struct Session {
    request: SessionRequest,
    specs: Vec<ToolSpec>,
}

impl Session {
    pub(crate) fn open(_options: &ToolboxOptions, request: SessionRequest) -> Result<Self, Error> {
        Ok(Self { request, specs: Vec::new() })
    }

    /// The tools this session allows, as models see them.
    pub fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    /// How risky this very call is: a command by its program, another tool by its nature.
    pub fn risk(&self, _call: &ToolCall) -> Risk {
        Risk::High
    }

    /// Performs a call once. What a model can mend comes back as an output that is an error.
    pub async fn call(&self, key: &EffectKey, call: &ToolCall) -> Result<ToolOutput, Error> {
        self.call_decided(key, call, Orphan::Repeat).await
    }

    /// Performs a call about whose earlier attempt a human has decided.
    #[expect(clippy::unused_async, reason = "the servers are asked here")]
    pub async fn call_decided(
        &self,
        _key: &EffectKey,
        _call: &ToolCall,
        _orphan: Orphan,
    ) -> Result<ToolOutput, Error> {
        Err(Error::Configuration(format!("no tools for {}", self.request.run)))
    }

    /// Ends the workspace server and all it started. Dropping the session does the same without waiting.
    #[expect(clippy::unused_async, reason = "the server's end is awaited here")]
    pub async fn close(self) {}
}
