import type { Client } from 'pg';
import { refuse } from '../codes.ts';
import { DATABASE_NAMES, type DatabaseName, DATABASES } from '../database-access.ts';
import { keepSecret, newPassword } from '../secrets.ts';
import { sharedPasswordFile } from '../shared-postgres.ts';
import { scramVerifier } from './scram-verifier.ts';

const ROLES = DATABASE_NAMES.flatMap((name) => [DATABASES[name].owner, ...DATABASES[name].users]);

/** What one move made there carries its name, in the catalogue: what does not is somebody else's. */
const markOf = (moveId: string): string => `made by touchstone move ${moveId}`;

/** @throws UpError TARGET_NOT_EMPTY */
export async function refuseForeign(admin: Client, moveId: string | null): Promise<void> {
  const mark = moveId === null ? '' : markOf(moveId);
  const { rows } = await admin.query<{ name: string }>(
    `SELECT 'role ' || rolname AS name FROM pg_roles
      WHERE rolname = ANY ($1) AND shobj_description(oid, 'pg_authid') IS DISTINCT FROM $3
     UNION ALL
     SELECT 'database ' || datname FROM pg_database JOIN pg_roles r ON r.oid = datdba
      WHERE datname = ANY ($2) AND shobj_description(r.oid, 'pg_authid') IS DISTINCT FROM $3`,
    [ROLES, DATABASE_NAMES, mark],
  );
  if (rows.length > 0) throw refuse('TARGET_NOT_EMPTY', rows.map(({ name }) => name).join(', '));
}

/** The roles of deploy/images/postgres/roles.sql, with the passwords of this data directory. */
export async function makeRoles(admin: Client, dataDir: string, moveId: string): Promise<void> {
  for (const role of ROLES) {
    const password = await keepSecret(sharedPasswordFile(dataDir, role), newPassword);
    const verifier = admin.escapeLiteral(await scramVerifier(password));
    const name = admin.escapeIdentifier(role);
    await admin.query('BEGIN');
    const known = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
    if (known.rowCount === 0) await admin.query(`CREATE ROLE ${name}`);
    await admin.query(`ALTER ROLE ${name} LOGIN NOCREATEDB NOCREATEROLE PASSWORD ${verifier}`);
    await admin.query(`COMMENT ON ROLE ${name} IS ${admin.escapeLiteral(markOf(moveId))}`);
    if (role === 'server_read') {
      await admin.query(`ALTER ROLE ${name} SET default_transaction_read_only = on`);
    }
    await admin.query('COMMIT');
  }
}

/** Empty, owned by the role that migrates it, and open to nobody but its users. */
export async function makeDatabase(admin: Client, name: DatabaseName): Promise<void> {
  const { owner, users } = DATABASES[name];
  await asMember(admin, owner, async () => {
    // Of this move alone (`refuseForeign`), and never switched to: what an interruption left.
    await admin.query(`DROP DATABASE IF EXISTS ${name}`);
    await admin.query(
      `CREATE DATABASE ${name} OWNER ${owner} TEMPLATE template0 ENCODING 'UTF8' LOCALE '${await localeOf(admin)}'`,
    );
    await admin.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    for (const user of users) await admin.query(`GRANT CONNECT ON DATABASE ${name} TO ${user}`);
  });
}

/** The one of the private cluster, where it is known. */
async function localeOf(admin: Client): Promise<string> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT collcollate AS name FROM pg_collation WHERE collcollate IN ('C.UTF-8', 'C.utf8')`,
  );
  return rows[0]?.name ?? 'C';
}

/** Who is no superuser gives databases only to roles that it is a member of; afterwards it is none any more. */
async function asMember(admin: Client, role: string, work: () => Promise<void>): Promise<void> {
  const { rows } = await admin.query<{ rolsuper: boolean }>(
    'SELECT rolsuper FROM pg_roles WHERE rolname = current_user',
  );
  if (rows[0]?.rolsuper === true) return work();
  await admin.query(`GRANT ${role} TO CURRENT_USER`);
  try {
    await work();
  } finally {
    await admin.query(`REVOKE ${role} FROM CURRENT_USER`);
  }
}
