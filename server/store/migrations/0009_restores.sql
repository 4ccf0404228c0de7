-- Up Migration

-- Each time that this database came back from a backup. What was given out before the newest of them and
-- is worth something for a while (challenges) is worth nothing after it: its id goes into their keys.
CREATE TABLE restores (
  -- Not by time: the clock of the machine that restores may be behind.
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  at timestamptz NOT NULL,
  backup_at timestamptz NOT NULL
);

GRANT SELECT, INSERT ON restores TO server;
GRANT SELECT ON restores TO server_read;
