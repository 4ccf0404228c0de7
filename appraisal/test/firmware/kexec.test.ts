import assert from 'node:assert/strict';
import { parseEventLog } from '@touchstone/eventlog';
import { firmwareLog, grub } from '../../../test/support/firmware-boot.ts';
import { believedEvents } from '../../firmware/believed-events.ts';
import { kexecFindings, kexecGuard, withIma } from '../../firmware/kexec.ts';

describe('what kexec does to the verdict', () => {
  const said = (...asked: Parameters<typeof kexecFindings>) =>
    kexecFindings(...asked).map(({ effect, code }) => `${effect} ${code}`);
  const ima = { measured: false, bootAggregates: 1 };

  it('enforces where a host with a chip leaves it open: KEXEC_UNMEASURED', () => {
    for (const held of ['discrete', 'firmware', 'virtual'] as const) {
      assert.deepEqual(said(held, 'open'), ['enforce KEXEC_UNMEASURED']);
      assert.deepEqual(said(held, 'open', ima), ['enforce KEXEC_UNMEASURED']);
      assert.deepEqual(said(held, 'locked-down'), []);
      assert.deepEqual(said(held, 'absent'), []);
    }
  });

  it('finds nothing where IMA measures every kernel', () => {
    const measured = { ...ima, measured: true };
    assert.equal(withIma('open', measured), 'measured');
    assert.equal(withIma('open', ima), 'open');
    assert.deepEqual(said('discrete', 'measured', measured), []);
  });

  it('warns for a software TPM, whatever is known of its kernel', () => {
    assert.deepEqual(said('software', 'open'), ['warn KEXEC_UNMEASURED']);
    assert.deepEqual(said('software', 'locked-down'), ['warn KEXEC_UNMEASURED']);
  });

  it('enforces where a second kernel began in one boot: KEXEC_SEEN', () => {
    const twice = { measured: true, bootAggregates: 2 };
    assert.deepEqual(said('discrete', 'locked-down', twice), ['enforce KEXEC_SEEN']);
    assert.deepEqual(said('software', 'open', twice), ['warn KEXEC_UNMEASURED', 'warn KEXEC_SEEN']);
  });

  it('is held off by what the kernel reads of its command line, and not by what it hands to init', () => {
    const guard = (line: string, secureBoot: 'on' | 'off' = 'on', isExpected = true) => {
      const log = parseEventLog(firmwareLog([grub('kernel_cmdline', line)]));
      assert.ok(log.format === 'crypto-agile');
      const believed = believedEvents(log, new Map([[8, ['sha256' as const]]]));
      const expected = new Set(isExpected ? log.events : []);
      return kexecGuard({ secureBoot, documents: [], expected, believed });
    };
    assert.equal(guard('/vmlinuz sysctl.kernel.kexec_load_disabled=1'), 'absent');
    assert.equal(guard('/vmlinuz lockdown=integrity'), 'locked-down');
    assert.equal(guard('/vmlinuz lockdown=integrity', 'off'), 'open');
    assert.equal(guard('/vmlinuz lockdown=integrity', 'on', false), 'open');
    assert.equal(
      guard('/vmlinuz -- lockdown=integrity sysctl.kernel.kexec_load_disabled=1'),
      'open',
    );
  });
});
