import {
  type Appraisal,
  appraiseStored,
  ContextError,
  EvidenceError,
  parseEvidence,
} from '@touchstone/appraisal';
import {
  checkAgainst,
  Evidence,
  JsonError,
  parseStrictJson,
  SchemaError,
} from '@touchstone/schemas';
import { CliError } from '../codes.ts';

/** Evidence with 16 MiB of logs in base64url, and some thousand baseline documents. */
export const MAX_FILE_BYTES = 134_217_728;

/**
 * Appraises evidence against a stored context, here, asking nobody: what came out then comes out again.
 * @throws CliError EVIDENCE_MALFORMED, CONTEXT_MALFORMED
 */
export function appraiseAgain(evidence: Uint8Array, context: Uint8Array): Appraisal {
  const read = inFile('EVIDENCE_MALFORMED', () => {
    const data = checkAgainst(Evidence, parseStrictJson(evidence, { maxBytes: MAX_FILE_BYTES }));
    parseEvidence(data);
    return data;
  });
  return inFile('CONTEXT_MALFORMED', () =>
    appraiseStored(read, parseStrictJson(context, { maxBytes: MAX_FILE_BYTES })),
  );
}

function inFile<T>(code: 'EVIDENCE_MALFORMED' | 'CONTEXT_MALFORMED', read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const known = [JsonError, SchemaError, EvidenceError, ContextError].some(
      (one) => cause instanceof one,
    );
    if (known) throw new CliError(code, (cause as Error).message, cause);
    throw cause;
  }
}
