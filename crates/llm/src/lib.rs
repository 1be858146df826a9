//! The model gateway: providers, chains with failover, reserve-then-settle budgets, prices.
//!
//! [`gateway::Gateway::call`] is the door: it makes one model call happen once, whatever crashes, tries a chain of
//! models, and charges every attempt. Behind it stand [`provider::ModelProvider`]s: the real ones in
//! [`providers`], and the [`scripted`] one for demos and tests.

pub mod catalog;
pub mod error;
pub mod gateway;
pub mod prices;
pub mod provider;
pub mod providers;
pub mod reply;
pub mod request;
pub mod scripted;
pub mod testing;
pub mod tokens;

pub use catalog::ModelCatalog;
pub use error::{FailureKind, ProviderError};
pub use gateway::{CallContext, Gateway, GatewayOptions, GatewayReply};
pub use prices::Prices;
pub use provider::{CallInfo, Delta, DeltaSink, ModelProvider, ModelRef};
pub use providers::Providers;
pub use reply::{ModelReply, StopReason, UsageSource};
pub use request::{ModelRequest, Scene, Thoughts, ToolResult, Turn};
pub use scripted::{Script, ScriptedProvider};
