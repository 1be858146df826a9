//! Watching a running service: the live feed, until what was waited for has happened or somebody says stop.

use std::time::Duration;

use syndarix_core::approval::ApprovalState;
use syndarix_core::id::ProjectId;
use syndarix_core::project::ProjectState;
use syndarix_core::time::{Clock as _, SystemClock};
use syndarix_store::{EventQuery, Store};
use tokio::time::Instant;

use super::host::Service;
use super::stop::Stop;
use crate::display::live::Live;
use crate::failure::Failure;
use crate::records::refused;

/// How long to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Until {
    /// Until this project is over; without one, for good.
    pub(crate) project: Option<ProjectId>,
    /// Until nothing is left to do but what waits for a human.
    pub(crate) idle: bool,
}

/// Why watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The project that was watched is over, like this.
    Over(ProjectState),
    /// Nothing is left to do; whether something waits for a human.
    Idle {
        /// Whether something waits for a human.
        waiting: bool,
    },
    /// Ctrl-C, SIGTERM, or a terminal that was closed.
    Stopped,
    /// A part of the service ended by itself.
    Broken,
}

/// How often progress lines are drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// How long the journal must have been silent before it is asked whether anything is left to do.
const SILENCE: Duration = Duration::from_millis(400);

/// How many events are read at a time.
const PAGE: u32 = 1_000;

/// Tells what happens after event `after` until watching ends. `after` is where the events begin that nobody
/// has seen; earlier ones are taken in silently, since names and titles come from them.
pub(crate) async fn watch(
    service: &Service,
    live: &mut Live,
    after: u64,
    until: &Until,
) -> Result<(Ended, Option<String>), Failure> {
    let mut stop = Stop::listen()?;
    let store = service.store();
    let mut committed = store.subscribe();
    let mut draw = tokio::time::interval(DRAW_EVERY);
    let mut seen = 0;
    let mut last_event = Instant::now();
    loop {
        let before = seen;
        seen = tell(store, live, seen, after).await?;
        if seen != before {
            last_event = Instant::now();
            if let Some(state) = over(store, until).await? {
                live.draw(SystemClock.now());
                return Ok((Ended::Over(state), None));
            }
        } else if until.idle && last_event.elapsed() >= SILENCE {
            last_event = Instant::now();
            if let Some(waiting) = idle(service).await? {
                return Ok((Ended::Idle { waiting }, None));
            }
        }
        tokio::select! {
            changed = committed.changed() => {
                if changed.is_err() {
                    return Ok((Ended::Broken, Some("the store stopped".to_owned())));
                }
            }
            _ = draw.tick() => live.draw(SystemClock.now()),
            () = stop.asked() => return Ok((Ended::Stopped, None)),
            reason = service.broken() => return Ok((Ended::Broken, Some(reason))),
        }
    }
}

/// Tells everything that has been committed, and returns the last event's number.
async fn tell(store: &Store, live: &mut Live, mut seen: u64, after: u64) -> Result<u64, Failure> {
    loop {
        let query = EventQuery { after: seen, limit: PAGE, project: None };
        let page = store.events(query).await.map_err(refused)?;
        let Some(last) = page.last() else { return Ok(seen) };
        seen = last.seq;
        for event in &page {
            if event.seq <= after { live.catch_up(event) } else { live.tell(event)? }
        }
    }
}

async fn over(store: &Store, until: &Until) -> Result<Option<ProjectState>, Failure> {
    let Some(id) = &until.project else { return Ok(None) };
    let state = store.project(id).await.map_err(refused)?.state;
    Ok(state.is_final().then_some(state))
}

/// Whether nothing is left to do, and if so whether something waits for a human: no word is on its way, every
/// project that is not over has asked something, and none of its workflows has anything under way.
async fn idle(service: &Service) -> Result<Option<bool>, Failure> {
    let store = service.store();
    let projects = store.projects().await.map_err(refused)?;
    let open: Vec<_> = projects.into_iter().filter(|project| !project.state.is_final()).collect();
    if !store.pending_signals().await.map_err(refused)?.is_empty() {
        return Ok(None);
    }
    for project in &open {
        let approvals = store.approvals(Some(&project.id)).await.map_err(refused)?;
        // What has expired and was not noted yet is about to be asked anew, or to let its agent go on.
        let now = SystemClock.now();
        let asked = approvals.iter().any(|approval| approval.state_at(now) == ApprovalState::Pending);
        if !asked || service.is_busy(&project.id).await? {
            return Ok(None);
        }
    }
    Ok(Some(!open.is_empty()))
}
