import { EFI_IMAGE_SECURITY_DATABASE, type LogEvent, parseSignature } from '@touchstone/eventlog';
import { hashHex, ParseError } from '@touchstone/tpm';
import { type BelievedEvent, ofKind } from './believed-events.ts';
import { eventOffence, type Offence, offence } from './offence.ts';

/** What vouched for a program that was started: TCG PC Client PFP, 3.3.4.8. */
export type Authority = {
  readonly event: LogEvent;
  readonly variable: string;
  /** Whether it is of the firmware's own list; else of shim's. */
  readonly isOfFirmware: boolean;
  /** SHA-256, lower-case hex, of the certificate or digest, without its owner. */
  readonly sha256: string;
};

/** In the order in which they were first used. */
export function authoritiesIn(events: readonly BelievedEvent[]): Authority[] {
  return ofKind(events, 'variable').flatMap(({ event, meaning }): Authority[] => {
    if (event.pcr !== 7 || meaning.role !== 'authority') return [];
    const { name: variable, value, vendor } = meaning;
    // shim's switches are measured in the same way, and vouch for nothing.
    if (value.length <= 1) return [];
    const isOfFirmware = vendor === EFI_IMAGE_SECURITY_DATABASE;
    return [{ event, variable, isOfFirmware, sha256: hashHex('sha256', signatureIn(value)) }];
  });
}

/** shim measures its own certificates without an owner. */
function signatureIn(value: Uint8Array): Uint8Array {
  if (isWholeSequence(value)) return value;
  try {
    return parseSignature(value).data;
  } catch (error) {
    if (error instanceof ParseError) return value;
    throw error;
  }
}

/** A DER SEQUENCE of two bytes of length that ends where the value does: X.690, 8.1. */
const isWholeSequence = (value: Uint8Array): boolean =>
  value[0] === 0x30 &&
  value[1] === 0x82 &&
  value.length === 4 + (value[2] ?? 0) * 256 + (value[3] ?? 0);

/**
 * shim was told by whoever sat at the machine to verify nothing: shim, MokVars.txt, MokSBState. Where a baseline has
 * the very event, somebody approved it.
 */
export function verificationOffences(
  events: readonly BelievedEvent[],
  expected: ReadonlySet<LogEvent>,
): Offence[] {
  return ofKind(events, 'variable').flatMap(({ event, meaning }): Offence[] => {
    const { name, role, value } = meaning;
    if (event.pcr !== 7 || role !== 'authority' || name !== 'MokSBState') return [];
    const actual = `${value.length === 1 ? value[0] : `${value.length} bytes`}`;
    const effect = expected.has(event) ? 'warn' : 'enforce';
    const details = { name, expected: 'absent', actual, effect } as const;
    return [eventOffence('SHIM_VERIFICATION_OFF', event, details)];
  });
}

/** With Secure Boot on nothing is started that nothing vouched for. */
export function authorityOffences(authorities: readonly Authority[]): Offence[] {
  if (authorities.some(({ isOfFirmware }) => isOfFirmware)) return [];
  const details = {
    subject: 'SecureBoot in PCR 7',
    expected: 'an EV_EFI_VARIABLE_AUTHORITY of db',
    actual: 'none',
  };
  return [offence('SECURE_BOOT_WITHOUT_AUTHORITY', details, 'AUTHORITY_NOT_MEASURED')];
}
