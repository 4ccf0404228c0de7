-- Up Migration

-- Disks of a VM that are not golden, what becomes of a start for which no verdict could be had, and what happens to
-- the VM when its host's trust is lost: schemas/vm.ts.
ALTER TABLE vms
  ADD COLUMN disks jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN fail_mode jsonb NOT NULL DEFAULT '{"mode": "refuse"}',
  ADD COLUMN on_loss text NOT NULL DEFAULT 'flag' CHECK (on_loss IN ('flag', 'no-new-starts', 'pause', 'shutdown')),
  ADD CONSTRAINT vms_sealed_refuse
    CHECK (fail_mode ->> 'mode' = 'refuse' OR NOT disks @> '[{"kind": "sealed"}]');
GRANT UPDATE (name, classes, host_labels, images, warnings, disks, fail_mode, on_loss), DELETE ON vms TO server;

-- Where a VM was goes with its record.
ALTER TABLE vm_places
  DROP CONSTRAINT vm_places_vm_fkey,
  ADD CONSTRAINT vm_places_vm_fkey FOREIGN KEY (vm) REFERENCES vms (uuid) ON DELETE CASCADE;

-- How it was to come to run, and at which door that was asked. What was asked before has no door.
ALTER TABLE starts
  ADD COLUMN operation text NOT NULL DEFAULT 'start' CHECK (operation IN ('start', 'restore', 'migrate')),
  ADD COLUMN door text CHECK (door IN ('run', 'systemd', 'libvirt'));

-- Which version of statements the host has shown: it is not taken back to one before.
ALTER TABLE hosts ADD COLUMN statement_version integer NOT NULL DEFAULT 1;

-- The machines that this server's replicas run on, where they could be told: a VM of that uuid is not gated.
CREATE TABLE carriers (
  uuid uuid PRIMARY KEY,
  seen_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON carriers TO server;
GRANT SELECT ON carriers TO server_read;
