import assert from 'node:assert/strict';
import { type LogEvent, parseEventLog } from '@touchstone/eventlog';
import type { Baseline } from '@touchstone/schemas';
import { application, firmwareLog, grub } from '../../../test/support/firmware-boot.ts';
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

  it('goes by the kernel and the command line that were measured last', () => {
    const banks = ['sha256'] as const;
    const guard = (events: Parameters<typeof firmwareLog>[0], knownToLock?: number) => {
      const log = parseEventLog(firmwareLog(events));
      assert.ok(log.format === 'crypto-agile');
      const quoted = new Map([4, 8].map((pcr) => [pcr, banks]));
      const believed = believedEvents(log, quoted);
      const documents = log.events.filter(({ index }) => index === knownToLock).map(lockingDown);
      const expected = new Set(log.events);
      return kexecGuard({ secureBoot: 'on', documents, expected, believed });
    };
    const lockingDown = (event: LogEvent) => {
      const { pcr, claimedTypeName: type, digests } = event;
      const sha256 = Buffer.from(digests[0]?.digest ?? []).toString('hex');
      const rule = {
        id: 'kernel',
        mode: 'enforce',
        pcr,
        type,
        allow: [{ sha256, lockdown: true }],
      };
      const baseline = { rules: [rule] } as unknown as Baseline;
      return { baseline, banks };
    };
    const kernels = [application('a.efi', 'one kernel'), application('b.efi', 'another')];
    assert.equal(guard(kernels, 2), 'locked-down');
    assert.equal(guard(kernels, 1), 'open');
    const [locked, loose] = ['/vmlinuz lockdown=integrity', '/vmlinuz'].map((line) =>
      grub('kernel_cmdline', line),
    );
    assert.ok(locked && loose);
    assert.equal(guard([loose, locked]), 'locked-down');
    assert.equal(guard([locked, loose]), 'open');
  });
});
