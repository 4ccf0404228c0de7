-- What was found of a TPM when its EK was last looked at: its maker and what is known against it, as the certificate
-- says them, and the ways in which its own certificate is beside the specifications.
ALTER TABLE enrollments
  ADD COLUMN tpm jsonb NOT NULL DEFAULT '{"weaknesses": []}',
  ADD COLUMN quirks text[] NOT NULL DEFAULT '{}';
ALTER TABLE endorsement_keys
  ADD COLUMN tpm jsonb,
  ADD COLUMN quirks text[] NOT NULL DEFAULT '{}';
