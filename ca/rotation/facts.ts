import type { CaProgress } from '@touchstone/schemas';
import {
  type Canary,
  canariesWithout,
  type IssuedBy,
  issuedBy,
  type Queryable,
  readEpoch,
  readProgress,
  type RotationRecord,
} from '../store/index.ts';

/** What is known when it is asked whether a rotation may go on. */
export type Facts = {
  readonly now: Date;
  /** Of this CA's bundle. */
  readonly epoch: number;
  readonly issued: ReadonlyMap<string, IssuedBy>;
  /** Of a rehearsal: canaries that have no certificate of the throw-away issuer yet. */
  readonly canariesLeft: readonly Canary[];
  readonly report: { readonly receivedAt: Date; readonly progress: CaProgress } | undefined;
};

export async function readFacts(on: Queryable, rotation: RotationRecord): Promise<Facts> {
  const received = await readProgress(on);
  return {
    ...(await readEpoch(on)),
    issued: await issuedBy(on),
    canariesLeft: rotation.mode === 'rehearsal' ? await canariesWithout(on, rotation) : [],
    report: received && { receivedAt: received.receivedAt, progress: received.report },
  };
}
