-- Questions that an agent waits for the answer to. `reply` is the message that answers; `told` is what the waiter is
-- told where there is none. A wait is open while it has neither.
CREATE TABLE waits (
    message     TEXT PRIMARY KEY REFERENCES messages (id),
    project     TEXT NOT NULL REFERENCES projects (id),
    waiter      TEXT NOT NULL REFERENCES agents (id),
    target      TEXT NOT NULL REFERENCES agents (id),
    task        TEXT NOT NULL REFERENCES tasks (id),
    number      INTEGER NOT NULL,
    workflow_id TEXT NOT NULL,
    since       INTEGER NOT NULL,
    reply       TEXT REFERENCES messages (id),
    told        TEXT,
    ended_at    INTEGER,
    UNIQUE (task, number)
) STRICT;
CREATE INDEX waits_open ON waits (project) WHERE ended_at IS NULL;
