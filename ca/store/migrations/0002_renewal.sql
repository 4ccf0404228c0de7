-- What a renewal needs is checked again each time from what the host first sent: the bytes are kept, and
-- nothing is ever signed from them without a fresh activation.
ALTER TABLE enrollments
  ADD COLUMN ek_public bytea NOT NULL,
  ADD COLUMN software boolean NOT NULL,
  -- The enrolment whose AK and EK this one proves again; NULL for a first one.
  ADD COLUMN renews uuid;

-- AKs that an EK activated, by the enrolment in which it first did.
CREATE TABLE attestation_keys (
  enrollment_id uuid PRIMARY KEY,
  ak_name bytea NOT NULL,
  ak_public bytea NOT NULL,
  ek_name bytea NOT NULL REFERENCES endorsement_keys (ek_name),
  ek_public bytea NOT NULL,
  ek_certificates bytea[] NOT NULL,
  software boolean NOT NULL,
  class text NOT NULL CHECK (class IN ('discrete', 'firmware', 'virtual', 'software')),
  first_activated_at timestamptz NOT NULL DEFAULT now(),
  last_activated_at timestamptz NOT NULL DEFAULT now()
);

-- A revoked EK gets no certificate any more, for whatever AK.
ALTER TABLE endorsement_keys
  ADD COLUMN revoked_at timestamptz,
  ADD COLUMN revoked_because text,
  ADD CHECK ((revoked_at IS NULL) = (revoked_because IS NULL));

GRANT SELECT, INSERT, UPDATE ON attestation_keys TO ca;
