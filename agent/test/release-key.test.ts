import assert from 'node:assert/strict';
import { randomBytes, randomUUID, sign } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sealDiskKey } from '@touchstone/server';
import { encodeTpmtSignature, hash, policySignedMessage } from '@touchstone/tpm';
import { AppError } from '@touchstone/transport';
import { type Tpm, TpmError } from 'node-tpm2-tss-bindings';
import { attack } from '../../test/support/attack.ts';
import { openDiskKey } from '../keys/open-disk-key.ts';
import { loadBindingKey } from '../tpm/binding-key.ts';
import { bundleOf, claimsFor, makePermitKey, signPermit } from './support/permit-keys.ts';
import { verifyPermit } from '../gate/permit.ts';
import { type Answered, makeSigner, ReleaseHost } from './release-host.ts';

const TPM_ALG_SHA256 = 0x000b;

describe('a release key', () => {
  for (const kind of ['rsa-2048', 'ecc-p384'] as const) {
    describe(`for the binding key below an EK of ${kind}`, () => releaseKeysOf(kind));
  }
});

function releaseKeysOf(kind: 'rsa-2048' | 'ecc-p384'): void {
  let host: ReleaseHost;
  before(async () => {
    host = await ReleaseHost.start(kind);
  });
  after(() => host?.stop());

  /** By the server's own key, for another time than its minute. */
  function signedFor(answered: Answered, nonceTpm: Uint8Array, expiration: number): Answered {
    const policyRef = hash('sha256', Buffer.from(answered.release.permitId, 'utf8'));
    const message = policySignedMessage({ nonceTpm, expiration, policyRef });
    const key = { key: host.server.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    const signed = sign('sha256', message, key);
    const [r, s] = [signed.subarray(0, 32), signed.subarray(32)];
    const encoded = encodeTpmtSignature({ sigAlg: 'ecdsa', hash: 'sha256', r, s });
    const signature = Buffer.from(encoded).toString('base64url');
    return { ...answered, release: { ...answered.release, expiration, signature } };
  }

  /** Fails in the TPM, at that command and with that response code. */
  async function refusedAt(
    command: string,
    rcName: string,
    unsealing: Promise<Buffer>,
  ): Promise<{ outcome: 'R'; code: string }> {
    try {
      (await unsealing).fill(0);
    } catch (error) {
      const cause = error instanceof AppError ? error.cause : error;
      if (!(cause instanceof TpmError)) throw error;
      assert.deepEqual([cause.command, cause.rcName], [command, rcName], cause.message);
      return { outcome: 'R', code: cause.rcName };
    }
    return assert.fail('it was unsealed');
  }

  it('comes out in the session that it was made for, and opens the disks’ keys', async () => {
    const session = await host.session();
    const answered = await host.answer(session.nonce);
    const releaseKey = await host.unseal(session, answered);
    assert.deepEqual(releaseKey, answered.releaseKey);
    const { permitId } = answered.release;
    const diskKey = Buffer.from('a key of a disk');
    const to = { permitId, disk: 'vda' };
    const sealed = sealDiskKey(releaseKey, diskKey, to, randomBytes(12));
    assert.deepEqual(openDiskKey(releaseKey, sealed, permitId), diskKey);
    for (const [wrong, permit] of [
      [{ ...sealed, disk: 'vdb' }, permitId],
      [sealed, randomUUID()],
      [{ ...sealed, sealed: sealed.sealed.slice(0, -4) }, permitId],
      [{ ...sealed, sealed: 'AAAA' }, permitId],
    ] as const) {
      assert.throws(() => openDiskKey(releaseKey, wrong, permit), { code: 'DISK_KEY_UNREADABLE' });
    }
    await session.close();
  });

  it('is none where it is longer or shorter than it has to be: RELEASE_UNEXPECTED', async () => {
    for (const bytes of [16, 31, 33, 64]) {
      const session = await host.session();
      const answered = await host.answer(session.nonce, host.server, randomBytes(bytes));
      const unsealed = host.unseal(session, answered);
      await assert.rejects(unsealed, { code: 'RELEASE_UNEXPECTED' }, `${bytes} bytes`);
      await session.close();
    }
  });

  describe('stays in the TPM: G21', () => {
    it('in another session, by its own nonce and by the other’s', async () => {
      const [mine, other] = [await host.session(), await host.session()];
      const answered = await host.answer(mine.nonce);
      await attack('G21', () =>
        refusedAt('TPM2_PolicySigned', 'TPM_RC_SIGNATURE', host.unseal(other, answered)),
      );
      const posing = { ...other, nonce: mine.nonce };
      await attack('G21', () =>
        refusedAt('TPM2_PolicySigned', 'TPM_RC_NONCE', host.unseal(posing, answered)),
      );
      await Promise.all([mine.close(), other.close()]);
    });

    it('a second time', async () => {
      const session = await host.session();
      const answered = await host.answer(session.nonce);
      (await host.unseal(session, answered)).fill(0);
      await attack('G21', () =>
        refusedAt('TPM2_PolicySigned', 'TPM_RC_NONCE', host.unseal(session, answered)),
      );
      await session.close();
    });

    it('in a session that is held past its time, and one that comes too late', async () => {
      const session = await host.session();
      const answered = await host.answer(session.nonce);
      const { time } = await host.tpm.readClock();
      const brief = signedFor(answered, session.nonce, 1);
      const later = async () => {
        while ((await host.tpm.readClock()).time < time + 1_100n) await sleep(50);
      };
      const held: Tpm = {
        ...host.tpm,
        unseal: async (input) => (await later(), host.tpm.unseal(input)),
      };
      await attack('G21', () =>
        refusedAt('TPM2_Unseal', 'TPM_RC_EXPIRED', host.unseal(session, brief, held)),
      );
      await attack('G21', () =>
        refusedAt('TPM2_PolicySigned', 'TPM_RC_EXPIRED', host.unseal(session, brief)),
      );
      await session.close();
    });

    it('when a release PCR was extended, before PolicyPCR and after it: start over', async () => {
      const extend = () =>
        host.tpm.pcrExtend(8, [{ alg: TPM_ALG_SHA256, digest: randomBytes(32) }]);
      const changed = { code: 'RELEASE_PCRS_CHANGED' };
      for (const [rcName, meanwhile] of [
        ['TPM_RC_POLICY_FAIL', 'policyPcr'],
        ['TPM_RC_PCR_CHANGED', 'unseal'],
      ] as const) {
        const session = await host.session();
        const answered = await host.answer(session.nonce);
        const tpm: Tpm = {
          ...host.tpm,
          [meanwhile]: async (...args: never[]) => {
            await extend();
            return (host.tpm[meanwhile] as (...given: never[]) => unknown)(...args);
          },
        };
        const unsealing = host.unseal(session, answered, tpm);
        await attack('G21', () => refusedAt('TPM2_Unseal', rcName, unsealing));
        await assert.rejects(unsealing, changed);
        await session.close();
      }
    });

    it('after a suspend (G4: no session survives it)', async () => {
      const session = await host.session();
      const answered = await host.answer(session.nonce);
      const suspended: Tpm = {
        ...host.tpm,
        policyPcr: async (...args) => (await host.suspend(), host.tpm.policyPcr(...args)),
      };
      await attack('G21', () =>
        refusedAt(
          'TPM2_PolicyPCR',
          'TPM_RC_REFERENCE_H0',
          host.unseal(session, answered, suspended),
        ),
      );
      await host.reboot();
    });

    it('after a reboot', async () => {
      const session = await host.session();
      const answered = await host.answer(session.nonce);
      await host.reboot();
      const another = await host.session();
      const posing = { ...another, nonce: session.nonce };
      await attack('G21', () =>
        refusedAt('TPM2_PolicySigned', 'TPM_RC_NONCE', host.unseal(posing, answered)),
      );
      await another.close();
    });

    it('of another host', async () => {
      const session = await host.session();
      const answered = await host.answer(session.nonce);
      const own = host.binding;
      await host.enrol();
      await attack('G21', () =>
        refusedAt('TPM2_Import', 'TPM_RC_INTEGRITY', host.unseal(session, answered)),
      );
      host.binding = own;
      await session.close();
    });
  });

  it('is not imported where no permit names it, whoever made it: G22', async () => {
    const session = await host.session();
    const answered = await host.answer(session.nonce);
    const thief = makeSigner(host.server.kid);
    const forged = await host.answer(session.nonce, thief);
    const imported: string[] = [];
    const tpm: Tpm = {
      ...host.tpm,
      import: (input) => (imported.push('import'), host.tpm.import(input)),
    };
    // In the place of the right one; with a part of it changed; by a key that no bundle names.
    const { digestInPermit } = answered;
    for (const [release, digest] of [
      [forged.release, digestInPermit],
      [{ ...answered.release, seed: forged.release.seed }, digestInPermit],
      [{ ...answered.release, kid: 'permit-1' }, digestInPermit],
      [answered.release, ''],
    ] as const) {
      await attack('G22', () =>
        rejectedWith(host.unseal(session, { release, digestInPermit: digest }, tpm)),
      );
    }
    assert.deepEqual(imported, []);
    // A permit that names it is the server's, or none.
    const [permitKey, otherKey] = [await makePermitKey('p'), await makePermitKey('p')];
    const request = { ...REQUEST, requestId: randomUUID(), vm: randomUUID() };
    const pending = { request, hostId: randomUUID(), akName: '000b', challenge: 'AA', askedAt: 0 };
    const boot = { resetCount: 1, restartCount: 0, clock: 1n };
    const claims = claimsFor({ ...pending, boot });
    const named = { ...claims, 'touchstone.release': forged.digestInPermit };
    const permit = await signPermit(named, otherKey);
    const bundle = bundleOf(permitKey, await makePermitKey('r'));
    await attack('G22', () =>
      rejectedWith(verifyPermit(permit, pending, bundle, { bootTime: 1, boot })),
    );
    (await host.unseal(session, answered)).fill(0);
    await session.close();
  });

  it('is gone after TPM2_Clear, also once the counters have come back to where they were: G26', async () => {
    const before = await host.tpm.readClock();
    const session = await host.session();
    const answered = await host.answer(session.nonce);
    await host.meanwhile('tpm2_clear', '-c', 'lockout');
    await host.reboot();
    const nothingOpens = () =>
      attack('G26', async () => {
        await assert.rejects(loadBindingKey(host.tpm, host.ek, host.binding), (error) => {
          assert.ok(error instanceof TpmError);
          assert.equal(error.rc & 0xfff, 0x1df, error.message);
          return true;
        });
        const again = await host.session();
        await refusedAt('TPM2_Load', 'TPM_RC_INTEGRITY', host.unseal(again, answered));
        await again.close();
        return { outcome: 'HOLDS' };
      });
    await nothingOpens();
    while ((await host.tpm.readClock()).resetCount < before.resetCount) await host.reboot();
    assert.equal((await host.tpm.readClock()).resetCount, before.resetCount);
    await nothingOpens();
    // A key that is made anew is another one: what was sealed for the old one is not for it.
    await host.enrol();
    const again = await host.session();
    await refusedAt('TPM2_Import', 'TPM_RC_INTEGRITY', host.unseal(again, answered));
    await again.close();
  });
}

const REQUEST = {
  operation: 'start' as const,
  definitionDigest: 'ab'.repeat(32),
  imageDigests: [],
};

/** Before anything reaches the TPM. */
async function rejectedWith(work: Promise<unknown>): Promise<{ outcome: 'R'; code: string }> {
  const error = await work.then(
    () => assert.fail('it was taken'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof AppError, String(error));
  return { outcome: 'R', code: error.code };
}
