-- Up Migration

-- The keys that sign results and permits: docs/decisions/0043. Their private halves are PKCS#8 under AES-256-GCM, by a
-- key that derives from the root secret, which is never here.
CREATE TABLE server_keys (
  kid text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{1,64}$'),
  use text NOT NULL CHECK (use IN ('result', 'permit')),
  state text NOT NULL CHECK (state IN ('next', 'active', 'retired', 'withdrawn')),
  jwk jsonb NOT NULL,
  sealed bytea,
  made_at timestamptz NOT NULL,
  active_at timestamptz,
  retired_at timestamptz,
  -- When whatever it signed has ended, and every replica signs with another.
  leaves_at timestamptz,
  -- What is believed no more has no private half either.
  CHECK ((state = 'withdrawn') = (sealed IS NULL)),
  CHECK ((state IN ('retired', 'withdrawn')) = (leaves_at IS NOT NULL))
);
CREATE UNIQUE INDEX server_keys_active ON server_keys (use) WHERE state = 'active';
CREATE UNIQUE INDEX server_keys_next ON server_keys (use) WHERE state = 'next';
GRANT SELECT, INSERT ON server_keys TO server;
GRANT UPDATE (state, sealed, active_at, retired_at, leaves_at) ON server_keys TO server;
GRANT SELECT (kid, use, state, jwk, made_at, active_at, retired_at, leaves_at) ON server_keys TO server_read;

-- SHA-256 of the TLS keys that are shown, or will be: the server's as its replicas say every minute, the CA's as it
-- said last. `anchored_by` is the pin of the configuration that it all began with.
CREATE TABLE tls_pins (
  side text NOT NULL CHECK (side IN ('server', 'ca')),
  pin text NOT NULL CHECK (pin ~ '^[0-9a-f]{64}$'),
  anchored_by text NOT NULL,
  seen_at timestamptz NOT NULL,
  PRIMARY KEY (side, pin)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON tls_pins TO server;
GRANT SELECT ON tls_pins TO server_read;

-- A bundle key that follows a lost one: the CA's anchor certified it.
CREATE TABLE bundle_key_certificates (
  kid text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{1,64}$'),
  certificate bytea NOT NULL,
  stored_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON bundle_key_certificates TO server;
GRANT SELECT ON bundle_key_certificates TO server_read;
