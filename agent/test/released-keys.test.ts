import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mock } from 'node:test';
import type { PermitAnswer } from '@touchstone/schemas';
import { sealDiskKey } from '@touchstone/server';
import type { PermitOutcome } from '../gate/permit-batch.ts';
import { withKeys } from '../gate/released-keys.ts';
import type { ReleaseSession } from '../keys/release-session.ts';
import { type Answered, ReleaseHost } from './release-host.ts';
import { claimsFor } from './support/permit-keys.ts';

describe('the keys that come with the permits of one statement', () => {
  let host: ReleaseHost;
  before(async () => {
    host = await ReleaseHost.start('rsa-2048');
  });
  after(() => host?.stop());

  /** One VM: what was asked for it, its permit that names this release key, and its disk's key under the answer's. */
  function permitted(answered: Answered, digest: string) {
    const request = {
      ...{ requestId: randomUUID(), vm: randomUUID(), operation: 'start' as const },
      ...{ definitionDigest: 'ab'.repeat(32), imageDigests: [] },
    };
    const boot = { resetCount: 1, restartCount: 0, clock: 1n };
    const claims = {
      ...claimsFor({ request, hostId: randomUUID(), akName: '000b', challenge: 'AA', boot }),
      'touchstone.release': digest,
    };
    const [disk, key] = ['vda', randomBytes(32)];
    const to = { permitId: claims.jti, disk };
    const keys = [sealDiskKey(answered.releaseKey, key, to, randomBytes(12))];
    return { request, claims, disk, key, keys };
  }

  /** `further`: disks whose keys it needs and is not given. */
  type OneVm = Pick<ReturnType<typeof permitted>, 'request' | 'claims' | 'disk' | 'keys'> & {
    readonly further?: readonly string[];
  };

  async function opened(
    session: ReleaseSession,
    answered: Answered,
    vms: readonly OneVm[],
  ): Promise<readonly PermitOutcome[]> {
    const answers: PermitAnswer[] = vms.map(({ request: { requestId }, keys }) => {
      return { requestId, permit: 'a.b.c', keys };
    });
    const { release } = answered;
    return withKeys(
      {
        attestation: host.at,
        binding: () => Promise.resolve(host.binding),
        enrolment: { trustBundle: host.bundle },
      },
      {
        outcomes: vms.map(({ claims }) => ({ kind: 'permit', claims, keys: new Map() })),
        questions: vms.map(({ request, disk, further = [] }) => ({
          request,
          sealed: [disk, ...further],
        })),
        exchange: {
          answered: { result: 'a.b.c', state: 'trusted', verdict: 'affirming', answers, release },
          answers: new Map(answers.map((answer) => [answer.requestId, answer])),
        },
        session,
      },
    );
  }

  it('open where all permits name the one release key', async () => {
    const session = await host.session();
    const answered = await host.answer(session.nonce);
    const vms = [1, 2].map(() => permitted(answered, answered.digestInPermit));
    const outcomes = await opened(session, answered, vms);
    assert.deepEqual(
      outcomes.map((one) => one.kind === 'permit' && one.keys.get('vda')),
      vms.map(({ key }) => key),
    );
    await session.close();
  });

  it('stay closed, all of them, where one permit names another: RELEASE_UNEXPECTED', async () => {
    const session = await host.session();
    const answered = await host.answer(session.nonce);
    const vms = [answered.digestInPermit, 'ff'.repeat(32)].map((digest) =>
      permitted(answered, digest),
    );
    const outcomes = await opened(session, answered, vms);
    assert.deepEqual(
      outcomes.map((one) => one.kind === 'failure' && (one.error as { code?: string }).code),
      ['RELEASE_UNEXPECTED', 'RELEASE_UNEXPECTED'],
    );
    // Nothing of it reached the TPM: the session is as good as it was.
    (await host.unseal(session, answered)).fill(0);
    await session.close();
  });

  it('are read by a release key that is overwritten afterwards, whatever comes of it', async () => {
    const unsealed: Buffer[] = [];
    const { unseal } = host.tpm;
    host.tpm.unseal = async (input) => {
      const key = await unseal(input);
      unsealed.push(key);
      assert.ok(!key.equals(Buffer.alloc(32)));
      return key;
    };
    try {
      const session = await host.session();
      const answered = await host.answer(session.nonce);
      const good = permitted(answered, answered.digestInPermit);
      await opened(session, answered, [good, { ...good, keys: [] }]);
      await session.close();
    } finally {
      host.tpm.unseal = unseal;
    }
    assert.deepEqual(unsealed, [Buffer.alloc(32)]);
  });

  it('are overwritten where another that the VM needs is missing', async () => {
    const session = await host.session();
    const answered = await host.answer(session.nonce);
    const one = permitted(answered, answered.digestInPermit);
    const overwritten: Buffer[] = [];
    const { fill } = Buffer.prototype;
    const watched = mock.method(Buffer.prototype, 'fill', function (this: Buffer, value: number) {
      overwritten.push(Buffer.from(this));
      return fill.call(this, value);
    });
    try {
      const [outcome] = await opened(session, answered, [{ ...one, further: ['vdb'] }]);
      assert.equal(outcome?.kind, 'failure');
    } finally {
      watched.mock.restore();
      await session.close();
    }
    assert.ok(overwritten.some((bytes) => bytes.equals(one.key)));
  });

  it('are all there or the VM has no permit, and no other VM goes without: DISK_KEY_UNREADABLE', async () => {
    const session = await host.session();
    const answered = await host.answer(session.nonce);
    const [none, others, good] = [1, 2, 3].map(() => permitted(answered, answered.digestInPermit));
    assert.ok(none && others && good);
    const vms = [{ ...none, keys: [] }, { ...others, keys: good.keys }, good];
    const outcomes = await opened(session, answered, vms);
    assert.deepEqual(
      outcomes.map((one) =>
        one.kind === 'failure' ? (one.error as { code?: string }).code : one.kind,
      ),
      ['DISK_KEY_UNREADABLE', 'DISK_KEY_UNREADABLE', 'permit'],
    );
    await session.close();
  });
});
