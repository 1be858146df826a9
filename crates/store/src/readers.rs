//! Reading: a few connections beside the writer's, each used by one blocking task at a time.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::Error;

/// Reads at once. Reads are short and mostly served from the page cache; more would only compete for cores.
const CONNECTIONS: usize = 4;

/// The pool. Connections are opened when first needed.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, idle: Arc::default(), permits: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// Runs `work` on one snapshot of what is committed.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let stopped = |reason: &str| Error::Stopped { reason: reason.to_owned() };
        let permit =
            Arc::clone(&self.permits).acquire_owned().await.map_err(|_| stopped("its readers are closed"))?;
        let idle = Arc::clone(&self.idle);
        let path = self.path.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let pooled = idle.lock().pop();
            let connection = match pooled {
                Some(connection) => connection,
                None => crate::connection::open_for_reading(&path)?,
            };
            let result = (|| {
                let snapshot = connection.unchecked_transaction()?;
                let result = work(&snapshot)?;
                snapshot.finish()?;
                Ok(result)
            })();
            idle.lock().push(connection);
            result
        });
        let result = task.await.map_err(|_| stopped("a reader ended unexpectedly"))?;
        result.map_err(|error: Error| error.located(&self.path))
    }
}
