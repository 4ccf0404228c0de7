-- Up Migration

-- Observe mode: docs/decisions/0049. One at a time; what ended stays as what was decided.
CREATE TABLE observations (
  id uuid PRIMARY KEY,
  since timestamptz NOT NULL,
  until timestamptz NOT NULL CHECK (until > since AND until <= since + interval '90 days'),
  labels jsonb NOT NULL,
  reason text NOT NULL,
  made_by text NOT NULL,
  ended_at timestamptz,
  ended_by text,
  CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX observations_open ON observations ((ended_at IS NULL)) WHERE ended_at IS NULL;
GRANT SELECT, INSERT ON observations TO server;
GRANT UPDATE (ended_at, ended_by) ON observations TO server;
GRANT SELECT ON observations TO server_read;
