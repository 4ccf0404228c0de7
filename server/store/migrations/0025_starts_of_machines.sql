-- Up Migration

-- As before, and only what was permitted to the machine that stands under the host's name now: the one after it knows
-- nothing of what it did.
CREATE OR REPLACE FUNCTION refuse_permitted_start(host uuid, request uuid, of_vm uuid, why text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.starts SET decision = 'refused', code = why, told = true
   WHERE host_id = host AND request_id = request AND vm = of_vm AND decision = 'permitted'
     AND machine = (SELECT h.machine FROM public.hosts h WHERE h.id = host);
  RETURN FOUND;
END $$;
