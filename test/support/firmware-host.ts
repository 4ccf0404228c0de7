import assert from 'node:assert/strict';
import { BaselineList, type Baseline, type Finding } from '@touchstone/schemas';
import { hash } from '@touchstone/tpm';
import type { Observed } from './attack.ts';
import { type CaReplica, startCaReplica } from './ca-replica.ts';
import { yamlOfLog } from './firmware-baseline.ts';
import { ascii, bootOf, firmwareLog } from './firmware-boot.ts';
import { ForgedHost } from './forged-host.ts';
import { makeCertificate, tpmName } from './made-certificate.ts';
import { startTouchstone, type Touchstone } from './touchstone.ts';

/** Of the default selection. */
export const PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];
/** Of the boot that is approved. */
export const KERNEL = Buffer.from(hash('sha256', ascii('kernel'))).toString('hex');

/** What a host boots, and what its TPM then holds besides what the log leads to. */
export type Boot = {
  readonly log?: Uint8Array | null;
  readonly pcrs?: ReadonlyMap<number, Uint8Array>;
};

/** A host of class discrete, whose TPM and firmware are in our hands, at a server and a CA that are real. */
export class FirmwareHost {
  readonly touchstone: Touchstone;
  readonly #ca: CaReplica;
  readonly #maker: ReturnType<typeof makeCertificate>;
  readonly host: ForgedHost;
  readonly #good: Uint8Array;
  #version = 0;

  private constructor(
    touchstone: Touchstone,
    ca: CaReplica,
    maker: ReturnType<typeof makeCertificate>,
    good: Uint8Array,
  ) {
    this.touchstone = touchstone;
    this.#ca = ca;
    this.#maker = maker;
    this.#good = good;
    // A maker whose firmware no advisory names.
    const extensions = [tpmName({ manufacturer: 'id:41544D4C' })];
    this.host = new ForgedHost(touchstone, undefined, { maker: this.#maker, extensions });
    this.host.log = good;
  }

  /** Enrolled and trusted, by a baseline made of its log. */
  static async start(
    good: Uint8Array = firmwareLog(bootOf()),
    changed: Partial<Baseline> = {},
    lockdown: readonly string[] = [KERNEL],
  ): Promise<FirmwareHost> {
    const maker = makeCertificate('A maker of TPMs');
    const touchstone = await startTouchstone();
    const ca = await startCaReplica(touchstone, [{ der: maker.der, class: 'discrete' }]);
    const one = new FirmwareHost(touchstone, ca, maker, good);
    const { host } = one;
    await host.certify(ca, { software: false });
    const labels = { site: host.name };
    await host.enrol(await touchstone.joinToken({ classes: ['discrete'], labels }));
    await one.approves(good, changed, lockdown);
    const { state } = await host.attest();
    if (state !== 'trusted') assert.fail(JSON.stringify(await one.findings(), null, 1));
    return one;
  }

  /** What this log shows, in place of what was approved before. */
  async approves(
    log: Uint8Array = this.#good,
    changed: Partial<Baseline> = {},
    lockdown: readonly string[] = [KERNEL],
  ): Promise<void> {
    const { name } = this.host;
    const version = (this.#version += 1);
    const of = { name, labels: { site: name }, pcrs: PCRS, lockdown };
    const yaml = yamlOfLog(log, { ...of, changed: { version, ...changed } });
    await this.touchstone.operator('POST', '/v1/baselines', BaselineList, { yaml });
    await this.touchstone.operator('POST', `/v1/baselines/${name}/approval`, BaselineList, {});
  }

  async findings(): Promise<readonly Finding[]> {
    return (await this.touchstone.explanation(this.host.name)).findings;
  }

  /** Another boot, and its evidence. */
  async boots({ log = this.#good, pcrs = new Map() }: Boot = {}) {
    this.host.resetCount += 1;
    this.host.log = log ?? new Uint8Array();
    this.host.pcrs = pcrs;
    return this.host.attest();
  }

  /** It boots this and is untrusted for that; booted as approved it is trusted again. */
  async untrustedFor(code: string, boot: Boot): Promise<Observed & { readonly found: Finding }> {
    const answer = await this.boots(boot);
    const findings = await this.findings();
    const found = findings.find((one) => one.code === code && one.effect === 'enforce');
    const codes = findings.map((one) => `${one.effect} ${one.code}`).join(', ');
    assert.deepEqual([answer.verdict, answer.state], ['contraindicated', 'untrusted']);
    if (found === undefined) assert.fail(`no ${code}: ${codes}`);
    assert.equal((await this.boots()).state, 'trusted');
    return { outcome: 'U', code, found };
  }

  async stop(): Promise<void> {
    await this.#ca.stop();
    await this.touchstone.stop();
  }
}
