import { TPMA_OBJECT } from '@touchstone/tpm';

/** The set bits of a TPMA_OBJECT by name: Part 2, 8.3. */
export function attributeNames(objectAttributes: number): string {
  const names = Object.entries(TPMA_OBJECT)
    .filter(([, bit]) => (objectAttributes & bit) !== 0)
    .map(([name]) => name);
  return names.join('|');
}
