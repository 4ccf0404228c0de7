import type { Finding } from '@touchstone/schemas';

/** As many as a result's claims hold. */
export const MAX_FINDINGS = 256;
/** UTF-8 as JSON. In base64url a result stays below the 1 MiB that an answer holds. */
const MAX_BYTES = 524_288;

/** As many findings, from the first, as a signed result has room for: a host chose their texts. */
export function shownFindings(findings: readonly Finding[]): readonly Finding[] {
  const most = findings.slice(0, MAX_FINDINGS);
  if (most.reduce((sum, one) => sum + mostBytes(one), 0) <= MAX_BYTES) return most;
  let bytes = 0;
  const end = most.findIndex((one) => {
    bytes += Buffer.byteLength(JSON.stringify(one));
    return bytes > MAX_BYTES;
  });
  return end === -1 ? most : most.slice(0, end);
}

/** No fewer than its JSON takes, and told without making it: an escape has six characters, the rest is short. */
function mostBytes({ subject, expected, actual, nearest, remedy, event }: Finding): number {
  let length = subject.length + remedy.length;
  for (const text of [expected, actual, nearest, event?.type, event?.name])
    length += text?.length ?? 0;
  return 512 + 6 * length;
}
