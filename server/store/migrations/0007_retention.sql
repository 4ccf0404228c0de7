-- Up Migration

-- An alert that somebody has seen to. It comes back when what it tells of happens again.
ALTER TABLE alerts
  ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  ADD COLUMN acknowledged_at timestamptz,
  ADD COLUMN acknowledged_by text,
  ADD CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL));

-- Which reminders were given: one for each threshold of each end, whoever looks how often. 0: it has ended.
CREATE TABLE reminders (
  code text NOT NULL,
  subject text NOT NULL,
  ends_at timestamptz NOT NULL,
  days_before integer NOT NULL,
  PRIMARY KEY (code, subject, ends_at, days_before)
);
GRANT SELECT, INSERT ON reminders TO server;
GRANT SELECT ON reminders TO server_read;

-- Of `ak_certificate`; NULL for one that was recorded before there was this column, until it is renewed.
ALTER TABLE hosts ADD COLUMN ak_not_after timestamptz;
CREATE INDEX hosts_by_ak_not_after ON hosts (ak_not_after) WHERE state IN ('trusted', 'untrusted');

-- How long each kind of record is kept. `migrate` writes here what the configuration says, as the owner; those
-- who serve can drop what is older than this and nothing else, by the functions below alone. They go by the
-- database's time.
CREATE TABLE retention (
  kind text PRIMARY KEY,
  days integer NOT NULL CHECK (days <= 36500),
  minimum_days integer NOT NULL CHECK (minimum_days >= 1),
  CHECK (days >= minimum_days)
);
INSERT INTO retention (kind, days, minimum_days) VALUES
  ('attestations', 30, 1),
  ('starts', 400, 31),
  ('audit', 400, 90),
  ('alerts', 90, 1),
  ('joinTokens', 30, 1),
  ('apiTokens', 90, 1),
  ('browserSessions', 1, 1);
GRANT SELECT ON retention TO server, server_read;

-- One replica does the daily work: whoever moves this first.
CREATE TABLE retention_runs (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  claimed_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO retention_runs DEFAULT VALUES;
GRANT SELECT, UPDATE ON retention_runs TO server;

CREATE FUNCTION kept_since(wanted text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT now() - make_interval(days => days) FROM public.retention WHERE kind = wanted
$$;

-- Due: the last moment that it can hold has had its time. Evidence goes with the verdicts that it led to. The
-- audit log keeps its newest line, from which the chain goes on.
CREATE VIEW dated_partitions AS
SELECT kind, part, relation, first, first::timestamp AT TIME ZONE 'UTC' AS since,
       (first + step) AT TIME ZONE 'UTC' AS until,
       (first + step) AT TIME ZONE 'UTC'
         <= kept_since(CASE kind WHEN 'evidence' THEN 'attestations' ELSE kind END)
         AND (kind <> 'audit' OR first < (SELECT max(month) FROM audit)) AS due
  FROM (SELECT parent.relname::text AS kind, part.relname::text AS part, part.oid AS relation,
               to_date(right(part.relname, 8), 'YYYYMMDD') AS first,
               CASE WHEN parent.relname IN ('attestations', 'evidence') THEN interval '1 day'
                    ELSE interval '1 month' END AS step
          FROM pg_inherits
          JOIN pg_class parent ON parent.oid = inhparent
          JOIN pg_class part ON part.oid = inhrelid
         WHERE inhparent IN ('attestations'::regclass, 'evidence'::regclass, 'starts'::regclass,
                             'audit'::regclass)
           AND part.relname ~ '_[0-9]{8}$') partitions;

-- What a host's state rests on.
CREATE VIEW attestations_held AS
SELECT latest_attestation AS id, latest_attestation_day AS day FROM hosts;

-- What hosts, waiting offers, captured baselines and decisions that stay rest on.
CREATE VIEW evidence_held AS
SELECT mark_evidence AS digest, mark_evidence_day AS day FROM hosts
UNION SELECT evidence, evidence_day FROM replacements WHERE evidence_day IS NOT NULL
UNION SELECT evidence, evidence_day FROM baselines WHERE evidence_day IS NOT NULL
UNION SELECT e.digest, e.day
        FROM attestations_held JOIN attestations a USING (id, day) JOIN evidence e ON e.digest = a.evidence
UNION SELECT e.digest, e.day
        FROM attestations a JOIN evidence e ON e.digest = a.evidence
       WHERE a.cause <> 'evidence' AND a.day <> '-infinity'
         AND a.day NOT IN (SELECT first FROM dated_partitions WHERE kind = 'attestations' AND due);

-- Rows that have had their time: one view a kind.
CREATE VIEW due_attestations AS
SELECT a.id, a.at AS since, a.at AS until FROM attestations_kept a
 WHERE NOT EXISTS (SELECT FROM attestations_held h WHERE h.id = a.id);
CREATE VIEW due_evidence AS
SELECT e.digest AS id, e.received_at AS since, e.received_at AS until FROM evidence_kept e
 WHERE NOT EXISTS (SELECT FROM evidence_held h WHERE h.digest = e.digest AND h.day = e.day);
-- Evidence that stays refers to it only from its last day on back: what is held of older days is looked through.
CREATE VIEW due_blobs AS
WITH horizon AS (
  SELECT coalesce(min(first), 'infinity') AS day FROM dated_partitions WHERE kind = 'evidence' AND NOT due)
SELECT digest AS id, last_day::timestamp AT TIME ZONE 'UTC' AS since,
       last_day::timestamp AT TIME ZONE 'UTC' AS until
  FROM blobs, horizon
 WHERE last_day < least(horizon.day, (now() AT TIME ZONE 'UTC')::date)
   AND digest NOT IN (SELECT unnest(e.blobs) FROM evidence_held JOIN evidence e USING (digest, day), horizon h
                       WHERE e.day < h.day);
CREATE VIEW due_alerts AS
SELECT id, first_at AS since, last_at AS until FROM alerts WHERE acknowledged_at < kept_since('alerts');
CREATE VIEW due_join_tokens AS
SELECT id, created_at AS since, least(expires_at, revoked_at) AS until FROM join_tokens
 WHERE least(expires_at, revoked_at) < kept_since('joinTokens');
CREATE VIEW due_api_tokens AS
SELECT id, created_at AS since, least(expires_at, revoked_at) AS until FROM api_tokens
 WHERE least(expires_at, revoked_at) < kept_since('apiTokens');
-- A session is nothing without its token.
CREATE VIEW due_browser_sessions AS
SELECT secret_hash AS id, created_at AS since, expires_at AS until FROM browser_sessions
 WHERE expires_at < kept_since('browserSessions') OR token_id IN (SELECT id FROM due_api_tokens);

-- In the order in which they go: what refers to a thing before the thing.
CREATE VIEW retained_rows AS
SELECT * FROM (VALUES
  ('attestations', 'attestations_kept', 'id', 'due_attestations'),
  ('evidence', 'evidence_kept', 'digest', 'due_evidence'),
  ('blobs', 'blobs', 'digest', 'due_blobs'),
  ('browserSessions', 'browser_sessions', 'secret_hash', 'due_browser_sessions'),
  ('apiTokens', 'api_tokens', 'id', 'due_api_tokens'),
  ('joinTokens', 'join_tokens', 'id', 'due_join_tokens'),
  ('alerts', 'alerts', 'id', 'due_alerts')) AS v (kind, relation, key, due);

CREATE TYPE retention_removal AS (
  kind text,
  part text,
  since timestamptz,
  until timestamptz,
  rows bigint,
  -- Of a partition, what is moved aside because something rests on it.
  kept bigint,
  bytes bigint,
  note text
);

-- What is in a partition. Counted while it is small; of a large one the planner's estimate.
CREATE FUNCTION measure_partition(p dated_partitions) RETURNS retention_removal
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m public.retention_removal;
BEGIN
  m.kind := p.kind; m.part := p.part; m.since := p.since; m.until := p.until; m.kept := 0; m.note := '';
  m.bytes := pg_total_relation_size(p.relation);
  SELECT reltuples INTO m.rows FROM pg_class WHERE oid = p.relation;
  IF m.rows < 0 OR pg_relation_size(p.relation) < 67108864 THEN
    EXECUTE format('SELECT count(*) FROM public.%I', p.part) INTO m.rows;
  END IF;
  IF p.kind = 'attestations' THEN
    SELECT count(*) INTO m.kept FROM public.attestations_held WHERE day = p.first;
  ELSIF p.kind = 'evidence' THEN
    SELECT count(*) INTO m.kept FROM public.evidence_held WHERE day = p.first;
  ELSIF p.kind = 'audit' THEN
    EXECUTE format('SELECT format(''the chain goes on from line %%s, hash %%s'', sequence, hash)
                      FROM public.%I ORDER BY sequence DESC LIMIT 1', p.part) INTO m.note;
    m.note := coalesce(m.note, '');
  END IF;
  m.rows := greatest(m.rows - m.kept, 0);
  RETURN m;
END $$;

CREATE FUNCTION measure_rows(r retained_rows) RETURNS retention_removal
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m public.retention_removal;
BEGIN
  EXECUTE format('SELECT %L, %L, min(d.since), max(d.until), count(*), 0, coalesce(sum(pg_column_size(t.*)), 0), ''''
                    FROM public.%I d JOIN public.%I t ON t.%I = d.id', r.kind, r.relation, r.due, r.relation, r.key)
    INTO m;
  RETURN m;
END $$;

-- What would go now.
CREATE FUNCTION retention_due() RETURNS SETOF retention_removal
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT * FROM (
    SELECT m.* FROM public.dated_partitions p, public.measure_partition(p) m WHERE p.due
    UNION ALL
    SELECT m.* FROM public.retained_rows r, public.measure_rows(r) m WHERE m.rows > 0) due
  ORDER BY kind, since, part
$$;

-- How much there is of each kind, and since when: a partition counts from when it holds anything.
CREATE FUNCTION retention_stock() RETURNS TABLE (kind text, since timestamptz, bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT kind, min(since) FILTER (WHERE pg_relation_size(relation) > 0),
         sum(pg_total_relation_size(relation))::bigint
    FROM public.dated_partitions GROUP BY kind
  UNION ALL SELECT 'blobs', min(last_day)::timestamp AT TIME ZONE 'UTC', pg_total_relation_size('public.blobs')
              FROM public.blobs
  UNION ALL SELECT 'alerts', min(first_at), pg_total_relation_size('public.alerts') FROM public.alerts
  UNION ALL SELECT 'joinTokens', min(created_at), pg_total_relation_size('public.join_tokens') FROM public.join_tokens
  UNION ALL SELECT 'apiTokens', min(created_at), pg_total_relation_size('public.api_tokens') FROM public.api_tokens
  UNION ALL SELECT 'browserSessions', min(created_at), pg_total_relation_size('public.browser_sessions')
              FROM public.browser_sessions
$$;

/*
 * Removes the oldest due partition of a kind; where there is none, rows that are due; and says what went, or
 * nothing. Whoever takes evidence locks its host first, so this does too: neither waits for the other in a
 * circle. It gives up rather than let evidence wait behind it.
 */
CREATE FUNCTION remove_partition(wanted text) RETURNS SETOF retention_removal
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p public.dated_partitions;
  m public.retention_removal;
BEGIN
  SELECT * INTO p FROM public.dated_partitions d WHERE d.kind = wanted AND d.due ORDER BY d.first LIMIT 1;
  IF NOT FOUND THEN RETURN; END IF;
  -- Verdicts go before the evidence that they were made from.
  IF wanted = 'evidence' AND EXISTS (
    SELECT FROM public.dated_partitions d WHERE d.kind = 'attestations' AND d.first = p.first) THEN RETURN; END IF;
  m := public.measure_partition(p);
  LOCK TABLE public.hosts IN SHARE ROW EXCLUSIVE MODE;
  IF wanted = 'attestations' THEN
    UPDATE public.attestations SET day = '-infinity' WHERE day = p.first
       AND id IN (SELECT id FROM public.attestations_held h WHERE h.day = p.first);
  ELSIF wanted = 'evidence' THEN
    UPDATE public.evidence SET day = '-infinity' WHERE day = p.first
       AND digest IN (SELECT digest FROM public.evidence_held h WHERE h.day = p.first);
  END IF;
  SET CONSTRAINTS ALL IMMEDIATE;
  EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', wanted, p.part);
  EXECUTE format('DROP TABLE public.%I', p.part);
  RETURN NEXT m;
END $$;

CREATE FUNCTION remove_rows(wanted text) RETURNS SETOF retention_removal
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r public.retained_rows;
  m public.retention_removal;
BEGIN
  SELECT * INTO r FROM public.retained_rows v WHERE v.kind = wanted;
  IF NOT FOUND THEN RETURN; END IF;
  IF wanted = 'blobs' THEN
    IF EXISTS (SELECT FROM public.dated_partitions d WHERE d.kind = 'evidence' AND d.due) THEN RETURN; END IF;
    -- Evidence that finds its blob here waits, and finds it or puts it back: SHARE ROW EXCLUSIVE keeps out
    -- whoever inserts, until the transaction ends.
    LOCK TABLE public.blobs IN SHARE ROW EXCLUSIVE MODE;
  END IF;
  m := public.measure_rows(r);
  IF m.rows = 0 THEN RETURN; END IF;
  EXECUTE format('DELETE FROM public.%I WHERE %I IN (SELECT id FROM public.%I)', r.relation, r.key, r.due);
  RETURN NEXT m;
END $$;

CREATE FUNCTION retention_remove(wanted text) RETURNS SETOF retention_removal
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('touchstone retention', 0));
  RETURN QUERY SELECT * FROM public.remove_partition(wanted);
  IF NOT FOUND THEN RETURN QUERY SELECT * FROM public.remove_rows(wanted); END IF;
END $$;

-- Partitions for what comes: two weeks of days, and this month and the next two.
CREATE FUNCTION make_partitions_ahead() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  today timestamp := date_trunc('day', now() AT TIME ZONE 'UTC');
  missing record;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('touchstone retention', 0));
  FOR missing IN
    SELECT parent, first::date FROM unnest(ARRAY['evidence', 'attestations']) parent,
           generate_series(today - interval '1 day', today + interval '14 days', interval '1 day') first
     WHERE to_regclass('public.' || parent || to_char(first, '_YYYYMMDD')) IS NULL
    UNION ALL
    SELECT parent, first::date FROM unnest(ARRAY['starts', 'audit']) parent,
           generate_series(date_trunc('month', today - interval '1 day'), today + interval '2 months',
                           interval '1 month') first
     WHERE to_regclass('public.' || parent || to_char(first, '_YYYYMMDD')) IS NULL
  LOOP
    LOCK TABLE public.hosts IN SHARE ROW EXCLUSIVE MODE;
    PERFORM public.make_partition(missing.parent, missing.first);
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION kept_since, measure_partition, measure_rows, retention_due, retention_stock, remove_partition,
  remove_rows, retention_remove, make_partitions_ahead FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retention_due, retention_stock, retention_remove, make_partitions_ahead TO server;
