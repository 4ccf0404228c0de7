import { execFile } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import type { ReleaseKey, SigningJwk, TrustBundle } from '@touchstone/schemas';
import { sealReleaseKey } from '@touchstone/server';
import { encodeTpmlPcrSelection } from '@touchstone/tpm';
import { openTpm, type Tpm } from 'node-tpm2-tss-bindings';
import { suspendTpm } from '../../test/support/suspended-tpm.ts';
import { startSwtpm, type Swtpm } from '../../test/support/swtpm.ts';
import { openReleaseSession, type ReleaseSession } from '../keys/release-session.ts';
import { unsealRelease } from '../keys/unseal-release.ts';
import type { BindingRecord } from '../state/identity.ts';
import { createBindingKey } from '../tpm/binding-key.ts';
import { type EndorsementKey, openEndorsementKey } from '../tpm/endorsement-key.ts';

const run = promisify(execFile);
const PCRS = { sha256: [0, 1, 7, 8] };
const SELECTION = encodeTpmlPcrSelection([{ bank: 'sha256', pcrs: PCRS.sha256 }]);

type Ek = 'rsa-2048' | 'ecc-p384';
export type Signer = {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: SigningJwk;
};
export type Answered = {
  readonly release: ReleaseKey;
  readonly digestInPermit: string;
  /** What is to come out. */
  readonly releaseKey: Buffer;
};

export function makeSigner(kid: string): Signer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = privateKey.export({ format: 'jwk' });
  return { kid, privateKey, jwk: { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' } };
}

/** A host's TPM, opened, what it enrolled with, and a server that releases keys to it. */
export class ReleaseHost {
  tpm!: Tpm;
  ek!: EndorsementKey;
  binding!: BindingRecord;
  readonly swtpm: Swtpm;
  readonly server = makeSigner('release-1');
  readonly bundle: Pick<TrustBundle, 'keys'> = {
    keys: [
      { use: 'release', jwk: this.server.jwk },
      { use: 'permit', jwk: makeSigner('permit-1').jwk },
    ],
  };
  readonly #kind: Ek;

  private constructor(swtpm: Swtpm, kind: Ek) {
    [this.swtpm, this.#kind] = [swtpm, kind];
  }

  static async start(kind: Ek): Promise<ReleaseHost> {
    const host = new ReleaseHost(await startSwtpm(), kind);
    try {
      await host.open();
      await host.enrol();
      return host;
    } catch (error) {
      await host.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.tpm?.close();
    await this.swtpm.stop();
  }

  async open(): Promise<void> {
    this.tpm = await openTpm({ tcti: this.swtpm.tcti });
    this.ek = await openEndorsementKey(this.tpm, { only: this.#kind }, { chip: false, given: [] });
  }

  async enrol(): Promise<void> {
    this.binding = await createBindingKey(this.tpm, this.ek, 'aa');
  }

  async reboot(): Promise<void> {
    await this.tpm.close();
    await this.swtpm.restart();
    await this.open();
  }

  /** By another program, between two commands: what this one has loaded and begun stays. */
  async meanwhile(tool: string, ...args: readonly string[]): Promise<void> {
    await run(tool, args, { env: { ...process.env, TPM2TOOLS_TCTI: this.swtpm.tcti } });
  }

  async suspend(): Promise<void> {
    await suspendTpm(this.swtpm);
  }

  session(): Promise<ReleaseSession> {
    return openReleaseSession(this.at.attester);
  }

  /** Where the agent's functions find its TPM. */
  get at() {
    return { attester: attesterOf(this.tpm, this.ek) };
  }

  /** What the server answers to a host that shows these PCRs and this nonce. */
  async answer(
    nonce: Uint8Array,
    signer: Signer = this.server,
    releaseKey = randomBytes(32),
  ): Promise<Answered> {
    const read = await this.tpm.pcrRead(SELECTION);
    const { release, digest } = sealReleaseKey({
      bindingPublic: Buffer.from(this.binding.public, 'base64url'),
      pcrs: PCRS,
      attested: new Map([['sha256', new Map(read.map(({ pcr, digest: value }) => [pcr, value]))]]),
      signer,
      sessionNonce: nonce,
      permitId: randomUUID(),
      releaseKey,
      obfuscation: randomBytes(32),
    });
    return { release, digestInPermit: digest, releaseKey };
  }

  /** `tpm`: one that is interfered with. */
  unseal(
    session: ReleaseSession,
    { release, digestInPermit }: Pick<Answered, 'release' | 'digestInPermit'>,
    tpm: Tpm = this.tpm,
  ): Promise<Buffer> {
    const { binding, bundle } = this;
    const input = { session, binding, release, digestInPermit, bundle };
    return unsealRelease(attesterOf(tpm, this.ek), input);
  }
}

/** What the agent's functions take for the attester. */
function attesterOf(tpm: Tpm, ek: EndorsementKey) {
  const use = <T>(work: (tpm: Tpm, ek: EndorsementKey) => Promise<T>) => work(tpm, ek);
  return { use, useWithRoom: use };
}
