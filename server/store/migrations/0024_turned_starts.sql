-- Up Migration

-- A start that was permitted and that its host refused afterwards: the row says refused, in the host's word (`told`), and
-- keeps the permit that was given. Whatever a host's word must not loosen goes by `permit_id`, and not by `decision`.
ALTER TABLE starts
  DROP CONSTRAINT starts_permit_check,
  DROP CONSTRAINT starts_told_check,
  ADD CONSTRAINT starts_permit_check
    CHECK (CASE decision WHEN 'permitted' THEN permit_id IS NOT NULL
                         WHEN 'observed' THEN (permit_id IS NOT NULL) = NOT told
                         WHEN 'refused' THEN permit_id IS NULL OR told
                         ELSE permit_id IS NULL END),
  ADD CONSTRAINT starts_told_check
    CHECK (told = (definition_digest IS NULL OR (decision = 'refused' AND permit_id IS NOT NULL)));

-- The server changes no start but by this, and this one way. False where there is no such start, or it is refused already.
CREATE FUNCTION refuse_permitted_start(host uuid, request uuid, of_vm uuid, why text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.starts SET decision = 'refused', code = why, told = true
   WHERE host_id = host AND request_id = request AND vm = of_vm AND decision = 'permitted';
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION refuse_permitted_start FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refuse_permitted_start TO server;
