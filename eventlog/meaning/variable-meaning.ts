import { Reader } from '@touchstone/tpm';
import { SHIM_LOCK } from '../efi/guid.ts';
import { readVariableData } from '../efi/variable-data.ts';
import type { LogEvent } from '../log-event.ts';
import type { EventMeaning, VariableMeaning } from './event-meaning.ts';
import { basisOf } from './prove.ts';

/** shim 15 logged six bytes more than the structure has and measured five of them: sizes in its tpm.c. */
const SHIM_15_EXCESS = 6;

/**
 * A measured variable. Digests seen: of the whole structure (PCR 7; shim's authorities), of the value alone
 * (boot variables of EDK II and most others), of the structure and five bytes after it (shim 15).
 * Throws ParseError.
 */
export function variableMeaning(event: LogEvent, role: VariableMeaning['role']): EventMeaning {
  const reader = new Reader(event.data, 'little');
  const { vendor, name, value } = readVariableData(reader);
  const isOfShim15 = role === 'authority' && reader.remaining === SHIM_15_EXCESS;
  if (!isOfShim15) reader.end('UEFI_VARIABLE_DATA');
  const basis = isOfShim15
    ? basisOf(event, [['structure', event.data.subarray(0, -1)]])
    : basisOf(event, [['value', value]]);
  if (vendor === SHIM_LOCK && name === 'SbatLevel' && role === 'authority') {
    return { ...basis, kind: 'sbat', ...sbatLevel(value) };
  }
  return { ...basis, kind: 'variable', role, name, vendor, value };
}

/** Lines of "component,generation"; the first is "sbat,1,DATE": shim, SBAT.md, "SbatLevel". */
function sbatLevel(value: Uint8Array): { text: string; level?: string } {
  const text = Buffer.from(value).toString('utf8').replace(/\0+$/u, '');
  const level = /^sbat,[0-9]+,([0-9]{8,16})\r?(?:\n|$)/u.exec(text)?.[1];
  return { text, ...(level !== undefined && { level }) };
}
