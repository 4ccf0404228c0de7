import type { ImaEntry } from '@touchstone/eventlog';
import type { ImaLearntKey } from '@touchstone/schemas';
import { certificateDigest, type ImaKey, imaKeyOf } from './ima-keys.ts';
import { readImaSignature, verifyImaSignature } from './ima-signature.ts';
import type { JudgingPolicies } from './judging-policies.ts';

/** As much as a progress holds. */
const MAX_LEARNT_KEYS = 32;
const MAX_LEARNT_BYTES = 8_192;
/** In one segment. A signature takes some 0.3 ms; files that are listed need none looked at. */
const MAX_SIGNATURES = 16_384;

export type FileSignature = 'good' | 'none' | 'bad' | 'other' | 'unknown' | 'unread';

/** Whose signatures make a file good: keys of policies, and those that the list shows the kernel to have loaded by them. */
export class ImaSigners {
  readonly #policies: JudgingPolicies;
  readonly #keys: ImaLearntKey[];
  readonly #learnt: ImaKey[];
  #signatures = 0;

  /** `before`: what an earlier segment learnt. */
  constructor(policies: JudgingPolicies, before: readonly ImaLearntKey[] = []) {
    this.#policies = policies;
    this.#keys = [...before];
    this.#learnt = this.#keys.flatMap(({ certificate }) => {
      return imaKeyOf(Buffer.from(certificate, 'base64url')) ?? [];
    });
  }

  /** What was learnt until now. */
  get learnt(): ImaLearntKey[] {
    return this.#keys;
  }

  /** Whether a key of a policy, or one that was learnt, signed the file. */
  signatureOf({ digest, signature: xattr }: ImaEntry): FileSignature {
    const signature = xattr === undefined ? undefined : readImaSignature(xattr);
    if (signature === undefined || digest === undefined) return xattr?.length ? 'other' : 'none';
    const keys = [
      ...this.#policies.keysById(signature.keyId),
      ...this.#learnt.filter(({ keyId }) => keyId === signature.keyId),
    ];
    if (keys.length === 0) return 'unknown';
    this.#signatures += 1;
    if (this.#signatures > MAX_SIGNATURES) return 'unread';
    return keys.some(({ key }) => verifyImaSignature(signature, digest, key)) ? 'good' : 'bad';
  }

  /** Whether policies let a keyring have this certificate (DER); where they say so, its key signs from now on. */
  admits(keyring: string, der: Uint8Array): boolean {
    const keyrings = this.#policies.keyringsOf(keyring);
    const digest = certificateDigest(der);
    const allowed = keyrings.some((one) => one.allowed.has(digest));
    const taken = keyrings.some(({ learn }) => learn === 'any');
    if ((allowed && keyrings.some(({ learn }) => learn !== undefined)) || taken) {
      this.#learn(keyring, der);
    }
    return allowed || taken;
  }

  #learn(keyring: string, der: Uint8Array): void {
    const certificate = Buffer.from(der).toString('base64url');
    const known = this.#keys.some((one) => one.certificate === certificate);
    const key = imaKeyOf(der);
    const fits = this.#keys.length < MAX_LEARNT_KEYS && der.length <= MAX_LEARNT_BYTES;
    if (known || key === undefined || !fits) return;
    this.#keys.push({ keyring, certificate });
    this.#learnt.push(key);
  }
}
