-- Amounts are nano-dollars, times milliseconds since the Unix epoch. Ids and states are words, lists and
-- records JSON. Content lies in `blobs` and is referred to by its SHA-256.

-- Either whole (`bytes`), or cut into parts that are blobs themselves (`parts`: their hashes, joined), so
-- that contents which share most of their text share most of their storage.
CREATE TABLE blobs (
    hash  TEXT PRIMARY KEY,
    size  INTEGER NOT NULL,
    bytes BLOB,
    parts TEXT,
    CHECK ((bytes IS NULL) <> (parts IS NULL))
) STRICT;

CREATE TABLE projects (
    id                TEXT PRIMARY KEY,
    title             TEXT NOT NULL,
    brief             TEXT NOT NULL REFERENCES blobs (hash),
    team              TEXT NOT NULL REFERENCES blobs (hash),
    autonomy          TEXT NOT NULL,
    budget            INTEGER NOT NULL,
    check_command     TEXT,
    source_repository TEXT,
    base_commit       TEXT,
    repository        TEXT NOT NULL,
    branch            TEXT NOT NULL,
    phase             TEXT NOT NULL,
    state             TEXT NOT NULL,
    next_task         INTEGER NOT NULL DEFAULT 1,
    next_approval     INTEGER NOT NULL DEFAULT 1,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;

-- No gap in `seq`: a row is numbered after the highest one, inside the transaction of what it tells, and
-- none is ever deleted.
CREATE TABLE events (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    project TEXT NOT NULL REFERENCES projects (id),
    agent   TEXT,
    task    TEXT,
    version INTEGER NOT NULL,
    name    TEXT NOT NULL,
    kind    TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_project ON events (project, seq);

CREATE TABLE agents (
    id           TEXT PRIMARY KEY,
    project      TEXT NOT NULL REFERENCES projects (id),
    position     INTEGER NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    agent_type   TEXT NOT NULL,
    reports_to   TEXT REFERENCES agents (id),
    capabilities TEXT NOT NULL,
    state        TEXT NOT NULL,
    state_since  INTEGER NOT NULL,
    UNIQUE (project, position)
) STRICT;

CREATE TABLE tasks (
    id            TEXT PRIMARY KEY,
    project       TEXT NOT NULL REFERENCES projects (id),
    number        INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    slug          TEXT NOT NULL,
    title         TEXT NOT NULL,
    description   TEXT NOT NULL,
    role          TEXT NOT NULL,
    needs         TEXT NOT NULL,
    depends_on    TEXT NOT NULL,
    check_command TEXT,
    sprint        INTEGER,
    assignee      TEXT REFERENCES agents (id),
    state         TEXT NOT NULL,
    review_rounds INTEGER NOT NULL DEFAULT 0,
    branch        TEXT,
    receipt       TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    UNIQUE (project, number),
    UNIQUE (project, slug)
) STRICT;

CREATE TABLE reviews (
    task     TEXT NOT NULL REFERENCES tasks (id),
    round    INTEGER NOT NULL,
    reviewer TEXT NOT NULL REFERENCES agents (id),
    approved INTEGER NOT NULL,
    comment  TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (task, round)
) STRICT;

CREATE TABLE messages (
    position       INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    project        TEXT NOT NULL REFERENCES projects (id),
    kind           TEXT NOT NULL,
    sender         TEXT REFERENCES agents (id),
    target         TEXT REFERENCES agents (id),
    task           TEXT REFERENCES tasks (id),
    correlation_id TEXT,
    summary        TEXT NOT NULL,
    body           TEXT NOT NULL REFERENCES blobs (hash),
    sent_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_by_project ON messages (project, position);

-- One row for each agent a message is for, from the moment it is sent until the agent has acknowledged it.
CREATE TABLE deliveries (
    agent   TEXT NOT NULL REFERENCES agents (id),
    message INTEGER NOT NULL REFERENCES messages (position),
    acknowledged_at INTEGER,
    PRIMARY KEY (agent, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_waiting ON deliveries (agent, message) WHERE acknowledged_at IS NULL;

CREATE TABLE artifacts (
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    project TEXT NOT NULL REFERENCES projects (id),
    name    TEXT NOT NULL,
    content TEXT NOT NULL REFERENCES blobs (hash),
    agent   TEXT REFERENCES agents (id),
    task    TEXT REFERENCES tasks (id),
    at      INTEGER NOT NULL,
    PRIMARY KEY (id, version)
) STRICT;
CREATE INDEX artifacts_by_project ON artifacts (project, name);

CREATE TABLE approvals (
    id           TEXT PRIMARY KEY,
    project      TEXT NOT NULL REFERENCES projects (id),
    number       INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    title        TEXT NOT NULL,
    shown        TEXT NOT NULL REFERENCES blobs (hash),
    subject      TEXT NOT NULL,
    task         TEXT REFERENCES tasks (id),
    workflow_id  TEXT NOT NULL,
    checkpoint   TEXT,
    state        TEXT NOT NULL,
    decided_by   TEXT,
    comment      TEXT,
    requested_at INTEGER NOT NULL,
    expires_at   INTEGER,
    decided_at   INTEGER,
    UNIQUE (project, number),
    UNIQUE (project, subject)
) STRICT;
CREATE INDEX approvals_pending ON approvals (expires_at) WHERE state = 'pending';

-- What workflows have to be told, until they have been.
CREATE TABLE signals (
    position     INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    workflow_id  TEXT NOT NULL,
    name         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    queued_at    INTEGER NOT NULL,
    delivered_at INTEGER
) STRICT;
CREATE INDEX signals_pending ON signals (position) WHERE delivered_at IS NULL;

-- One row per scope that has a limit or against which something was reserved. `warned` is the highest mark
-- (percent) that was already told.
CREATE TABLE budgets (
    scope    TEXT PRIMARY KEY,
    project  TEXT NOT NULL REFERENCES projects (id),
    "limit"  INTEGER,
    spent    INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
    reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    warned   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX budgets_by_project ON budgets (project);

CREATE TABLE effects (
    run           TEXT NOT NULL,
    superstep     INTEGER NOT NULL,
    "index"       INTEGER NOT NULL,
    name          TEXT NOT NULL,
    request       TEXT NOT NULL REFERENCES blobs (hash),
    repeatability TEXT NOT NULL,
    begun_at      INTEGER NOT NULL,
    result        TEXT REFERENCES blobs (hash),
    completed_at  INTEGER,
    PRIMARY KEY (run, superstep, "index")
) STRICT;

-- One row per attempt of a model call. `outcome` is null while the call is under way, then `succeeded` or the
-- kind of failure; `failure_message` and `failure_retryable` say more about the latter.
CREATE TABLE calls (
    position           INTEGER PRIMARY KEY,
    run                TEXT NOT NULL,
    superstep          INTEGER NOT NULL,
    "index"            INTEGER NOT NULL,
    attempt            INTEGER NOT NULL,
    project            TEXT NOT NULL REFERENCES projects (id),
    sprint             INTEGER,
    agent              TEXT NOT NULL,
    task               TEXT NOT NULL,
    model              TEXT NOT NULL,
    reserved           INTEGER NOT NULL,
    reserved_at        INTEGER NOT NULL,
    outcome            TEXT,
    failure_message    TEXT,
    failure_retryable  INTEGER,
    input_tokens       INTEGER NOT NULL DEFAULT 0,
    output_tokens      INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens  INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens   INTEGER NOT NULL DEFAULT 0,
    cost               INTEGER NOT NULL DEFAULT 0,
    latency_ms         INTEGER NOT NULL DEFAULT 0,
    settled_at         INTEGER,
    UNIQUE (run, superstep, "index", attempt)
) STRICT;
CREATE INDEX calls_by_project ON calls (project, position);

CREATE TABLE checkpoints (
    run       TEXT NOT NULL,
    superstep INTEGER NOT NULL,
    state     TEXT NOT NULL REFERENCES blobs (hash),
    at        INTEGER NOT NULL,
    PRIMARY KEY (run, superstep)
) STRICT;

CREATE TABLE node_writes (
    run       TEXT NOT NULL,
    superstep INTEGER NOT NULL,
    node      TEXT NOT NULL,
    write     TEXT NOT NULL REFERENCES blobs (hash),
    PRIMARY KEY (run, superstep, node)
) STRICT;

CREATE TABLE memory (
    agent      TEXT NOT NULL REFERENCES agents (id),
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    expires_at INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (agent, key)
) STRICT;

CREATE TABLE runs (
    run        TEXT PRIMARY KEY,
    position   INTEGER NOT NULL,
    task       TEXT NOT NULL REFERENCES tasks (id),
    agent      TEXT NOT NULL REFERENCES agents (id),
    stage      TEXT NOT NULL,
    round      INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_task ON runs (task, position);
