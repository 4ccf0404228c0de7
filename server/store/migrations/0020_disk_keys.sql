-- Up Migration

-- A third kind of signing key: by it a TPM opens what was sealed for one session.
ALTER TABLE server_keys
  DROP CONSTRAINT server_keys_use_check,
  ADD CONSTRAINT server_keys_use_check CHECK (use IN ('result', 'permit', 'release'));

-- Keys of VMs' disks under AES-256-GCM, by a key that derives from the root secret, which is never here. A VM's record
-- does not go while one is left: nobody else may have it.
CREATE TABLE disk_keys (
  vm uuid NOT NULL REFERENCES vms (uuid),
  disk text NOT NULL CHECK (disk ~ '^[a-z][a-z0-9]{0,31}$'),
  sealed bytea NOT NULL CHECK (octet_length(sealed) <= 1024),
  set_by text NOT NULL,
  set_at timestamptz NOT NULL,
  PRIMARY KEY (vm, disk)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON disk_keys TO server;
GRANT SELECT (vm, disk, set_by, set_at) ON disk_keys TO server_read;
