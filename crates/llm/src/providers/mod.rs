//! The providers of a process, by name, and those on the network.

mod classify;
pub mod config;
mod convert;
mod events;
mod frames;
mod heard;
pub mod real;
mod relay;

pub use self::config::{ConfigError, Limits, ProviderConfig, ProviderKind};
pub use self::real::RealProvider;

use std::fmt;
use std::sync::Arc;

use crate::provider::ModelProvider;

/// Two providers with one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are two providers named `{0}`; give each its own name")]
pub struct DuplicateProvider(pub String);

/// Providers by name, in the order in which they were added.
#[derive(Clone, Default)]
pub struct Providers(Vec<Arc<dyn ModelProvider>>);

impl Providers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider under its own name.
    pub fn add(&mut self, provider: Arc<dyn ModelProvider>) -> Result<(), DuplicateProvider> {
        if self.get(provider.name()).is_some() {
            return Err(DuplicateProvider(provider.name().to_owned()));
        }
        self.0.push(provider);
        Ok(())
    }

    /// These and one more.
    pub fn with(mut self, provider: impl ModelProvider + 'static) -> Result<Self, DuplicateProvider> {
        self.add(Arc::new(provider))?;
        Ok(self)
    }

    /// The provider of this name.
    pub fn get(&self, name: &str) -> Option<&dyn ModelProvider> {
        self.0.iter().map(AsRef::as_ref).find(|provider| provider.name() == name)
    }

    /// Every provider.
    pub fn iter(&self) -> impl Iterator<Item = &dyn ModelProvider> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|provider| provider.name())).finish()
    }
}
