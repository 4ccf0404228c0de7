-- Up Migration

-- A removed host's name, TPM and AK may come again; what was recorded of it stays until its time is up. The
-- TPM of a host that was revoked does not come back by removing its name.
ALTER TABLE hosts ADD COLUMN removed_at timestamptz;

ALTER TABLE hosts
  DROP CONSTRAINT hosts_name_key,
  DROP CONSTRAINT hosts_ek_ref_key,
  DROP CONSTRAINT hosts_ak_name_key;

CREATE UNIQUE INDEX hosts_name_key ON hosts (name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX hosts_ek_ref_key ON hosts (ek_ref) WHERE removed_at IS NULL OR state = 'revoked';
CREATE UNIQUE INDEX hosts_ak_name_key ON hosts (ak_name) WHERE removed_at IS NULL OR state = 'revoked';
