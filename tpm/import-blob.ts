import { TPM_ALG_KEYEDHASH, TPM_ALG_NULL, TPMA_OBJECT } from './constants.ts';
import { bankAlgorithm, hash, hashOfBank } from './hash.ts';
import { malformed } from './malformed.ts';
import { outerWrap, storageKeyBits } from './outer-wrap.ts';
import { agreeOnSeed } from './shared-seed.ts';
import type { TpmtPublicEcc } from './tpmt-public.ts';
import { Writer } from './writer.ts';

/** What TPM2_Import takes, each structure with its size field. */
export type ImportBlob = {
  /** TPM2B_PUBLIC. */
  readonly public: Uint8Array;
  /** TPM2B_PRIVATE. */
  readonly duplicate: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly seed: Uint8Array;
};

const LABEL = 'DUPLICATE';
const NAME_ALG = 'sha256';
/** MAX_SYM_DATA: Part 2, 11.1.14. */
const MAX_DATA_BYTES = 128;
/** By its policy alone, for every role, and no failure locks the TPM out. It may be duplicated: it was. */
const ATTRIBUTES = TPMA_OBJECT.adminWithPolicy | TPMA_OBJECT.noDA;

/**
 * Data sealed in software for one TPM: a keyedHash object without a scheme, as a duplicate for a storage key of that
 * TPM, under the outer wrap alone (Part 1, 23.3.2.3 and Part 3, 13.3). The TPM that holds `storageKey` gives `data` to
 * whoever meets `authPolicy`.
 *
 * `obfuscation` is 32 fresh random bytes, so that the public area says nothing of the data. The ephemeral key is drawn
 * by node:crypto where it is not given, as known answers give it.
 *
 * Throws ParseError UNSUITABLE_KEY for what is no storage key of at least P-256 with SHA-256, and publicKeyOf's for a
 * broken one.
 */
export function sealForImport(input: {
  readonly storageKey: TpmtPublicEcc;
  readonly data: Uint8Array;
  /** A SHA-256 policy digest. */
  readonly authPolicy: Uint8Array;
  readonly obfuscation: Uint8Array;
  readonly ephemeralPrivate?: Uint8Array;
}): ImportBlob {
  const { storageKey, data, authPolicy, obfuscation } = input;
  const keyBits = storageKeyBits(storageKey, 'storageKey');
  const { size } = hashOfBank(NAME_ALG);
  if (data.length < 1 || data.length > MAX_DATA_BYTES) throw new RangeError('length of data');
  // An object whose policy is empty would be one that nothing opens, or, with another attribute, everything.
  if (authPolicy.length !== size) throw malformed('BAD_SIZE', 'authPolicy', 0, 'no sha256 digest');
  if (obfuscation.length !== size) throw new RangeError('length of obfuscation');

  const publicArea = new Writer()
    .u16(TPM_ALG_KEYEDHASH)
    .u16(bankAlgorithm(NAME_ALG))
    .u32(ATTRIBUTES)
    .sized16(authPolicy)
    .u16(TPM_ALG_NULL)
    // Part 2, 12.3.2.3: `unique` of what has no public part is the hash of obfuscation and data.
    .sized16(hash(NAME_ALG, obfuscation, data))
    .finish();
  const name = new Writer().u16(bankAlgorithm(NAME_ALG)).bytes(hash(NAME_ALG, publicArea)).finish();

  // TPMT_SENSITIVE: Part 2, 12.3.2.4; without an auth.
  const sensitive = new Writer()
    .u16(TPM_ALG_KEYEDHASH)
    .u16(0)
    .sized16(obfuscation)
    .sized16(data)
    .finish();
  const plain = new Writer().sized16(sensitive).finish();
  const { seed, encryptedSecret } = agreeOnSeed(storageKey, LABEL, input.ephemeralPrivate);
  const duplicate = outerWrap({ storageKey, keyBits, seed, name, plain });
  for (const secret of [sensitive, plain, seed]) secret.fill(0);
  return {
    public: new Writer().sized16(publicArea).finish(),
    duplicate: new Writer().sized16(duplicate).finish(),
    seed: new Writer().sized16(encryptedSecret).finish(),
  };
}
