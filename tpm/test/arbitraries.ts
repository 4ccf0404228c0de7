import fc from 'fast-check';
import {
  type BankName,
  hashOfBank,
  type PcrSelection,
  TPMA_OBJECT,
  type TpmtPublic,
  type TpmtSignature,
} from '@touchstone/tpm';

const BANKS: readonly BankName[] = ['sha1', 'sha256', 'sha384', 'sha512', 'sm3_256'];

const bank = fc.constantFrom(...BANKS);

const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength });

/** Plain objects, which deepStrictEqual tells from those without a prototype. */
const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true });

const attributes = fc
  .subarray(Object.values(TPMA_OBJECT))
  .map((masks) => masks.reduce((all: number, mask) => all | mask, 0));

const symmetric = fc.oneof(
  fc.constant({ algorithm: 'null' as const }),
  record({
    algorithm: fc.constant('aes' as const),
    keyBits: fc.constantFrom(128 as const, 192 as const, 256 as const),
    mode: fc.constant('cfb' as const),
  }),
);

const nullScheme = fc.constant({ scheme: 'null' as const });

const rsaParameters = record({
  symmetric,
  scheme: fc.oneof(
    nullScheme,
    fc.constant({ scheme: 'rsaes' as const }),
    record({
      scheme: fc.constantFrom('rsassa' as const, 'rsapss' as const, 'oaep' as const),
      hash: bank,
    }),
  ),
  keyBits: fc.constantFrom(1024 as const, 2048 as const, 3072 as const, 4096 as const),
  exponent: fc.nat(0xffffffff),
});

const eccParameters = record({
  symmetric,
  scheme: fc.oneof(
    nullScheme,
    record({ scheme: fc.constantFrom('ecdsa' as const, 'ecdh' as const), hash: bank }),
  ),
  curve: fc.constantFrom('nist_p256' as const, 'nist_p384' as const, 'nist_p521' as const),
  kdf: fc.oneof(
    nullScheme,
    record({
      scheme: fc.constantFrom('kdf1_sp800_56a' as const, 'kdf1_sp800_108' as const),
      hash: bank,
    }),
  ),
});

const header = bank.chain((nameAlg) => {
  const { size } = hashOfBank(nameAlg);
  return record({
    nameAlg: fc.constant(nameAlg),
    objectAttributes: attributes,
    authPolicy: fc.oneof(fc.constant(new Uint8Array()), bytes(size, size)),
  });
});

export const tpmtPublic: fc.Arbitrary<TpmtPublic> = fc.oneof(
  fc
    .tuple(header, rsaParameters, bytes(128))
    .map(([head, parameters, unique]) => ({ type: 'rsa' as const, ...head, parameters, unique })),
  fc.tuple(header, eccParameters, bytes(32), bytes(32)).map(([head, parameters, x, y]) => ({
    type: 'ecc' as const,
    ...head,
    parameters,
    unique: { x, y },
  })),
);

export const pcrSelection: fc.Arbitrary<PcrSelection> = fc
  .subarray([...BANKS])
  .chain((banks) =>
    fc.tuple(
      ...banks.map((name) =>
        fc
          .uniqueArray(fc.nat(31))
          .map((pcrs) => ({ bank: name, pcrs: pcrs.toSorted((a, b) => a - b) })),
      ),
    ),
  );

export const tpmtSignature: fc.Arbitrary<TpmtSignature> = fc.oneof(
  record({
    sigAlg: fc.constant('ecdsa' as const),
    hash: bank,
    r: bytes(66, 1),
    s: bytes(66, 1),
  }),
  record({
    sigAlg: fc.constantFrom('rsassa' as const, 'rsapss' as const),
    hash: bank,
    sig: bytes(512, 1),
  }),
);
