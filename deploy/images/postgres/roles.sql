-- A role for each thing that may be done, and a database for each room. Whoever serves owns nothing and
-- has no DDL; the migrations, which the owner runs, grant the rest table by table.

-- A statement that fails must not put a password into the log.
SET log_min_error_statement = panic;

\set ca_migrate `cat "$TOUCHSTONE_SECRETS/postgres-ca-migrate"`
\set ca `cat "$TOUCHSTONE_SECRETS/postgres-ca"`
\set server_migrate `cat "$TOUCHSTONE_SECRETS/postgres-server-migrate"`
\set server `cat "$TOUCHSTONE_SECRETS/postgres-server"`
\set server_read `cat "$TOUCHSTONE_SECRETS/postgres-server-read"`

-- An empty password would be no password: PostgreSQL takes '' for none.
SELECT 1 / (length(password) >= 32)::integer AS long_enough
  FROM (VALUES (:'ca_migrate'), (:'ca'), (:'server_migrate'), (:'server'), (:'server_read'))
    AS given (password)
\g /dev/null

SELECT format('CREATE ROLE %I', name)
  FROM unnest(ARRAY['ca_migrate', 'ca', 'server_migrate', 'server', 'server_read']) AS name
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

SELECT format(
    'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L',
    name, password)
  FROM (VALUES
    ('ca_migrate', :'ca_migrate'), ('ca', :'ca'),
    ('server_migrate', :'server_migrate'), ('server', :'server'), ('server_read', :'server_read')
  ) AS given (name, password)
\gexec

ALTER ROLE server_read SET default_transaction_read_only = on;

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0', name, owner)
  FROM (VALUES ('touchstone_ca', 'ca_migrate'), ('touchstone', 'server_migrate')) AS wanted (name, owner)
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name)
\gexec

REVOKE ALL ON DATABASE touchstone_ca, touchstone, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE touchstone_ca TO ca;
GRANT CONNECT ON DATABASE touchstone TO server, server_read;
