import { createHash } from 'node:crypto';
import { parseIssuerCertificate } from '@touchstone/endorsement';
import type { TpmRoot } from '@touchstone/schemas';
import { admittedByRoot, listRoots, type Queryable, type StoredRoot } from '../store/index.ts';
import type { ConfiguredRoot } from '../validation/index.ts';
import { lineOfText } from '../line-of-text.ts';

/** A certificate that the CA goes by, as people are shown it. */
export type HeldCertificate = { readonly record: TpmRoot; readonly der: Uint8Array };

/** All of them, roots first; one that the configuration names too is shown as the configuration's. */
export async function heldCertificates(
  on: Queryable,
  configured: readonly ConfiguredRoot[],
): Promise<readonly HeldCertificate[]> {
  const admitted = await admittedByRoot(on);
  const named = configured.map((root) => configuredCertificate(root, admitted));
  const fingerprints = new Set(named.map(({ record }) => record.fingerprint));
  const stored = (await listRoots(on)).map((root) => storedCertificate(root, admitted));
  return [...named, ...stored.filter(({ record }) => !fingerprints.has(record.fingerprint))];
}

type Counts = ReadonlyMap<string, number>;

function configuredCertificate(root: ConfiguredRoot, admitted: Counts): HeldCertificate {
  const { der, subject, notBefore, notAfter } = parseIssuerCertificate(root.der);
  const fingerprint = createHash('sha256').update(der).digest('hex');
  const record: TpmRoot = {
    ...{ fingerprint, kind: 'root', from: 'configuration', subject: lineOfText(subject, 512) },
    maker: lineOfText(root.manufacturers?.join(', ') ?? 'as configured', 128),
    ...{ class: root.class, ekAlgorithm: root.ekAlgorithm ?? 'any' },
    ...{ notBefore: notBefore.toISOString(), notAfter: notAfter.toISOString() },
    ...{ admitted: admitted.get(fingerprint) ?? 0, provenance: null },
  };
  return { record, der };
}

function storedCertificate(root: StoredRoot, admitted: Counts): HeldCertificate {
  return { record: recordOf(root, admitted), der: root.certificate };
}

function recordOf(root: StoredRoot, admitted: Counts): TpmRoot {
  const fingerprint = Buffer.from(root.fingerprint).toString('hex');
  return {
    ...{ fingerprint, kind: root.kind, from: 'bundle', maker: root.maker, subject: root.subject },
    ...{ class: root.class, ekAlgorithm: root.ekAlgorithm },
    ...{ notBefore: root.notBefore.toISOString(), notAfter: root.notAfter.toISOString() },
    admitted: admitted.get(fingerprint) ?? 0,
    provenance: { ...root.provenance, by: root.addedBy, at: root.addedAt.toISOString() },
  };
}
