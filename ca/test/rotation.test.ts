import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import type { RotationStart } from '@touchstone/schemas';
import { type Postgres, startPostgres } from '../../test/support/postgres.ts';
import { startRotation } from '../rotation/index.ts';
import { listAuthorities, openRotations } from '../store/index.ts';
import { copyOf, type RotatingCa, rotatingTemplate, type Template } from './support/rotating-ca.ts';

const planned = (kind: 'issuing' | 'root', more: Partial<RotationStart> = {}): RotationStart => ({
  ...{ kind, mode: 'planned', auto: false, reason: 'a test' },
  ...more,
});

describe("rotating the CA's keys", () => {
  let postgres: Postgres;
  let template: Template;

  before(async () => {
    postgres = await startPostgres();
    template = await rotatingTemplate(postgres, 'rotating');
  });
  after(async () => {
    await postgres?.stop();
    await rm(template.dir, { recursive: true, force: true });
  });

  /** Until nothing changes any more: the verifier reports, the keeper goes on, the hosts follow. */
  const settle = async (ca: RotatingCa) => {
    for (let rounds = 0; rounds < 12 && (await openRotations(ca.pool)).length > 0; rounds += 1) {
      await ca.report();
      await ca.tick();
      await ca.follow();
    }
  };

  for (const kind of ['issuing', 'root'] as const) {
    it(`goes through all its phases by itself: ${kind}`, async () => {
      const ca = await copyOf(postgres, template, `all_${kind}`, ['h1', 'h2']);
      await startRotation(ca.context, planned(kind, { auto: true }));
      await settle(ca);
      const authorities = await listAuthorities(ca.pool);
      const states = authorities.map(({ role, state, reason }) => [role, state, reason]);
      assert.deepEqual(states, [
        ['root', kind === 'root' ? 'destroyed' : 'active', kind === 'root' ? 'retired' : null],
        ['issuing', 'destroyed', 'retired'],
        ...(kind === 'root' ? [['root', 'active', null]] : []),
        ['issuing', 'active', null],
      ]);
      await ca.close();
    });
  }
});
