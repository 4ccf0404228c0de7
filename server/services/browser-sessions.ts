import type { ApiToken, BrowserSession } from '@touchstone/schemas';
import { appendAudit } from '../store/audit.ts';
import {
  deleteBrowserSession,
  insertBrowserSession,
  sweepBrowserSessions,
  validBrowserSession,
} from '../store/browser-sessions.ts';
import { hashOfToken, isSecretToken, makeSecretToken } from './secret-token.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** A working day. */
const SESSION_SECONDS = 8 * 3_600;

/** As many browsers at once as one token opens; the oldest session makes room. */
const SESSIONS_A_TOKEN = 16;

type Sessions = Pick<Verifier, 'database' | 'clock'>;

export type OpenedSession = {
  readonly secret: string;
  readonly maxAgeSeconds: number;
  readonly session: BrowserSession;
};

/** A session ends with the token that it was exchanged for, and before it if that lives long. */
export async function openBrowserSession(
  { database, clock }: Sessions,
  by: ApiToken,
): Promise<OpenedSession> {
  const now = clock.now();
  const ends = now.getTime() + SESSION_SECONDS * 1_000;
  const expiresAt = new Date(Math.min(ends, Date.parse(by.expiresAt ?? '') || ends));
  const { token: secret, hash: secretHash } = makeSecretToken('tsb_');
  await database.transaction(async (on) => {
    await insertBrowserSession(on, { secretHash, tokenId: by.id, now, expiresAt });
    await sweepBrowserSessions(on, { tokenId: by.id, keep: SESSIONS_A_TOKEN, now });
    const line = { actor: auditActor(by), action: 'browser-session.open', subject: by.id };
    await appendAudit(on, line, now);
  });
  return {
    secret,
    maxAgeSeconds: Math.max(0, Math.floor((expiresAt.getTime() - now.getTime()) / 1_000)),
    session: { name: by.name, expiresAt: expiresAt.toISOString() },
  };
}

/** Whose cookie it is; null for one that is unknown or has ended: callers learn no more. */
export async function browserSessionOf(
  { database, clock }: Sessions,
  secret: string,
): Promise<ApiToken | null> {
  if (!isSecretToken('tsb_', secret)) return null;
  return validBrowserSession(database, hashOfToken(secret), clock.now());
}

export async function closeBrowserSession(
  { database, clock }: Sessions,
  by: Actor,
  secret: string,
): Promise<void> {
  await database.transaction(async (on) => {
    await deleteBrowserSession(on, hashOfToken(secret));
    const line = { actor: auditActor(by), action: 'browser-session.close', subject: by.id };
    await appendAudit(on, line, clock.now());
  });
}
