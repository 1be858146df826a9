-- What a call is settled with if it is cut off on this side: what a provider may charge for it. It is settled as
-- `interrupted`.
ALTER TABLE calls ADD COLUMN if_interrupted INTEGER NOT NULL DEFAULT 0;
UPDATE calls SET if_interrupted = reserved;
