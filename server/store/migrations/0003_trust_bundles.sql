-- Up Migration

-- What agents were told to trust, by epoch: agents that were away follow from where they are.
CREATE TABLE trust_bundles (
  epoch bigint PRIMARY KEY CHECK (epoch > 0),
  jws text NOT NULL,
  created_at timestamptz NOT NULL
);

-- The CA's newest list of issuers. It outlives a restart, and an older one never takes its place.
CREATE TABLE ca_bundle (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  epoch bigint NOT NULL,
  document jsonb NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now()
);

-- The newest trust bundle that the host's own statements have shown.
ALTER TABLE hosts ADD COLUMN bundle_epoch bigint NOT NULL DEFAULT 1;

GRANT SELECT, INSERT ON trust_bundles TO server;
GRANT SELECT, INSERT, UPDATE ON ca_bundle TO server;
GRANT SELECT ON trust_bundles, ca_bundle TO server_read;
