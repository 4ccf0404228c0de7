import * as constants from './constants.ts';
import { ParseError } from './parse-error.ts';

const names = new Map(
  Object.entries(constants).flatMap(([name, value]) =>
    name.startsWith('TPM_ALG_') && typeof value === 'number' ? [[value, name] as const] : [],
  ),
);

/** `TPM_ALG_ECDAA`, or undefined for an identifier that the Algorithm Registry table here lacks. */
export function algorithmName(alg: number): string | undefined {
  return names.get(alg);
}

/** Refuses an algorithm by its name: known but not for us here, or not known at all. */
export function refuseAlgorithm(alg: number, field: string, offset: number): never {
  const name = algorithmName(alg);
  throw new ParseError(
    name === undefined ? 'UNKNOWN_ALGORITHM' : 'UNSUPPORTED_ALGORITHM',
    field,
    offset,
    name ?? `0x${alg.toString(16).padStart(4, '0')}`,
  );
}
