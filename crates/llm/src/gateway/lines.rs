//! Waiting for money: a call that would fit if those under way were settled waits for them, in the order in which it came.
//!
//! A reservation is for the worst case, many times what a call costs in the end. Without waiting, a few calls side by side
//! would use up a budget of which next to nothing is spent.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use syndarix_core::budget::{BudgetRefusal, ReservationRequest, Reserved};
use syndarix_core::id::ProjectId;
use syndarix_core::ports::{Ledger, PortError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a call waits at most before it is refused: a little longer than a provider may take to answer.
const PATIENCE: Duration = Duration::from_mins(6);

/// The line of each project.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<HashMap<ProjectId, Arc<Line>>>);

#[derive(Debug, Default)]
struct Line {
    /// Held by the first that waits, or is asking; the lock is fair.
    turn: tokio::sync::Mutex<()>,
    under_way: AtomicUsize,
    settled: Notify,
}

/// A call for which money is set aside. Dropping it says that it is settled, or that nobody will see its end.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Line>);

impl UnderWay {
    fn begin(line: &Arc<Line>) -> Self {
        line.under_way.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(line))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.settled.notify_waiters();
    }
}

impl Lines {
    /// Sets money aside, in turn: as soon as it fits, or not at all where it cannot, whatever the calls under way come to.
    pub(super) async fn reserve(
        &self,
        ledger: &dyn Ledger,
        mut request: ReservationRequest,
    ) -> Result<Result<UnderWay, BudgetRefusal>, PortError> {
        let line = Arc::clone(self.0.lock().entry(request.attribution.project.clone()).or_default());
        let _turn = line.turn.lock().await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let settled = line.settled.notified();
            tokio::pin!(settled);
            // What is settled from here on is heard of.
            settled.as_mut().enable();
            // Nothing comes back where nothing is under way: what is set aside then is another process's, or a dead one's.
            request.patient = line.under_way.load(Ordering::SeqCst) > 0 && Instant::now() < deadline;
            match ledger.reserve(&request).await? {
                Reserved::Granted => return Ok(Ok(UnderWay::begin(&line))),
                Reserved::Refused(refusal) => return Ok(Err(refusal)),
                Reserved::Later(_) => tokio::select! {
                    () = settled => {}
                    () = tokio::time::sleep_until(deadline) => {}
                },
            }
        }
    }
}
