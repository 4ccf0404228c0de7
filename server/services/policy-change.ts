import type { Baseline } from '@touchstone/schemas';
import type { BaselineKey } from '../store/baselines.ts';
import { readQuorum } from '../store/approvals.ts';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import { standingAfterApproval, standingAfterChange } from './host-state.ts';
import type { Reappraisal } from './reappraise.ts';

/** What hosts are held to now, and what they would be held to. */
export type PolicyChange = {
  readonly before: readonly Baseline[];
  readonly after: readonly Baseline[];
  /** The documents that come or go. */
  readonly touched: readonly Baseline[];
  readonly kind: 'approval' | 'retirement';
};

export const keyText = ({ name, part, version }: BaselineKey): string =>
  `${name}/${part}/${version}`;

/** Whether a document is for a host: of its class, with labels that it has, and naming no other. */
export const isFor = ({ match }: Baseline, host: Host): boolean =>
  match.class.includes(host.class) &&
  (match.host === undefined || match.host === host.id) &&
  Object.entries(match.labels).every(([label, value]) => host.labels[label] === value);

const samePlace = (one: Baseline, other: Baseline): boolean =>
  one.name === other.name && one.part === other.part;

/** Documents in the place of those of the same name and part. */
export function withDocuments(
  before: readonly Baseline[],
  documents: readonly Baseline[],
): PolicyChange {
  const replaced = before.filter((one) => documents.some((document) => samePlace(one, document)));
  const kept = before.filter((one) => !replaced.includes(one));
  const after = [...kept, ...documents];
  return { before, after, touched: [...documents, ...replaced], kind: 'approval' };
}

/** Without the documents of a name, or of one part of it. */
export function withoutDocuments(
  before: readonly Baseline[],
  { name, part }: { readonly name: string; readonly part?: string },
): PolicyChange {
  const gone = before.filter(
    (one) => one.name === name && (part === undefined || one.part === part),
  );
  const after = before.filter((one) => !gone.includes(one));
  return { before, after, touched: gone, kind: 'retirement' };
}

/**
 * Where a change leaves a host. An approval decides about the boots that it explains, so that a host may become
 * trusted by it: that takes the quorum. Where two people are that and one alone tightens, hosts only lose trust.
 */
export async function settlingOf(
  on: Queryable,
  { kind }: PolicyChange,
  loosening: boolean,
): Promise<Reappraisal['settle']> {
  const decides = kind === 'approval' && (loosening || (await readQuorum(on)) < 2);
  return (host, { verdict }) => {
    const { resetCount } = host.mark;
    return decides
      ? standingAfterApproval({ verdict, resetCount })
      : standingAfterChange(host, { verdict, resetCount });
  };
}
