import {
  createDecipheriv,
  createECDH,
  createHash,
  generateKeyPairSync,
  randomUUID,
  sign,
} from 'node:crypto';
import { qualifyingDataOf } from '@touchstone/appraisal';
import { akQualifiedNameOf } from '@touchstone/endorsement';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  parseEventLog,
  replayEventLog,
  SOFTWARE_VENDOR_INFO,
} from '@touchstone/eventlog';
import {
  ActivationAnswer,
  type BindingKey,
  CertificateRenewalAnswer,
  ChallengeAnswer,
  EnrollmentChallenge,
  type Evidence,
  EvidenceAnswer,
  HostEnrolmentAnswer,
  PermitsAnswer,
  type Selection,
  type StartRequest,
  type Statement,
  type TrustBundle,
  TrustBundles,
} from '@touchstone/schemas';
import {
  AK_TEMPLATE_ECC_P256,
  BINDING_TEMPLATES,
  EK_TEMPLATE_ECC_P256,
  encodeTpm2bPublic,
  encodeTpmlPcrSelection,
  encodeTpmtSignature,
  hash,
  hierarchyName,
  kdfa,
  kdfe,
  nameOf,
  pcrDigest,
  qualifiedNameOf,
  TPM_GENERATED_VALUE,
  TPM_RH_ENDORSEMENT,
  TPM_ST_ATTEST_QUOTE,
  type TpmtPublicEcc,
  Writer,
} from '@touchstone/tpm';
import type { Client } from '@touchstone/transport';
import { readJws } from './jws.ts';

const TPM_ST_ATTEST_CERTIFY = 0x8017;

/** The one boot of all of them. */
const BOOT_LOG = encodeEventLog({
  vendorInfo: SOFTWARE_VENDOR_INFO,
  banks: ['sha256'],
  events: [8, 9, 13].map((pcr) => ({
    ...{ pcr, type: EV_EVENT_TAG },
    data: encodeSoftwareEvent({ kind: 'file', path: `/boot/${pcr}`, sha256: 'ab'.repeat(32) }),
  })),
});
const BOOT_LOG_DIGEST = createHash('sha256').update(BOOT_LOG).digest('hex');
const REPLAYED = replayEventLog(parseEventLog(BOOT_LOG)).banks.get('sha256');

/**
 * A host whose TPM is keys in this process, quick to make by the hundred. To CA and server it is any other: it answers
 * MakeCredential, quotes, renews when it is asked to, and follows trust bundles as an agent does.
 */
export class SimulatedHost {
  readonly name: string;
  readonly #server: Client;
  readonly #ca: Client;
  readonly #ekKey = createECDH('prime256v1');
  readonly #ek: TpmtPublicEcc;
  readonly #akKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  readonly #ak: TpmtPublicEcc;
  readonly akName: string;
  #clock = 1_000n;
  #enrollmentId = '';
  hostId = '';
  bundle: TrustBundle | null = null;
  /** PEM, as the CA answered last. */
  certificates: string[] = [];
  renewals = 0;

  constructor(name: string, to: { readonly server: Client; readonly ca: Client }) {
    this.name = name;
    this.#server = to.server;
    this.#ca = to.ca;
    const point = this.#ekKey.generateKeys();
    this.#ek = {
      ...EK_TEMPLATE_ECC_P256,
      unique: { x: point.subarray(1, 33), y: point.subarray(33, 65) },
    };
    const { x = '', y = '' } = this.#akKey.export({ format: 'jwk' }) as { x?: string; y?: string };
    const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
    this.#ak = { ...AK_TEMPLATE_ECC_P256, unique };
    this.akName = hex(nameOf(this.#ak));
  }

  async enrol(joinToken: string): Promise<void> {
    const { bundles } = await this.#get('/v1/trust-bundle');
    this.bundle = readJws(bundles[0] ?? '').claims as TrustBundle;
    const challenge = await this.#ca.request({
      ...{ method: 'POST', path: '/v1/enrollments', schema: EnrollmentChallenge },
      body: {
        ekCertificates: [],
        ekPublic: base64Url(encodeTpm2bPublic(this.#ek)),
        akPublic: base64Url(encodeTpm2bPublic(this.#ak)),
        software: true,
      },
    });
    this.#enrollmentId = challenge.enrollmentId;
    this.certificates = await this.#activate(challenge);
    const asked = await this.#challenge('enrol');
    const { hostId } = await this.#server.request({
      ...{ method: 'POST', path: '/v1/hosts', schema: HostEnrolmentAnswer },
      body: {
        certificates: this.certificates,
        akPublic: base64Url(encodeTpm2bPublic(this.#ak)),
        evidence: this.#evidence('enrol', asked),
        binding: this.#binding(asked.challenge),
        name: this.name,
        joinToken,
      },
    });
    this.hostId = hostId;
  }

  /** `said`: what else the statement has, or otherwise. */
  async attest(said: Partial<Statement> = {}): Promise<EvidenceAnswer> {
    const asked = await this.#askedToRenew('attest');
    const body = this.#evidence('attest', asked, said);
    const to = { method: 'POST', path: '/v1/evidence', schema: EvidenceAnswer, body } as const;
    const answer = await this.#server.request(to);
    if (asked.renew === true) await this.renew();
    return answer;
  }

  /** The permit's claims are of a key that this host knows. @throws Error with the code of a refusal */
  async permit(vm: string): Promise<void> {
    const asked = await this.#askedToRenew('permit');
    const request: StartRequest = {
      ...{ requestId: randomUUID(), vm, operation: 'start' },
      ...{ definitionDigest: 'cd'.repeat(32), imageDigests: [] },
    };
    const body = this.#evidence('permit', asked, { permits: [request] });
    const to = { method: 'POST', path: '/v1/permits', schema: PermitsAnswer, body } as const;
    const { answers } = await this.#server.request(to);
    const [answer] = answers;
    if (answer === undefined || !('permit' in answer)) {
      throw new Error(`no permit: ${JSON.stringify(answer)}`);
    }
    const { kid } = readJws(answer.permit).header;
    const known = this.bundle?.keys.some(({ use, jwk }) => use === 'permit' && jwk.kid === kid);
    if (known !== true)
      throw new Error(`a permit by the key ${String(kid)}, which no bundle names`);
    if (asked.renew === true) await this.renew();
  }

  /** Many requests in one statement, whose answers are given as they came. */
  async permits(
    requests: readonly StartRequest[],
    session: { readonly nonce?: string } = {},
  ): Promise<PermitsAnswer> {
    const asked = await this.#askedToRenew('permit');
    const { nonce } = session;
    const body = this.#evidence('permit', asked, {
      ...{ schema: 'touchstone/statement/2', permits: [...requests] },
      ...(nonce === undefined ? {} : { sessionNonce: nonce }),
    });
    const to = { method: 'POST', path: '/v1/permits', schema: PermitsAnswer, body } as const;
    const answer = await this.#server.request(to);
    if (asked.renew === true) await this.renew();
    return answer;
  }

  async renew(): Promise<void> {
    await this.follow();
    const challenge = await this.#ca.request({
      ...{ method: 'POST', path: `/v1/enrollments/${this.#enrollmentId}/renewals` },
      ...{ schema: EnrollmentChallenge, body: {} },
    });
    this.certificates = await this.#activate(challenge);
    await this.#server.request({
      ...{ method: 'PUT', path: `/v1/hosts/${this.hostId}/certificate` },
      ...{ schema: CertificateRenewalAnswer, body: { certificates: this.certificates } },
    });
    this.renewals += 1;
  }

  /** As the agent does, but for the signatures, which its own tests are about. */
  async follow(): Promise<void> {
    const { bundles } = await this.#get(`/v1/trust-bundles/after/${this.bundle?.epoch ?? 0}`);
    const newest = bundles.at(-1);
    if (newest !== undefined) this.bundle = readJws(newest).claims as TrustBundle;
  }

  #get(path: string): Promise<TrustBundles> {
    return this.#server.request({ method: 'GET', path, schema: TrustBundles });
  }

  #challenge(purpose: 'attest' | 'permit' | 'enrol'): Promise<ChallengeAnswer> {
    const body = { akName: this.akName, purpose };
    const to = { method: 'POST', path: '/v1/challenges', schema: ChallengeAnswer } as const;
    return this.#server.request({ ...to, body });
  }

  async #askedToRenew(purpose: 'attest' | 'permit'): Promise<ChallengeAnswer> {
    const asked = await this.#challenge(purpose);
    if (asked.bundleEpoch > (this.bundle?.epoch ?? 0)) await this.follow();
    return asked;
  }

  /** TPM2_ActivateCredential: Part 1, 24, with an ECC key. */
  async #activate({
    enrollmentId,
    credentialBlob,
    secret,
  }: EnrollmentChallenge): Promise<string[]> {
    const point = Buffer.from(secret, 'base64url').subarray(2);
    const x = point.subarray(2, 34);
    const y = point.subarray(36, 68);
    const z = this.#ekKey.computeSecret(Buffer.concat([Uint8Array.of(4), x, y]));
    const own = { partyUInfo: x, partyVInfo: this.#ek.unique.x, bits: 256 };
    const seed = kdfe({ ...{ hash: 'sha256', z, label: 'IDENTITY' }, ...own });
    const symmetricKey = kdfa({
      ...{ hash: 'sha256', key: seed, label: 'STORAGE', bits: 128 },
      ...{ contextU: nameOf(this.#ak), contextV: new Uint8Array() },
    });
    // TPM2B_ID_OBJECT: the size, TPM2B_DIGEST of the HMAC, and what was encrypted.
    const sealed = Buffer.from(credentialBlob, 'base64url').subarray(2 + 2 + 32);
    const cipher = createDecipheriv('aes-128-cfb', symmetricKey, new Uint8Array(16));
    const credential = Buffer.concat([cipher.update(sealed), cipher.final()]).subarray(2);
    const { certificates } = await this.#ca.request({
      ...{ method: 'POST', path: `/v1/enrollments/${enrollmentId}/activation` },
      ...{ schema: ActivationAnswer, body: { secret: base64Url(credential) } },
    });
    return certificates;
  }

  #evidence(
    purpose: 'attest' | 'permit' | 'enrol',
    { challenge, selection }: Pick<ChallengeAnswer, 'challenge' | 'selection'>,
    said: Partial<Statement> = {},
  ): Evidence {
    const statement: Statement = {
      ...{ schema: 'touchstone/statement/1', purpose, akName: this.akName, challenge, selection },
      hostId: purpose === 'enrol' ? null : this.hostId,
      bundleEpoch: this.bundle?.epoch ?? 0,
      logs: [{ kind: 'boot', algorithm: 'sha256', digest: BOOT_LOG_DIGEST, size: BOOT_LOG.length }],
      selfReported: { claimedHostname: this.name, claimedKernel: '6.1', agentVersion: '0.1.0' },
      ...said,
    };
    const bytes = Buffer.from(JSON.stringify(statement));
    const extraData = qualifyingDataOf(purpose, Buffer.from(challenge, 'base64url'), bytes);
    const values = valuesOf(selection);
    const chosen = [{ bank: 'sha256' as const, pcrs: [...values.keys()] }];
    const attest = this.#attested(TPM_ST_ATTEST_QUOTE, extraData)
      .bytes(encodeTpmlPcrSelection(chosen))
      .sized16(pcrDigest(chosen, new Map([['sha256' as const, values]]), 'sha256'))
      .finish();
    return {
      schema: 'touchstone/evidence/1',
      statement: base64Url(bytes),
      quote: { attest: base64Url(attest), signature: base64Url(this.#sign(attest)) },
      pcrs: { sha256: Object.fromEntries([...values].map(([pcr, at]) => [`${pcr}`, hex(at)])) },
      blobs: { [BOOT_LOG_DIGEST]: base64Url(BOOT_LOG) },
    };
  }

  #binding(challenge: string): BindingKey {
    const other = createECDH('prime256v1').generateKeys();
    const unique = { x: other.subarray(1, 33), y: other.subarray(33, 65) };
    const made: TpmtPublicEcc = { ...BINDING_TEMPLATES.sha256, unique };
    const parent = qualifiedNameOf(hierarchyName(TPM_RH_ENDORSEMENT), this.#ek);
    const label = Buffer.from('touchstone/binding/1\0');
    const extraData = hash('sha256', label, Buffer.from(challenge, 'base64url'));
    const attest = this.#attested(TPM_ST_ATTEST_CERTIFY, extraData)
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

  /** TPMS_ATTEST up to what it is about: Part 2, 10.12.12. */
  #attested(type: number, extraData: Uint8Array): Writer {
    this.#clock += 1n;
    return new Writer()
      .u32(TPM_GENERATED_VALUE)
      .u16(type)
      .sized16(akQualifiedNameOf(this.#ek, this.#ak))
      .sized16(extraData)
      .u64(this.#clock)
      .u32(7)
      .u32(0)
      .u8(1)
      .u64(1n);
  }

  #sign(attest: Uint8Array): Uint8Array {
    const rs = sign('sha256', attest, { key: this.#akKey, dsaEncoding: 'ieee-p1363' });
    const [r, s] = [rs.subarray(0, 32), rs.subarray(32)];
    return encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
  }
}

const valuesOf = ({ sha256 = [] }: Selection): Map<number, Uint8Array> =>
  new Map(sha256.map((pcr) => [pcr, REPLAYED?.get(pcr) ?? new Uint8Array(32)]));

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
