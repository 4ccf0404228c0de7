-- Pending and ended enrolments. Nothing that exists depends on a row here: losing the table loses only
-- what is under way. secret_sha256 is of 32 random bytes; the secret itself is stored nowhere.
CREATE TABLE enrollments (
  id uuid PRIMARY KEY,
  expires_at timestamptz NOT NULL,
  secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
  tries smallint NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 3),
  activated_at timestamptz,
  ak_name bytea NOT NULL,
  ak_public bytea NOT NULL,
  ak_qualified_name bytea NOT NULL,
  ek_name bytea NOT NULL,
  ek_ref bytea NOT NULL CHECK (octet_length(ek_ref) = 32),
  ek_certificates bytea[] NOT NULL,
  class text NOT NULL CHECK (class IN ('discrete', 'firmware', 'virtual', 'software'))
);
CREATE INDEX enrollments_expires_at ON enrollments (expires_at);

-- EKs that an AK was activated by, from the first time on. The certificates are those of that time.
CREATE TABLE endorsement_keys (
  ek_name bytea PRIMARY KEY,
  ek_ref bytea NOT NULL UNIQUE CHECK (octet_length(ek_ref) = 32),
  class text NOT NULL CHECK (class IN ('discrete', 'firmware', 'virtual', 'software')),
  certificates bytea[] NOT NULL,
  first_activated_at timestamptz NOT NULL DEFAULT now(),
  last_activated_at timestamptz NOT NULL DEFAULT now()
);

-- Every AK certificate that left the CA.
CREATE TABLE certificates (
  serial bytea PRIMARY KEY CHECK (octet_length(serial) = 16),
  enrollment_id uuid NOT NULL UNIQUE,
  ak_name bytea NOT NULL,
  ek_ref bytea NOT NULL REFERENCES endorsement_keys (ek_ref),
  class text NOT NULL CHECK (class IN ('discrete', 'firmware', 'virtual', 'software')),
  issuer_key_id bytea NOT NULL,
  not_before timestamptz NOT NULL,
  not_after timestamptz NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX certificates_ak_name ON certificates (ak_name);
CREATE INDEX certificates_ek_ref ON certificates (ek_ref);

-- EKs whose root nobody trusts yet, for the administrator to look at.
CREATE TABLE untrusted_endorsement_keys (
  ek_name bytea PRIMARY KEY,
  issuer text NOT NULL,
  certificates bytea[] NOT NULL,
  times bigint NOT NULL DEFAULT 1,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX untrusted_endorsement_keys_last_seen_at ON untrusted_endorsement_keys (last_seen_at);

GRANT SELECT ON schema_migrations TO ca;
GRANT SELECT, INSERT, UPDATE, DELETE ON enrollments, untrusted_endorsement_keys TO ca;
GRANT SELECT, INSERT, UPDATE ON endorsement_keys TO ca;
-- What was issued is neither changed nor forgotten.
GRANT SELECT, INSERT ON certificates TO ca;
