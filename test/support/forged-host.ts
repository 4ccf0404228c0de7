import {
  createDecipheriv,
  createHash,
  generateKeyPairSync,
  privateDecrypt,
  randomUUID,
} from 'node:crypto';
import { qualifyingDataOf } from '@touchstone/appraisal';
import { akQualifiedNameOf } from '@touchstone/endorsement';
import { parseEventLog, replayEventLog } from '@touchstone/eventlog';
import {
  ActivationAnswer,
  type BindingKey,
  ChallengeAnswer,
  type EnrollmentChallenge,
  type EnrollmentRequest,
  type Evidence,
  EvidenceAnswer,
  HostEnrolmentAnswer,
  type Statement,
} from '@touchstone/schemas';
import {
  type BankName,
  BINDING_TEMPLATES,
  encodeTpm2bPublic,
  encodeTpmlPcrSelection,
  hash,
  hierarchyName,
  kdfa,
  nameOf,
  pcrDigest,
  qualifiedNameOf,
  TPM_RH_ENDORSEMENT,
  Writer,
} from '@touchstone/tpm';
import type { CaReplica } from './ca-replica.ts';
import { type ForgedKey, forgedEccAk, forgedEk, signedBy } from './forged-key.ts';
import { type Made, makeCertificate, type Making } from './made-certificate.ts';
import { GOOD_BOOT, logOf } from './measured-boot.ts';
import type { Touchstone } from './touchstone.ts';

const ATTEST_CERTIFY = 0x8017;
const ATTEST_QUOTE = 0x8018;

/** What signs a TPMS_ATTEST; TPMT_SIGNATURE. */
export type Signer = (attest: Uint8Array) => Uint8Array;

/**
 * A host without a TPM. Every structure is a TPM's to the bit, and every key of it is in our hands: so that keys and
 * signatures can be what no TPM at hand makes. Anybody can be such a host, of class software.
 */
export class ForgedHost {
  readonly touchstone: Touchstone;
  readonly name = `forged-${randomUUID().slice(0, 8)}`;
  readonly ek: ReturnType<typeof forgedEk>;
  readonly ekCertificate: Made;
  readonly ak: ForgedKey;
  /** What it boots next, and says so. Of no bytes: it sends none. */
  log: Uint8Array = logOf(GOOD_BOOT);
  /** PCRs that hold something else than the log leads to. */
  pcrs: ReadonlyMap<number, Uint8Array> = new Map();
  resetCount = 1;
  /** As TPMS_ATTEST has it. */
  firmwareVersion = 0n;
  certificates: string[] = [];
  hostId: string | null = null;
  #clock = 1_000n;

  /** `maker` vouches for its EK; by default nobody does. */
  constructor(
    touchstone: Touchstone,
    ak: ForgedKey = forgedEccAk(),
    {
      maker,
      ek = forgedEk(),
      extensions = [],
    }: { maker?: Made; ek?: ForgedHost['ek']; extensions?: NonNullable<Making['extensions']> } = {},
  ) {
    this.ek = ek;
    this.touchstone = touchstone;
    this.ak = ak;
    this.ekCertificate = makeCertificate('A TPM', {
      ...{ keys: this.ek, extensions },
      ...(maker && { issuer: maker }),
    });
  }

  /** Certified, enrolled with a token that approves it, and trusted by a baseline of its own. */
  static async trusted(touchstone: Touchstone, ca: CaReplica, ak?: ForgedKey): Promise<ForgedHost> {
    const host = new ForgedHost(touchstone, ak);
    await host.certify(ca);
    await host.enrol(await touchstone.joinToken({ labels: { site: host.name } }));
    await touchstone.approveBaselineOf(host.name, host.name);
    return host;
  }

  get akName(): string {
    return hex(nameOf(this.ak.public));
  }

  enrollmentRequest(changed: Partial<EnrollmentRequest> = {}): EnrollmentRequest {
    return {
      ekCertificates: [base64Url(this.ekCertificate.der)],
      ekPublic: base64Url(encodeTpm2bPublic(this.ek.public)),
      akPublic: base64Url(encodeTpm2bPublic(this.ak.public)),
      software: true,
      ...changed,
    };
  }

  async certify(ca: CaReplica, changed: Partial<EnrollmentRequest> = {}) {
    const challenge = await ca.enroll(this.enrollmentRequest(changed));
    const path = `/v1/enrollments/${challenge.enrollmentId}/activation`;
    const body = { secret: base64Url(this.activate(challenge)) };
    const answer = await ca.client.request({
      method: 'POST',
      path,
      schema: ActivationAnswer,
      body,
    });
    this.certificates = answer.certificates;
    return challenge;
  }

  /** TPM2_ActivateCredential without a TPM: Part 1, 24. */
  activate({ credentialBlob, secret }: EnrollmentChallenge): Uint8Array {
    const seed = privateDecrypt(
      { key: this.ek.privateKey, oaepHash: 'sha256', oaepLabel: Buffer.from('IDENTITY\0') },
      Buffer.from(secret, 'base64url').subarray(2),
    );
    const contexts = { contextU: nameOf(this.ak.public), contextV: new Uint8Array() };
    const key = kdfa({ hash: 'sha256', key: seed, label: 'STORAGE', ...contexts, bits: 128 });
    const decipher = createDecipheriv('aes-128-cfb', key, new Uint8Array(16));
    // TPM2B_ID_OBJECT: its size, an HMAC of 32 bytes with a size of its own, the encrypted TPM2B_DIGEST.
    const encrypted = Buffer.from(credentialBlob, 'base64url').subarray(2 + 2 + 32);
    return Buffer.concat([decipher.update(encrypted), decipher.final()]).subarray(2);
  }

  /** POST /v1/hosts. `akPublic` is what is sent as the AK's public area. */
  async enrol(
    joinToken?: string,
    {
      sign,
      akPublic = encodeTpm2bPublic(this.ak.public),
    }: { sign?: Signer; akPublic?: Uint8Array } = {},
  ) {
    const { challenge, evidence } = await this.answer('enrol', sign);
    const answer = await this.touchstone.client.request({
      method: 'POST',
      path: '/v1/hosts',
      schema: HostEnrolmentAnswer,
      body: {
        certificates: this.certificates,
        akPublic: base64Url(akPublic),
        evidence,
        binding: this.binding(challenge),
        name: this.name,
        ...(joinToken === undefined ? {} : { joinToken }),
      },
    });
    this.hostId = answer.hostId;
    return answer;
  }

  /** POST /v1/evidence. */
  async attest(sign?: Signer) {
    const { evidence } = await this.answer('attest', sign);
    const schema = EvidenceAnswer;
    const body = evidence;
    return this.touchstone.client.request({ method: 'POST', path: '/v1/evidence', schema, body });
  }

  async answer(
    purpose: 'attest' | 'enrol',
    sign: Signer = (attest) => signedBy(this.ak, attest),
  ): Promise<{ challenge: string; evidence: Evidence }> {
    const { challenge, selection } = await this.touchstone.client.request({
      method: 'POST',
      path: '/v1/challenges',
      schema: ChallengeAnswer,
      body: { akName: this.akName, purpose },
    });
    const digest = createHash('sha256').update(this.log).digest('hex');
    const statement: Statement = {
      schema: 'touchstone/statement/1',
      purpose,
      hostId: this.hostId,
      akName: this.akName,
      bundleEpoch: 1,
      challenge,
      selection,
      logs:
        this.log.length === 0
          ? []
          : [{ kind: 'boot', algorithm: 'sha256', digest, size: this.log.length }],
      selfReported: { claimedHostname: this.name, claimedKernel: 'none', agentVersion: 'forged' },
    };
    const bytes = Buffer.from(JSON.stringify(statement));
    const values = this.#values(selection.sha256 ?? []);
    const selected = [{ bank: 'sha256' as const, pcrs: selection.sha256 ?? [] }];
    const attest = this.#attest(
      ATTEST_QUOTE,
      qualifyingDataOf(purpose, Buffer.from(challenge, 'base64url'), bytes),
      new Writer()
        .bytes(encodeTpmlPcrSelection(selected))
        .sized16(pcrDigest(selected, new Map([['sha256' as BankName, values]]), 'sha256'))
        .finish(),
    );
    const evidence: Evidence = {
      schema: 'touchstone/evidence/1',
      statement: base64Url(bytes),
      quote: { attest: base64Url(attest), signature: base64Url(sign(attest)) },
      pcrs: {
        sha256: Object.fromEntries([...values].map(([pcr, value]) => [`${pcr}`, hex(value)])),
      },
      blobs: this.log.length === 0 ? {} : { [digest]: base64Url(this.log) },
    };
    return { challenge, evidence };
  }

  /** As the log leads to, unless it is said otherwise. */
  #values(pcrs: readonly number[]): Map<number, Uint8Array> {
    const isEmpty = this.log.length === 0;
    const replayed = isEmpty
      ? undefined
      : replayEventLog(parseEventLog(this.log)).banks.get('sha256');
    return new Map(
      pcrs.map((pcr) => [pcr, this.pcrs.get(pcr) ?? replayed?.get(pcr) ?? new Uint8Array(32)]),
    );
  }

  binding(challenge: string): BindingKey {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
    const key = { ...BINDING_TEMPLATES.sha256, unique };
    const parent = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), this.ek.public);
    const label = Buffer.from('touchstone/binding/1\0');
    const attest = this.#attest(
      ATTEST_CERTIFY,
      hash('sha256', label, Buffer.from(challenge, 'base64url')),
      new Writer().sized16(nameOf(key)).sized16(qualifiedNameOf(parent, key)).finish(),
    );
    return {
      public: base64Url(encodeTpm2bPublic(key)),
      attest: base64Url(attest),
      signature: base64Url(signedBy(this.ak, attest)),
      parentQualifiedName: hex(parent),
    };
  }

  /** TPMS_ATTEST: Part 2, 10.12.12. The clock has moved on. */
  #attest(type: number, extraData: Uint8Array, attested: Uint8Array): Uint8Array {
    this.#clock += 10n;
    return new Writer()
      .u32(0xff544347)
      .u16(type)
      .sized16(akQualifiedNameOf(this.ek.public, this.ak.public))
      .sized16(extraData)
      .u64(this.#clock)
      .u32(this.resetCount)
      .u32(0)
      .u8(1)
      .u64(this.firmwareVersion)
      .bytes(attested)
      .finish();
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
