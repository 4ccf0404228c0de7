-- Up Migration

-- The key of each host's TPM that secrets are bound to, certified by its AK when it enrolled.
ALTER TABLE hosts ADD COLUMN binding_public bytea NOT NULL;
ALTER TABLE replacements ADD COLUMN binding_public bytea NOT NULL;
