-- Every AK certificate has its place in one of its issuer's revocation lists: the one that it names, or partition 0 for
-- those that name none. A partition takes 2,000 certificates and no more, so that its list is never longer.
CREATE TABLE crl_partitions (
  issuer_key_id bytea NOT NULL REFERENCES authorities (key_id),
  partition integer NOT NULL CHECK (partition >= 0),
  -- As its certificates and its lists have it.
  url text CHECK ((url IS NULL) = (partition = 0)),
  issued integer NOT NULL CHECK (issued BETWEEN 0 AND 2000),
  -- None of its certificates lives longer. Nobody needs a list of it after that.
  ends_at timestamptz NOT NULL,
  -- The newest list. Numbers rise, from before a restored backup too: they are milliseconds of this database's time.
  number bigint NOT NULL DEFAULT 0,
  this_update timestamptz,
  next_update timestamptz,
  der bytea,
  sha256 bytea CHECK (octet_length(sha256) = 32),
  -- Something was revoked that the newest list does not have.
  due boolean NOT NULL DEFAULT true,
  PRIMARY KEY (issuer_key_id, partition),
  CHECK (num_nulls(this_update, next_update, der, sha256) IN (0, 4))
);
CREATE INDEX crl_partitions_ends_at ON crl_partitions (ends_at);

ALTER TABLE certificates
  ADD COLUMN crl_partition integer NOT NULL DEFAULT 0,
  ADD COLUMN revoked_at timestamptz,
  ADD COLUMN revoke_reason text CHECK (
    revoke_reason IN ('unspecified', 'keyCompromise', 'superseded', 'cessationOfOperation')),
  ADD CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL));
CREATE INDEX certificates_revoked ON certificates (issuer_key_id, crl_partition) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificates_unnamed ON certificates (issuer_key_id, not_after) WHERE crl_partition = 0;

-- What is revoked stays so.
CREATE FUNCTION certificates_stay_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.revoked_at IS NOT NULL THEN
    RAISE EXCEPTION 'a certificate is revoked once' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER certificates_stay_revoked BEFORE UPDATE ON certificates
  FOR EACH ROW EXECUTE FUNCTION certificates_stay_revoked();

GRANT SELECT, INSERT, UPDATE ON crl_partitions TO ca;
GRANT UPDATE (revoked_at, revoke_reason) ON certificates TO ca;
