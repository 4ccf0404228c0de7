import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** PostgreSQL's scram_iterations. The passwords here are of 256 random bits, whatever the number. */
const ITERATIONS = 4_096;

/**
 * What PostgreSQL keeps of a password (53.11, pg_authid; RFC 5803), made here: statements end in logs and in
 * pg_stat_activity, and so no password is in one. Of ASCII alone, which SASLprep leaves as it is.
 */
export async function scramVerifier(password: string): Promise<string> {
  const salt = randomBytes(16);
  const salted = await promisify(pbkdf2)(password, salt, ITERATIONS, 32, 'sha256');
  const keyed = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64');
  const server = keyed('Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${server}`;
}
