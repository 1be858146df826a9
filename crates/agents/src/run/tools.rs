//! The port behind which an agent's tools are, so that a run does not depend on where they run.

use async_trait::async_trait;
use syndarix_core::effect::EffectKey;
use syndarix_core::permission::CallScope;
use syndarix_core::tool::{Risk, ToolCall, ToolOutput, ToolSpec};
use syndarix_tools::{Error, Orphan, Session, SessionRequest, Toolbox};

/// Opens the tools of a run.
pub trait OpenTools: Send + Sync + std::fmt::Debug {
    /// The tools of one run.
    fn open(&self, request: SessionRequest) -> Result<Box<dyn RunTools>, Error>;
}

/// The tools of one run.
#[async_trait]
pub trait RunTools: Send + Sync {
    /// The tools it allows, as models see them.
    fn specs(&self) -> Vec<ToolSpec>;

    /// How risky a call is.
    fn risk(&self, call: &ToolCall) -> Risk;

    /// The calls that a human may allow for always together with this one; `None` where they are not offered.
    fn scope(&self, _call: &ToolCall) -> Option<CallScope> {
        None
    }

    /// Performs a call once. `orphan` is what a human decided about an earlier attempt of it.
    async fn call(
        &self,
        key: &EffectKey,
        call: &ToolCall,
        orphan: Option<Orphan>,
    ) -> Result<ToolOutput, Error>;

    /// Ends what the calls started.
    async fn close(self: Box<Self>);
}

impl OpenTools for Toolbox {
    fn open(&self, request: SessionRequest) -> Result<Box<dyn RunTools>, Error> {
        Ok(Box::new(Self::open(self, request)?))
    }
}

#[async_trait]
impl RunTools for Session {
    fn specs(&self) -> Vec<ToolSpec> {
        Self::specs(self).to_vec()
    }

    fn risk(&self, call: &ToolCall) -> Risk {
        Self::risk(self, call)
    }

    fn scope(&self, call: &ToolCall) -> Option<CallScope> {
        Self::scope(self, call)
    }

    async fn call(
        &self,
        key: &EffectKey,
        call: &ToolCall,
        orphan: Option<Orphan>,
    ) -> Result<ToolOutput, Error> {
        match orphan {
            None => Self::call(self, key, call).await,
            Some(orphan) => self.call_decided(key, call, orphan).await,
        }
    }

    async fn close(self: Box<Self>) {
        Self::close(*self).await;
    }
}
