import {
  changeState,
  type Forcing,
  listAuthorities,
  type Queryable,
  raiseEpoch,
  type RotationRecord,
  withdrawCrosses,
} from '../store/index.ts';
import { blocked } from './blocked.ts';
import { type Facts, readFacts } from './facts.ts';
import { goingIssuer, goingOf } from './rotation-keys.ts';
import { blockedBy, CLEAR, currentReport, hostsThatBlock, type Standing } from './standing.ts';
import { type RotationContext, transition } from './transition.ts';

/**
 * The issuer that goes can be refused without refusing any host: none of its certificates has a day left; or no AK's
 * newest one is its, and the verifier holds no host that is there to one. A compromised one is refused already.
 */
export function drainStanding(rotation: RotationRecord, facts: Facts): Standing {
  const issuer = goingIssuer(rotation);
  const issued = issuer === null ? undefined : facts.issued.get(issuer);
  const of = [...facts.issued.values()].reduce((sum, { live }) => sum + live, 0);
  if (issued === undefined || rotation.mode === 'compromise') {
    return { ...CLEAR, done: of, of };
  }
  const progress = { done: Math.max(0, of - issued.live), of };
  const current = currentReport(rotation, facts);
  if (issued.live === 0 && 'missing' in current) return { ...current.missing, ...progress };
  const held =
    'missing' in current
      ? undefined
      : current.progress.issuers.find(({ keyId }) => keyId === issuer)?.hosts;
  const { blockers, blockerCount } =
    held === undefined
      ? { blockers: [], blockerCount: 0 }
      : hostsThatBlock(held, {
          because: 'is still held to an older certificate',
          awayToo: issued.live > 0,
        });
  const unnamed = issued.live - blockerCount;
  if (unnamed <= 0) return blockedBy(progress, blockers, blockerCount);
  const rest = {
    subject: `${unnamed} ${unnamed === 1 ? 'certificate' : 'certificates'}`,
    because: `of hosts that have not renewed; the last ends at ${issued.lastEnds.toISOString()}`,
    away: true,
  };
  return blockedBy(progress, [rest, ...blockers], blockerCount + unnamed);
}

/** Roots that another rotation left when the compromise took its place: the others are refused already. */
const setAside = async (on: Queryable): Promise<string[]> =>
  (await listAuthorities(on))
    .filter(({ role, state }) => role === 'root' && state === 'verify-only')
    .map(({ keyId }) => keyId);

/** Refused from here on, whatever dates its certificates bear, and no anchor of anybody's. */
export async function leaveDrain(
  context: RotationContext,
  rotation: RotationRecord,
  forcing?: Forcing,
): Promise<void> {
  await transition(
    context,
    rotation,
    'retire',
    async (client) => {
      const keyIds = rotation.mode === 'compromise' ? await setAside(client) : goingOf(rotation);
      await changeState(client, { keyIds, to: 'refused', reason: 'retired' });
      await withdrawCrosses(client);
      await raiseEpoch(client);
      // Certificates that were recorded since it was asked are seen from here: their issuer was locked until now.
      const standing = drainStanding(rotation, await readFacts(client, rotation));
      if (forcing === undefined && standing.blockerCount > 0) throw blocked(rotation, standing);
    },
    forcing,
  );
}
