import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeSoftwareEvent } from '@touchstone/eventlog';
import type { Evidence, Selection } from '@touchstone/schemas';
import {
  AK_TEMPLATE_ECC_P256,
  bankAlgorithm,
  type BankName,
  BINDING_TEMPLATES,
  EK_TEMPLATE_RSA2048,
  encodeTpm2bPublic,
  encodeTpmlPcrSelection,
  hash,
  nameOf,
  parseTpm2bPublic,
} from '@touchstone/tpm';
import { openTpm, type Tpm, type TpmObject, type TpmSession } from 'node-tpm2-tss-bindings';
import { type LentTools, lentTools } from './lent-tools.ts';
import { GOOD_BOOT, logOf, type Measured } from './measured-boot.ts';
import { PATIENT_MS, startSwtpm, type Swtpm } from './swtpm.ts';
import { withTpmTools } from './tpm-tools.ts';

/** What of a TPM a test keeps: its own keys' auth and blobs, and where it is. */
export type KeptTpm = {
  readonly swtpm: Swtpm;
  readonly auth: Uint8Array;
  readonly blobs: KeyBlobs | null;
  /** Removed at the end. */
  readonly dir?: string;
};

type KeyBlobs = { readonly private: Uint8Array; readonly public: Uint8Array };

/** A real software TPM with a real EK certificate and an AK, in a boot that was measured into it. */
export class BootedTpm {
  readonly swtpm: Swtpm;
  tpm!: Tpm;
  ek!: TpmObject;
  ak!: TpmObject;
  akPublic!: Uint8Array;
  akName = '';
  log: Uint8Array = new Uint8Array();
  /** What it measures into from its next boot on; the TPM has SHA-1, SHA-256 and SHA-384. */
  banks: readonly BankName[] = ['sha256'];
  readonly #auth: Uint8Array;
  readonly #dir: string | undefined;
  #blobs: KeyBlobs | null;
  #lastClock = -1n;

  protected constructor({ swtpm, auth, blobs, dir }: KeptTpm) {
    this.swtpm = swtpm;
    this.#auth = auth;
    this.#blobs = blobs;
    this.#dir = dir;
  }

  /** One that never ran. */
  protected static async newTpm(): Promise<KeptTpm> {
    return { swtpm: await startSwtpm(), auth: randomBytes(32), blobs: null };
  }

  /** A copy of this one on another machine, from what it had saved until now. */
  protected async copyTpm(): Promise<KeptTpm> {
    const dir = await mkdtemp(join(tmpdir(), 'ts-copy-'));
    await cp(join(this.swtpm.stateDir, '..'), dir, {
      recursive: true,
      filter: (source) => !basename(source).startsWith('sock') && !source.endsWith('.lock'),
    });
    return { swtpm: await startSwtpm({ dir }), auth: this.#auth, blobs: this.#blobs, dir };
  }

  /** Power cut, and another boot. */
  async reboot(boot = GOOD_BOOT): Promise<void> {
    await this.tpm.close();
    await this.swtpm.restart();
    await this.open(boot);
  }

  /** Power cut; the TPM's state is put back to what `saved` is, or saved; and another boot. */
  async restore(saved: Uint8Array, boot = GOOD_BOOT): Promise<void> {
    await this.tpm.close();
    await this.swtpm.restart(() => writeFile(this.#permanentState, saved));
    await this.open(boot);
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

  /** Begins a boot: measures into PCRs that are zero. */
  protected async open(boot: readonly Measured[]): Promise<void> {
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
    this.tpm = await openTpm({ tcti: this.swtpm.tcti, commandTimeoutMs: PATIENT_MS });
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
}

const selectionOf = (selection: Selection) =>
  Object.entries(selection).map(([bank, pcrs]) => ({ bank: bank as BankName, pcrs }));

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
