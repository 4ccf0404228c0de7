-- Up Migration

-- IMA's list as one piece of evidence carried it: the digest of its bytes, which are a blob; '' where it had nothing new.
ALTER TABLE evidence ADD COLUMN ima_list text, ADD COLUMN ima_more boolean NOT NULL DEFAULT false;

-- How far the list of a host's present boot was believed, under its AK: decisions 32 and 33. `evidence` is the one that
-- moved it last, and `before` what that went on from, so that it can be appraised again.
CREATE TABLE ima_progress (
  host_id uuid PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  ak_name text NOT NULL,
  reset_count numeric(20) NOT NULL,
  progress jsonb,
  before jsonb,
  evidence text CHECK (evidence ~ '^[0-9a-f]{64}$')
);

-- The parts in which that list came: what another policy is held against without asking the host again. Those that are
-- not `proven` wait for the one that leads to PCR 10.
CREATE TABLE ima_segments (
  host_id uuid NOT NULL REFERENCES ima_progress (host_id) ON DELETE CASCADE,
  from_entry bigint NOT NULL CHECK (from_entry >= 0),
  entries bigint NOT NULL CHECK (entries > 0),
  digest text NOT NULL REFERENCES blobs (digest),
  bytes integer NOT NULL CHECK (bytes > 0),
  proven boolean NOT NULL,
  PRIMARY KEY (host_id, from_entry)
);
CREATE INDEX ima_segments_by_digest ON ima_segments (digest);

GRANT SELECT, INSERT, UPDATE, DELETE ON ima_progress, ima_segments TO server;
GRANT SELECT ON ima_progress, ima_segments TO server_read;

-- A part is kept while the boot is its host's present one; then it goes as other blobs do.
CREATE OR REPLACE VIEW due_blobs AS
WITH horizon AS (
  SELECT coalesce(min(first), 'infinity') AS day FROM dated_partitions WHERE kind = 'evidence' AND NOT due)
SELECT digest AS id, last_day::timestamp AT TIME ZONE 'UTC' AS since,
       last_day::timestamp AT TIME ZONE 'UTC' AS until
  FROM blobs, horizon
 WHERE last_day < least(horizon.day, (now() AT TIME ZONE 'UTC')::date)
   AND digest NOT IN (SELECT unnest(array_remove(e.blobs || e.ima_list, NULL)) FROM evidence_held JOIN evidence e USING (digest, day), horizon h
                       WHERE e.day < h.day)
   AND NOT EXISTS (SELECT FROM ima_segments s WHERE s.digest = blobs.digest);
