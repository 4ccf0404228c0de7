import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import type { RotationStart } from '@touchstone/schemas';
import { attack } from '../../test/support/attack.ts';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { listAuthorities, openRotations } from '../store/index.ts';
import { type Errand, liveUntil, stateOf } from './support/mortal-ca.ts';
import { liveInProcess } from './support/mortal-process.ts';
import {
  assertSound,
  copyOf,
  type RotatingCa,
  rotatingTemplate,
  type Template,
} from './support/rotating-ca.ts';

const asked = (more: Partial<RotationStart>): RotationStart => ({
  ...{ kind: 'root', mode: 'planned', auto: true, reason: 'a test of kills' },
  ...more,
});

describe('a rotation whose process is killed', () => {
  let postgres: Postgres;
  let template: Template;
  const opened: RotatingCa[] = [];
  let kills = 0;

  before(async () => {
    postgres = await startPostgres();
    template = await rotatingTemplate(postgres, 'killed');
  });
  after(async () => {
    for (const ca of opened) await ca.close();
    await postgres?.stop();
    if (template !== undefined) await rm(template.dir, { recursive: true, force: true });
  });

  /**
   * From each state on, processes that die before their first change, their second, and so on, until one of them has
   * left another state behind; and again from there, until the rotation is over. So it dies before and after every change
   * that there is, and most often several times in a row.
   */
  const dieEverywhere = async (
    ca: RotatingCa,
    errandOf: () => Promise<Errand | undefined>,
    { refusing = false } = {},
  ) => {
    let [state, nth, before] = [await stateOf(ca), 1, (await ca.bundle()).epoch];
    for (;;) {
      const errand = await errandOf();
      if (errand === undefined) return;
      const died = await liveUntil(ca, errand, { nth });
      if (died) {
        kills += 1;
        await ca.aloneAgain();
      }
      const { epoch } = await assertSound(ca, { refusing });
      assert.ok(epoch >= before, 'an epoch fell');
      before = epoch;
      const now = await stateOf(ca);
      if (now !== state) {
        // Whoever comes at this moment gets a certificate that is believed.
        for (const host of ca.hosts.slice(0, 1)) await ca.renew(host);
        await assertSound(ca, { refusing });
      }
      if (!died) {
        await ca.follow();
        await ca.report();
      }
      nth = died && now === state ? nth + 1 : 1;
      state = now;
    }
  };
  const ended = async (ca: RotatingCa) => {
    assert.deepEqual(await openRotations(ca.pool), []);
    const keys = await ca.context.issuance.keys();
    const active = (await listAuthorities(ca.pool)).filter(({ state }) => state === 'active');
    assert.deepEqual(
      keys.map(({ keyId }) => keyId).toSorted(),
      active.map(({ keyId }) => keyId).toSorted(),
    );
  };
  const startOnce = (ca: RotatingCa, start: RotationStart) => async () => {
    const { rows } = await ca.pool.query<{ ended: boolean }>(
      'SELECT ended_at IS NOT NULL AS ended FROM rotations',
    );
    if (rows[0] === undefined) return { do: 'start', asked: start } as const;
    return rows[0].ended ? undefined : ({ do: 'go-on' } as const);
  };

  for (const [name, start] of [
    ['of the root', asked({})],
    ['of the issuing key', asked({ kind: 'issuing' })],
    ['of compromised keys', asked({ mode: 'compromise' })],
  ] as const) {
    it(`goes on from every moment, and nobody is refused: C4, ${name}`, async () => {
      const ca = await copyOf(postgres, template, `k${opened.length}`, ['one', 'two']);
      opened.push(ca);
      const before = kills;
      await attack('C4', async () => {
        const refusing = start.mode === 'compromise';
        await dieEverywhere(ca, startOnce(ca, start), { refusing });
        await ended(ca);
        return { outcome: 'HOLDS' };
      });
      assert.ok(kills - before >= 30, `killed ${kills - before} times only`);
    });
  }

  const takenBackEverywhere = async (ca: RotatingCa, id: string) =>
    attack('C4', async () => {
      await dieEverywhere(ca, async () => {
        const [open] = await openRotations(ca.pool);
        if (open === undefined) return undefined;
        return open.phase === 'rolling-back' ? { do: 'go-on' } : { do: 'take-back', id };
      });
      await ended(ca);
      return { outcome: 'HOLDS' };
    });

  it('is taken back from every moment: C4, half staged', async () => {
    const ca = await copyOf(postgres, template, `k${opened.length}`, ['one']);
    opened.push(ca);
    const before = kills;
    const died = await liveUntil(ca, { do: 'start', asked: asked({}) }, { nth: 15 });
    await ca.aloneAgain();
    const [{ id, phase } = { id: '', phase: '' }] = await openRotations(ca.pool);
    assert.deepEqual([died, phase], [true, 'stage']);
    assert.ok((await ca.context.issuance.keys()).length > 2, 'a key was made');
    await takenBackEverywhere(ca, id);
    assert.ok(kills - before >= 10, `killed ${kills - before} times only`);
  });

  it('is taken back from every moment: C4, drain', async () => {
    const ca = await copyOf(postgres, template, `k${opened.length}`, ['one']);
    opened.push(ca);
    const before = kills;
    const { id } = await ca.rotateTo(asked({ auto: false }), 'drain');
    await takenBackEverywhere(ca, id);
    assert.ok(kills - before >= 10, `killed ${kills - before} times only`);
  });

  it('goes on after SIGKILL in a process of its own, here and there', async () => {
    const ca = await copyOf(postgres, template, `k${opened.length}`, ['one']);
    opened.push(ca);
    const errandOf = startOnce(ca, asked({}));
    for (const nth of [9, 17, 5, 7]) {
      const errand = await errandOf();
      if (errand !== undefined && (await liveInProcess(ca, errand, { nth }))) kills += 1;
      await ca.aloneAgain();
      await assertSound(ca);
      await ca.follow();
      await ca.report();
    }
    for (let errand = await errandOf(); errand !== undefined; errand = await errandOf()) {
      await liveUntil(ca, errand, { nth: 0 });
      await ca.follow();
      await ca.report();
    }
    await ended(ca);
  });

  it('was killed often enough to mean something', () => {
    console.log(`      ${kills} kills`);
    assert.ok(kills > 150, `${kills} kills`);
  });
});
