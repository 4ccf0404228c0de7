import type { BaselineReference } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';

/** The rules of this version of the appraisal. To be raised whenever the same evidence would fare otherwise. */
export const POLICY = 'touchstone/appraisal/3';

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

const DOCUMENT = /^([A-Za-z]{1,32})\/([a-z0-9._-]{1,63})@([1-9][0-9]{0,6})$/u;

/**
 * The documents that an id names: none where it names no more than a digest of them. null for what is no id of this
 * version's rules.
 */
export function documentsOf(policyId: string): BaselineReference[] | null {
  const [policy, list = '', ...more] = policyId.split(';');
  if (policy !== POLICY || more.length > 0) return null;
  if (list === '' || /^sha256:[0-9a-f]{64}$/u.test(list)) return [];
  const documents: BaselineReference[] = [];
  for (const name of list.split(',')) {
    const [, part, called, version] = DOCUMENT.exec(name) ?? [];
    if (part === undefined || called === undefined) return null;
    documents.push({ part, name: called, version: Number(version) });
  }
  return documents;
}
