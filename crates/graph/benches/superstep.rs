//! What a superstep costs, against the floor: one raw SQLite commit in the same run on the same disk. The
//! ratios are what matters; the times depend on the machine.

#![expect(clippy::print_stdout, reason = "the report is the purpose")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};
use syndarix_core::id::RunId;
use syndarix_core::ports::{Checkpoints, PortError, StoredCheckpoint};
use syndarix_graph::reducer::{Append, Sum};
use syndarix_graph::{END, Graph, Input, MemoryCheckpoints, Next, NodeContext, NodeOutcome, Outcome, Runner};

/// Enough commits for a steady mean, few enough for a slow disk.
const SUPERSTEPS: u32 = 200;
/// Everything is measured this often in turn and the best of each is reported, so that what else the machine
/// does disturbs all of them alike.
const ROUNDS: u32 = 7;
/// How many nodes a wide superstep has.
const WIDTH: u32 = 8;

syndarix_graph::state! {
    #[derive(Debug, Default)]
    struct Work, update WorkUpdate {
        rounds: Sum<u32>,
        log: Append<String>,
    }
}

/// A database with the durability that every store of this project has.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(
        "CREATE TABLE checkpoint (run TEXT, superstep INTEGER, state BLOB, PRIMARY KEY (run, superstep)) WITHOUT ROWID;
         CREATE TABLE write (run TEXT, superstep INTEGER, node TEXT, write BLOB, PRIMARY KEY (run, superstep, node)) WITHOUT ROWID;",
    )?;
    Ok(connection)
}

/// Checkpoints with one commit per call and nothing clever.
struct Durable(Mutex<Connection>);

fn port_error(error: rusqlite::Error) -> PortError {
    PortError { message: "the database failed".to_owned(), retryable: false, source: Some(error.into()) }
}

#[async_trait]
impl Checkpoints for Durable {
    async fn put(&self, run: &RunId, checkpoint: StoredCheckpoint) -> Result<(), PortError> {
        let connection = self.0.lock();
        let mut insert = connection
            .prepare_cached("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)")
            .map_err(port_error)?;
        insert.execute(params![run.as_str(), checkpoint.superstep, checkpoint.state]).map_err(port_error)?;
        Ok(())
    }

    async fn latest(&self, run: &RunId) -> Result<Option<StoredCheckpoint>, PortError> {
        let connection = self.0.lock();
        connection
            .query_row(
                "SELECT superstep, state FROM checkpoint WHERE run = ? ORDER BY superstep DESC LIMIT 1",
                [run.as_str()],
                |row| Ok(StoredCheckpoint { superstep: row.get(0)?, state: row.get(1)? }),
            )
            .optional()
            .map_err(port_error)
    }

    async fn list(&self, run: &RunId) -> Result<Vec<StoredCheckpoint>, PortError> {
        let connection = self.0.lock();
        let mut select = connection
            .prepare("SELECT superstep, state FROM checkpoint WHERE run = ? ORDER BY superstep")
            .map_err(port_error)?;
        let rows = select
            .query_map([run.as_str()], |row| {
                Ok(StoredCheckpoint { superstep: row.get(0)?, state: row.get(1)? })
            })
            .map_err(port_error)?;
        rows.collect::<Result<_, _>>().map_err(port_error)
    }

    async fn put_write(
        &self,
        run: &RunId,
        superstep: u32,
        node: &str,
        write: Vec<u8>,
    ) -> Result<(), PortError> {
        let connection = self.0.lock();
        let mut insert = connection
            .prepare_cached("INSERT OR REPLACE INTO write VALUES (?, ?, ?, ?)")
            .map_err(port_error)?;
        insert.execute(params![run.as_str(), superstep, node, write]).map_err(port_error)?;
        Ok(())
    }

    async fn writes(&self, run: &RunId, superstep: u32) -> Result<Vec<(String, Vec<u8>)>, PortError> {
        let connection = self.0.lock();
        let mut select = connection
            .prepare("SELECT node, write FROM write WHERE run = ? AND superstep = ? ORDER BY node")
            .map_err(port_error)?;
        let rows = select
            .query_map(params![run.as_str(), superstep], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(port_error)?;
        rows.collect::<Result<_, _>>().map_err(port_error)
    }
}

/// A cycle of supersteps of this width.
fn graph(width: u32) -> Result<Graph<Work>, Box<dyn Error>> {
    let work = |ctx: &NodeContext, work: &Work| {
        let rounds = Some(u32::from(ctx.task_index == 0));
        let line = format!("round {} at {}", work.rounds, ctx.superstep % 10);
        // The log stays short: a state refers to what was said and does not hold it.
        let log = (work.log.len() < 32).then(|| vec![line]);
        Ok(NodeOutcome::Update(WorkUpdate { rounds, log }))
    };
    let again = move |work: &Work| match width {
        _ if work.rounds >= SUPERSTEPS => vec![Next::End],
        1 => vec!["work".into()],
        _ => (0..width).map(|part| Next::send("work", part)).collect(),
    };
    let builder = Graph::builder("bench").node("work", work).entry("work").step_limit(SUPERSTEPS + 1);
    Ok(builder.conditional("work", again, ["work", END]).build()?)
}

/// The mean time of a superstep.
async fn superstep(width: u32, checkpoints: Arc<dyn Checkpoints>) -> Result<Duration, Box<dyn Error>> {
    let runner = Runner::new(Arc::new(graph(width)?), checkpoints);
    let run = "bench/T-1/run-1".parse()?;
    let begun = Instant::now();
    let outcome = runner.run(&run, Input::Start(Work::default()), &()).await?;
    let elapsed = begun.elapsed();
    assert!(matches!(outcome, Outcome::Finished(work) if work.rounds == SUPERSTEPS));
    Ok(elapsed / SUPERSTEPS)
}

/// The mean time of a commit of as many bytes as a checkpoint of this benchmark has.
fn raw_commit(path: &Path, bytes: usize) -> Result<Duration, Box<dyn Error>> {
    let connection = open(path)?;
    let state = vec![b'x'; bytes];
    let mut insert =
        connection.prepare("INSERT OR REPLACE INTO checkpoint VALUES ('bench/T-1/run-1', ?, ?)")?;
    let begun = Instant::now();
    for superstep in 0..SUPERSTEPS {
        insert.execute(params![superstep, state])?;
    }
    Ok(begun.elapsed() / SUPERSTEPS)
}

/// The measurements of one round.
struct Round {
    commit: Duration,
    in_memory: Duration,
    wide_in_memory: Duration,
    durable: Duration,
    wide_durable: Duration,
}

async fn round(folder: &Path, bytes: usize) -> Result<Round, Box<dyn Error>> {
    let open = |name: &str| open(&folder.join(name)).map(|db| Arc::new(Durable(Mutex::new(db))));
    Ok(Round {
        commit: raw_commit(&folder.join("raw.db"), bytes)?,
        in_memory: superstep(1, Arc::new(MemoryCheckpoints::new())).await?,
        wide_in_memory: superstep(WIDTH, Arc::new(MemoryCheckpoints::new())).await?,
        durable: superstep(1, open("one.db")?).await?,
        wide_durable: superstep(WIDTH, open("wide.db")?).await?,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let memory = Arc::new(MemoryCheckpoints::new());
    superstep(1, Arc::<MemoryCheckpoints>::clone(&memory)).await?;
    let run = "bench/T-1/run-1".parse()?;
    let bytes = memory.latest(&run).await?.map_or(0, |stored| stored.state.len());
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        // Not the system's temporary folder: that is often in memory, where a commit costs nothing.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        rounds.push(round(folder.path(), bytes).await?);
    }
    let best = |of: fn(&Round) -> Duration| rounds.iter().map(of).min().unwrap_or_default();

    let commit = best(|round| round.commit);
    println!("one raw SQLite commit of {bytes} bytes (WAL, synchronous=FULL): {commit:.1?}");
    let report = |what: &str, commits: u32, of: fn(&Round) -> Duration| {
        let ratio = best(of).as_secs_f64() / commit.as_secs_f64();
        println!("{what:<38} {:>9.1?} = {ratio:>6.3} raw commits; it makes {commits}", best(of));
    };
    report("superstep of one node, in memory", 0, |round| round.in_memory);
    report(&format!("superstep of {WIDTH} nodes, in memory"), 0, |round| round.wide_in_memory);
    report("superstep of one node, durable", 1, |round| round.durable);
    // Every node but the last is stored on its own, then the checkpoint.
    report(&format!("superstep of {WIDTH} nodes, durable"), WIDTH, |round| round.wide_durable);
    Ok(())
}
