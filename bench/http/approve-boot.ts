import { formatBaselines } from '@touchstone/appraisal';
import { BaselineList, type Labels } from '@touchstone/schemas';
import type { Deployment } from '../deployment.ts';
import type { authorityOf } from '../host/authority.ts';
import { baselinesOfBoot } from '../host/baseline.ts';

/** What the server asks for unless it is told otherwise. */
export const PCRS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];
export const LABELS: Labels = { site: 'bench' };

const approved = new WeakMap<Deployment, Promise<void>>();

/** The boot of all simulated hosts is a good one; once for each deployment. */
export function approveBoot(
  deployment: Deployment,
  authority: Awaited<ReturnType<typeof authorityOf>>,
): Promise<void> {
  const done = approved.get(deployment) ?? approve(deployment, authority);
  approved.set(deployment, done);
  return done;
}

async function approve(
  { operator }: Deployment,
  authority: Awaited<ReturnType<typeof authorityOf>>,
): Promise<void> {
  const documents = baselinesOfBoot(authority, { pcrs: PCRS, labels: LABELS, now: new Date() });
  await operator('/v1/baselines', BaselineList, { yaml: formatBaselines(documents) });
  await operator('/v1/baselines/bench/approval', BaselineList, {});
}
