import type { TpmRootImportOutcome } from '@touchstone/schemas';
import type { CaOperatorApi } from '../../ca-operator-api.ts';
import type { FoundCertificate } from '../../import/maker-certificates.ts';

const AT_ONCE = 64;
/** Real chains have three links at most between a root and a chip. */
const MAX_ROUNDS = 8;

/** Roots first, then their links, and these again as long as one more leads to a root. */
export async function importInto(
  api: Pick<CaOperatorApi, 'importTpmRoots'>,
  certificates: readonly FoundCertificate[],
): Promise<readonly TpmRootImportOutcome[]> {
  const outcomes = new Map<string, TpmRootImportOutcome>();
  let left = certificates.toSorted((a, b) => Number(b.selfSigned) - Number(a.selfSigned));
  for (let round = 0; round < MAX_ROUNDS && left.length > 0; round += 1) {
    const before = left.length;
    const lost: FoundCertificate[] = [];
    for (let at = 0; at < left.length; at += AT_ONCE) {
      const some = left.slice(at, at + AT_ONCE);
      const answer = await api.importTpmRoots({
        certificates: some.map(({ name, der }) => ({
          name,
          der: Buffer.from(der).toString('base64url'),
        })),
      });
      for (const [index, outcome] of answer.outcomes.entries()) {
        outcomes.set(outcome.name, outcome);
        const one = some[index];
        if (outcome.outcome === 'no-root' && one !== undefined) lost.push(one);
      }
    }
    if (lost.length === before) break;
    left = lost;
  }
  return certificates.flatMap(({ name }) => outcomes.get(name) ?? []);
}
