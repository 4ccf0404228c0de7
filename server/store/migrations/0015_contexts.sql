-- Up Migration

-- All that a verdict was made from, so that it can be made again: decisions/0034. The bytes of shared contexts, and of
-- the baseline documents that they name, are blobs as logs are: each once, by their SHA-256.
CREATE TABLE contexts (
  digest text PRIMARY KEY REFERENCES blobs (digest) ON DELETE CASCADE,
  documents text[] NOT NULL
);
GRANT SELECT, INSERT ON contexts TO server;
GRANT SELECT ON contexts TO server_read;

-- `context` is over the shared context's digest and all of the verdict's own; `own_context` holds what of that no other
-- column here or beside the evidence has. NULL for verdicts of versions that did not store them.
ALTER TABLE attestations
  ADD COLUMN context text CHECK (context ~ '^[0-9a-f]{64}$'),
  ADD COLUMN shared_context text CHECK (shared_context ~ '^[0-9a-f]{64}$'),
  ADD COLUMN own_context jsonb,
  ADD COLUMN outcome text CHECK (outcome ~ '^[0-9a-f]{64}$'),
  ADD CHECK ((context IS NULL) = (shared_context IS NULL) AND (context IS NULL) = (outcome IS NULL));

-- TPM2B_PUBLIC of the AK that it was verified by. Of older evidence it is known where a host or an offer rests on it.
ALTER TABLE evidence ADD COLUMN ak_public bytea;
UPDATE evidence e SET ak_public = h.ak_public FROM hosts h
 WHERE h.mark_evidence = e.digest AND h.mark_evidence_day = e.day;
UPDATE evidence e SET ak_public = r.ak_public FROM replacements r
 WHERE r.evidence = e.digest AND r.evidence_day = e.day;

-- Of days that are gone, blobs stay for the evidence that is kept, and for the verdicts that are kept.
CREATE OR REPLACE VIEW due_blobs AS
WITH horizon AS (
  SELECT coalesce(min(first), 'infinity') AS day FROM dated_partitions WHERE kind = 'evidence' AND NOT due)
SELECT digest AS id, last_day::timestamp AT TIME ZONE 'UTC' AS since,
       last_day::timestamp AT TIME ZONE 'UTC' AS until
  FROM blobs, horizon
 WHERE last_day < least(horizon.day, (now() AT TIME ZONE 'UTC')::date)
   AND NOT EXISTS (SELECT FROM ima_segments s WHERE s.digest = blobs.digest)
   AND digest NOT IN (SELECT unnest(array_remove(e.blobs || e.ima_list, NULL)) FROM evidence_held JOIN evidence e USING (digest, day), horizon h
                       WHERE e.day < h.day
                      UNION ALL
                      SELECT unnest(c.digest || c.documents)
                        FROM attestations_held JOIN attestations a USING (id, day)
                        JOIN contexts c ON c.digest = a.shared_context, horizon h
                       WHERE a.day < h.day);

-- The days of which there are verdicts, the latest first; '-infinity' for those that outlived theirs.
CREATE FUNCTION verdict_days() RETURNS SETOF date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT first FROM public.dated_partitions
   WHERE kind = 'attestations' AND EXISTS (SELECT FROM public.attestations a WHERE a.day = first)
  UNION ALL
  SELECT '-infinity' WHERE EXISTS (SELECT FROM public.attestations_kept)
  ORDER BY 1 DESC
$$;
REVOKE ALL ON FUNCTION verdict_days FROM PUBLIC;
GRANT EXECUTE ON FUNCTION verdict_days TO server;
