import { type BankName, bankAlgorithm, hash } from './hash.ts';
import { encodeTpmtPublic, type TpmtPublic } from './tpmt-public.ts';
import { Writer } from './writer.ts';

/** The Name of an object: nameAlg || H(TPMT_PUBLIC). Part 1, 16 "Names". */
export function nameOf(pub: TpmtPublic): Uint8Array {
  return named(pub.nameAlg, encodeTpmtPublic(pub));
}

const hexNames = new WeakMap<TpmtPublic, string>();

/**
 * The same in lower-case hex. A public area is not to be changed in place: its Name is kept as long as it
 * lives.
 */
export function nameHexOf(pub: TpmtPublic): string {
  const before = hexNames.get(pub);
  if (before !== undefined) return before;
  const name = Buffer.from(nameOf(pub)).toString('hex');
  hexNames.set(pub, name);
  return name;
}

/**
 * The Qualified Name of an object under its parent: nameAlg || H(QN of the parent || Name). Part 1, 16.
 * The parent of a primary is its hierarchy, whose Qualified Name is `hierarchyName`.
 */
export function qualifiedNameOf(
  parentQualifiedName: Uint8Array,
  object: TpmtPublic | { readonly nameAlg: BankName; readonly name: Uint8Array },
): Uint8Array {
  const name = 'name' in object ? object.name : nameOf(object);
  return named(object.nameAlg, parentQualifiedName, name);
}

/** The Name of a hierarchy is its four-byte handle. Part 1, 16. */
export function hierarchyName(handle: number): Uint8Array {
  return new Writer().u32(handle).finish();
}

function named(nameAlg: BankName, ...parts: Uint8Array[]): Uint8Array {
  return new Writer()
    .u16(bankAlgorithm(nameAlg))
    .bytes(hash(nameAlg, ...parts))
    .finish();
}
