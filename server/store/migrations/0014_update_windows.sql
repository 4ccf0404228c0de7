-- Up Migration

-- While an update is rolled out, documents are accepted beside the active ones of their name and part; then those retire
-- by themselves: at `until`, or at `ended_at`, which whoever counts the last host of the quota sets. From that
-- instant on nothing accepts the old ones. What is left to do then, once, is marked by `settled_at`.
CREATE TABLE windows (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  until timestamptz NOT NULL,
  quota integer CHECK (quota > 0),
  -- What hosts it is for: the `match` of each of its documents.
  matches jsonb NOT NULL,
  accepted integer NOT NULL DEFAULT 0,
  opened_by text NOT NULL,
  opened_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by text CHECK (ended_by IN ('until', 'quota', 'person', 'abandoned')),
  settled_at timestamptz,
  CHECK (settled_at IS NULL OR ended_by IS NOT NULL),
  CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX windows_one_open ON windows (name) WHERE settled_at IS NULL;
CREATE INDEX windows_by_time ON windows (opened_at, id);

-- Each host counts once, at whichever replica.
CREATE TABLE window_hosts (
  window_id uuid NOT NULL REFERENCES windows (id),
  host_id uuid NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (window_id, host_id)
);

ALTER TABLE baselines
  ADD COLUMN window_id uuid REFERENCES windows (id),
  DROP CONSTRAINT baselines_state_check,
  ADD CONSTRAINT baselines_state_check CHECK (state IN ('draft', 'window', 'active', 'retired')),
  ADD CONSTRAINT baselines_in_window CHECK (state <> 'window' OR window_id IS NOT NULL);
CREATE UNIQUE INDEX baselines_one_in_window ON baselines (name, part) WHERE state = 'window';
CREATE INDEX baselines_by_draft ON baselines (drafted_at DESC);

GRANT UPDATE (window_id) ON baselines TO server;
GRANT SELECT, INSERT ON windows TO server;
GRANT UPDATE (accepted, ended_at, ended_by, settled_at) ON windows TO server;
GRANT SELECT, INSERT, DELETE ON window_hosts TO server;
GRANT SELECT ON windows, window_hosts TO server_read;

-- Whether a VM starts on a host whose verdict is a warning. docs/decisions/0029.
ALTER TABLE vms ADD COLUMN warnings text NOT NULL DEFAULT 'accept' CHECK (warnings IN ('accept', 'refuse'));
