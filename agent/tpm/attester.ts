import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  encodeTpmlPcrSelection,
  hashAlgorithm,
  parseTpmsAttest,
  pcrDigest,
  type PcrSelection,
} from '@touchstone/tpm';
import { openTpm, type Tpm, type TpmClock, TpmError, type TpmObject } from 'node-tpm2-tss-bindings';
import type { AkKind, EkKind } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import type { Measurement } from '../config.ts';
import { measureBoot, measuredAtMs, readBootLog } from '../measure/boot-log.ts';
import { readFirmwareLog } from '../measure/firmware-log.ts';
import { ImaList } from '../measure/ima-list.ts';
import { BootImages } from '../measure/boot-images.ts';
import { NextBoot } from '../measure/next-boot.ts';
import { readGivenCertificates } from '../state/given-certificates.ts';
import type { KeyRecord } from '../state/identity.ts';
import { createAttestationKey, loadAttestationKey, withSaltedSession } from './attestation-key.ts';
import type { ChosenTpm } from './choose-tpm.ts';
import { MAX_CHAIN, readEkChain } from './ek-certificates.ts';
import { type EndorsementKey, openEndorsementKey } from './endorsement-key.ts';
import { emptyBanksOf, type SelectableBank } from './empty-banks.ts';
import { type HostTpm, SOFTWARE_TPM } from './host-tpm.ts';
import { ensureSoftwareTpm, softwareEkChain } from './software-tpm.ts';

const MAX_UNSTEADY_READS = 3;
/** Part 2, 7.2. */
const TPM_HT_TRANSIENT = 0x80;
/** A chip may take half a minute to make an RSA key; the kernel's own bound is longer. */
const DEVICE_TIMEOUT_MS = 60_000;

export type QuotedPcrs = {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
  readonly pcrs: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>;
};

type OpenTpm = {
  readonly tpm: Tpm;
  readonly ek: EndorsementKey;
  readonly boot: TpmClock;
  readonly emptyBanks: readonly SelectableBank[];
};

/** Where the kernel's logs are. */
type KernelFiles = {
  /** null where this host has none to show. */
  readonly imaList?: string | null;
  /** Of a chip; by default the kernel's own file of it. */
  readonly firmwareLog?: string | undefined;
  /** What a chip's next boot may start, where that is not where distributions put it. */
  readonly bootImages?: readonly string[] | undefined;
};

/**
 * The host's TPM with its keys: opened when first needed, and anew after it failed. Callers hold one
 * of `Conversations` while they use it.
 */
export class Attester {
  readonly #stateDir: string;
  readonly #measure: readonly Measurement[];
  #chosen: ChosenTpm;
  readonly #firmwareLog: string | undefined;
  readonly #nextBoot: NextBoot;
  readonly #bootImages: BootImages;
  /** null where this host has none to show. */
  readonly imaList: ImaList | null;
  #open: OpenTpm | null = null;
  #key: { readonly record: KeyRecord; readonly object: TpmObject } | null = null;
  #lastClock = -1n;
  #lastQuote: Pick<TpmClock, 'resetCount' | 'restartCount' | 'clock'> | null = null;

  /** `measure` is for a software TPM: what boots on a chip is measured by its firmware. */
  constructor(
    stateDir: string,
    measure: readonly Measurement[],
    chosen: ChosenTpm = { tpm: SOFTWARE_TPM, ek: {} },
    { imaList = null, firmwareLog, bootImages }: KernelFiles = {},
  ) {
    this.#stateDir = stateDir;
    this.#measure = measure;
    this.#chosen = chosen;
    this.imaList = imaList === null ? null : new ImaList(imaList);
    this.#firmwareLog = firmwareLog;
    this.#nextBoot = new NextBoot(measure);
    this.#bootImages = new BootImages(bootImages);
  }

  get tpm(): HostTpm {
    return this.#chosen.tpm;
  }

  /** That of an enrolled host's keys; null where it is still open. */
  get ek(): EkKind | null {
    return this.#chosen.ek.only ?? null;
  }

  /**
   * Uses the TPM. Whatever it fails at closes it, so that the next use opens it again and finds what it left
   * behind: also where the TPM answers, since keys and sessions may have been flushed by others.
   */
  async use<T>(work: (tpm: Tpm, ek: EndorsementKey) => Promise<T>): Promise<T> {
    try {
      const { tpm, ek } = (this.#open ??= await this.#connect());
      return await work(tpm, ek);
    } catch (error) {
      if (error instanceof TpmError) await this.close();
      throw error;
    }
  }

  /**
   * The same with places for two objects: three are all that a TPM need have (TPM_PT_HR_TRANSIENT_MIN), and an EK that
   * is not persistent takes one of them. Then the AK makes room, and is loaded again when it is next asked for.
   */
  useWithRoom<T>(work: (tpm: Tpm, ek: EndorsementKey) => Promise<T>): Promise<T> {
    return this.use(async (tpm, ek) => {
      if (this.#key !== null && ek.object.handle >>> 24 === TPM_HT_TRANSIENT) {
        await tpm.flush(this.#key.object);
        this.#key = null;
      }
      return work(tpm, ek);
    });
  }

  /** The counters of the last quote that was made here; null before the first. */
  get lastQuote(): Pick<TpmClock, 'resetCount' | 'restartCount' | 'clock'> | null {
    return this.#lastQuote;
  }

  createKey(kind: AkKind = 'ecc-p256'): Promise<KeyRecord> {
    return this.use((tpm, ek) => createAttestationKey(tpm, ek, kind));
  }

  /** The certificates above the EK's own, as far as the host has them. They make nothing trusted. */
  async ekChain(): Promise<Uint8Array[]> {
    const own = await (this.tpm.kind === 'software'
      ? softwareEkChain(this.#stateDir)
      : this.use((tpm) => readEkChain(tpm)));
    const { certificate } = await this.use(async (_tpm, ek) => ek);
    const given = await readGivenCertificates(this.#stateDir);
    const others = given.filter(
      (der) => certificate === null || Buffer.compare(der, certificate) !== 0,
    );
    return [...others, ...own].slice(0, MAX_CHAIN);
  }

  /** From now on its EK of that algorithm: the CA takes no other of its maker's TPMs. Keys below another are lost. */
  async takeEkOf(algorithm: 'ecc' | 'rsa'): Promise<void> {
    await this.close();
    this.#chosen = { ...this.#chosen, ek: { algorithm } };
  }

  /** The AK, loaded. @throws AppError EK_CHANGED, AK_LOST */
  key(record: KeyRecord): Promise<TpmObject> {
    return this.use(async (tpm, ek) => {
      if (this.#key !== null && isDeepStrictEqual(this.#key.record, record))
        return this.#key.object;
      // Room for three objects is all that a TPM need have: TPM_PT_HR_TRANSIENT_MIN.
      if (this.#key !== null) await tpm.flush(this.#key.object);
      this.#key = null;
      const object = await loadAttestationKey(tpm, ek, record);
      this.#key = { record, object };
      return object;
    });
  }

  /**
   * The clock of the TPM that holds the key, now: the counters of another may be the same. A device stays what was
   * opened; a socket leads to whoever listens there by now, at each command.
   * @throws AppError EK_CHANGED, AK_LOST
   */
  async clockOf(record: KeyRecord): Promise<TpmClock> {
    const key = await this.key(record);
    return this.use(async (tpm) => {
      if (this.tpm.kind === 'software') {
        const { name } = await tpm.readPublic(key);
        const present = Buffer.from(name).toString('hex');
        if (present !== record.akName) throw agentError('EK_CHANGED', { detail: `AK ${present}` });
      }
      return tpm.readClock();
    });
  }

  /**
   * This boot's log: of a chip the firmware's, of a software TPM the agent's own. Empty where none was measured,
   * which the verifier refuses. Evidence begins here: a TPM that was reset since it was opened is opened anew, and
   * the new boot measured.
   */
  async bootLog(): Promise<Uint8Array> {
    if (!(await this.#sameBoot())) await this.close();
    const { tpm: host } = this.#chosen;
    if (host.kind === 'device') return readFirmwareLog(host.path, this.#firmwareLog);
    return this.use(async (tpm) => {
      const { resetCount } = await tpm.readClock();
      return (await readBootLog(this.#stateDir, resetCount)) ?? new Uint8Array();
    });
  }

  /**
   * Digests that the next boot of a software TPM would measure anew; of a chip, which its firmware measures into, those of
   * the images that there are to start.
   */
  async nextBoot(): Promise<readonly string[]> {
    if (this.#chosen.tpm.kind === 'device') return this.#bootImages.claims();
    const { resetCount } = await this.use((tpm) => tpm.readClock());
    return this.#nextBoot.changedSince(await measuredAtMs(this.#stateDir, resetCount));
  }

  /** Banks that the TPM has and that hold nothing of this boot. */
  emptyBanks(): Promise<readonly SelectableBank[]> {
    return this.use(() => Promise.resolve(this.#open?.emptyBanks ?? []));
  }

  /** Sessions and loaded keys end with the boot, and the PCRs are zero again. */
  async #sameBoot(): Promise<boolean> {
    if (this.#open === null) return true;
    const { tpm, boot } = this.#open;
    try {
      const { resetCount, restartCount } = await tpm.readClock();
      return resetCount === boot.resetCount && restartCount === boot.restartCount;
    } catch (error) {
      // One that hangs is not asked a second time, for as long again.
      if (error instanceof TpmError && error.code === 'TPM_TIMEOUT') {
        await this.close();
        throw error;
      }
      return false;
    }
  }

  /**
   * A quote and the PCR values that it covers. The TPM's clock has moved on since the last quote, for
   * two quotes in one millisecond would be one place in the verifier's order.
   * @throws AppError PCRS_UNSTEADY
   */
  async quote(
    record: KeyRecord,
    qualifyingData: Uint8Array,
    selection: PcrSelection,
  ): Promise<QuotedPcrs> {
    const key = await this.key(record);
    return this.use(async (tpm, ek) => {
      for (let attempt = 0; attempt < MAX_UNSTEADY_READS; attempt += 1) {
        await this.#clockMovesOn(tpm);
        const quoted = await withSaltedSession(tpm, ek, (session) =>
          tpm.quote({ key, session, qualifyingData, selection: encodeTpmlPcrSelection(selection) }),
        );
        const pcrs = await readPcrs(tpm, selection);
        const attest = parseTpmsAttest(quoted.attest);
        const { resetCount, restartCount, clock } = attest.clockInfo;
        this.#lastClock = clock;
        this.#lastQuote = { resetCount, restartCount, clock };
        const digest = pcrDigest(selection, pcrs, 'sha256');
        if (Buffer.compare(digest, attest.quote.pcrDigest) === 0) return { ...quoted, pcrs };
      }
      throw agentError('PCRS_UNSTEADY', { detail: `${MAX_UNSTEADY_READS} quotes in a row` });
    });
  }

  async close(): Promise<void> {
    const tpm = this.#open?.tpm;
    this.#open = null;
    this.#key = null;
    this.#lastClock = -1n;
    await tpm?.close();
  }

  async #connect(): Promise<OpenTpm> {
    const { tpm: host, ek: wish } = this.#chosen;
    const tpm = await (host.kind === 'device'
      ? openTpm({ tcti: `device:${host.path}`, commandTimeoutMs: DEVICE_TIMEOUT_MS })
      : openTpm({ tcti: await ensureSoftwareTpm(this.#stateDir) }));
    try {
      const boot = await tpm.readClock();
      if (host.kind === 'software') await measureBoot(tpm, this.#stateDir, this.#measure);
      const given = await readGivenCertificates(this.#stateDir);
      const ek = await openEndorsementKey(tpm, wish, { chip: host.kind === 'device', given });
      return { tpm, ek, boot, emptyBanks: await emptyBanksOf(tpm) };
    } catch (error) {
      await tpm.close();
      throw error;
    }
  }

  async #clockMovesOn(tpm: Tpm): Promise<void> {
    while ((await tpm.readClock()).clock <= this.#lastClock) await sleep(1);
  }
}

async function readPcrs(
  tpm: Tpm,
  selection: PcrSelection,
): Promise<Map<PcrSelection[number]['bank'], Map<number, Uint8Array>>> {
  const values = new Map<PcrSelection[number]['bank'], Map<number, Uint8Array>>();
  for (const { bank, pcr, digest } of await tpm.pcrRead(encodeTpmlPcrSelection(selection))) {
    const { name } = hashAlgorithm(bank);
    const ofBank = values.get(name) ?? new Map<number, Uint8Array>();
    values.set(name, ofBank.set(pcr, digest));
  }
  return values;
}
