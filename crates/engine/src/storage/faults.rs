//! Where tests make storage fail. In an engine that was opened normally nothing here does anything.

use std::sync::Arc;

/// What becomes of the next commits.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    inject: Option<Arc<dyn Fn() -> rusqlite::Result<()> + Send + Sync>>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").field("inject", &self.inject.is_some()).finish()
    }
}

impl Faults {
    /// Asked before every commit; an error it returns is the commit's.
    #[cfg(test)]
    pub(crate) fn injected(inject: impl Fn() -> rusqlite::Result<()> + Send + Sync + 'static) -> Self {
        Self { inject: Some(Arc::new(inject)) }
    }

    pub(super) fn before_commit(&self) -> rusqlite::Result<()> {
        self.inject.as_ref().map_or(Ok(()), |inject| inject())
    }
}
