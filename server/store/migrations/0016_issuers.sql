-- Up Migration

-- The key identifier of whoever signed a host's AK certificate: authorityKeyIdentifier (RFC 5280, 4.2.1.1) in the one
-- form of our profile, an extension with a keyIdentifier of 20 bytes and nothing else. '' for anything else. It is for
-- counting and showing; what evidence is verified against is read from the certificate each time.
CREATE FUNCTION issuer_key_of(der bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE position('\x0603551d23041830168014'::bytea IN der)
         WHEN 0 THEN ''
         ELSE encode(substr(der, position('\x0603551d23041830168014'::bytea IN der) + 11, 20), 'hex')
       END;
REVOKE ALL ON FUNCTION issuer_key_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION issuer_key_of TO server;

ALTER TABLE hosts ADD COLUMN ak_issuer text NOT NULL
  GENERATED ALWAYS AS (issuer_key_of(ak_certificate)) STORED;
CREATE INDEX hosts_by_ak_issuer ON hosts (ak_issuer);

-- Who had signed the certificate that the evidence of the mark was verified with; NULL: the same as now.
ALTER TABLE hosts ADD COLUMN mark_issuer text;

-- Since when this deployment knows an issuer for refused, by its key identifier.
ALTER TABLE ca_bundle ADD COLUMN refused_since jsonb NOT NULL DEFAULT '{}';

-- The first trust bundle from which on every one, up to this, had all of this one's anchors. NULL: it is the first.
ALTER TABLE trust_bundles ADD COLUMN anchors_since bigint;

-- The host that got a VM's latest permit. One row a VM, so that nobody has to look through all starts for it.
CREATE TABLE vm_places (
  vm uuid PRIMARY KEY REFERENCES vms (uuid),
  host_id uuid NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX vm_places_by_host ON vm_places (host_id);
INSERT INTO vm_places (vm, host_id, at)
SELECT DISTINCT ON (vm) vm, host_id, at FROM starts
 WHERE decision = 'permitted' AND vm IN (SELECT uuid FROM vms)
 ORDER BY vm, at DESC;

-- When the CA was told last of a rotation's way through the fleet: one replica does it.
CREATE TABLE ca_reports (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO ca_reports DEFAULT VALUES;

GRANT SELECT, INSERT, UPDATE ON vm_places TO server;
GRANT SELECT, UPDATE ON ca_reports TO server;
GRANT SELECT ON vm_places, ca_reports TO server_read;
