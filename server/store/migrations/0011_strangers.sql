-- Up Migration

-- What strangers leave behind, and nobody decided about, has its time too: hosts that were never admitted,
-- and identities that were offered for a host. Both count from when they first came, whatever came since.
INSERT INTO retention (kind, days, minimum_days) VALUES ('pendingHosts', 30, 1), ('waitingOffers', 30, 1);

CREATE INDEX hosts_pending ON hosts (enrolled_at) WHERE state = 'pending';

-- One that was removed by hand waits for no time.
CREATE VIEW due_pending_hosts AS
SELECT id, enrolled_at AS since, last_authentic_at AS until FROM hosts
 WHERE state = 'pending' AND approved_ak_name IS NULL
   AND (removed_at IS NOT NULL OR enrolled_at < kept_since('pendingHosts'));
CREATE VIEW due_waiting_offers AS
SELECT id, first_at AS since, last_at AS until FROM replacements
 WHERE state = 'waiting' AND first_at < kept_since('waitingOffers');

CREATE OR REPLACE VIEW retained_rows AS
SELECT * FROM (VALUES
  ('waitingOffers', 'replacements', 'id', 'due_waiting_offers'),
  ('pendingHosts', 'hosts', 'id', 'due_pending_hosts'),
  ('attestations', 'attestations_kept', 'id', 'due_attestations'),
  ('evidence', 'evidence_kept', 'digest', 'due_evidence'),
  ('blobs', 'blobs', 'digest', 'due_blobs'),
  ('browserSessions', 'browser_sessions', 'secret_hash', 'due_browser_sessions'),
  ('apiTokens', 'api_tokens', 'id', 'due_api_tokens'),
  ('joinTokens', 'join_tokens', 'id', 'due_join_tokens'),
  ('alerts', 'alerts', 'id', 'due_alerts')) AS v (kind, relation, key, due);

CREATE OR REPLACE FUNCTION retention_stock() RETURNS TABLE (kind text, since timestamptz, bytes bigint)
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
  UNION ALL SELECT 'pendingHosts', min(enrolled_at), coalesce(sum(pg_column_size(h.*)), 0)::bigint
              FROM public.hosts h WHERE h.state = 'pending'
  UNION ALL SELECT 'waitingOffers', min(first_at), coalesce(sum(pg_column_size(r.*)), 0)::bigint
              FROM public.replacements r WHERE r.state = 'waiting'
$$;

-- Evidence of those hosts with the verdicts on it, but for the verdicts in `except`. What else rests on it
-- stays: a baseline that was captured from it.
CREATE FUNCTION forget_evidence(of_hosts uuid[], excepted uuid[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  WITH gone AS (
    DELETE FROM public.attestations a
     WHERE a.host_id = ANY (of_hosts) AND a.id <> ALL (excepted) RETURNING a.evidence, a.at, a.day)
  DELETE FROM public.evidence e USING gone
   WHERE e.digest = gone.evidence
     AND e.day IN (gone.day, (gone.at AT TIME ZONE 'UTC')::date, '-infinity')
     AND NOT EXISTS (SELECT FROM public.baselines b WHERE b.evidence = e.digest)
     AND NOT EXISTS (SELECT FROM public.replacements r WHERE r.evidence = e.digest)
     AND NOT EXISTS (SELECT FROM public.hosts h WHERE h.mark_evidence = e.digest AND h.id = ANY (of_hosts))
     AND NOT EXISTS (SELECT FROM public.attestations k WHERE k.id = ANY (excepted) AND k.evidence = e.digest)
$$;

-- Of a host that nobody admitted only the latest is kept. Nothing else can be forgotten by this.
CREATE FUNCTION forget_older_of_pending(host uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  latest uuid;
BEGIN
  SELECT latest_attestation INTO latest FROM public.hosts
   WHERE id = host AND state = 'pending' AND approved_ak_name IS NULL;
  IF FOUND THEN PERFORM public.forget_evidence(ARRAY[host], ARRAY[latest]); END IF;
END $$;

-- Whoever approves one holds its row: then it is pending no more, and stays.
CREATE FUNCTION remove_pending_hosts() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due uuid[];
BEGIN
  SELECT array_agg(id) INTO due FROM (
    SELECT h.id FROM public.hosts h WHERE h.id IN (SELECT id FROM public.due_pending_hosts)
       AND h.state = 'pending' AND h.approved_ak_name IS NULL ORDER BY h.id FOR UPDATE) locked;
  IF due IS NULL THEN RETURN; END IF;
  DELETE FROM public.starts WHERE host_id = ANY (due);
  DELETE FROM public.replacements WHERE host_id = ANY (due);
  -- First the hosts, which hold their evidence; the verdicts are checked for their host at the end.
  DELETE FROM public.hosts WHERE id = ANY (due);
  PERFORM public.forget_evidence(due, '{}');
END $$;

CREATE OR REPLACE FUNCTION remove_rows(wanted text) RETURNS SETOF retention_removal
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
  IF wanted = 'pendingHosts' THEN
    PERFORM public.remove_pending_hosts();
  ELSE
    EXECUTE format('DELETE FROM public.%I WHERE %I IN (SELECT id FROM public.%I)', r.relation, r.key, r.due);
  END IF;
  RETURN NEXT m;
END $$;

-- An audit line for what strangers do comes once an hour for each alert; the alert counts.
ALTER TABLE alerts ADD COLUMN audited_at timestamptz;

-- Which token made a token; what was made before this is in the audit log, and that is where it comes from.
ALTER TABLE api_tokens ADD COLUMN created_by_token uuid;
ALTER TABLE join_tokens ADD COLUMN created_by_token uuid;
UPDATE api_tokens t SET created_by_token = split_part(a.actor, '/', 2)::uuid FROM audit a
 WHERE a.action = 'token.create' AND a.subject = t.id::text AND a.actor ~ '/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
UPDATE join_tokens t SET created_by_token = split_part(a.actor, '/', 2)::uuid FROM audit a
 WHERE a.action = 'join-token.create' AND a.subject = t.id::text AND a.actor ~ '/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
GRANT SELECT (created_by_token) ON api_tokens, join_tokens TO server_read;

REVOKE ALL ON FUNCTION forget_evidence, forget_older_of_pending, remove_pending_hosts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_older_of_pending TO server;
