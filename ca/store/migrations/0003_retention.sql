-- How long ended AK certificates are remembered. `init` writes here what the configuration says, as the owner;
-- the role `ca` can forget those that ended longer ago, by the function alone, and goes by this database's time.
CREATE TABLE retention (
  kind text PRIMARY KEY,
  days integer NOT NULL CHECK (days <= 36500),
  minimum_days integer NOT NULL CHECK (minimum_days >= 1),
  CHECK (days >= minimum_days)
);
INSERT INTO retention (kind, days, minimum_days) VALUES ('certificates', 400, 30);
CREATE INDEX certificates_not_after ON certificates (not_after);

CREATE FUNCTION forget_ended_certificates() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH gone AS (
    DELETE FROM public.certificates
     WHERE not_after < now() - (SELECT make_interval(days => days) FROM public.retention WHERE kind = 'certificates')
    RETURNING 1)
  SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION forget_ended_certificates FROM PUBLIC;

GRANT SELECT ON retention TO ca;
GRANT EXECUTE ON FUNCTION forget_ended_certificates TO ca;
