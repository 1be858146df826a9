//! What a data directory holds, read beside the product: straight from its databases and its repository, read-only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::{Connection, OpenFlags, Params, Row};

/// A data directory, looked at from outside.
pub(crate) struct Data {
    path: PathBuf,
    store: Connection,
}

/// How much a workflow's history holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) workflow: String,
    pub(crate) bytes: i64,
    pub(crate) is_open: bool,
}

/// A change of an agent's state, in the journal's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateChange {
    pub(crate) agent: String,
    pub(crate) to: String,
}

impl Data {
    /// Opens it; `None` before the store exists.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let store = database(&path.join("syndarix.db"))?;
        let ready = store.query_row("SELECT count(*) FROM events", (), |row| row.get::<_, i64>(0));
        ready.ok().map(|_| Self { path: path.to_owned(), store })
    }

    fn rows<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let mut statement = self.store.prepare(sql).expect("a statement");
        let rows = statement.query_map(parameters, read).expect("rows");
        rows.collect::<Result<_, _>>().expect("every row is readable")
    }

    fn number(&self, sql: &str) -> i64 {
        self.store.query_row(sql, (), |row| row.get(0)).expect(sql)
    }

    /// A short content that a record refers to.
    pub(crate) fn content(&self, hash: &str) -> String {
        let bytes: Vec<u8> = self
            .store
            .query_row("SELECT bytes FROM blobs WHERE hash = ?1", [hash], |row| row.get(0))
            .expect("a content that is stored whole");
        String::from_utf8(bytes).expect("a text")
    }

    /// The number of the journal's last event.
    pub(crate) fn last_seq(&self) -> i64 {
        self.number("SELECT coalesce(max(seq), 0) FROM events")
    }

    /// The ids and states of the projects.
    pub(crate) fn projects(&self) -> Vec<(String, String)> {
        self.rows("SELECT id, state FROM projects ORDER BY id", (), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The states of all tasks, and how many are in each.
    pub(crate) fn task_states(&self) -> BTreeMap<String, i64> {
        self.rows("SELECT state, count(*) FROM tasks GROUP BY state", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .into_iter()
        .collect()
    }

    /// How many events of each kind there are.
    pub(crate) fn event_counts(&self) -> BTreeMap<String, i64> {
        self.rows("SELECT name, count(*) FROM events GROUP BY name", (), |row| Ok((row.get(0)?, row.get(1)?)))
            .into_iter()
            .collect()
    }

    /// How many model calls were cut off on this side. The journal has to tell of each.
    pub(crate) fn interrupted_calls(&self) -> i64 {
        let calls = self.number("SELECT count(*) FROM calls WHERE outcome = 'interrupted'");
        let told = self.number(
            "SELECT count(*) FROM events
             WHERE name = 'model_call_failed' AND json_extract(kind, '$.kind') = 'interrupted'",
        );
        assert_eq!(told, calls, "the journal tells of other interruptions than the ledger");
        calls
    }

    /// Every effect, `RUN#SUPERSTEP.INDEX` with the project's id left out, and its name.
    pub(crate) fn effects(&self) -> BTreeMap<String, String> {
        let effects =
            self.rows("SELECT run || '#' || superstep || '.' || \"index\", name FROM effects", (), |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?))
            });
        effects.into_iter().map(|(key, name)| (without_project(&key).to_owned(), name)).collect()
    }

    /// How many effects have been begun and not been completed.
    pub(crate) fn effects_without_result(&self) -> i64 {
        self.number("SELECT count(*) FROM effects WHERE result IS NULL")
    }

    /// What each model call came to: how many of its attempts succeeded, how many failed, and what all of them
    /// cost, by the key of its effect.
    pub(crate) fn calls(&self) -> BTreeMap<String, (i64, i64, i64)> {
        let calls = self.rows(
            "SELECT run || '#' || superstep || '.' || \"index\",
                    sum(outcome IS 'succeeded'), sum(outcome NOT IN ('succeeded', 'interrupted')), sum(cost)
             FROM calls GROUP BY run, superstep, \"index\"",
            (),
            |row| Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))),
        );
        calls.into_iter().map(|(key, came_to)| (without_project(&key).to_owned(), came_to)).collect()
    }

    /// Panics unless the books are right: nothing is reserved, every call is settled, and every budget has spent
    /// what the calls below it cost. Returns what was spent in all, in nano-dollars.
    pub(crate) fn check_books(&self) -> i64 {
        assert_eq!(
            self.number("SELECT count(*) FROM calls WHERE outcome IS NULL"),
            0,
            "a call is not settled"
        );
        let wrong = self.rows(
            "WITH charged AS (
                 SELECT 'project:' || project AS scope, cost FROM calls
                 UNION ALL SELECT 'sprint:' || project || ':' || sprint, cost FROM calls WHERE sprint IS NOT NULL
                 UNION ALL SELECT 'agent:' || agent, cost FROM calls
                 UNION ALL SELECT 'task:' || task, cost FROM calls)
             SELECT b.scope, b.spent, b.reserved, coalesce(sum(c.cost), 0) AS cost
             FROM budgets b LEFT JOIN charged c ON c.scope = b.scope GROUP BY b.scope
             HAVING b.reserved <> 0 OR b.spent <> coalesce(sum(c.cost), 0)",
            (),
            |row| Ok(format!("{}: spent {}, reserved {}, calls cost {}",
                row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?)),
        );
        assert!(wrong.is_empty(), "the books are wrong: {wrong:#?}");
        let told = self.number(
            "SELECT coalesce(sum(json_extract(kind, '$.cost')), 0) FROM events
             WHERE name IN ('model_call_succeeded', 'model_call_failed')",
        );
        let spent = self.number("SELECT coalesce(sum(cost), 0) FROM calls");
        assert_eq!(told, spent, "the journal tells other costs than the ledger");
        spent
    }

    /// Panics unless the journal counts from 1 without a gap.
    pub(crate) fn check_journal(&self) {
        let (count, last) = (self.number("SELECT count(*) FROM events"), self.last_seq());
        assert_eq!(
            (count, self.number("SELECT coalesce(min(seq), 1) FROM events")),
            (last, 1),
            "the journal has a gap"
        );
    }

    /// How agents' states changed, in one project or in all.
    pub(crate) fn state_changes(&self, project: Option<&str>) -> Vec<StateChange> {
        self.rows(
            "SELECT agent, json_extract(kind, '$.to') FROM events
             WHERE name = 'agent_state_changed' AND coalesce(project = ?1, TRUE) ORDER BY seq",
            [project],
            |row| Ok(StateChange { agent: row.get(0)?, to: row.get(1)? }),
        )
    }

    /// The project's own repository.
    pub(crate) fn repository(&self, project: &str) -> PathBuf {
        self.path.join("projects").join(project).join("repository")
    }

    /// The workflows' histories, by size, the largest last.
    pub(crate) fn histories(&self) -> Vec<History> {
        const RUNNING: i64 = 1;
        let engine = database(&self.path.join("engine.db")).expect("the engine's database");
        let mut statement = engine
            .prepare(
                "SELECT r.workflow_id, r.status, sum(length(h.events)) FROM run r JOIN history h USING (run_key)
                 GROUP BY r.run_key ORDER BY 3",
            )
            .expect("a statement");
        let history = |row: &Row<'_>| {
            Ok(History {
                workflow: without_project(&row.get::<_, String>(0)?).to_owned(),
                is_open: row.get::<_, i64>(1)? == RUNNING,
                bytes: row.get(2)?,
            })
        };
        statement
            .query_map((), history)
            .expect("rows")
            .collect::<Result<_, _>>()
            .expect("every row is readable")
    }
}

fn database(path: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).ok()?;
    // A writer that was killed may have left the last commits to be recovered; another reader may do it now.
    connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a timeout");
    Some(connection)
}

/// An id without the project's, which differs from project to project.
fn without_project(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, rest)| rest)
}

/// What git prints in a folder.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder).args(arguments).output().expect("git starts");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// The trailers of all commits of all branches that name the effect that made them, each once per commit.
pub(crate) fn effects_in_git(repository: &Path) -> Vec<String> {
    let trailers = git(repository, &["log", "--all", "--format=%(trailers:key=Syndarix-Effect,valueonly)"]);
    trailers.lines().filter(|line| !line.is_empty()).map(|line| without_project(line).to_owned()).collect()
}

/// The processes that have to do with a folder: in their arguments, their environment or their working directory.
pub(crate) fn processes_about(folder: &Path) -> Vec<String> {
    let needle = folder.display().to_string();
    let own = std::process::id().to_string();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        if id == own || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        let place = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        if arguments.contains(&needle) || environment.contains(&needle) || place.starts_with(folder) {
            found.insert(format!("{id}: {arguments}"));
        }
    }
    found.into_iter().collect()
}
