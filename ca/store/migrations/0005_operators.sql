-- Who commands the CA. Its operators' tokens, approvals and audit log are its own: whoever takes over the verifier
-- commands nothing here.
CREATE TABLE operators (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  -- Two tokens of one person are one voice.
  person text NOT NULL,
  role text NOT NULL CHECK (role IN ('viewer', 'operator')),
  -- SHA-256 of 256 random bits; the token itself is stored nowhere.
  secret_hash bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX operators_by_time ON operators (created_at, id);

-- One row: how many people loosening takes, and when the first token was given out, which happens once.
CREATE TABLE operating (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  quorum integer NOT NULL DEFAULT 1 CHECK (quorum IN (1, 2)),
  first_operator_at timestamptz
);
INSERT INTO operating DEFAULT VALUES;

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
  operator_id uuid NOT NULL REFERENCES operators (id),
  operator_name text NOT NULL,
  at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  decided_by text,
  decided_at timestamptz,
  CHECK ((state = 'waiting') = (decided_at IS NULL))
);
-- Of two who say the same at once, one is the first and the other the second.
CREATE UNIQUE INDEX approvals_waiting ON approvals (digest) WHERE state = 'waiting';
CREATE INDEX approvals_by_time ON approvals (at, id);

CREATE TABLE audit (
  sequence bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  detail text NOT NULL,
  hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$')
);

GRANT SELECT, INSERT ON operators, approvals TO ca;
GRANT UPDATE (revoked_at) ON operators TO ca;
GRANT UPDATE (state, decided_by, decided_at) ON approvals TO ca;
GRANT SELECT ON operating TO ca;
GRANT UPDATE (quorum, first_operator_at) ON operating TO ca;
-- What was done is neither changed nor forgotten.
GRANT SELECT, INSERT ON audit TO ca;
