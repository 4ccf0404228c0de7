import type { TpmRootImport, TpmRootImported } from '@touchstone/schemas';
import { decodeBase64Url } from '../base64url.ts';
import type { CaContext } from '../enroll.ts';
import { type Operator, operatorActor, operatorTransaction } from '../operators/index.ts';
import { appendAudit, lockRoots, rootsVersion } from '../store/index.ts';
import { KNOWN_CERTIFICATES } from '../tpm-makers/index.ts';
import { addTogether } from './change-roots.ts';
import { heldCertificates } from './held-certificates.ts';
import { type HeldLink, judgeCertificate, type Judged } from './judge-certificate.ts';

/**
 * Takes at once what the list knows and what a certificate that is held has signed, and says of everything else what
 * it lacks. It may be given again at any time.
 */
export function importCertificates(
  { pool, tpmRoots }: Pick<CaContext, 'pool' | 'tpmRoots'>,
  by: Operator,
  { certificates }: TpmRootImport,
): Promise<TpmRootImported> {
  const ders = certificates.map(({ der }, index) =>
    decodeBase64Url(der, `/certificates/${index}/der`),
  );
  return operatorTransaction(pool, by, async (client) => {
    await lockRoots(client);
    const held = new Map(
      (await heldCertificates(client, tpmRoots.configured)).map(({ der, record }) => [
        record.fingerprint,
        { der, subject: record.subject, maker: record.maker },
      ]),
    );
    const judged = judgeTogether(ders, held, operatorActor(by));
    const roots = judged.flatMap(({ root }) => (root === undefined ? [] : [root]));
    const actor = operatorActor(by);
    if (roots.length > 0) {
      const version = await addTogether(client, roots, { reason: 'import', by: actor });
      await appendAudit(client, {
        ...{ actor, action: 'tpm-roots.import', subject: `version ${version}` },
        detail: roots.map((root) => `${root.kind} ${root.subject}`).join('; '),
      });
    }
    return {
      version: await rootsVersion(client),
      outcomes: judged.map(({ outcome }, index) => ({
        name: certificates[index]?.name ?? '',
        ...outcome,
      })),
    };
  });
}

/** Until nothing more is taken: a link may come before the one that signed it. */
function judgeTogether(
  ders: readonly Uint8Array[],
  held: Map<string, HeldLink>,
  by: string,
): readonly Judged[] {
  const judged: Judged[] = [];
  for (let taken = -1; taken < held.size;) {
    taken = held.size;
    for (const [index, der] of ders.entries()) {
      if (judged[index]?.root !== undefined) continue;
      const one = judgeCertificate(der, { known: KNOWN_CERTIFICATES, held, by });
      judged[index] = one;
      const { root } = one;
      if (root === undefined) continue;
      const { certificate: link, subject, maker } = root;
      held.set(Buffer.from(root.fingerprint).toString('hex'), { der: link, subject, maker });
    }
  }
  return judged;
}
