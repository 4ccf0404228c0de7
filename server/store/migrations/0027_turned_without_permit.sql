-- Up Migration

-- What a start was before its host refused it afterwards, since this was written down. A host that said it had started a VM
-- may be where that VM is, whatever it says later.
ALTER TABLE starts
  ADD COLUMN turned_from text CHECK (turned_from IN ('permitted', 'observed', 'licensed')),
  ADD CONSTRAINT starts_turned_check CHECK (turned_from IS NULL OR (decision = 'refused' AND told));

-- As before, and of starts that were only observed, or went by a licence, too. What an observed one would have been refused
-- for is not why it was refused.
CREATE OR REPLACE FUNCTION refuse_permitted_start(host uuid, request uuid, of_vm uuid, why text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.starts SET turned_from = decision, decision = 'refused', code = why, told = true, finding = NULL
   WHERE host_id = host AND request_id = request AND vm = of_vm AND decision <> 'refused'
     AND machine = (SELECT h.machine FROM public.hosts h WHERE h.id = host);
  RETURN FOUND;
END $$;
