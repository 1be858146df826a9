-- The environment a project began in: where its JSON is stored.
ALTER TABLE projects ADD COLUMN environment TEXT;
