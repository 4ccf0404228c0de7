import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyUse } from '@touchstone/schemas';
import { type AuditLine, appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { hasDiskKeys } from '../store/disk-keys.ts';
import {
  insertServerKey,
  lockServerKeys,
  type ServerKey,
  serverKeys,
  switchServerKey,
  withdrawServerKeys,
} from '../store/server-keys.ts';
import { hostsBehind } from './acknowledged.ts';
import { firstEpochOf } from './bundle-history.ts';
import { KEYS_HOLD_MS, KEYS_READ_EVERY_MS } from './signing-keys.ts';
import { jwkOf } from './signing-key.ts';
import type { Verifier } from './verifier.ts';

const DAY_MS = 86_400_000;
/** Hosts that have not shown the next key by then are away, or do not follow: they do before they ask again. */
const WAIT_MS = DAY_MS;
/** Results live for 180 s, permits for 60: appraisal/result-claims.ts, gate/grant.ts. */
const LONGEST_LIFE_MS = 180_000;
/** After the switch: until every replica signs with the new key, and the last token by the old one has ended. */
const OVERLAP_MS = KEYS_HOLD_MS + LONGEST_LIFE_MS + 120_000;

type Turning = Pick<
  Verifier,
  'database' | 'clock' | 'signing' | 'sealer' | 'bundles' | 'settings' | 'log'
>;

/**
 * Looks which of the server's keys are due for what, and does it: makes the next one after `signingKeyDays`; has it
 * sign once every host that is there shows a trust bundle with it; takes the old one out when all it signed has
 * ended. The first release key is made once there is a disk key to release: agents of versions before it do not take
 * a trust bundle that names one. Each is one transaction under one lock, so a replica that is killed leaves nothing half done, and another
 * goes on.
 */
export async function turnKeys(verifier: Turning): Promise<void> {
  const now = verifier.clock.now();
  await verifier.database.transaction(async (on) => {
    await lockServerKeys(on);
    const keys = await serverKeys(on);
    for (const use of ['result', 'permit', 'release'] as const) {
      const of = keys.filter((key) => key.use === use);
      const next = of.find(({ state }) => state === 'next');
      const active = of.find(({ state }) => state === 'active');
      if (next !== undefined) await switchIfKnown(verifier, on, { next, now });
      else if (active !== undefined && isDue(active, verifier.settings.signingKeyDays, now)) {
        const detail = `the one before signs since ${active.activeAt?.toISOString()}`;
        await makeNext(verifier, on, { use, now, by: 'verifier', detail });
      } else if (use === 'release' && active === undefined && (await hasDiskKeys(on))) {
        const detail = 'the first, for the first key of a disk';
        await makeKey(verifier, on, { use, state: 'active', now, by: 'verifier', detail });
      }
    }
    for (const { kid, use } of await withdrawServerKeys(on, now)) {
      await audit(on, 'server-key.withdraw', { use, kid }, now);
    }
  });
  await verifier.signing.read();
  await verifier.bundles.refresh();
}

const isDue = ({ activeAt }: ServerKey, days: number, now: Date): boolean =>
  activeAt !== null && now.getTime() >= activeAt.getTime() + days * DAY_MS;

/** Of those that are there: whoever is away follows the bundles before it asks for anything. */
async function switchIfKnown(
  { settings, log }: Turning,
  on: Queryable,
  { next, now }: { readonly next: ServerKey; readonly now: Date },
): Promise<void> {
  const { use, kid } = next;
  const first = await firstEpochOf(on, ({ keys }) =>
    keys.some((key) => key.use === use && key.jwk.kid === kid),
  );
  if (first === null) return;
  const behind = await hostsBehind(on, first.epoch, { now, ...settings });
  const waited = now.getTime() - first.since.getTime();
  if (behind.count > 0 && waited < WAIT_MS) return;
  const leavesAt = new Date(now.getTime() + OVERLAP_MS);
  await switchServerKey(on, { use, now, leavesAt });
  const detail = `known since trust bundle ${first.epoch}; ${behind.count} hosts have not shown it`;
  await audit(on, 'server-key.switch', { use, kid }, now, detail);
  log.info({ use, kid, behind: behind.count }, 'another key signs');
}

type Making = {
  readonly use: KeyUse;
  readonly now: Date;
  readonly by: string;
  readonly detail: string;
};

/** Signs nothing yet. False: there is a next one already. */
export const makeNext = (
  turning: Pick<Turning, 'sealer'>,
  on: Queryable,
  made: Making,
): Promise<boolean> => makeKey(turning, on, { ...made, state: 'next' });

async function makeKey(
  { sealer }: Pick<Turning, 'sealer'>,
  on: Queryable,
  made: Making & { readonly state: 'next' | 'active' },
): Promise<boolean> {
  const { use, state, now, by, detail } = made;
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const jwk = await jwkOf(privateKey);
  const { kid } = jwk;
  const sealed = sealer.seal(privateKey, { use, kid });
  const key = { kid, use, state, jwk, sealed, madeAt: now } as const;
  if (!(await insertServerKey(on, key))) return false;
  await audit(on, 'server-key.make', { use, kid }, now, detail, by);
  return true;
}

function audit(
  on: Queryable,
  action: string,
  { use, kid }: Pick<ServerKey, 'use' | 'kid'>,
  now: Date,
  detail?: string,
  actor = 'verifier',
): Promise<void> {
  const line: AuditLine = { actor, action, subject: `${use} ${kid}` };
  return appendAudit(on, detail === undefined ? line : { ...line, detail }, now);
}

export async function keepKeys(
  verifier: Turning,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    await turnKeys(verifier).catch(onFailure);
    await sleep(KEYS_READ_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}
