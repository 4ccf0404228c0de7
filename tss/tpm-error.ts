import { isTpmResponse, responseCodeName } from './response-codes.ts';

/**
 * What failed, for the program:
 * - TPM_RC: the TPM answered with an error; `rc` and `rcName` say which.
 * - TPM_TIMEOUT: no answer in time. The command may have been executed. The context is spent: open anew.
 * - TPM_UNAVAILABLE: the TPM, its socket or tpm2-tss itself cannot be reached. The context is spent.
 * - TPM_RESPONSE_INVALID: an answer whose HMAC or form is wrong; somebody may sit on the bus.
 * - TPM_PCR_UNREADABLE: a selected PCR that the TPM does not have, or that would not hold still.
 * - TPM_MISUSE: the arguments; nothing was sent.
 * - TPM_CLOSED: close() was called.
 */
export type TpmErrorCode =
  | 'TPM_RC'
  | 'TPM_TIMEOUT'
  | 'TPM_UNAVAILABLE'
  | 'TPM_RESPONSE_INVALID'
  | 'TPM_PCR_UNREADABLE'
  | 'TPM_MISUSE'
  | 'TPM_CLOSED';

export class TpmError extends Error {
  override readonly name = 'TpmError';
  readonly code: TpmErrorCode;
  /** The raw TSS2_RC; 0 where there was none. */
  readonly rc: number;
  /** As the specification spells it, without handle, session or parameter number; '' where rc is 0. */
  readonly rcName: string;
  /** As the specification spells it: 'TPM2_Quote'. */
  readonly command: string;

  constructor(
    code: TpmErrorCode,
    command: string,
    detail: string,
    options: { rc?: number; cause?: unknown } = {},
  ) {
    super(`${command}: ${detail}`, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.command = command;
    this.rc = options.rc ?? 0;
    this.rcName = this.rc === 0 ? '' : responseCodeName(this.rc);
  }
}

/** `decode` is libtss2-rc's: it tells which handle, session or parameter is meant. */
export function errorOfResponse(
  rc: number,
  command: string,
  decode: (rc: number) => string,
): TpmError {
  const detail = `${responseCodeName(rc)} (0x${rc.toString(16)}): ${decode(rc)}`;
  return new TpmError(codeOf(rc), command, detail, { rc });
}

const TCTI_LAYER = 10;
/** MALFORMED_RESPONSE, INSUFFICIENT_RESPONSE, RSP_AUTH_FAILED. */
const RESPONSE_FAULTS = new Set([17, 19, 27]);
/** NO_CONNECTION, IO_ERROR. */
const CONNECTION_FAULTS = new Set([8, 10]);

function codeOf(rc: number): TpmErrorCode {
  if (isTpmResponse(rc)) return 'TPM_RC';
  const base = rc & 0xffff;
  if (RESPONSE_FAULTS.has(base)) return 'TPM_RESPONSE_INVALID';
  if (((rc >>> 16) & 0xff) === TCTI_LAYER || CONNECTION_FAULTS.has(base)) return 'TPM_UNAVAILABLE';
  return 'TPM_MISUSE';
}
