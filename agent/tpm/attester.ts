import type { PcrSelection } from '@touchstone/tpm';
import { type Tpm, type TpmClock, TpmError, type TpmObject } from 'node-tpm2-tss-bindings';
import type { AkKind, EkKind } from '@touchstone/schemas';
import { agentError } from '../codes.ts';
import type { Measurement } from '../config.ts';
import { measuredAtMs, readBootLog } from '../measure/boot-log.ts';
import { readFirmwareLog } from '../measure/firmware-log.ts';
import { ImaList } from '../measure/ima-list.ts';
import { BootImages } from '../measure/boot-images.ts';
import { NextBoot } from '../measure/next-boot.ts';
import { readGivenCertificates } from '../state/given-certificates.ts';
import type { KeyRecord } from '../state/identity.ts';
import { createAttestationKey } from './attestation-key.ts';
import type { ChosenTpm } from './choose-tpm.ts';
import { MAX_CHAIN, readEkChain } from './ek-certificates.ts';
import type { SelectableBank } from './empty-banks.ts';
import type { EndorsementKey } from './endorsement-key.ts';
import { type HostTpm, SOFTWARE_TPM } from './host-tpm.ts';
import { LoadedAk } from './loaded-ak.ts';
import { isInItsBoot, openHostTpm, type OpenTpm } from './open-tpm.ts';
import { type QuoteClock, type QuotedPcrs, Quotes } from './quotes.ts';
import { softwareEkChain } from './software-tpm.ts';

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
  readonly #ak = new LoadedAk();
  readonly #quotes = new Quotes();

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
      const { tpm, ek } = (this.#open ??= await openHostTpm(
        this.#stateDir,
        this.#chosen,
        this.#measure,
      ));
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
      await this.#ak.makeRoom({ tpm, ek });
      return work(tpm, ek);
    });
  }

  /** The counters of the last quote that was made here; null before the first. */
  get lastQuote(): QuoteClock | null {
    return this.#quotes.last;
  }

  /** What it took, from when the TPM was asked for a session salted to its EK until it had signed. */
  get lastQuoteMs(): number {
    return this.#quotes.lastMs;
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
    return this.use((tpm, ek) => this.#ak.of({ tpm, ek }, record));
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
    try {
      return await isInItsBoot(this.#open);
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
   * A quote by the AK and the PCR values that it covers, later by the TPM's clock than the last one.
   * @throws AppError EK_CHANGED, AK_LOST, PCRS_UNSTEADY
   */
  async quote(
    record: KeyRecord,
    qualifyingData: Uint8Array,
    selection: PcrSelection,
  ): Promise<QuotedPcrs> {
    const key = await this.key(record);
    return this.use((tpm, ek) => this.#quotes.take({ tpm, ek }, key, qualifyingData, selection));
  }

  async close(): Promise<void> {
    const tpm = this.#open?.tpm;
    this.#open = null;
    this.#ak.gone();
    this.#quotes.reopened();
    await tpm?.close();
  }
}
