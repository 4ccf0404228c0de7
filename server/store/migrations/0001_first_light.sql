-- Up Migration

-- Roles exist before (whoever makes the cluster makes them): server_migrate owns the database and runs
-- this; server serves and has no DDL; server_read reads, without the hashes of secrets.

CREATE TABLE deployment (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT now(),
  -- The operator's first token is made once, by whoever moves this from NULL.
  first_token_at timestamptz
);
INSERT INTO deployment DEFAULT VALUES;

CREATE TABLE api_tokens (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  -- SHA-256 of the secret: 256 random bits need no slow hash.
  secret_hash bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
  roles text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz
);

CREATE TABLE join_tokens (
  id uuid PRIMARY KEY,
  secret_hash bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
  classes text[] NOT NULL CHECK (cardinality(classes) > 0),
  labels jsonb NOT NULL,
  uses_left integer NOT NULL CHECK (uses_left >= 0),
  approve boolean NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE TABLE blobs (
  digest text PRIMARY KEY CHECK (digest ~ '^[0-9a-f]{64}$'),
  bytes bytea NOT NULL
);

-- Authentic evidence by the SHA-256 of its TPMS_ATTEST, with all that verifying it again takes.
CREATE TABLE evidence (
  digest text PRIMARY KEY CHECK (digest ~ '^[0-9a-f]{64}$'),
  purpose text NOT NULL CHECK (purpose IN ('attest', 'permit', 'enrol')),
  statement bytea NOT NULL,
  attest bytea NOT NULL,
  signature bytea NOT NULL,
  pcrs jsonb NOT NULL,
  blobs text[] NOT NULL,
  selection jsonb NOT NULL,
  ak_certificate bytea NOT NULL,
  received_at timestamptz NOT NULL
);

CREATE TABLE hosts (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  state text NOT NULL CHECK (state IN ('pending', 'trusted', 'untrusted', 'revoked')),
  state_since timestamptz NOT NULL,
  class text NOT NULL CHECK (class IN ('discrete', 'firmware', 'virtual', 'software')),
  admissible_classes text[] NOT NULL,
  labels jsonb NOT NULL,
  ek_ref text NOT NULL UNIQUE,
  ak_name text NOT NULL UNIQUE,
  ak_public bytea NOT NULL,
  ak_certificate bytea NOT NULL,
  approved_ak_name text,
  enrolled_at timestamptz NOT NULL,
  -- The mark. UINT64 does not fit bigint, and root can set the clock past 2^63.
  reset_count numeric(20) NOT NULL,
  restart_count numeric(20) NOT NULL,
  clock numeric(20) NOT NULL,
  mark_evidence text NOT NULL REFERENCES evidence (digest) DEFERRABLE INITIALLY DEFERRED,
  last_authentic_at timestamptz NOT NULL,
  -- Good evidence of this boot or an earlier one does not make an untrusted host trusted.
  untrusted_reset_count numeric(20),
  latest_attestation uuid NOT NULL,
  -- Nobody is trusted whose AK Name no operator or join token approved.
  -- (Not `=`: compared with NULL that is NULL, which a CHECK takes for a yes.)
  CHECK (state NOT IN ('trusted', 'untrusted') OR approved_ak_name IS NOT DISTINCT FROM ak_name),
  CHECK (state <> 'untrusted' OR untrusted_reset_count IS NOT NULL)
);

-- Every verdict with what it was made from. What was answered is answered again to the same evidence.
CREATE TABLE attestations (
  id uuid PRIMARY KEY,
  host_id uuid NOT NULL REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  at timestamptz NOT NULL,
  cause text NOT NULL CHECK (cause IN ('evidence', 'host-approval', 'baseline-approval')),
  evidence text NOT NULL REFERENCES evidence (digest) DEFERRABLE INITIALLY DEFERRED,
  class text NOT NULL,
  labels jsonb NOT NULL,
  baselines jsonb NOT NULL,
  policy_id text NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('none', 'affirming', 'warning', 'contraindicated')),
  state text NOT NULL,
  self_reported boolean NOT NULL,
  findings jsonb NOT NULL,
  events jsonb NOT NULL,
  result text NOT NULL,
  answer jsonb
);
ALTER TABLE hosts ADD FOREIGN KEY (latest_attestation) REFERENCES attestations (id)
  DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX attestations_by_host ON attestations (host_id, at);
-- One answer to one piece of evidence.
CREATE UNIQUE INDEX attestations_once ON attestations (evidence) WHERE cause = 'evidence';

CREATE TABLE baselines (
  name text NOT NULL,
  part text NOT NULL,
  version integer NOT NULL,
  document jsonb NOT NULL,
  yaml text NOT NULL,
  state text NOT NULL CHECK (state IN ('draft', 'active', 'retired')),
  drafted_by text NOT NULL,
  drafted_at timestamptz NOT NULL DEFAULT now(),
  approved_by text,
  approved_at timestamptz,
  retired_at timestamptz,
  PRIMARY KEY (name, part, version)
);
CREATE UNIQUE INDEX baselines_one_active ON baselines (name, part) WHERE state = 'active';

CREATE TABLE vms (
  uuid uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  classes text[] NOT NULL CHECK (cardinality(classes) > 0),
  host_labels jsonb NOT NULL,
  images text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- `vm` is what the host asked for: it may name a VM that nobody registered.
CREATE TABLE starts (
  host_id uuid NOT NULL REFERENCES hosts (id),
  request_id uuid NOT NULL,
  vm uuid NOT NULL,
  at timestamptz NOT NULL,
  decision text NOT NULL CHECK (decision IN ('permitted', 'refused')),
  code text,
  definition_digest text NOT NULL,
  permit_id uuid UNIQUE,
  attestation uuid NOT NULL REFERENCES attestations (id) DEFERRABLE INITIALLY DEFERRED,
  CHECK ((decision = 'permitted') = (permit_id IS NOT NULL)),
  CHECK ((decision = 'refused') = (code IS NOT NULL)),
  UNIQUE (host_id, request_id)
);
CREATE INDEX starts_by_vm ON starts (vm, at);

-- Counted, so that a host that sends junk fills no table.
CREATE TABLE alerts (
  code text NOT NULL,
  subject text NOT NULL,
  detail text NOT NULL,
  count bigint NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (code, subject)
);

CREATE TABLE audit (
  sequence bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  detail text NOT NULL,
  hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$')
);

-- No DDL for those who serve: PUBLIC may otherwise make temporary tables.
DO $$ BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;

GRANT USAGE ON SCHEMA public TO server, server_read;
GRANT SELECT ON pgmigrations TO server, server_read;

GRANT SELECT ON deployment TO server, server_read;
GRANT UPDATE (first_token_at) ON deployment TO server;

GRANT SELECT, INSERT ON api_tokens, join_tokens, blobs, evidence, attestations, baselines, vms, starts
  TO server;
GRANT SELECT, INSERT, UPDATE ON hosts, alerts TO server;
GRANT UPDATE (revoked_at) ON api_tokens TO server;
GRANT UPDATE (revoked_at, uses_left) ON join_tokens TO server;
-- A document is immutable once drafted: only where it stands moves.
GRANT UPDATE (state, approved_by, approved_at, retired_at) ON baselines TO server;

-- Insert-only for those who serve: what was written stays.
GRANT SELECT, INSERT ON audit TO server;

GRANT SELECT ON blobs, evidence, hosts, attestations, baselines, vms, starts, alerts, audit TO server_read;
GRANT SELECT (id, name, roles, created_at, expires_at, revoked_at) ON api_tokens TO server_read;
GRANT SELECT (id, classes, labels, uses_left, approve, created_by, created_at, expires_at, revoked_at)
  ON join_tokens TO server_read;
