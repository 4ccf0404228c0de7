-- Up Migration

-- When the host told of its gate last, or that it has nothing to tell: evidence that asks for permits does not. Null until
-- it does, for hosts of before, too.
ALTER TABLE hosts ADD COLUMN gate_told_at timestamptz;
