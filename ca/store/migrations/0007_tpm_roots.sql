-- Certificates of makers of TPMs, each with where it came from. A root gives its class to the TPMs that it vouches
-- for; an intermediate is a link of a chain and is trusted for nothing. Those named in the CA's configuration file are
-- not here.
CREATE TABLE tpm_roots (
  fingerprint bytea PRIMARY KEY CHECK (octet_length(fingerprint) = 32),
  certificate bytea NOT NULL CHECK (fingerprint = sha256(certificate)),
  kind text NOT NULL CHECK (kind IN ('root', 'intermediate')),
  maker text NOT NULL,
  subject text NOT NULL,
  class text CHECK (class IN ('discrete', 'firmware', 'virtual', 'software')),
  ek_algorithm text CHECK (ek_algorithm IN ('ecc', 'rsa', 'any')),
  not_before timestamptz NOT NULL,
  not_after timestamptz NOT NULL,
  -- Of the list that the CA came with; NULL where somebody added it by hand, or a trusted root signed it.
  list_version integer,
  source text NOT NULL,
  url text,
  licence text NOT NULL,
  source_date text,
  added_by text NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((kind = 'root') = (class IS NOT NULL) AND (kind = 'root') = (ek_algorithm IS NOT NULL))
);

-- One row: rises with every change, so that a process that serves sees one.
CREATE TABLE tpm_roots_version (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  version integer NOT NULL DEFAULT 0
);
INSERT INTO tpm_roots_version DEFAULT VALUES;

CREATE TABLE tpm_root_changes (
  version integer NOT NULL,
  fingerprint bytea NOT NULL,
  change text NOT NULL CHECK (change IN ('added', 'removed')),
  kind text NOT NULL,
  class text,
  subject text NOT NULL,
  source text NOT NULL,
  reason text NOT NULL,
  by text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (version, fingerprint)
);

-- EKs that nobody vouches for but an operator, who said of which class each is: exactly that EK, by its Name.
CREATE TABLE endorsement_pins (
  ek_name bytea PRIMARY KEY,
  class text NOT NULL CHECK (class IN ('discrete', 'firmware', 'virtual', 'software')),
  reason text NOT NULL,
  pinned_by text NOT NULL,
  pinned_at timestamptz NOT NULL DEFAULT now()
);

-- Those that wait may have no certificate.
ALTER TABLE untrusted_endorsement_keys
  ALTER COLUMN issuer DROP NOT NULL,
  -- What the key is, in a few words; NULL for those of before.
  ADD COLUMN key text;

-- Who gave an EK its class: a root, by fingerprint, of this table or of the configuration; a pin; or itself, as
-- software. NULL for those that activated last before it was written down.
ALTER TABLE enrollments
  ADD COLUMN vouched_by text CHECK (vouched_by IN ('root', 'configuration', 'pin', 'itself')),
  ADD COLUMN root_fingerprint bytea;
ALTER TABLE endorsement_keys
  ADD COLUMN vouched_by text CHECK (vouched_by IN ('root', 'configuration', 'pin', 'itself')),
  ADD COLUMN root_fingerprint bytea,
  -- Out of service: no certificate until somebody readmits it.
  ADD COLUMN decommissioned_at timestamptz,
  ADD COLUMN decommissioned_because text,
  ADD COLUMN decommissioned_by text,
  ADD CHECK ((decommissioned_at IS NULL) = (decommissioned_because IS NULL)),
  ADD CHECK ((decommissioned_at IS NULL) = (decommissioned_by IS NULL));
UPDATE endorsement_keys SET vouched_by = 'itself' WHERE class = 'software';
CREATE INDEX endorsement_keys_root ON endorsement_keys (root_fingerprint, ek_ref);
CREATE INDEX endorsement_keys_vouched_by ON endorsement_keys (vouched_by);

GRANT SELECT, INSERT, DELETE ON tpm_roots, endorsement_pins TO ca;
GRANT SELECT, UPDATE ON tpm_roots_version TO ca;
-- What was done is neither changed nor forgotten.
GRANT SELECT, INSERT ON tpm_root_changes TO ca;
