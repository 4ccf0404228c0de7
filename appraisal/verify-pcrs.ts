import type { Finding } from '@touchstone/schemas';
import { ParseError, pcrDigest } from '@touchstone/tpm';
import { hexOf } from './bytes.ts';
import { finding } from './finding.ts';
import type { ParsedEvidence } from './parse-evidence.ts';
import { compareSelections, selectedByTpm, selectedByValues, selectedByWire } from './selection.ts';
import type { VerificationContext } from './verification-context.ts';

/**
 * What was quoted. No finding means that the quote and the statement select what was asked for, exactly
 * and not nothing; that values were sent for just those PCRs; and that they are the values quoted.
 */
export function verifyPcrs(parsed: ParsedEvidence, context: VerificationContext): Finding[] {
  const { attest, pcrs, statement } = parsed;
  const asked = selectedByWire(context.selection);
  const quoted = selectedByTpm(attest.quote.pcrSelect);
  const sent = selectedByValues(pcrs);
  const findings: Finding[] = [];
  if (quoted.size === 0 || asked.size === 0) {
    findings.push(finding('SELECTION_EMPTY', { subject: 'quote.attest.pcrSelect' }));
  } else {
    findings.push(...compareSelections('quote.attest.pcrSelect', asked, quoted));
  }
  findings.push(
    ...compareSelections('statement.selection', asked, selectedByWire(statement.selection)),
    ...compareSelections('pcrs', quoted, sent, 'UNCOVERED_PCR'),
    ...digestFindings(parsed, context),
  );
  return findings;
}

function digestFindings(parsed: ParsedEvidence, { akPublic }: VerificationContext): Finding[] {
  const { attest, pcrs } = parsed;
  const { scheme } = akPublic.parameters;
  // Part 3, 18.4: the digest uses the hash of the signing scheme. A key without one signed no quote.
  const expected = hexOf(attest.quote.pcrDigest);
  const mismatch = (actual: string) =>
    finding('PCR_DIGEST_MISMATCH', { subject: 'quote.attest.pcrDigest', expected, actual });
  if (!('hash' in scheme)) return [mismatch('no hash')];
  try {
    const actual = hexOf(pcrDigest(attest.quote.pcrSelect, pcrs, scheme.hash));
    return actual === expected ? [] : [mismatch(actual)];
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return [mismatch(error.code)];
  }
}
