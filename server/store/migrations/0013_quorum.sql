-- Up Migration

-- How many people loosening takes. DESIGN 4, end.
ALTER TABLE deployment ADD COLUMN quorum integer NOT NULL DEFAULT 1 CHECK (quorum IN (1, 2));
GRANT UPDATE (quorum) ON deployment TO server;

-- Whose a token is: two tokens of one person are one voice. Nobody said so of those that were made before, so
-- they are one person's: that of the first token.
ALTER TABLE api_tokens ADD COLUMN person text NOT NULL DEFAULT 'first';
GRANT SELECT (person) ON api_tokens TO server_read;

-- A first voice for something that loosens, until another person says the same of the very same, or its time is
-- up. `digest` is over all that would be done.
CREATE TABLE approvals (
  id uuid PRIMARY KEY,
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
  action text NOT NULL,
  subject text NOT NULL,
  detail text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'made', 'withdrawn', 'lapsed')),
  person text NOT NULL,
  token uuid NOT NULL,
  token_name text NOT NULL,
  at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  decided_by text,
  decided_at timestamptz,
  CHECK ((state = 'waiting') = (decided_at IS NULL))
);
-- Of two who say the same at once, one is the first and the other the second.
CREATE UNIQUE INDEX approvals_waiting ON approvals (digest) WHERE state = 'waiting';
CREATE INDEX approvals_by_time ON approvals (at, id);
GRANT SELECT, INSERT ON approvals TO server;
GRANT UPDATE (state, decided_by, decided_at) ON approvals TO server;
GRANT SELECT ON approvals TO server_read;
