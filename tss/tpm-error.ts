import { TPM_CODES, type TpmErrorCode } from './codes.ts';
import { isBusy, isFull, isTpmResponse, responseCodeName } from './response-codes.ts';

/** What failed, under one of `TPM_CODES`. */
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

  get title(): string {
    return TPM_CODES[this.code].title;
  }

  get remedy(): string {
    return TPM_CODES[this.code].remedy;
  }

  /** The TPM itself said so: it is there, and the connection to it is good. */
  get answered(): boolean {
    return this.rc !== 0 && isTpmResponse(this.rc);
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

const TPM_RC_FAILURE = 0x101;
const TPM_RC_LOCKOUT = 0x921;
const TCTI_LAYER = 10;
/** MALFORMED_RESPONSE, INSUFFICIENT_RESPONSE, RSP_AUTH_FAILED. */
const RESPONSE_FAULTS = new Set([17, 19, 27]);
/** NO_CONNECTION, IO_ERROR. */
const CONNECTION_FAULTS = new Set([8, 10]);

function codeOf(rc: number): TpmErrorCode {
  const base = rc & 0xffff;
  if (isTpmResponse(rc)) {
    if (isFull(rc)) return 'TPM_FULL';
    if (isBusy(rc)) return 'TPM_BUSY';
    if (base === TPM_RC_LOCKOUT) return 'TPM_LOCKED_OUT';
    return base === TPM_RC_FAILURE ? 'TPM_FAILED' : 'TPM_RC';
  }
  if (RESPONSE_FAULTS.has(base)) return 'TPM_RESPONSE_INVALID';
  if (((rc >>> 16) & 0xff) === TCTI_LAYER || CONNECTION_FAULTS.has(base)) return 'TPM_UNAVAILABLE';
  return 'TPM_MISUSE';
}
