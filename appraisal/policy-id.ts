import type { BaselineReference } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';

/** The rules of this version of the appraisal. To be raised whenever the same evidence would fare otherwise. */
export const POLICY = 'touchstone/appraisal/1';

/** As the claim that carries it. */
const MAX_LENGTH = 512;

/** Documents are immutable under their part, name and version, so that these name what was used. */
export function policyIdOf(references: readonly BaselineReference[]): string {
  const names = references.map(({ part, name, version }) => `${part}/${name}@${version}`);
  const list = names.toSorted().join(',');
  const text = list === '' ? POLICY : `${POLICY};${list}`;
  if (text.length <= MAX_LENGTH) return text;
  return `${POLICY};sha256:${hashHex('sha256', Buffer.from(list, 'utf8'))}`;
}
