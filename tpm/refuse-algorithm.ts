import * as constants from './constants.ts';
import { malformed } from './malformed.ts';

const names = new Map(
  Object.entries(constants).flatMap(([name, value]) =>
    name.startsWith('TPM_ALG_') && typeof value === 'number' ? [[value, name] as const] : [],
  ),
);

/** Refuses an algorithm by its name: known but not for us here, or not known at all. */
export function refuseAlgorithm(alg: number, field: string, offset: number): never {
  const name = names.get(alg);
  throw malformed(
    name === undefined ? 'UNKNOWN_ALGORITHM' : 'UNSUPPORTED_ALGORITHM',
    field,
    offset,
    name ?? `0x${alg.toString(16).padStart(4, '0')}`,
  );
}
