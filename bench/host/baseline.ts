import { captureBaselines, parseEvidence, verifyEvidence } from '@touchstone/appraisal';
import { parseAkCertificate } from '@touchstone/endorsement';
import type { Baseline, Labels } from '@touchstone/schemas';
import type { Authority } from './authority.ts';
import { evidenceOf, RESET_COUNT } from './evidence.ts';
import { newSoftwareHost } from './software-host.ts';

/** What the one boot of all hosts looks like when its owner has captured it: nothing is found against it. */
export function baselinesOfBoot(
  authority: Authority,
  {
    pcrs,
    labels,
    now,
  }: { readonly pcrs: readonly number[]; readonly labels: Labels; readonly now: Date },
): Baseline[] {
  const host = newSoftwareHost(authority, 'bench-model', now);
  const challenge = Buffer.alloc(32, 1);
  const asked = { purpose: 'attest', challenge: challenge.toString('base64url') } as const;
  const evidence = evidenceOf(host, { ...asked, pcrs, clockMs: 1n });
  const verification = verifyEvidence(parseEvidence(evidence), {
    ...{ purpose: 'attest', hostId: host.id, challenge, akPublic: host.akPublic, now },
    akCertificate: parseAkCertificate(host.certificate),
    issuers: [{ keyId: authority.keyId, certificate: authority.certificate, state: 'active' }],
    selection: { sha256: [...pcrs] },
  });
  if (!verification.ok) throw new Error(JSON.stringify(verification.findings));
  return captureBaselines({
    evidence: verification.evidence,
    ...{ class: 'software', hostId: host.id, name: 'bench', labels, versionOf: () => 1 },
    provenance: {
      ...{ host: host.id, hostName: host.name, resetCount: RESET_COUNT, hostState: 'pending' },
      capturedAt: now.toISOString(),
    },
  });
}
