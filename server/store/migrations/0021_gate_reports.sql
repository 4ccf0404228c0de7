-- Up Migration

-- What hosts tell of their gates, as they told it last: docs/gate.md. A report that is as the one before writes nothing:
-- `gate_report` is its digest. `orders_sequence` rises with each change of what a host is ordered to do.
ALTER TABLE hosts
  ADD COLUMN gate_report text CHECK (gate_report ~ '^[0-9a-f]{64}$'),
  ADD COLUMN orders_sequence bigint NOT NULL DEFAULT 0;

-- `vm` is what the host says: it may name a VM that nobody registered, or none.
CREATE TABLE running_vms (
  host_id uuid NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  position integer NOT NULL CHECK (position BETWEEN 0 AND 511),
  vm uuid,
  name text NOT NULL,
  door text CHECK (door IN ('run', 'systemd', 'libvirt')),
  permit uuid,
  paused boolean NOT NULL,
  since timestamptz NOT NULL,
  PRIMARY KEY (host_id, position)
);
CREATE INDEX running_vms_by_vm ON running_vms (vm) WHERE vm IS NOT NULL;

-- `key`: SHA-256 over origin, code, subject and VM. What the server says of a VM by its host's state is not here: it
-- follows from the host. `since` is the server's clock.
CREATE TABLE exposures (
  host_id uuid NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  key text NOT NULL CHECK (key ~ '^[0-9a-f]{64}$'),
  origin text NOT NULL CHECK (origin IN ('host', 'server')),
  code text NOT NULL CHECK (code ~ '^[A-Z][A-Z0-9_]{1,63}$'),
  subject text NOT NULL,
  detail text NOT NULL,
  vm uuid,
  since timestamptz NOT NULL,
  PRIMARY KEY (host_id, key)
);
CREATE INDEX exposures_by_time ON exposures (since, host_id, key);
CREATE INDEX exposures_by_vm ON exposures (vm) WHERE vm IS NOT NULL;

-- VMs that are started nowhere, since the trust in their host was lost, until somebody clears them.
CREATE TABLE vm_holds (
  vm uuid PRIMARY KEY REFERENCES vms (uuid) ON DELETE CASCADE,
  host_id uuid NOT NULL REFERENCES hosts (id),
  since timestamptz NOT NULL,
  cause text NOT NULL
);

-- Starts that took place without a permit being deserved, and those that a host decided alone (`told`), whose definition
-- is not known here. `finding`: the first reason of a refusal.
ALTER TABLE starts
  ADD COLUMN told boolean NOT NULL DEFAULT false,
  ADD COLUMN finding jsonb,
  ALTER COLUMN definition_digest DROP NOT NULL,
  DROP CONSTRAINT starts_decision_check,
  DROP CONSTRAINT starts_check,
  DROP CONSTRAINT starts_check1,
  ADD CONSTRAINT starts_decision_check CHECK (decision IN ('permitted', 'refused', 'licensed', 'observed')),
  ADD CONSTRAINT starts_code_check CHECK ((decision = 'permitted') = (code IS NULL)),
  ADD CONSTRAINT starts_permit_check
    CHECK ((permit_id IS NOT NULL) = (decision = 'permitted' OR (decision = 'observed' AND NOT told))),
  ADD CONSTRAINT starts_told_check CHECK (told = (definition_digest IS NULL));
CREATE INDEX starts_refused ON starts (at, host_id, request_id) WHERE decision = 'refused';

-- A standing licence is for what was permitted under the record as it is: whoever changes a record, in whatever way, ends
-- that, until the next permit. What a host that is not trusted is ordered changes with what its VMs' records say of it.
ALTER TABLE vm_places ADD COLUMN licensable boolean NOT NULL DEFAULT true;
CREATE FUNCTION follow_vm_record() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    UPDATE public.vm_places SET licensable = false WHERE vm = OLD.uuid;
    IF NEW.on_loss = OLD.on_loss THEN RETURN NEW; END IF;
  END IF;
  UPDATE public.hosts SET orders_sequence = orders_sequence + 1
   WHERE state IN ('untrusted', 'revoked')
     AND id IN (SELECT host_id FROM public.vm_places WHERE vm = OLD.uuid
                UNION SELECT host_id FROM public.running_vms WHERE vm = OLD.uuid);
  RETURN coalesce(NEW, OLD);
END $$;
REVOKE ALL ON FUNCTION follow_vm_record FROM PUBLIC;
CREATE TRIGGER vms_followed BEFORE UPDATE OR DELETE ON vms FOR EACH ROW EXECUTE FUNCTION follow_vm_record();

GRANT SELECT, INSERT, DELETE ON running_vms, vm_holds TO server;
GRANT SELECT, INSERT, UPDATE, DELETE ON exposures TO server;
GRANT SELECT ON running_vms, exposures, vm_holds TO server_read;
