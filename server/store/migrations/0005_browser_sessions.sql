-- Up Migration

-- A browser's cookie, exchanged for an API token and never worth more than it: what ends the token ends it.
CREATE TABLE browser_sessions (
  -- SHA-256 of the secret: 256 random bits need no slow hash.
  secret_hash bytea PRIMARY KEY CHECK (octet_length(secret_hash) = 32),
  token_id uuid NOT NULL REFERENCES api_tokens (id),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX browser_sessions_by_token ON browser_sessions (token_id, created_at);

GRANT SELECT, INSERT, DELETE ON browser_sessions TO server;
GRANT SELECT (token_id, created_at, expires_at) ON browser_sessions TO server_read;
