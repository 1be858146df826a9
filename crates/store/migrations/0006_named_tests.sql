-- The tests that a task names, which must pass before it is accepted: a JSON array of names.
ALTER TABLE tasks ADD COLUMN must_pass TEXT NOT NULL DEFAULT '[]';
