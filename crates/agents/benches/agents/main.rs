//! What working side by side costs: agents of one project, all at once, with a model that answers each call after
//! a fixed time, against the time that an agent with nothing to do but wait for its model would need. The floor is
//! measured in the same run: one raw SQLite commit on the same disk.
//!
//! `cargo bench -p syndarix-agents --bench agents`

#![expect(clippy::print_stdout, reason = "the report is the purpose")]

mod crowd;
mod floor;

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use self::crowd::{ANSWER, CALLS, Crowd};
use self::floor::{commits_in_log, log_generation, processor_time, raw_commit};

/// One to see what a run costs alone, and two crowds to see how it grows. The last is the largest team there can be.
const CROWDS: [u32; 3] = [1, 50, 200];

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How many commits the same work makes. It is not the round that is timed: a reader has to hold the log, so that
/// it is not begun anew, and a long log is slow to read.
async fn commits(folder: &Path, agents: u32) -> Outcome<u64> {
    let crowd = Crowd::new(folder, agents).await?;
    let log = crowd.log();
    // A reader holds the log only where something in it is not in the database yet.
    crowd.begin_something().await?;
    let reader = Connection::open_with_flags(crowd.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    reader.execute_batch("BEGIN")?;
    reader.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0))?;
    let (generation, before) = (log_generation(&log)?, commits_in_log(&log)?);
    crowd.work().await?;
    assert_eq!(
        log_generation(&log)?,
        generation,
        "the log was begun anew, so its commits are not all of them"
    );
    Ok(commits_in_log(&log)? - before)
}

async fn report(place: &Path, agents: u32) -> Outcome<()> {
    let folder = tempfile::tempdir_in(place)?;
    let crowd = Crowd::new(folder.path(), agents).await?;
    let events = crowd.events().await?;
    let raw = raw_commit(folder.path())?;
    let processor = processor_time()?;
    let begun = Instant::now();
    crowd.work().await?;
    let wall = begun.elapsed();
    let processor = processor_time()?.saturating_sub(processor) / (agents * CALLS);
    // On a shared disk a commit takes another time every minute, so it is measured on both sides.
    let raw = (raw + raw_commit(folder.path())?) / 2;
    let events = crowd.events().await? - events;
    let counted = tempfile::tempdir_in(place)?;
    let commits = commits(counted.path(), agents).await?;
    let cells = [
        agents.to_string(),
        (agents * CALLS).to_string(),
        format!("{:.2} s", wall.as_secs_f64()),
        format!("{:.2}", wall.as_secs_f64() / (ANSWER * CALLS).as_secs_f64()),
        format!("{:.2} ms", millis(processor)),
        events.to_string(),
        commits.to_string(),
        format!("{:.2}", commits as f64 / f64::from(agents * CALLS)),
        format!("{:.2} ms", millis(raw)),
    ];
    print_row(&cells);
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn print_row<T: AsRef<str>>(cells: &[T]) {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{:>15}", cell.as_ref())).collect();
    println!("{}", cells.concat());
}

#[tokio::main]
async fn main() -> Outcome<()> {
    println!(
        "{CALLS} model calls of {ANSWER:.0?} for each agent: ideally {:.1?}, however many agents",
        ANSWER * CALLS
    );
    println!("fsync: WAL, synchronous=FULL; every commit is synced before it is acknowledged");
    let columns = [
        "agents",
        "model calls",
        "wall time",
        "over ideal",
        "CPU a call",
        "events",
        "commits",
        "commits a call",
        "raw commit",
    ];
    print_row(&columns);
    // Not the system's temporary folder: that is often in memory, where a commit costs nothing.
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for agents in CROWDS {
        report(place, agents).await?;
    }
    Ok(())
}
