import { ParseError, Reader } from '@touchstone/tpm';
import { readGuid } from './guid.ts';
import { utf16Text } from './utf16.ts';

/** UEFI_VARIABLE_DATA: TCG PC Client PFP, 10.2.6. */
export type VariableData = {
  /** GUID. */
  readonly vendor: string;
  readonly name: string;
  /** A view on the input. */
  readonly value: Uint8Array;
};

/** Throws ParseError TRUNCATED, TRAILING_BYTES, or VARIABLE_LENGTH for a length that no variable has. */
export function parseVariableData(bytes: Uint8Array): VariableData {
  const reader = new Reader(bytes, 'little');
  const variable = readVariableData(reader);
  reader.end('UEFI_VARIABLE_DATA');
  return variable;
}

export function readVariableData(reader: Reader): VariableData {
  const vendor = readGuid(reader, 'VariableName');
  const nameLength = length(reader, 'UnicodeNameLength', 2);
  const valueLength = length(reader, 'VariableDataLength', 1);
  const name = utf16Text(reader.bytes(2 * nameLength, 'UnicodeName'));
  const value = reader.bytes(valueLength, 'VariableData');
  return { vendor, name, value };
}

/** A UINT64 of units that are `size` bytes each, and that a number can hold. */
function length(reader: Reader, field: string, size: number): number {
  const { offset } = reader;
  const value = reader.u64(field);
  if (value > BigInt(Math.floor(Number.MAX_SAFE_INTEGER / size))) {
    throw new ParseError('VARIABLE_LENGTH', field, offset, `${value}`);
  }
  return Number(value);
}
