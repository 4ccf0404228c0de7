-- Up Migration

-- Verdicts and their evidence are kept in a partition a day, starts and the audit log in one a month, so that
-- what has had its time goes by dropping a table. What something still rests on is moved into `..._kept`
-- first, and the foreign keys below hold that: a partition that is referred to cannot be detached.

CREATE SCHEMA before_partitions;
ALTER TABLE hosts
  DROP CONSTRAINT hosts_latest_attestation_fkey,
  DROP CONSTRAINT hosts_mark_evidence_fkey;
ALTER TABLE replacements DROP CONSTRAINT replacements_evidence_fkey;
ALTER TABLE starts SET SCHEMA before_partitions;
ALTER TABLE attestations SET SCHEMA before_partitions;
ALTER TABLE evidence SET SCHEMA before_partitions;
ALTER TABLE audit SET SCHEMA before_partitions;

-- `day` is the UTC day of `received_at`, or -infinity for what outlived it.
CREATE TABLE evidence (
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
  day date NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('attest', 'permit', 'enrol')),
  statement bytea NOT NULL,
  attest bytea NOT NULL,
  signature bytea NOT NULL,
  pcrs jsonb NOT NULL,
  blobs text[] NOT NULL,
  selection jsonb NOT NULL,
  ak_certificate bytea NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (digest, day),
  CHECK (day = '-infinity' OR day = (received_at AT TIME ZONE 'UTC')::date)
) PARTITION BY LIST (day);
CREATE TABLE evidence_kept PARTITION OF evidence FOR VALUES IN ('-infinity');

-- `evidence` is no foreign key: a decision of a later day would hold the evidence's whole partition. That
-- evidence is kept for it, and both are inserted in one transaction.
CREATE TABLE attestations (
  id uuid NOT NULL,
  day date NOT NULL,
  host_id uuid NOT NULL REFERENCES hosts (id) DEFERRABLE INITIALLY DEFERRED,
  at timestamptz NOT NULL,
  cause text NOT NULL CHECK (cause IN ('evidence', 'host-approval', 'baseline-approval')),
  evidence text NOT NULL,
  class text NOT NULL,
  labels jsonb NOT NULL,
  baselines jsonb NOT NULL,
  policy_id text NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('none', 'affirming', 'warning', 'contraindicated')),
  state text NOT NULL,
  self_reported boolean NOT NULL,
  findings jsonb NOT NULL,
  events jsonb NOT NULL,
  result text NOT NULL,
  answer jsonb,
  PRIMARY KEY (id, day),
  CHECK (day = '-infinity' OR day = (at AT TIME ZONE 'UTC')::date)
) PARTITION BY LIST (day);
CREATE TABLE attestations_kept PARTITION OF attestations FOR VALUES IN ('-infinity');
CREATE INDEX attestations_by_host ON attestations (host_id, at);
-- One answer to one piece of evidence: the host's mark moves for it once, and this says so again for its day.
CREATE UNIQUE INDEX attestations_once ON attestations (evidence, day) WHERE cause = 'evidence';
CREATE INDEX attestations_decided ON attestations (evidence) WHERE cause <> 'evidence';

-- `month` is the first day of the UTC month of `at`. Starts are remembered for longer than verdicts.
CREATE TABLE starts (
  host_id uuid NOT NULL REFERENCES hosts (id),
  request_id uuid NOT NULL,
  month date NOT NULL,
  vm uuid NOT NULL,
  at timestamptz NOT NULL,
  decision text NOT NULL CHECK (decision IN ('permitted', 'refused')),
  code text,
  definition_digest text NOT NULL,
  permit_id uuid,
  attestation uuid NOT NULL,
  CHECK ((decision = 'permitted') = (permit_id IS NOT NULL)),
  CHECK ((decision = 'refused') = (code IS NOT NULL)),
  CHECK (month = date_trunc('month', at AT TIME ZONE 'UTC')::date),
  PRIMARY KEY (host_id, request_id, month),
  UNIQUE (permit_id, month)
) PARTITION BY LIST (month);
CREATE INDEX starts_by_vm ON starts (vm, at);

CREATE TABLE audit (
  sequence bigint NOT NULL,
  month date NOT NULL,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  detail text NOT NULL,
  hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  CHECK (month = date_trunc('month', at AT TIME ZONE 'UTC')::date),
  PRIMARY KEY (sequence, month)
) PARTITION BY LIST (month);

-- Partitions are named for the first day that they hold: what they hold is read from their names.
CREATE FUNCTION make_partition(parent text, first date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part text := parent || '_' || to_char(first, 'YYYYMMDD');
BEGIN
  IF to_regclass('public.' || part) IS NOT NULL THEN RETURN; END IF;
  EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES IN (%L)', part, parent, first);
END $$;
REVOKE ALL ON FUNCTION make_partition FROM PUBLIC;

SELECT make_partition(parent, day)
  FROM unnest(ARRAY['evidence', 'attestations']) parent,
       (SELECT (received_at AT TIME ZONE 'UTC')::date AS day FROM before_partitions.evidence
        UNION SELECT (at AT TIME ZONE 'UTC')::date FROM before_partitions.attestations) days;
SELECT make_partition('starts', month)
  FROM (SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date AS month FROM before_partitions.starts) m;
SELECT make_partition('audit', month)
  FROM (SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date AS month FROM before_partitions.audit) m;

INSERT INTO evidence
  SELECT digest, (received_at AT TIME ZONE 'UTC')::date, purpose, statement, attest, signature, pcrs, blobs,
         selection, ak_certificate, received_at
    FROM before_partitions.evidence;
INSERT INTO attestations
  SELECT id, (at AT TIME ZONE 'UTC')::date, host_id, at, cause, evidence, class, labels, baselines, policy_id,
         verdict, state, self_reported, findings, events, result, answer
    FROM before_partitions.attestations;
INSERT INTO starts
  SELECT host_id, request_id, date_trunc('month', at AT TIME ZONE 'UTC')::date, vm, at, decision, code,
         definition_digest, permit_id, attestation
    FROM before_partitions.starts;
INSERT INTO audit
  SELECT sequence, date_trunc('month', at AT TIME ZONE 'UTC')::date, at, actor, action, subject, detail, hash
    FROM before_partitions.audit;
SET CONSTRAINTS ALL IMMEDIATE;
DROP SCHEMA before_partitions CASCADE;

-- The keys by which a host holds what its state rests on. They follow what is moved into `..._kept`.
ALTER TABLE hosts ADD COLUMN mark_evidence_day date, ADD COLUMN latest_attestation_day date;
UPDATE hosts SET
  mark_evidence_day = (SELECT day FROM evidence WHERE digest = mark_evidence),
  latest_attestation_day = (SELECT day FROM attestations a WHERE a.id = latest_attestation);
ALTER TABLE hosts
  ALTER COLUMN mark_evidence_day SET NOT NULL,
  ALTER COLUMN latest_attestation_day SET NOT NULL,
  ADD FOREIGN KEY (mark_evidence, mark_evidence_day) REFERENCES evidence (digest, day)
    ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED,
  ADD FOREIGN KEY (latest_attestation, latest_attestation_day) REFERENCES attestations (id, day)
    ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED;

-- An offer holds its evidence while it waits.
ALTER TABLE replacements ADD COLUMN evidence_day date;
UPDATE replacements SET evidence_day = (SELECT e.day FROM evidence e WHERE e.digest = replacements.evidence)
 WHERE state = 'waiting';
ALTER TABLE replacements
  ADD CHECK ((state = 'waiting') = (evidence_day IS NOT NULL)),
  ADD FOREIGN KEY (evidence, evidence_day) REFERENCES evidence (digest, day) ON UPDATE CASCADE;

-- A baseline that was captured holds what it was captured from until it is retired: the host's last
-- authentic evidence by then.
ALTER TABLE baselines ADD COLUMN evidence text, ADD COLUMN evidence_day date;
UPDATE baselines b SET (evidence, evidence_day) = (
  SELECT e.digest, e.day FROM attestations a JOIN evidence e ON e.digest = a.evidence
   WHERE a.host_id::text = b.document #>> '{provenance,host}' AND a.cause = 'evidence'
     AND a.at <= (b.document #>> '{provenance,capturedAt}')::timestamptz
   ORDER BY a.at DESC LIMIT 1)
 WHERE b.state <> 'retired' AND b.document ? 'provenance';
ALTER TABLE baselines
  ADD CHECK (evidence IS NOT NULL OR evidence_day IS NULL),
  ADD FOREIGN KEY (evidence, evidence_day) REFERENCES evidence (digest, day) ON UPDATE CASCADE;

-- The last day on which evidence came that refers to it.
ALTER TABLE blobs ADD COLUMN last_day date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date;
CREATE INDEX blobs_by_last_day ON blobs (last_day);

GRANT SELECT, INSERT ON evidence, attestations, starts, audit TO server;
GRANT SELECT ON evidence, attestations, starts, audit TO server_read;
GRANT UPDATE (evidence_day) ON replacements, baselines TO server;
GRANT UPDATE (last_day) ON blobs TO server;
