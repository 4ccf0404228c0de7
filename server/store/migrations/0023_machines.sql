-- Up Migration

-- Which machine, by its TPM, stands under a host's name: it rises when another one takes the place of the recorded one. A
-- start was at the machine of that time; those of before count as of the one that is there now.
ALTER TABLE hosts ADD COLUMN machine integer NOT NULL DEFAULT 0;
ALTER TABLE starts ADD COLUMN machine integer NOT NULL DEFAULT 0;
GRANT DELETE ON vm_places TO server;
