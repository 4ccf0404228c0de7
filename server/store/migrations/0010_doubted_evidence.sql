-- Up Migration

-- Something newer than the evidence of the mark is known of the host, and it is not what a verdict can be given on: a
-- TPM that went back, or evidence whose verdict could not be stored. Newer evidence takes the doubt away.
ALTER TABLE hosts ADD COLUMN evidence_doubted boolean NOT NULL DEFAULT false;
