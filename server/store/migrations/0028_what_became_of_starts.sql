-- Up Migration

-- What became of a start that was let go, in its host's word: it was refused afterwards, it failed by itself, or it runs and is
-- not what it was let go as (`differs`). A permit that was given stays with each.
ALTER TABLE starts
  DROP CONSTRAINT starts_decision_check,
  DROP CONSTRAINT starts_permit_check,
  DROP CONSTRAINT starts_told_check,
  DROP CONSTRAINT starts_turned_check,
  ADD CONSTRAINT starts_decision_check
    CHECK (decision IN ('permitted', 'refused', 'licensed', 'observed', 'failed', 'differs')),
  ADD CONSTRAINT starts_permit_check
    CHECK (CASE WHEN decision = 'permitted' THEN permit_id IS NOT NULL
                WHEN decision = 'observed' THEN (permit_id IS NOT NULL) = NOT told
                WHEN decision IN ('refused', 'failed', 'differs') THEN permit_id IS NULL OR told
                ELSE permit_id IS NULL END),
  ADD CONSTRAINT starts_told_check
    CHECK (told = (definition_digest IS NULL
                   OR (decision IN ('refused', 'failed', 'differs') AND permit_id IS NOT NULL))),
  ADD CONSTRAINT starts_turned_check
    CHECK (turned_from IS NULL OR (decision IN ('refused', 'failed', 'differs') AND told));

-- The server changes no start but by this, and once. What it was before; null where there is none to be turned. Replicas of
-- before go on with refuse_permitted_start.
CREATE FUNCTION turn_start(host uuid, request uuid, of_vm uuid, became text, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before text;
BEGIN
  IF became NOT IN ('refused', 'failed', 'differs') THEN
    RAISE EXCEPTION 'no start becomes %', became;
  END IF;
  UPDATE public.starts SET turned_from = decision, decision = became, code = why, told = true, finding = NULL
   WHERE host_id = host AND request_id = request AND vm = of_vm
     AND decision IN ('permitted', 'observed', 'licensed')
     AND machine = (SELECT h.machine FROM public.hosts h WHERE h.id = host)
  RETURNING turned_from INTO before;
  RETURN before;
END $$;
REVOKE ALL ON FUNCTION turn_start FROM PUBLIC;
GRANT EXECUTE ON FUNCTION turn_start TO server;
-- An old replica must not turn what became of a start.
CREATE OR REPLACE FUNCTION refuse_permitted_start(host uuid, request uuid, of_vm uuid, why text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT public.turn_start(host, request, of_vm, 'refused', why) IS NOT NULL;
$$;
