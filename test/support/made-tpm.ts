import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { akQualifiedNameOf } from '@touchstone/endorsement';
import type { BindingKey, Selection } from '@touchstone/schemas';
import {
  AK_TEMPLATE_ECC_P256,
  BINDING_TEMPLATES,
  EK_TEMPLATE_RSA2048,
  encodeTpm2bPublic,
  encodeTpmlPcrSelection,
  encodeTpmtSignature,
  hash,
  hierarchyName,
  nameOf,
  pcrDigest,
  qualifiedNameOf,
  TPM_RH_ENDORSEMENT,
  type TpmtPublic,
  type TpmtPublicEcc,
  Writer,
} from '@touchstone/tpm';
import type { Quote } from 'node-tpm2-tss-bindings';
import type { Dishonesty } from './dishonesty.ts';
import { forge } from './stolen-ca.ts';
import type { TestHost } from './test-host.ts';

const TPM_GENERATED_VALUE = 0xff544347;
const TPM_ST_ATTEST_CERTIFY = 0x8017;
const TPM_ST_ATTEST_QUOTE = 0x8018;

/** TPMS_CLOCK_INFO and firmwareVersion, as whoever signs likes them. Part 2, 10.11.1 and 10.12.12. */
export type ClaimedCounters = {
  readonly clock: bigint;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly safe: 0 | 1;
  readonly firmwareVersion: bigint;
};

/**
 * A TPM that is a program: its keys are in our hands, and its counters say what we like. A software TPM's owner can
 * make one at any time; its certificate is by a thief of the CA's key.
 */
export class MadeTpm {
  counters: ClaimedCounters;
  readonly #host: TestHost;
  readonly #ek: TpmtPublic;
  readonly #ekRef: string;
  #ak = newAk();

  private constructor(host: TestHost, counters: ClaimedCounters) {
    this.#host = host;
    this.counters = counters;
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const { n = '' } = publicKey.export({ format: 'jwk' });
    this.#ek = { ...EK_TEMPLATE_RSA2048, unique: Buffer.from(n, 'base64url') };
    this.#ekRef = randomBytes(32).toString('hex');
  }

  /** In the place of the host's own, of which only the PCRs serve on. */
  static async in(host: TestHost, counters: Partial<ClaimedCounters> = {}): Promise<MadeTpm> {
    const first = { clock: 1_000n, resetCount: 7, restartCount: 3, safe: 1 as const };
    const made = new MadeTpm(host, { ...first, firmwareVersion: 1n, ...counters });
    await made.#serve();
    return made;
  }

  /** As TPM2_Clear leaves it: the same EK, another AK. */
  async clear(counters: Partial<ClaimedCounters>): Promise<void> {
    this.#ak = newAk();
    this.counters = { ...this.counters, ...counters };
    await this.#serve();
  }

  async #serve(): Promise<void> {
    const { akPublic, privateKey } = this.#ak;
    const akName = hex(nameOf(akPublic));
    const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    const akQualifiedName = akQualifiedNameOf(this.#ek, akPublic);
    const named = { akName, spki, class: 'software', ekRef: this.#ekRef, akQualifiedName } as const;
    const certificate = await forge(this.#host.touchstone, named, {});
    Object.assign(this.#host, {
      akName,
      akPublic: encodeTpm2bPublic(akPublic),
      certificates: [certificate],
    });
  }

  /** What the host then sends in the place of what it would. `counters` are for this one quote. */
  lie(counters: Partial<ClaimedCounters> = {}): Dishonesty {
    return {
      quote: async (extraData, selection) =>
        this.#quote(extraData, selection, { ...this.counters, ...counters }),
      binding: { sent: (_honest, challenge) => this.#binding(challenge) },
    };
  }

  /** The same, a moment later by its own clock. */
  next(counters: Partial<ClaimedCounters> = {}): Dishonesty {
    this.counters = { ...this.counters, clock: this.counters.clock + 1n, ...counters };
    return this.lie();
  }

  async #quote(
    extraData: Uint8Array,
    selection: Selection,
    { clock, resetCount, restartCount, safe, firmwareVersion }: ClaimedCounters,
  ): Promise<Quote> {
    const chosen = [{ bank: 'sha256' as const, pcrs: selection.sha256 ?? [] }];
    const { sha256 = {} } = await this.#host.readPcrs(selection);
    const values = new Map(
      Object.entries(sha256).map(([pcr, value]) => [Number(pcr), Buffer.from(value, 'hex')]),
    );
    const attest = new Writer()
      .u32(TPM_GENERATED_VALUE)
      .u16(TPM_ST_ATTEST_QUOTE)
      .sized16(akQualifiedNameOf(this.#ek, this.#ak.akPublic))
      .sized16(extraData)
      .u64(clock)
      .u32(resetCount)
      .u32(restartCount)
      .u8(safe)
      .u64(firmwareVersion)
      .bytes(encodeTpmlPcrSelection(chosen))
      .sized16(pcrDigest(chosen, new Map([['sha256' as const, values]]), 'sha256'))
      .finish();
    return { attest, signature: this.#sign(attest) };
  }

  #binding(challenge: string): BindingKey {
    const made: TpmtPublicEcc = { ...BINDING_TEMPLATES.sha256, unique: newAk().akPublic.unique };
    const parent = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), this.#ek);
    const over = Buffer.from(challenge, 'base64url');
    const attest = new Writer()
      .u32(TPM_GENERATED_VALUE)
      .u16(TPM_ST_ATTEST_CERTIFY)
      .sized16(akQualifiedNameOf(this.#ek, this.#ak.akPublic))
      .sized16(hash('sha256', Buffer.from('touchstone/binding/1\0'), over))
      .u64(1n)
      .u32(1)
      .u32(0)
      .u8(1)
      .u64(1n)
      .sized16(nameOf(made))
      .sized16(qualifiedNameOf(parent, made))
      .finish();
    return {
      public: base64Url(encodeTpm2bPublic(made)),
      attest: base64Url(attest),
      signature: base64Url(this.#sign(attest)),
      parentQualifiedName: hex(parent),
    };
  }

  #sign(attest: Uint8Array): Uint8Array {
    const rs = sign('sha256', attest, { key: this.#ak.privateKey, dsaEncoding: 'ieee-p1363' });
    const [r, s] = [rs.subarray(0, 32), rs.subarray(32)];
    return encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
  }
}

function newAk(): { readonly akPublic: TpmtPublicEcc; readonly privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
  return { akPublic: { ...AK_TEMPLATE_ECC_P256, unique }, privateKey };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
