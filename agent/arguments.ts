import { InvalidArgumentError } from 'commander';
import { checkAgainst, SchemaError, Sha256Hex, Uuid } from '@touchstone/schemas';
import type { TSchema } from 'typebox';
import type { AgentSurroundings } from './surroundings.ts';

/** An option's value in its schema's shape; hex and UUIDs may be written in capitals. */
export function as(schema: TSchema): (text: string) => string {
  return (text) => {
    const value = schema === Sha256Hex || schema === Uuid ? text.toLowerCase() : text;
    try {
      checkAgainst(schema, value);
      return value;
    } catch (cause) {
      throw new InvalidArgumentError(cause instanceof SchemaError ? cause.message : String(cause));
    }
  };
}

/** Variables by name, with what they are set to here. */
export function namedOf(environment: AgentSurroundings['environment']) {
  return (name: string, before: Readonly<Record<string, string>> = {}) => {
    const value = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/u.test(name) ? environment[name] : undefined;
    if (value === undefined) throw new InvalidArgumentError('no variable of that name is set here');
    return { ...before, [name]: value };
  };
}

/**
 * A device is named from the root: the daemon has another working directory. The kernel's resource manager is behind
 * tpmrm0; at tpm0 what a killed process left stays, until the TPM is full.
 */
export function tpmName(text: string): string {
  if (/^\/dev\/tpm[0-9]+$/u.test(text)) {
    throw new InvalidArgumentError(`name the managed device: ${text.replace('tpm', 'tpmrm')}`);
  }
  if (text === 'software' || /^\/[^\u0000-\u001f]+$/u.test(text)) return text;
  throw new InvalidArgumentError('it is `software` or the path of a device, such as /dev/tpmrm0');
}

/** A host name as a name of ours. */
export const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/gu, '-')
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/gu, '')
    .slice(0, 63) || 'host';
