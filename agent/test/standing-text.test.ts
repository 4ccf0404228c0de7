import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { GateStanding, RunningVm } from '@touchstone/schemas';
import { standingText } from '../commands/standing-text.ts';

describe('touchstone-agent status, of the gate', () => {
  const vm = (of: Partial<RunningVm>): RunningVm => ({
    ...{ vm: randomUUID(), name: 'web', door: 'libvirt', permit: randomUUID(), paused: false },
    since: '2026-11-22T17:01:02.000Z',
    ...of,
  });
  const standing = (of: Partial<GateStanding>): GateStanding => ({
    ...{ running: [], exposures: [], omitted: 0, licences: 0, observesUntil: null },
    ...of,
  });
  const exposure = {
    code: 'QEMU_BY_HAND',
    subject: 'qemu-system-x86_64, process 4711',
    detail: `It gives itself the name ${'x'.repeat(64)} and no UUID; no door of the gate started it.`,
    vm: null,
    since: '2026-11-22T17:01:02.000Z',
  };

  it('says in words that nothing runs and nothing goes round it', () => {
    assert.deepEqual(standingText(standing({})), [
      'VMs        none runs',
      'licences   none: without a verdict no VM starts',
      'exposures  none',
    ]);
  });

  it('says of each VM by which door it came, and shouts where it had no permit', () => {
    const running = [vm({}), vm({ name: 'db', door: null, permit: null, paused: true })];
    const [count, first, second] = standingText(standing({ running }));
    assert.equal(count, 'VMs        2 run');
    assert.match(first ?? '', /^ {2}web {29}libvirt {2}permitted {2}since 2026-11-22 17:01Z$/u);
    assert.match(second ?? '', /^ {2}db {30}by hand {2}NO PERMIT {2}paused 2026-11-22 17:01Z$/u);
  });

  it('has a remedy for each exposure, and lines of less than 80 columns', () => {
    const running = Array.from({ length: 30 }, () => vm({ name: 'n'.repeat(128) }));
    const observesUntil = '2026-12-01T00:00:00.000Z';
    const exposures = [exposure, { ...exposure, code: 'VM_WITHOUT_PERMIT', vm: randomUUID() }];
    const lines = standingText(standing({ running, exposures, licences: 2, observesUntil }));
    assert.ok(
      lines.every((line) => line.length < 80),
      lines.join('\n'),
    );
    assert.ok(lines.includes('  and 10 more: --json'));
    assert.ok(lines.includes('observing  until 2026-12-01 00:00Z: no start is refused'));
    assert.equal(lines.filter((line) => line.startsWith('    to do: ')).length, 2);
  });
});
