import assert from 'node:assert/strict';
import { parseEventLog } from '@touchstone/eventlog';
import type { Baseline, BaselineRule } from '@touchstone/schemas';
import { explainEvents } from '../comparison/explain-events.ts';
import { ascii, event, firmwareLog, grub } from '../../test/support/firmware-boot.ts';

describe('a rule by words beside one that lets pass what else GRUB measures', () => {
  const RULES: BaselineRule[] = [
    {
      ...{ id: 'kernel-command-line', mode: 'enforce', pcr: 8, type: 'EV_IPL' },
      words: { require: ['root=UUID=*', 'ro'], deny: ['init=*'] },
    },
    { id: 'grub-commands', mode: 'observe', pcr: 8, type: 'EV_IPL' },
  ];
  const baseline: Baseline = {
    ...{ kind: 'baseline', part: 'commandLine', name: 'debian', version: 1 },
    match: { labels: {}, class: ['virtual'] },
    ...{ banks: ['sha256'], rules: RULES },
  };
  const GOOD = '/vmlinuz root=UUID=a ro';
  const judged = (...lines: Parameters<typeof firmwareLog>[0] & object) => {
    const { events } = parseEventLog(firmwareLog(lines));
    const measured = events.filter(({ pcr }) => pcr === 8);
    const documents = [{ baseline, banks: ['sha256' as const] }];
    const quoted = new Map([[8, ['sha256' as const]]]);
    const { unexplained, denied, unmet } = explainEvents(documents, measured, quoted);
    return [
      ...denied.map(({ effect }) => `denied ${effect}`),
      ...unexplained.map(({ effect }) => `unexplained ${effect}`),
      ...unmet.map(() => 'unmet'),
    ];
  };

  it('lets commands pass, and the line that fits', () => {
    const commands = [grub('grub_cmd', 'insmod gzio'), grub('grub_cmd', `linux ${GOOD}`)];
    assert.deepEqual(judged(...commands, grub('kernel_cmdline', GOOD)), []);
  });

  // Whoever has GRUB run the good line as a command can call it the kernel's.
  const DECOY = grub('kernel_cmdline', GOOD);
  const BAD = '/vmlinuz root=UUID=a ro init=/bin/sh';

  it('denies a line that is told as it was measured', () =>
    assert.ok(judged(DECOY, grub('kernel_cmdline', BAD)).includes('denied enforce')));

  it('does not let it pass where the log tells another text than was measured', () => {
    const garbled = event(8, 'EV_IPL', ascii('grub_cmd: insmod gzio\0'), ascii(BAD));
    assert.deepEqual(judged(DECOY, garbled), ['unexplained enforce']);
  });

  it('does not let a second line pass that the log calls a command', () => {
    const command = grub('grub_cmd', '/vmlinuz root=UUID=of-another ro single');
    assert.deepEqual(judged(DECOY, command), ['unexplained enforce']);
  });
});
