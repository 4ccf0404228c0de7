-- Up Migration

-- Identities that were offered under the name of a host that has another. The host's own row stays as it is
-- until somebody decides; then what is here takes the place of what is there.
CREATE TABLE replacements (
  id uuid PRIMARY KEY,
  host_id uuid NOT NULL REFERENCES hosts (id),
  kind text NOT NULL CHECK (kind IN ('replacement', 're-enrolment')),
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'rejected')),
  class text NOT NULL CHECK (class IN ('discrete', 'firmware', 'virtual', 'software')),
  ek_ref text NOT NULL,
  ak_name text NOT NULL,
  ak_public bytea NOT NULL,
  ak_certificate bytea NOT NULL,
  reset_count numeric(20) NOT NULL,
  restart_count numeric(20) NOT NULL,
  clock numeric(20) NOT NULL,
  -- The evidence that it was first offered with. An offer that comes again is counted.
  evidence text NOT NULL REFERENCES evidence (digest),
  times bigint NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  decided_by text,
  decided_at timestamptz,
  UNIQUE (host_id, ak_name),
  CHECK ((state = 'waiting') = (decided_at IS NULL)),
  CHECK ((decided_by IS NULL) = (decided_at IS NULL))
);

GRANT SELECT, INSERT ON replacements TO server;
GRANT UPDATE (state, times, last_at, decided_by, decided_at) ON replacements TO server;
GRANT SELECT ON replacements TO server_read;

-- A token may be for one host, by the name under which it enrols.
ALTER TABLE join_tokens ADD COLUMN host_name text;
GRANT SELECT (host_name) ON join_tokens TO server_read;
