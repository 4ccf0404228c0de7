/** TPM_RC and the TSS's own codes by name: Part 2, 6.6; TSS 2.0 Overview and Common Structures, 2.4. */

/** Format-zero errors, by RC - RC_VER1 (0x100). */
const VERSION_1: Record<number, string> = {
  0x00: 'INITIALIZE',
  0x01: 'FAILURE',
  0x03: 'SEQUENCE',
  0x0b: 'PRIVATE',
  0x19: 'HMAC',
  0x20: 'DISABLED',
  0x21: 'EXCLUSIVE',
  0x24: 'AUTH_TYPE',
  0x25: 'AUTH_MISSING',
  0x26: 'POLICY',
  0x27: 'PCR',
  0x28: 'PCR_CHANGED',
  0x2d: 'UPGRADE',
  0x2e: 'TOO_MANY_CONTEXTS',
  0x2f: 'AUTH_UNAVAILABLE',
  0x30: 'REBOOT',
  0x31: 'UNBALANCED',
  0x42: 'COMMAND_SIZE',
  0x43: 'COMMAND_CODE',
  0x44: 'AUTHSIZE',
  0x45: 'AUTH_CONTEXT',
  0x46: 'NV_RANGE',
  0x47: 'NV_SIZE',
  0x48: 'NV_LOCKED',
  0x49: 'NV_AUTHORIZATION',
  0x4a: 'NV_UNINITIALIZED',
  0x4b: 'NV_SPACE',
  0x4c: 'NV_DEFINED',
  0x50: 'BAD_CONTEXT',
  0x51: 'CPHASH',
  0x52: 'PARENT',
  0x53: 'NEEDS_TEST',
  0x54: 'NO_RESULT',
  0x55: 'SENSITIVE',
};

/** Format-one errors, by RC - RC_FMT1 (0x080); they also carry which handle, session or parameter. */
const FORMAT_1: Record<number, string> = {
  0x01: 'ASYMMETRIC',
  0x02: 'ATTRIBUTES',
  0x03: 'HASH',
  0x04: 'VALUE',
  0x05: 'HIERARCHY',
  0x07: 'KEY_SIZE',
  0x08: 'MGF',
  0x09: 'MODE',
  0x0a: 'TYPE',
  0x0b: 'HANDLE',
  0x0c: 'KDF',
  0x0d: 'RANGE',
  0x0e: 'AUTH_FAIL',
  0x0f: 'NONCE',
  0x10: 'PP',
  0x12: 'SCHEME',
  0x15: 'SIZE',
  0x16: 'SYMMETRIC',
  0x17: 'TAG',
  0x18: 'SELECTOR',
  0x1a: 'INSUFFICIENT',
  0x1b: 'SIGNATURE',
  0x1c: 'KEY',
  0x1d: 'POLICY_FAIL',
  0x1f: 'INTEGRITY',
  0x20: 'TICKET',
  0x21: 'RESERVED_BITS',
  0x22: 'BAD_AUTH',
  0x23: 'EXPIRED',
  0x24: 'POLICY_CC',
  0x25: 'BINDING',
  0x26: 'CURVE',
  0x27: 'ECC_POINT',
};

/** Warnings, by RC - RC_WARN (0x900). */
const WARNING: Record<number, string> = {
  0x01: 'CONTEXT_GAP',
  0x02: 'OBJECT_MEMORY',
  0x03: 'SESSION_MEMORY',
  0x04: 'MEMORY',
  0x05: 'SESSION_HANDLES',
  0x06: 'OBJECT_HANDLES',
  0x07: 'LOCALITY',
  0x08: 'YIELDED',
  0x09: 'CANCELED',
  0x0a: 'TESTING',
  0x20: 'NV_RATE',
  0x21: 'LOCKOUT',
  0x22: 'RETRY',
  0x23: 'NV_UNAVAILABLE',
  ...Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((n) => [0x10 + n, `REFERENCE_H${n}`])),
  ...Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((n) => [0x18 + n, `REFERENCE_S${n}`])),
};

const TSS_LAYER: Record<number, string> = {
  6: 'FAPI',
  7: 'ESYS',
  8: 'SYS',
  9: 'MU',
  10: 'TCTI',
};

/** By TSS2_BASE_RC number. */
const TSS_BASE: Record<number, string> = {
  1: 'GENERAL_FAILURE',
  2: 'NOT_IMPLEMENTED',
  3: 'BAD_CONTEXT',
  4: 'ABI_MISMATCH',
  5: 'BAD_REFERENCE',
  6: 'INSUFFICIENT_BUFFER',
  7: 'BAD_SEQUENCE',
  8: 'NO_CONNECTION',
  9: 'TRY_AGAIN',
  10: 'IO_ERROR',
  11: 'BAD_VALUE',
  12: 'NOT_PERMITTED',
  13: 'INVALID_SESSIONS',
  14: 'NO_DECRYPT_PARAM',
  15: 'NO_ENCRYPT_PARAM',
  16: 'BAD_SIZE',
  17: 'MALFORMED_RESPONSE',
  18: 'INSUFFICIENT_CONTEXT',
  19: 'INSUFFICIENT_RESPONSE',
  20: 'INCOMPATIBLE_TCTI',
  21: 'NOT_SUPPORTED',
  22: 'BAD_TCTI_STRUCTURE',
  23: 'MEMORY',
  24: 'BAD_TR',
  25: 'MULTIPLE_DECRYPT_SESSIONS',
  26: 'MULTIPLE_ENCRYPT_SESSIONS',
  27: 'RSP_AUTH_FAILED',
};

/** The layers that hand on the TPM's own codes: the TPM, and two numbers that resource managers use. */
const TPM_LAYERS = new Set([0, 11, 12]);

export function isTpmResponse(rc: number): boolean {
  return TPM_LAYERS.has((rc >>> 16) & 0xff);
}

export function responseCodeName(rc: number): string {
  if (isTpmResponse(rc)) {
    const name = tpmName(rc & 0xffff);
    return `TPM_RC_${name ?? `UNKNOWN_${hex(rc)}`}`;
  }
  const layer = TSS_LAYER[(rc >>> 16) & 0xff];
  const base = TSS_BASE[rc & 0xffff];
  return `TSS2_${layer ?? 'UNKNOWN'}_RC_${base ?? `UNKNOWN_${hex(rc)}`}`;
}

/** Part 2, 6.6.2: bit 7 is the format; in format zero bit 8 is the version and bit 11 says warning. */
function tpmName(rc: number): string | undefined {
  if (rc === 0) return 'SUCCESS';
  if (rc === 0x1e) return 'BAD_TAG';
  if ((rc & 0x080) !== 0) return FORMAT_1[rc & 0x3f];
  if ((rc & 0x100) === 0) return undefined;
  return (rc & 0x800) !== 0 ? WARNING[rc & 0x7f] : VERSION_1[rc & 0x7f];
}

/** TPM_RC_RETRY, TPM_RC_YIELDED, TPM_RC_TESTING: the same command may be sent again. */
export function isBusy(rc: number): boolean {
  return isTpmResponse(rc) && [0x922, 0x908, 0x90a].includes(rc & 0xffff);
}

/** TPM_RC_OBJECT_MEMORY, SESSION_MEMORY, MEMORY, SESSION_HANDLES, OBJECT_HANDLES: nothing was done. */
export function isFull(rc: number): boolean {
  return isTpmResponse(rc) && [0x902, 0x903, 0x904, 0x905, 0x906].includes(rc & 0xffff);
}

function hex(rc: number): string {
  return `0x${rc.toString(16)}`;
}
