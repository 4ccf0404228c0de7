-- The CA's own keys by their certificates; the private parts are in custody, where this database does not reach.
-- staged: made, and told to nobody. active: an anchor, or the one that issues. verify-only: in the bundle, and issues
-- nothing (but to the canaries of a rehearsal). refused: nothing that it signed counts any more, whatever its date.
-- destroyed: refused, and its private key is gone.
CREATE TABLE authorities (
  key_id bytea PRIMARY KEY CHECK (octet_length(key_id) BETWEEN 20 AND 32),
  role text NOT NULL CHECK (role IN ('root', 'issuing')),
  certificate bytea NOT NULL,
  -- The root that signed it; of a root, itself.
  signed_by bytea NOT NULL REFERENCES authorities (key_id),
  not_before timestamptz NOT NULL,
  not_after timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('staged', 'active', 'verify-only', 'refused', 'destroyed')),
  reason text CHECK (reason IN ('retired', 'compromised', 'rolled-back')),
  -- What made it; NULL for those of `init`.
  rotation_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  refused_at timestamptz,
  destroyed_at timestamptz,
  CHECK ((state IN ('refused', 'destroyed')) = (reason IS NOT NULL)),
  CHECK ((reason IS NOT NULL) = (refused_at IS NOT NULL)),
  CHECK ((state = 'destroyed') = (destroyed_at IS NOT NULL))
);
CREATE UNIQUE INDEX authorities_one_active ON authorities (role) WHERE state = 'active';

-- What is refused stays so, and a certificate is never another one.
CREATE FUNCTION authorities_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.state = 'destroyed' AND NEW.state <> 'destroyed')
     OR (OLD.state = 'refused' AND NEW.state NOT IN ('refused', 'destroyed'))
     OR (OLD.key_id, OLD.role, OLD.certificate) IS DISTINCT FROM (NEW.key_id, NEW.role, NEW.certificate) THEN
    RAISE EXCEPTION 'an authority goes from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER authorities_only_forward BEFORE UPDATE ON authorities
  FOR EACH ROW EXECUTE FUNCTION authorities_only_forward();

-- Where there is one at all, one issues and one is its anchor, whenever a transaction ends.
CREATE FUNCTION authorities_one_of_each() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  active bigint;
BEGIN
  SELECT count(*) INTO active FROM authorities WHERE state = 'active';
  IF active <> 2 THEN
    RAISE EXCEPTION '% authorities are active', active USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER authorities_one_of_each AFTER INSERT OR UPDATE OR DELETE ON authorities
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION authorities_one_of_each();

-- One root's name and key, signed by another root. For agents' anchors alone: no verifier builds a path through them.
CREATE TABLE cross_certificates (
  subject_key_id bytea NOT NULL REFERENCES authorities (key_id),
  by_key_id bytea NOT NULL REFERENCES authorities (key_id),
  certificate bytea NOT NULL,
  rotation_id uuid NOT NULL,
  withdrawn_at timestamptz,
  PRIMARY KEY (subject_key_id, by_key_id)
);

-- One row. Whatever changes what GET /v1/bundle says raises the epoch in its own transaction.
CREATE TABLE ca_state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch bigint NOT NULL CHECK (epoch BETWEEN 1 AND 4294967295),
  -- Whose reports of progress are taken, as a JWK; and the one that it named as its next.
  reporter_key jsonb,
  reporter_next_key jsonb,
  -- What the configuration said when it was last looked at: only another file puts another key there.
  reporter_configured bytea
);
INSERT INTO ca_state (epoch) VALUES (1);

CREATE TABLE rotations (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('issuing', 'root')),
  mode text NOT NULL CHECK (mode IN ('planned', 'compromise', 'rehearsal')),
  auto boolean NOT NULL,
  phase text NOT NULL CHECK (phase IN ('plan', 'stage', 'distribute', 'switch', 'reissue', 'drain', 'retire',
    'destroy', 'done', 'rolling-back', 'rolled-back')),
  started_at timestamptz NOT NULL DEFAULT now(),
  started_by text NOT NULL,
  reason text NOT NULL,
  phase_since timestamptz NOT NULL DEFAULT now(),
  -- The epoch that a report has to have reached to say anything about this phase.
  phase_epoch bigint NOT NULL,
  -- The root is the same one where only the issuing key rotates.
  old_root bytea NOT NULL REFERENCES authorities (key_id),
  old_issuing bytea NOT NULL REFERENCES authorities (key_id),
  new_root bytea REFERENCES authorities (key_id),
  new_issuing bytea REFERENCES authorities (key_id),
  -- What the last try to go on failed by: a code of the CA's.
  trouble text,
  ended_at timestamptz,
  CHECK ((ended_at IS NOT NULL) = (phase IN ('done', 'rolled-back')))
);
-- Of two that start at once, one wins. What is being taken back stands in nobody's way.
CREATE UNIQUE INDEX rotations_one_at_a_time ON rotations ((true))
  WHERE phase NOT IN ('done', 'rolling-back', 'rolled-back');

-- Of a rehearsal: whose certificates come from the throw-away CA.
CREATE TABLE rotation_canaries (
  rotation_id uuid NOT NULL REFERENCES rotations (id),
  ek_ref bytea NOT NULL CHECK (octet_length(ek_ref) = 32),
  name text NOT NULL,
  PRIMARY KEY (rotation_id, ek_ref)
);

-- Every phase that was left although something stood against it.
CREATE TABLE rotation_forced (
  rotation_id uuid NOT NULL REFERENCES rotations (id),
  phase text NOT NULL,
  forced_by text NOT NULL,
  forced_at timestamptz NOT NULL DEFAULT now(),
  blockers integer NOT NULL,
  PRIMARY KEY (rotation_id, phase)
);

-- The newest report of the verifier's. It decides nothing but whether a rotation goes on.
CREATE TABLE progress (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  reported_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  report jsonb NOT NULL
);

-- Who issues for the TPM with this ekRef.
CREATE FUNCTION issuer_for(of_ek_ref bytea) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    (SELECT r.new_issuing FROM rotations r JOIN rotation_canaries c ON c.rotation_id = r.id
      WHERE r.mode = 'rehearsal' AND r.phase IN ('switch', 'reissue') AND c.ek_ref = of_ek_ref),
    (SELECT key_id FROM authorities WHERE role = 'issuing' AND state = 'active'))
$$;

-- How many AKs have as their newest certificate one of each issuer's that has not ended.
CREATE FUNCTION live_certificates() RETURNS TABLE (issuer_key_id bytea, live bigint) LANGUAGE sql STABLE AS $$
  SELECT newest.issuer_key_id, count(*) FROM (
    SELECT DISTINCT ON (ak_name) certificates.issuer_key_id, ek_ref FROM certificates
     WHERE not_after > now() ORDER BY ak_name, issued_at DESC) newest
   WHERE NOT EXISTS (
     SELECT 1 FROM endorsement_keys e WHERE e.ek_ref = newest.ek_ref AND e.revoked_at IS NOT NULL)
   GROUP BY newest.issuer_key_id
$$;

GRANT SELECT, INSERT, UPDATE ON authorities, cross_certificates, rotations, progress TO ca;
GRANT SELECT, INSERT ON rotation_canaries, rotation_forced TO ca;
GRANT SELECT, UPDATE ON ca_state TO ca;
