import { Reader } from '@touchstone/tpm';
import { EFI_GLOBAL_VARIABLE, EFI_IMAGE_SECURITY_DATABASE, SHIM_LOCK } from '../efi/guid.ts';
import { byteString } from '../efi/utf16.ts';
import { readVariableData, type VariableData } from '../efi/variable-data.ts';
import type { EventMeaning, MeaningBasis, VariableMeaning } from './event-meaning.ts';
import { inPlace, type MeasuredEvent } from './place.ts';
import { basisOf, partOf } from './prove.ts';

/** shim 15 logged six bytes more than the structure has, and measured five of them. */
const SHIM_15_EXCESS = 6;

/**
 * Where variables are measured: TCG PC Client PFP, 3.3.4. Those that Secure Boot consists of are in PCR 7 alone;
 * its modes are in PCR 1 as well.
 */
const PLACES = { config: [1, 3, 5, 7], boot: [1, 3, 5], authority: [7] } as const;
const SECURE_BOOT_PLACES = [7];

/**
 * A measured variable. Digests seen: of the whole structure (configuration; authorities, shim's as well), of
 * the value alone (boot variables of EDK II and most others, and a few logs' configuration), of the structure
 * and five bytes after it (shim 15). Throws ParseError.
 */
export function variableMeaning(event: MeasuredEvent, role: VariableMeaning['role']): EventMeaning {
  const reader = new Reader(event.data, 'little');
  const variable = readVariableData(reader);
  const { vendor, name, value } = variable;
  const isOfShim15 = role === 'authority' && reader.remaining === SHIM_15_EXCESS;
  if (!isOfShim15) reader.end('UEFI_VARIABLE_DATA');
  const found = isOfShim15
    ? partOf(event, [['structure', event.data.subarray(0, -1)]])
    : role === 'boot'
      ? valueFirst(event, value)
      : basisOf(event, [['value', value]]);
  const places = isOfSecureBoot(variable) ? SECURE_BOOT_PLACES : PLACES[role];
  const basis = inPlace(event, places, found);
  if (vendor === SHIM_LOCK && name === 'SbatLevel' && role === 'authority') {
    return { ...basis, kind: 'sbat', ...sbatLevel(value) };
  }
  return { ...basis, kind: 'variable', role, name, vendor, value };
}

function valueFirst(event: MeasuredEvent, value: Uint8Array): MeaningBasis {
  const part = partOf(event, [['value', value]]);
  return part.basis === 'label' ? basisOf(event) : part;
}

const SECURE_BOOT_VARIABLES = ['SecureBoot', 'PK', 'KEK'];

const isOfSecureBoot = ({ vendor, name }: VariableData): boolean =>
  vendor === EFI_IMAGE_SECURITY_DATABASE ||
  (vendor === EFI_GLOBAL_VARIABLE && SECURE_BOOT_VARIABLES.includes(name));

/** Lines of "component,generation"; the first is "sbat,1,DATE": shim, SBAT.md, "SbatLevel". */
function sbatLevel(value: Uint8Array): { text: string; level?: string } {
  const text = byteString(value);
  const level = /^sbat,[0-9]+,([0-9]{8,16})\r?(?:\n|$)/u.exec(text)?.[1];
  return { text, ...(level !== undefined && { level }) };
}
