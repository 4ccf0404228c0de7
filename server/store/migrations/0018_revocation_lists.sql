-- Up Migration

-- The newest good revocation list of each place: what was verified before a restart, or by another replica, counts here
-- too, and for a while where the CA is away. docs/decisions/0041.
CREATE TABLE revocation_lists (
  issuer_key_id text NOT NULL CHECK (issuer_key_id ~ '^[0-9a-f]{40,64}$'),
  partition integer NOT NULL CHECK (partition >= 0),
  number numeric(60) NOT NULL CHECK (number >= 0),
  der bytea NOT NULL,
  next_update timestamptz NOT NULL,
  -- Whether the CA's index still has it: its certificates have not all ended.
  live boolean NOT NULL DEFAULT true,
  stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (issuer_key_id, partition)
);
CREATE INDEX revocation_lists_by_time ON revocation_lists (stored_at);

-- One row: since when this CA is known to give lists. From then on a certificate without one is believed no more.
CREATE TABLE revocation_index (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  first_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON revocation_lists TO server;
GRANT SELECT, INSERT ON revocation_index TO server;
GRANT SELECT ON revocation_lists, revocation_index TO server_read;
