import type { Finding } from '@touchstone/schemas';
import { hashHex } from '@touchstone/tpm';
import { finding } from './finding.ts';
import type { ParsedEvidence } from './parse-evidence.ts';

/**
 * Logs travel beside the statement, which names them by digest and size. No finding means that what came
 * is what was named, all of it and nothing more. IMA's list is named by its first entry alone, and comes with
 * exactly the evidence that says so; whether it is true is for PCR 10 to say.
 */
export function verifyLogs({ statement, claimedBlobs, claimedImaList }: ParsedEvidence): Finding[] {
  const findings: Finding[] = [];
  const named = new Set<string>();
  for (const log of statement.logs) {
    if (log.kind === 'ima') continue;
    const { kind, digest, size } = log;
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
  const lists = statement.logs.filter(({ kind }) => kind === 'ima').length;
  const subject = 'IMA list';
  if (lists > 1) {
    findings.push(finding('LOG_AMBIGUOUS', { subject, expected: '1', actual: `${lists}` }));
  }
  if (lists > 0 && claimedImaList === undefined) {
    findings.push(finding('LOG_BLOB_MISSING', { subject }));
  }
  if (lists === 0 && claimedImaList !== undefined) {
    findings.push(finding('LOG_BLOB_UNREFERENCED', { subject }));
  }
  return findings;
}
