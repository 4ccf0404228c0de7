import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { RotationPhase, RotationStart } from '@touchstone/schemas';
import { attack } from '../../test/support/attack.ts';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import {
  advanceRotation,
  ownStatus,
  refuseAuthority,
  showRotation,
  startRotation,
  takeBackRotation,
  takeProgress,
} from '../rotation/index.ts';
import {
  listAuthorities,
  openRotations,
  readProgress,
  readReporter,
  rotationById,
} from '../store/index.ts';
import { leaveDrain } from '../rotation/drain.ts';
import { tidyUp } from '../rotation/go-on.ts';
import { planRotation } from '../rotation/plan.ts';
import { opensslAccepts } from './support/openssl-chain.ts';
import {
  assertSound,
  copyOf,
  makeReporter,
  type RotatingCa,
  rotatingTemplate,
  type Template,
} from './support/rotating-ca.ts';

const asked = (kind: 'issuing' | 'root', more: Partial<RotationStart> = {}): RotationStart => ({
  ...{ kind, mode: 'planned', auto: false, reason: 'a test' },
  ...more,
});
const codeOf = async (refused: Promise<unknown>) =>
  refused.then(
    () => assert.fail('it was not refused'),
    (error: { code?: string }) => error.code ?? 'none',
  );

describe("rotating the CA's keys", () => {
  let postgres: Postgres;
  let template: Template;
  const opened: RotatingCa[] = [];

  before(async () => {
    postgres = await startPostgres();
    template = await rotatingTemplate(postgres, 'rotating');
  });
  after(async () => {
    for (const ca of opened) await ca.close();
    await postgres?.stop();
    if (template !== undefined) await rm(template.dir, { recursive: true, force: true });
  });

  let copies = 0;
  const newCa = async (...hosts: string[]) => {
    const ca = await copyOf(postgres, template, `copy_${(copies += 1)}`, hosts);
    opened.push(ca);
    return ca;
  };
  const phaseOf = async (ca: RotatingCa, id: string) => (await rotationById(ca.pool, id))?.phase;
  /** The verifier reports, the hosts follow, and again, so that nothing is left to wait for. */
  const everybodyFollows = async (ca: RotatingCa) => {
    await ca.follow();
    await ca.report();
  };
  const advance = async (ca: RotatingCa, id: string, more: { force?: boolean } = {}) => {
    const from = (await phaseOf(ca, id)) ?? 'done';
    return advanceRotation(ca.context, { id, from, force: false, ...more });
  };
  const advanceTo = async (ca: RotatingCa, id: string, to: RotationPhase) => {
    for (let steps = 0; (await phaseOf(ca, id)) !== to && steps < 10; steps += 1) {
      await everybodyFollows(ca);
      await advance(ca, id);
      await assertSound(ca);
    }
    assert.equal(await phaseOf(ca, id), to);
  };
  /** Until nothing is open any more: the verifier reports, the keeper goes on, the hosts follow. */
  const settle = async (ca: RotatingCa) => {
    for (let rounds = 0; rounds < 12 && (await openRotations(ca.pool)).length > 0; rounds += 1) {
      await ca.report();
      await ca.tick();
      await assertSound(ca);
      await ca.follow();
    }
    assert.deepEqual(await openRotations(ca.pool), []);
  };
  const statesOf = async (ca: RotatingCa) =>
    (await listAuthorities(ca.pool)).map(({ role, state, reason }) =>
      [role, state, reason].filter((part) => part !== null).join(' '),
    );

  for (const kind of ['issuing', 'root'] as const) {
    it(`goes through all its phases by itself, and nobody is refused: ${kind}`, async () => {
      const ca = await newCa('one', 'two');
      const { epoch } = await ca.bundle();
      await startRotation(ca.context, asked(kind, { auto: true }));
      await settle(ca);
      const root = kind === 'root' ? 'root destroyed retired' : 'root active';
      assert.deepEqual(await statesOf(ca), [
        ...[root, 'issuing destroyed retired'],
        ...(kind === 'root' ? ['root active'] : []),
        'issuing active',
      ]);
      const after = await ca.bundle();
      assert.ok(after.epoch > epoch);
      assert.equal(after.anchors.length, 1);
      const refused = after.issuers.filter(({ state }) => state === 'refused');
      assert.deepEqual(
        refused.map(({ reason }) => reason),
        ['retired'],
      );
      // Whoever comes back with one of its certificates is asked to renew.
      assert.deepEqual(after.renewals, [{ issuerKeyId: refused[0]?.keyId }]);
    });

    it(`is taken back in each phase, and nobody is refused on the way: C3, ${kind}`, async () => {
      const ca = await newCa('one', 'two');
      const [{ keyId: before } = { keyId: '' }] = (await ca.bundle()).issuers;
      await attack('C3', async () => {
        for (const phase of [
          ...(['plan', 'stage', 'distribute', 'switch', 'reissue', 'drain'] as const),
        ]) {
          const { id } = await startRotation(ca.context, asked(kind));
          await advanceTo(ca, id, phase);
          // One has renewed since, the other has not.
          for (const host of ca.hosts.slice(0, 1)) await ca.renew(host);
          await takeBackRotation(ca.context, id);
          const { issuers } = await assertSound(ca);
          const [active] = issuers.filter(({ state }) => state === 'active');
          assert.equal(active?.keyId, before, phase);
          await ca.addHost(`at-${phase}-${kind}`);
          await settle(ca);
          assert.equal(await phaseOf(ca, id), 'rolled-back');
          assert.ok(ca.hosts.every(({ issuer }) => issuer === before));
          assert.equal(await codeOf(takeBackRotation(ca.context, id)), 'ROTATION_TOO_LATE');
        }
        return { outcome: 'HOLDS' };
      });
      const keys = await ca.context.issuance.keys();
      assert.deepEqual(keys.length, 2);
    });
  }

  it('gives certificates that openssl takes in every phase, under the old anchor and the new', async () => {
    const ca = await newCa('follows', 'old-anchor');
    const [follows, old] = ca.hosts;
    assert.ok(follows !== undefined && old !== undefined);
    const [before = ''] = old.anchors;
    const { id } = await startRotation(ca.context, asked('root'));
    for (const phase of [
      ...(['plan', 'stage', 'distribute', 'switch', 'reissue', 'drain'] as const),
    ]) {
      await advanceTo(ca, id, phase);
      for (const host of [follows, old]) {
        await ca.renew(host);
        for (const anchor of (await ca.bundle()).anchors) {
          const known = host.issuer === (await rotationById(ca.pool, id))?.newIssuing;
          if (anchor === before || known) await opensslAccepts(anchor, host.certificates);
        }
      }
      old.anchors = [before];
      await opensslAccepts(before, old.certificates);
    }
    await advanceTo(ca, id, 'retire');
    await ca.renew(follows);
    assert.equal(follows.certificates.length, 2);
    const { anchors } = await ca.bundle();
    assert.equal(anchors.length, 1);
    await opensslAccepts(anchors[0] ?? '', follows.certificates);
  });

  describe('waits', () => {
    it('for every host that has not the new anchor, by name; forced, that is written down: C1', async () => {
      const ca = await newCa('web-1', 'web-2', 'web-3');
      const { id } = await startRotation(ca.context, asked('root'));
      await advanceTo(ca, id, 'distribute');
      const [first, second, third] = ca.hosts;
      assert.ok(first !== undefined && second !== undefined && third !== undefined);
      third.away = true;
      first.anchors = (await ca.bundle()).anchors;
      await ca.report();
      await attack('C1', async () => {
        const refusal = (await advance(ca, id).catch((error: unknown) => error)) as {
          code: string;
          detail: string;
        };
        assert.match(refusal.detail, /web-2 has no trust bundle.*web-3 \(away\)/u);
        assert.doesNotMatch(refusal.detail, /web-1/u);
        return { outcome: 'R', code: refusal.code };
      });
      const rotation = await rotationById(ca.pool, id);
      assert.ok(rotation);
      const shown = await showRotation(ca.pool, rotation);
      assert.deepEqual([shown.done, shown.of, shown.blockerCount], [1, 3, 2]);
      assert.equal((await advance(ca, id, { force: true })).phase, 'switch');
      const forced = (await rotationById(ca.pool, id))?.forced;
      assert.deepEqual(
        forced?.map(({ phase, by, blockers }) => ({ phase, by, blockers })),
        [{ phase: 'distribute', by: 'ca', blockers: 2 }],
      );
      const { rows } = await postgres.query(
        ca.login.database,
        `SELECT detail FROM audit WHERE action = 'rotation.switch'`,
      );
      assert.deepEqual(rows, [{ detail: 'from distribute, although 2 stood against it' }]);
    });

    it('for the verifier, whose silence is no yes: ROTATION_BLOCKED', async () => {
      const ca = await newCa('one');
      const { id } = await startRotation(ca.context, asked('issuing'));
      await advance(ca, id);
      await advance(ca, id);
      assert.equal(await codeOf(advance(ca, id)), 'ROTATION_BLOCKED');
      await ca.report({ caEpoch: 1 });
      assert.equal(await codeOf(advance(ca, id)), 'ROTATION_BLOCKED');
      await ca.report();
      assert.equal((await advance(ca, id)).phase, 'switch');
    });

    it('for certificates that hosts which are away still have', async () => {
      const ca = await newCa('here', 'away');
      const { id } = await startRotation(ca.context, asked('issuing'));
      await advanceTo(ca, id, 'switch');
      for (const host of ca.hosts.filter(({ name }) => name === 'away')) host.away = true;
      await everybodyFollows(ca);
      await advanceTo(ca, id, 'drain');
      await ca.report();
      assert.equal(await codeOf(advance(ca, id)), 'ROTATION_BLOCKED');
      const { rotation } = await ownStatus(ca.pool, { custody: 'file' });
      assert.deepEqual(
        rotation?.blockers.map(({ subject, away }) => [subject, away]),
        [['away', true]],
      );
      const ends = new X509Certificate(ca.hosts.find(({ away }) => away)?.certificates[0] ?? '')
        .validToDate;
      assert.equal(rotation?.estimatedEnd, ends.toISOString());
      await postgres.query(
        ca.login.database,
        `UPDATE certificates SET not_before = not_before - interval '8 days', not_after = now()
          WHERE ek_ref = $1`,
        [ca.hosts.find(({ away }) => away)?.ekRef],
      );
      assert.equal((await advance(ca, id)).phase, 'retire');
    });
  });

  it('starts once, whoever starts it at the same time: C10', async () => {
    const ca = await newCa('one');
    const results = await Promise.allSettled(
      ['first', 'second', 'third'].map((reason) =>
        startRotation(ca.context, asked('issuing', { reason })),
      ),
    );
    const lost = results.filter((result) => result.status === 'rejected');
    assert.equal(lost.length, 2);
    for (const { reason } of lost) {
      await attack('C10', () => ({ outcome: 'R', code: (reason as { code: string }).code }));
    }
    const [{ id } = { id: '' }] = await openRotations(ca.pool);
    const from = 'plan' as const;
    const advanced = await Promise.allSettled(
      [1, 2, 3].map(() => advanceRotation(ca.context, { id, from, force: false })),
    );
    assert.equal(advanced.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(await phaseOf(ca, id), 'stage');
  });

  it('is never of the key that is in use alone: C6', async () => {
    const ca = await newCa('one');
    for (const { keyId } of await listAuthorities(ca.pool)) {
      await attack('C6', async () => {
        const refusal = refuseAuthority(ca.context, keyId, 'compromised');
        await assert.rejects(refusal, { remedy: /`touchstone ca rotate start`/u });
        return { outcome: 'R', code: await codeOf(refusal) };
      });
      await assert.rejects(
        ca.pool.query(
          `UPDATE authorities SET state = 'refused', reason = 'retired', refused_at = now()
            WHERE key_id = decode($1, 'hex')`,
          [keyId],
        ),
        { code: '23514' },
        'the database itself refuses it',
      );
    }
    assert.equal(
      await codeOf(refuseAuthority(ca.context, 'ab'.repeat(20), 'retired')),
      'AUTHORITY_UNKNOWN',
    );
    await assertSound(ca);
  });

  it('destroys the key of what is refused, though the process that refused it died', async () => {
    const ca = await newCa('one');
    const { id } = await startRotation(ca.context, asked('issuing'));
    await advanceTo(ca, id, 'switch');
    for (const host of ca.hosts) await ca.renew(host);
    await takeBackRotation(ca.context, id);
    const { newIssuing } = (await rotationById(ca.pool, id)) ?? assert.fail();
    const keyId = newIssuing ?? '';
    assert.equal(await codeOf(refuseAuthority(ca.context, keyId, 'retired')), 'ROTATION_UNDER_WAY');
    await ca.pool.query(
      `UPDATE rotations SET phase = 'rolled-back', ended_at = now() WHERE ended_at IS NULL`,
    );
    const { issuance } = ca.context;
    const dying = { ...issuance, destroyKey: () => Promise.reject(new Error('died')) };
    const refused = refuseAuthority({ ...ca.context, issuance: dying }, keyId, 'compromised');
    await assert.rejects(refused, /died/u);
    const held = async () => (await issuance.keys()).filter((key) => key.keyId === keyId).length;
    assert.equal(await held(), 1);
    await tidyUp(ca.context);
    assert.equal(await held(), 0);
    // Once more is no other reason, and no error.
    await refuseAuthority(ca.context, keyId, 'retired');
    const { reason } = (await listAuthorities(ca.pool)).find((one) => one.keyId === keyId) ?? {};
    assert.equal(reason, 'compromised');
  });

  it('takes no report by a key that another took the place of meanwhile: PROGRESS_FOREIGN', async () => {
    const ca = await newCa();
    await ca.report();
    const { report: progress } = (await readProgress(ca.pool)) ?? assert.fail();
    const later = { ...progress, at: new Date(Date.parse(progress.at) + 1).toISOString() };
    const other = makeReporter().jwk;
    const racing = Object.assign(Object.create(ca.pool) as typeof ca.pool, {
      query: ca.pool.query.bind(ca.pool),
      connect: async () => {
        await ca.pool.query('UPDATE ca_state SET reporter_key = $1', [JSON.stringify(other)]);
        return ca.pool.connect();
      },
    });
    const report = ca.reporter.sign(later);
    assert.equal(await codeOf(takeProgress(racing, { report })), 'PROGRESS_FOREIGN');
    assert.deepEqual((await readReporter(ca.pool)).key, other);
  });

  it('refuses no issuer by which a certificate was recorded since it was asked: ROTATION_BLOCKED', async () => {
    const ca = await newCa('one');
    for (const host of ca.hosts) host.away = true;
    const { id } = await startRotation(ca.context, asked('issuing'));
    await advanceTo(ca, id, 'drain');
    const drains = (await rotationById(ca.pool, id)) ?? assert.fail();
    // As if nothing had stood against it a moment ago.
    assert.equal(await codeOf(leaveDrain(ca.context, drains)), 'ROTATION_BLOCKED');
    const old = (await listAuthorities(ca.pool)).find(({ keyId }) => keyId === drains.oldIssuing);
    assert.deepEqual([old?.state, await phaseOf(ca, id)], ['verify-only', 'drain']);
  });

  it('never takes back what is refused, whoever asks the database', async () => {
    const ca = await newCa('one');
    await startRotation(ca.context, asked('issuing', { auto: true }));
    await settle(ca);
    await assert.rejects(
      ca.pool.query(
        `UPDATE authorities SET state = 'verify-only', reason = NULL, refused_at = NULL, destroyed_at = NULL
          WHERE state = 'destroyed'`,
      ),
      { code: '23514' },
    );
  });

  describe('of a compromised key', () => {
    for (const kind of ['issuing', 'root'] as const) {
      it(`refuses all old ones in the transaction that has the new ones, and comes to its end: ${kind}`, async () => {
        const ca = await newCa('one', 'two');
        const before = await ca.bundle();
        const { phase } = await startRotation(ca.context, asked(kind, { mode: 'compromise' }));
        assert.equal(phase, 'reissue');
        const bundle = await ca.bundle();
        assert.equal(bundle.anchors.length, 1);
        assert.equal(bundle.anchors[0] === before.anchors[0], kind === 'issuing');
        const [old] = before.issuers;
        const refused = bundle.issuers.filter(({ state }) => state === 'refused');
        assert.deepEqual(
          refused.map(({ keyId, reason }) => [keyId, reason]),
          [[old?.keyId, 'compromised']],
        );
        const [host] = ca.hosts;
        assert.ok(host);
        await ca.renew(host);
        assert.equal(host.certificates.length, 2, 'no cross-certificate');
        for (const other of ca.hosts) assert.ok(other.certificates.length === 2);
        await ca.follow();
        await settle(ca);
        const keys = await ca.context.issuance.keys();
        assert.equal(keys.length, 2, 'a stolen key is not kept');
      });
    }

    it('takes the place of a rotation that is under way, in any phase of it', async () => {
      const ca = await newCa('one');
      for (const phase of ['plan', 'stage', 'distribute', 'switch', 'drain'] as const) {
        const { id } = await startRotation(ca.context, asked('root'));
        await advanceTo(ca, id, phase);
        await startRotation(ca.context, asked('issuing', { mode: 'compromise' }));
        assert.equal(await phaseOf(ca, id), 'rolled-back');
        await ca.follow();
        await settle(ca);
        assert.equal((await ca.bundle()).anchors.length, 1);
        assert.equal((await ca.context.issuance.keys()).length, 2);
      }
    });

    it('stays where it took the place of another, whose keys nothing else refuses: ROTATION_TOO_LATE', async () => {
      for (const mode of ['rehearsal', 'planned'] as const) {
        const ca = await newCa('one');
        const [{ name, ekRef } = assert.fail()] = ca.hosts;
        const canaries = [{ name, ekRef: ekRef.toString('hex') }];
        const { id: first } = await startRotation(
          ca.context,
          asked('issuing', { mode, ...(mode === 'rehearsal' && { canaries }) }),
        );
        await advanceTo(ca, first, 'reissue');
        // As if this process died when it had planned it.
        const stolen = asked('issuing', { mode: 'compromise' });
        const { id } = await planRotation(ca.context, stolen);
        assert.equal(await codeOf(takeBackRotation(ca.context, id)), 'ROTATION_TOO_LATE');
        await ca.tick();
        const left = (await ca.bundle()).issuers.filter(({ state }) => state !== 'refused');
        assert.deepEqual(
          left.map(({ state }) => state),
          ['active'],
        );
      }
      const alone = await newCa('one');
      const { id } = await planRotation(alone.context, asked('root', { mode: 'compromise' }));
      await takeBackRotation(alone.context, id);
      assert.equal((await rotationById(alone.pool, id))?.phase, 'rolled-back');
    });

    it('vouches for nothing: no cross-certificate is made', async () => {
      const ca = await newCa('one');
      await startRotation(ca.context, asked('root', { mode: 'compromise' }));
      await ca.follow();
      assert.equal(ca.hosts[0]?.certificates.length, 2);
      const { rows } = await ca.pool.query('SELECT 1 FROM cross_certificates');
      assert.deepEqual(rows, []);
    });

    it('cannot be taken back: ROTATION_TOO_LATE', async () => {
      const ca = await newCa();
      const { id } = await startRotation(ca.context, asked('issuing', { mode: 'compromise' }));
      assert.equal(await codeOf(takeBackRotation(ca.context, id)), 'ROTATION_TOO_LATE');
    });
  });

  describe('in rehearsal', () => {
    for (const kind of ['issuing', 'root'] as const) {
      it(`goes through all phases with the canaries alone, and back: ${kind}`, async () => {
        const ca = await newCa('canary', 'other');
        const [canary, other] = ca.hosts;
        assert.ok(canary !== undefined && other !== undefined);
        const real = canary.issuer;
        const canaries = [{ name: canary.name, ekRef: canary.ekRef.toString('hex') }];
        const { id } = await startRotation(
          ca.context,
          asked(kind, { mode: 'rehearsal', canaries }),
        );
        await advanceTo(ca, id, 'drain');
        const thrownAway = (await rotationById(ca.pool, id))?.newIssuing;
        assert.deepEqual([canary.issuer, other.issuer], [thrownAway, real]);
        await opensslAccepts(other.anchors[0] ?? '', canary.certificates);
        await advanceTo(ca, id, 'retire');
        assert.deepEqual([canary.issuer, other.issuer], [real, real]);
        await advanceTo(ca, id, 'done');
        const active = (await listAuthorities(ca.pool)).filter(({ state }) => state === 'active');
        assert.equal(active.find(({ role }) => role === 'issuing')?.keyId, real);
        assert.equal((await ca.context.issuance.keys()).length, 2);
      });
    }

    it('has hosts that take part, which the CA knows: ROTATION_CANARIES, EK_UNKNOWN', async () => {
      const ca = await newCa();
      const rehearsal = asked('issuing', { mode: 'rehearsal' });
      assert.equal(await codeOf(startRotation(ca.context, rehearsal)), 'ROTATION_CANARIES');
      const canaries = [{ name: 'nobody', ekRef: 'ab'.repeat(32) }];
      const unknown = startRotation(ca.context, { ...rehearsal, canaries });
      assert.equal(await codeOf(unknown), 'EK_UNKNOWN');
      assert.deepEqual(await openRotations(ca.pool), []);
    });
  });
});
