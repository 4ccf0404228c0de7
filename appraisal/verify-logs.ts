import type { Finding } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';
import { finding } from './finding.ts';
import type { ParsedEvidence } from './parse-evidence.ts';

/**
 * Logs travel beside the statement, which names them by digest and size. No finding means that what came
 * is what was named, all of it and nothing more.
 */
export function verifyLogs({ statement, claimedBlobs }: ParsedEvidence): Finding[] {
  const findings: Finding[] = [];
  const named = new Set<string>();
  for (const { kind, digest, size } of statement.logs) {
    named.add(digest);
    const subject = `${kind} log ${digest}`;
    const blob = claimedBlobs.get(digest);
    if (blob === undefined) {
      findings.push(finding('LOG_BLOB_MISSING', { subject }));
      continue;
    }
    if (blob.length !== size) {
      const details = { expected: `${size} bytes`, actual: `${blob.length} bytes` };
      findings.push(finding('LOG_BLOB_MISMATCH', { subject, ...details }));
    }
    const actual = hashHex('sha256', blob);
    if (actual !== digest) {
      findings.push(finding('LOG_BLOB_MISMATCH', { subject, expected: digest, actual }));
    }
  }
  for (const digest of claimedBlobs.keys()) {
    if (!named.has(digest)) {
      findings.push(finding('LOG_BLOB_UNREFERENCED', { subject: `blob ${digest}` }));
    }
  }
  return findings;
}
