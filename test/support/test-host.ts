import { createHash, randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Static } from 'typebox';
import { qualifyingDataOf } from '@touchstone/appraisal';
import { parseEkCertificate } from '@touchstone/endorsement';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  SOFTWARE_VENDOR_INFO,
  type SoftwareEvent,
} from '@touchstone/eventlog';
import {
  ActivationAnswer,
  type BindingKey,
  ChallengeAnswer,
  checkAgainst,
  EnrollmentChallenge,
  type Evidence,
  EvidenceAnswer,
  type HostEnrolment,
  HostEnrolmentAnswer,
  PermitsAnswer,
  type Purpose,
  type Selection,
  type StartRequest,
  type Statement,
  TrustBundle,
  TrustBundles,
} from '@touchstone/schemas';
import {
  AK_TEMPLATE_ECC_P256,
  BINDING_TEMPLATES,
  EK_TEMPLATE_RSA2048,
  bankAlgorithm,
  type BankName,
  encodeTpm2bPublic,
  encodeTpmlPcrSelection,
  hash,
  nameOf,
  parseTpm2bPublic,
} from '@touchstone/tpm';
import { type Client, pinnedClient, ProblemError } from '@touchstone/transport';
import {
  openTpm,
  type Quote,
  type Tpm,
  type TpmObject,
  type TpmSession,
} from 'node-tpm2-tss-bindings';
import { startSwtpm, type Swtpm } from './swtpm.ts';
import { type TpmTools, withTpmTools } from './tpm-tools.ts';
import type { Touchstone } from './touchstone.ts';

export type Measured = { readonly pcr: number; readonly event: SoftwareEvent };

/** What a test host measures at boot, unless told otherwise. */
export const GOOD_BOOT: readonly Measured[] = [
  { pcr: 8, event: { kind: 'command-line', text: 'BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 ro' } },
  { pcr: 9, event: { kind: 'file', path: '/boot/vmlinuz', sha256: 'aa'.repeat(32) } },
  { pcr: 9, event: { kind: 'absent', path: '/boot/initrd.img' } },
  { pcr: 13, event: { kind: 'file', path: '/etc/hypervisor.conf', sha256: 'bb'.repeat(32) } },
];

/** The same with one file changed. */
export const CHANGED_BOOT: readonly Measured[] = GOOD_BOOT.map((measured) =>
  measured.event.kind === 'file' && measured.event.path === '/etc/hypervisor.conf'
    ? { ...measured, event: { ...measured.event, sha256: 'cc'.repeat(32) } }
    : measured,
);

/** What a test wants otherwise than an honest agent would do it. Each hook sees the honest value. */
export type Dishonesty = {
  readonly challenge?: string;
  readonly hostId?: string | null;
  readonly akName?: string;
  readonly selection?: Selection;
  readonly quoteSelection?: Selection;
  readonly log?: (honest: Uint8Array) => Uint8Array | null;
  readonly statement?: (honest: Statement) => unknown;
  /** The bytes that are hashed and sent; by default the statement's JSON. */
  readonly statementBytes?: (honest: Uint8Array) => Uint8Array;
  readonly pcrs?: (honest: Evidence['pcrs']) => Evidence['pcrs'];
  /** What answers in place of TPM2_Quote by the AK. */
  readonly quote?: (qualifyingData: Uint8Array, selection: Selection) => Promise<Quote>;
  readonly attest?: (honest: Uint8Array) => Uint8Array;
  readonly signature?: (honest: Uint8Array) => Uint8Array;
  readonly permits?: readonly StartRequest[];
  readonly nonce?: string;
  /** Of IMA's list; without it none is sent, as by an agent that knows none. */
  readonly ima?: { readonly fromEntry: number; readonly entries: Uint8Array };
  /** Of the binding key that is enrolled. */
  readonly binding?: {
    /** Made before, instead of a new one. */
    readonly given?: BindingKey;
    readonly auth?: Uint8Array;
    readonly make?: (host: TestHost) => Promise<TpmObject>;
    readonly challenge?: string;
    readonly sent?: (honest: BindingKey, challenge: string) => BindingKey | Promise<BindingKey>;
  };
};

/**
 * A host whose agent is the test itself: a real software TPM with a real EK certificate, real keys,
 * and evidence that can be made wrong at any place.
 */
export class TestHost {
  /** A test may go to another replica. */
  touchstone: Touchstone;
  /** What it calls itself; a test may call it as another is called. */
  name: string;
  readonly swtpm: Swtpm;
  hostId: string | null = null;
  tpm!: Tpm;
  ek!: TpmObject;
  ak!: TpmObject;
  akPublic!: Uint8Array;
  akName = '';
  certificates: string[] = [];
  log: Uint8Array = new Uint8Array();
  /** Of its statements. */
  statements: Statement['schema'] = 'touchstone/statement/1';
  /** What it measures into from its next boot on; the TPM has SHA-1, SHA-256 and SHA-384. */
  banks: readonly BankName[] = ['sha256'];
  readonly #auth: Uint8Array;
  /** Removed at the end. */
  readonly #dir: string | undefined;
  #blobs: { private: Uint8Array; public: Uint8Array } | null = null;
  #lastClock = -1n;

  private constructor(
    touchstone: Touchstone,
    name: string,
    swtpm: Swtpm,
    { auth = randomBytes(32), dir }: { auth?: Uint8Array; dir?: string } = {},
  ) {
    this.touchstone = touchstone;
    this.name = name;
    this.swtpm = swtpm;
    this.#auth = auth;
    this.#dir = dir;
  }

  /** Booted, with an AK, known to nobody. */
  static async boot(touchstone: Touchstone, boot = GOOD_BOOT): Promise<TestHost> {
    const swtpm = await startSwtpm();
    const host = new TestHost(touchstone, `host-${randomUUID().slice(0, 8)}`, swtpm);
    try {
      await host.#open(boot);
    } catch (error) {
      await host.stop();
      throw error;
    }
    return host;
  }

  /** Booted, enrolled with a token that approves it, and trusted by a baseline of its own. */
  static async trusted(touchstone: Touchstone, boot = GOOD_BOOT): Promise<TestHost> {
    const host = await TestHost.boot(touchstone, boot);
    try {
      const label = { site: host.name };
      await host.certify();
      await host.enrol(await touchstone.joinToken({ labels: label }));
      await touchstone.approveBaselineOf(host.name, host.name);
    } catch (error) {
      await host.stop();
      throw error;
    }
    return host;
  }

  /** Another machine on which a copy of this one's TPM runs, from what it had saved until now. */
  async copied(boot = GOOD_BOOT): Promise<TestHost> {
    const dir = await mkdtemp(join(tmpdir(), 'ts-copy-'));
    await cp(join(this.swtpm.stateDir, '..'), dir, {
      recursive: true,
      filter: (source) => !basename(source).startsWith('sock') && !source.endsWith('.lock'),
    });
    const copy = new TestHost(this.touchstone, this.name, await startSwtpm({ dir }), {
      auth: this.#auth,
      dir,
    });
    copy.#blobs = this.#blobs;
    Object.assign(copy, { hostId: this.hostId, certificates: this.certificates });
    await copy.#open(boot);
    return copy;
  }

  /** Power cut, and another boot. */
  async reboot(boot = GOOD_BOOT): Promise<void> {
    await this.tpm.close();
    await this.swtpm.restart();
    await this.#open(boot);
  }

  /** Power cut; the TPM's state is put back to what `saved` is, or saved; and another boot. */
  async restore(saved: Uint8Array, boot = GOOD_BOOT): Promise<void> {
    await this.tpm.close();
    await this.swtpm.restart(() => writeFile(this.#permanentState, saved));
    await this.#open(boot);
  }

  /** All that this TPM keeps over a power cut. */
  savedState(): Promise<Uint8Array> {
    return readFile(this.#permanentState);
  }

  get #permanentState(): string {
    return join(this.swtpm.stateDir, 'tpm2-00.permall');
  }

  async stop(): Promise<void> {
    await this.tpm?.close();
    await this.swtpm.stop();
    if (this.#dir !== undefined) await rm(this.#dir, { recursive: true, force: true });
  }

  /**
   * The TPM for tpm2-tools, with the AK in ak.ctx and its auth as `akAuth`; then it is the host's again, in the
   * same boot. An unrestricted or foreign key is theirs to make: `withEk` opens a session for the EK.
   */
  async lend<T>(use: (tools: LentTools) => Promise<T>): Promise<T> {
    const blobs = this.#blobs;
    if (blobs === null) throw new Error('the host has no AK yet');
    await this.tpm.close();
    try {
      return await withTpmTools(this.swtpm.tcti, async (tools) => {
        const lent = lentTools(tools, this.#auth);
        await tools.write('ak.pub', blobs.public);
        await tools.write('ak.priv', blobs.private);
        await lent.underEk('tpm2_load', '-u', 'ak.pub', '-r', 'ak.priv', '-c', 'ak.ctx');
        return await use(lent);
      });
    } finally {
      await this.#connect();
    }
  }

  /** TPM2_Clear, as whoever owns the machine can; the host then has another AK. Gives the old one's blobs. */
  async clear(): Promise<{ private: Uint8Array; public: Uint8Array }> {
    const old = this.#blobs;
    if (old === null) throw new Error('the host has no AK yet');
    await this.tpm.close();
    await withTpmTools(this.swtpm.tcti, (tools) => tools.run('tpm2_clear', '-c', 'lockout'));
    this.#blobs = null;
    this.#lastClock = -1n;
    await this.#connect();
    return old;
  }

  /** What TPM2_Load says to a key's blobs. */
  load(blobs: { private: Uint8Array; public: Uint8Array }): Promise<TpmObject> {
    return this.withEkPolicy((parentSession) =>
      this.tpm.load({ parent: this.ek, parentSession, ...blobs, auth: this.#auth }),
    );
  }

  async #open(boot: readonly Measured[]): Promise<void> {
    this.#lastClock = -1n;
    this.log = logOf(boot, this.banks);
    await this.#connect();
    for (const { pcr, event } of boot) await this.extend(pcr, encodeSoftwareEvent(event));
  }

  /** TPM2_PCR_Extend by what the bytes hash to. */
  extend(pcr: number, data: Uint8Array): Promise<void> {
    const digests = this.banks.map((bank) => ({
      alg: bankAlgorithm(bank),
      digest: hash(bank, data),
    }));
    return this.tpm.pcrExtend(pcr, digests);
  }

  async #connect(): Promise<void> {
    this.tpm = await openTpm({ tcti: this.swtpm.tcti });
    this.ek = await this.#openEk();
    this.#blobs ??= await this.withEkPolicy((parentSession) =>
      this.withSession((encryptSession) =>
        this.tpm.create({
          parent: this.ek,
          parentSession,
          encryptSession,
          inPublic: encodeTpm2bPublic(AK_TEMPLATE_ECC_P256),
          auth: this.#auth,
        }),
      ),
    );
    const blobs = this.#blobs;
    this.ak = await this.withEkPolicy((parentSession) =>
      this.tpm.load({ parent: this.ek, parentSession, ...blobs, auth: this.#auth }),
    );
    this.akPublic = blobs.public;
    this.akName = hex(nameOf(parseTpm2bPublic(blobs.public)));
  }

  /** TPM2_Clear takes the persistent one away; the template makes the same again. */
  async #openEk(): Promise<TpmObject> {
    const handles = await this.tpm.handles('persistent');
    if (handles.includes(0x81010001)) return this.tpm.openPersistent(0x81010001);
    const inPublic = encodeTpm2bPublic(EK_TEMPLATE_RSA2048);
    return this.tpm.createPrimary({ hierarchy: 'endorsement', inPublic });
  }

  async withSession<T>(use: (session: TpmSession) => Promise<T>): Promise<T> {
    const session = await this.tpm.startHmacSession({ saltKey: this.ek });
    try {
      return await use(session);
    } finally {
      await this.tpm.flush(session);
    }
  }

  async withEkPolicy<T>(use: (session: TpmSession) => Promise<T>): Promise<T> {
    const session = await this.tpm.startPolicySession({ saltKey: this.ek });
    try {
      await this.tpm.policySecretEndorsement(session);
      return await use(session);
    } finally {
      await this.tpm.flush(session);
    }
  }

  /** The newest, as an agent takes its first. */
  async trustBundle(): Promise<TrustBundle> {
    const { bundles } = await this.touchstone.client.request({
      method: 'GET',
      path: '/v1/trust-bundle',
      schema: TrustBundles,
    });
    const [, payload = ''] = bundles[0]?.split('.') ?? [];
    return checkAgainst(TrustBundle, JSON.parse(Buffer.from(payload, 'base64url').toString()));
  }

  /** A client of the CA, by the pin of the server's trust bundle. */
  async ca(): Promise<Client> {
    const { ca } = await this.trustBundle();
    return pinnedClient({ url: ca.url, pin: ca.pin });
  }

  /** What a host sends the CA: POST /v1/enrollments. */
  async enrollmentRequest(akPublic: Uint8Array = this.akPublic) {
    const certificate = parseEkCertificate(await this.tpm.nvRead(0x01c00002)).der;
    const chain = await Promise.all(
      ['issuercert.pem', 'swtpm-localca-rootca-cert.pem'].map(async (file) => {
        const pem = await readFile(join(this.swtpm.caDir, file));
        return new Uint8Array(new X509Certificate(pem).raw);
      }),
    );
    const { public: ekPublic } = await this.tpm.readPublic(this.ek);
    return {
      ekCertificates: [certificate, ...chain].map(base64Url),
      ekPublic: base64Url(ekPublic),
      akPublic: base64Url(akPublic),
      software: true,
    };
  }

  /** TPM2_ActivateCredential by the EK for a key of this TPM. */
  activate(
    challenge: { credentialBlob: string; secret: string },
    key = this.ak,
  ): Promise<Uint8Array> {
    return this.withEkPolicy((parentSession) =>
      this.withSession((keySession) =>
        this.tpm.activateCredential({
          key,
          keySession,
          parent: this.ek,
          parentSession,
          credentialBlob: Buffer.from(challenge.credentialBlob, 'base64url'),
          secret: Buffer.from(challenge.secret, 'base64url'),
        }),
      ),
    );
  }

  /** The AK certificate from the CA, or from another one; by default the host calls itself software. */
  async certify({
    from,
    software = true,
  }: { from?: Client; software?: boolean } = {}): Promise<void> {
    const ca = from ?? (await this.ca());
    try {
      const body = { ...(await this.enrollmentRequest()), software };
      const challenge = await ca.request({
        method: 'POST',
        path: '/v1/enrollments',
        schema: EnrollmentChallenge,
        body,
      });
      const secret = base64Url(await this.activate(challenge));
      const path = `/v1/enrollments/${challenge.enrollmentId}/activation`;
      const schema = ActivationAnswer;
      this.certificates = (
        await ca.request({ method: 'POST', path, schema, body: { secret } })
      ).certificates;
    } finally {
      if (from === undefined) await ca.close();
    }
  }

  /** What a host sends the server to become one. */
  async enrolment(joinToken?: string, dishonesty: Dishonesty = {}): Promise<HostEnrolment> {
    const evidence = await this.evidence('enrol', { hostId: null, ...dishonesty });
    return {
      certificates: this.certificates,
      akPublic: base64Url(this.akPublic),
      evidence,
      binding: await this.binding(challengeIn(evidence), dishonesty),
      name: this.name,
      ...(joinToken === undefined ? {} : { joinToken }),
    };
  }

  /** POST /v1/hosts. */
  async enrol(joinToken?: string, dishonesty: Dishonesty = {}) {
    return this.deliverEnrolment(await this.enrolment(joinToken, dishonesty));
  }

  async deliverEnrolment(body: HostEnrolment) {
    const schema = HostEnrolmentAnswer;
    const to = { method: 'POST', path: '/v1/hosts', schema, body } as const;
    const answer = await this.touchstone.client.request(to);
    this.hostId = answer.hostId;
    return answer;
  }

  /** A binding key, new each time, and its certification by the AK over the challenge of the evidence. */
  async binding(challenge: string, { binding = {} }: Dishonesty = {}): Promise<BindingKey> {
    if (binding.given !== undefined) return binding.given;
    const { auth = randomBytes(32), challenge: over = challenge } = binding;
    const key = await (binding.make ?? ((host) => host.newBindingKey(auth)))(this);
    const qualifyingData = hash(
      'sha256',
      Buffer.from('touchstone/binding/1\0'),
      Buffer.from(over, 'base64url'),
    );
    try {
      const certified = await this.withSession((objectSession) =>
        this.withSession((keySession) =>
          this.tpm.certify({
            ...{ object: key, objectSession, key: this.ak, keySession },
            qualifyingData,
          }),
        ),
      );
      const { public: publicArea } = await this.tpm.readPublic(key);
      const { qualifiedName } = await this.tpm.readPublic(this.ek);
      const honest = {
        public: base64Url(publicArea),
        attest: base64Url(certified.attest),
        signature: base64Url(certified.signature),
        parentQualifiedName: hex(qualifiedName),
      };
      return (await binding.sent?.(honest, challenge)) ?? honest;
    } finally {
      await this.tpm.flush(key);
    }
  }

  /** An ordinary child of the EK. */
  async newBindingKey(
    auth: Uint8Array = randomBytes(32),
    inPublic = encodeTpm2bPublic(BINDING_TEMPLATES.sha256),
  ): Promise<TpmObject> {
    const blobs = await this.withEkPolicy((parentSession) =>
      this.withSession((encryptSession) =>
        this.tpm.create({ parent: this.ek, parentSession, encryptSession, inPublic, auth }),
      ),
    );
    return this.withEkPolicy((parentSession) =>
      this.tpm.load({ parent: this.ek, parentSession, ...blobs, auth }),
    );
  }

  challenge(
    purpose: 'attest' | 'permit' | 'enrol',
    akName = this.akName,
  ): Promise<Static<typeof ChallengeAnswer>> {
    const body = { akName, purpose };
    const schema = ChallengeAnswer;
    return this.touchstone.client.request({ method: 'POST', path: '/v1/challenges', schema, body });
  }

  /** To attest, from another server of the deployment. */
  challengeFrom({ client }: Pick<Touchstone, 'client'>): Promise<Static<typeof ChallengeAnswer>> {
    const body = { akName: this.akName, purpose: 'attest' };
    const to = { method: 'POST', path: '/v1/challenges', schema: ChallengeAnswer } as const;
    return client.request({ ...to, body });
  }

  /** Evidence as an honest agent makes it, but for what the test wants otherwise. */
  async evidence(purpose: Purpose, dishonesty: Dishonesty = {}): Promise<Evidence> {
    const asked = purpose === 'prove' ? null : await this.challenge(purpose);
    const selection = dishonesty.selection ?? asked?.selection ?? { sha256: [0, 8, 9, 13] };
    const challenge = dishonesty.challenge ?? asked?.challenge ?? '';
    const log = dishonesty.log === undefined ? this.log : dishonesty.log(this.log);
    const { ima } = dishonesty;
    const statement: Statement = {
      schema: this.statements,
      purpose,
      hostId: dishonesty.hostId === undefined ? this.hostId : dishonesty.hostId,
      akName: dishonesty.akName ?? this.akName,
      bundleEpoch: 1,
      challenge,
      selection,
      logs: [
        ...(log === null
          ? []
          : [
              {
                ...({ kind: 'boot', algorithm: 'sha256' } as const),
                ...{ digest: sha256(log), size: log.length },
              },
            ]),
        ...(ima === undefined ? [] : [{ kind: 'ima', fromEntry: ima.fromEntry } as const]),
      ],
      selfReported: { claimedHostname: this.name, claimedKernel: 'test', agentVersion: 'test' },
      ...(dishonesty.permits === undefined ? {} : { permits: [...dishonesty.permits] }),
      ...(dishonesty.nonce === undefined ? {} : { nonce: dishonesty.nonce }),
    };
    const honest = Buffer.from(JSON.stringify(dishonesty.statement?.(statement) ?? statement));
    const bytes = dishonesty.statementBytes?.(honest) ?? honest;
    const extraData = qualifyingDataOf(purpose, Buffer.from(challenge, 'base64url'), bytes);
    const quoteSelection = dishonesty.quoteSelection ?? selection;
    const quote = dishonesty.quote ?? ((...quoted) => this.quote(...quoted));
    const { attest, signature } = await quote(extraData, quoteSelection);
    const pcrs = await this.readPcrs(quoteSelection);
    return {
      schema: 'touchstone/evidence/1',
      statement: base64Url(bytes),
      quote: {
        attest: base64Url(dishonesty.attest?.(attest) ?? attest),
        signature: base64Url(dishonesty.signature?.(signature) ?? signature),
      },
      pcrs: dishonesty.pcrs?.(pcrs) ?? pcrs,
      blobs: log === null ? {} : { [sha256(log)]: base64Url(log) },
      ...(ima === undefined ? {} : { imaList: { entries: base64Url(ima.entries) } }),
    };
  }

  /** As a kernel does with each thing that it measures; in the bank that is quoted. */
  async extendImaPcr(digests: readonly Uint8Array[]): Promise<void> {
    const alg = bankAlgorithm('sha256');
    for (const digest of digests) await this.tpm.pcrExtend(10, [{ alg, digest }]);
  }

  async quote(qualifyingData: Uint8Array, selection: Selection, key = this.ak) {
    while ((await this.tpm.readClock()).clock <= this.#lastClock) await sleep(1);
    const quoted = await this.withSession((session) =>
      this.tpm.quote({
        key,
        session,
        qualifyingData,
        selection: encodeTpmlPcrSelection(selectionOf(selection)),
      }),
    );
    this.#lastClock = (await this.tpm.readClock()).clock;
    return quoted;
  }

  async readPcrs(selection: Selection): Promise<Evidence['pcrs']> {
    const values: Record<string, Record<string, string>> = {};
    for (const [bank, pcrs] of Object.entries(selection)) {
      if (pcrs.length === 0) continue;
      const ofBank = await this.tpm.pcrRead(encodeTpmlPcrSelection(selectionOf({ [bank]: pcrs })));
      values[bank] = Object.fromEntries(ofBank.map(({ pcr, digest }) => [pcr, hex(digest)]));
    }
    return values;
  }

  /** POST /v1/evidence. */
  deliver(evidence: Evidence) {
    const schema = EvidenceAnswer;
    return this.touchstone.client.request({
      method: 'POST',
      path: '/v1/evidence',
      schema,
      body: evidence,
    });
  }

  async attest(dishonesty: Dishonesty = {}) {
    return this.deliver(await this.evidence('attest', dishonesty));
  }

  /** POST /v1/permits. */
  deliverForPermit(evidence: Evidence) {
    const schema = PermitsAnswer;
    return this.touchstone.client.request({
      method: 'POST',
      path: '/v1/permits',
      schema,
      body: evidence,
    });
  }

  async askForPermit(vm: string, dishonesty: Dishonesty = {}) {
    const permits = dishonesty.permits ?? [startRequest(vm)];
    return this.deliverForPermit(await this.evidence('permit', { ...dishonesty, permits }));
  }
}

/** The log that an agent writes of these measurements. */
export const logOf = (
  boot: readonly Measured[],
  banks: readonly BankName[] = ['sha256'],
): Uint8Array =>
  encodeEventLog({
    vendorInfo: SOFTWARE_VENDOR_INFO,
    banks,
    events: boot.map(({ pcr, event }) => ({
      pcr,
      type: EV_EVENT_TAG,
      data: encodeSoftwareEvent(event),
    })),
  });

export type LentTools = TpmTools & {
  /** As tpm2-tools take it. */
  readonly akAuth: string;
  /** A tool that uses the EK as parent: its `-C` and `-P` are added. */
  underEk(tool: string, ...args: string[]): Promise<void>;
};

function lentTools(tools: TpmTools, auth: Uint8Array): LentTools {
  return {
    ...tools,
    akAuth: `hex:${hex(auth)}`,
    underEk: async (tool, ...args) => {
      await tools.run('tpm2_startauthsession', '--policy-session', '-S', 'ek.session');
      await tools.run('tpm2_policysecret', '-S', 'ek.session', '-c', 'endorsement');
      await tools.run(tool, '-C', '0x81010001', '-P', 'session:ek.session', ...args);
      await tools.run('tpm2_flushcontext', 'ek.session');
    },
  };
}

export const startRequest = (vm: string): StartRequest => ({
  requestId: randomUUID(),
  vm,
  operation: 'start',
  definitionDigest: 'dd'.repeat(32),
  imageDigests: [],
});

/** The literal code of whatever the promise rejects with; fails the test when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string')
      return error.code;
    throw error;
  }
  throw new Error('it was accepted');
}

/** The codes of all findings that a request is refused with. */
export async function findingCodes(request: Promise<unknown>): Promise<string[]> {
  try {
    await request;
  } catch (error) {
    if (error instanceof ProblemError)
      return (error.problem.findings ?? []).map(({ code }) => code);
    throw error;
  }
  throw new Error('it was accepted');
}

export function permitOf(answer: PermitsAnswer | undefined): string | undefined {
  const [first] = answer?.answers ?? [];
  return first !== undefined && 'permit' in first ? first.permit : undefined;
}

/** Why the one request was refused a permit. */
export function refusalOf(answer: PermitsAnswer): { code: string; codes: string[] } {
  const [first] = answer.answers;
  if (first === undefined || !('refusal' in first)) throw new Error('it was permitted');
  const { code, findings } = first.refusal;
  return { code, codes: findings.map((finding) => finding.code) };
}

/** Of the statement, as far as it can be read. */
function challengeIn({ statement }: Evidence): string {
  try {
    const { challenge } = JSON.parse(Buffer.from(statement, 'base64url').toString()) as Statement;
    return challenge;
  } catch {
    return '';
  }
}

const selectionOf = (selection: Selection) =>
  Object.entries(selection).map(([bank, pcrs]) => ({ bank: bank as BankName, pcrs }));

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
