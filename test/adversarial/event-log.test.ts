import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { type Evidence, type Finding, VmStarts } from '@touchstone/schemas';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  type NewEvent,
  SOFTWARE_VENDOR_INFO,
} from '@touchstone/eventlog';
import { hash } from '@touchstone/tpm';
import { attack, type Observed } from '../support/attack.ts';
import { type Dishonesty } from '../support/dishonesty.ts';
import { GOOD_BOOT, logOf, type Measured } from '../support/measured-boot.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { permitOf, refusalOf } from '../support/refusals.ts';
import { startRequest, type TestHost } from '../support/test-host.ts';
import type { Touchstone } from '../support/touchstone.ts';
import { useTrustedHost } from '../support/trusted-host.ts';

const EV_NO_ACTION = 0x00000003;

const fileIn13 = (path: string, byte: string): Measured => ({
  pcr: 13,
  event: { kind: 'file', path, sha256: byte.repeat(32) },
});
/** PCR 13 with three events; two in PCR 9 and one in PCR 8. */
const SECOND = fileIn13('/etc/second.conf', 'b2');
const THIRD = fileIn13('/etc/third.conf', 'b3');
const BOOT: readonly Measured[] = [...GOOD_BOOT, SECOND, THIRD];
const EVIL = fileIn13('/etc/third.conf', 'ee');
const EVIL_BOOT = [...GOOD_BOOT, SECOND, EVIL];

const without = (...left: readonly Measured[]) => BOOT.filter((one) => !left.includes(one));
const ofPcr = (pcr: number) => BOOT.filter((one) => one.pcr === pcr);

const eventOf = ({ pcr, event }: Measured): NewEvent => ({
  pcr,
  type: EV_EVENT_TAG,
  data: encodeSoftwareEvent(event),
});
const logOfEvents = (events: readonly NewEvent[]) =>
  encodeEventLog({ vendorInfo: SOFTWARE_VENDOR_INFO, banks: ['sha256'], events });

describe('The event log', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: TestHost;

  useTrustedHost((scene) => void ({ touchstone, host } = scene), {
    boot: BOOT,
    vm: { uuid: vm, name: 'logged' },
  });

  const permits = async () =>
    (await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts)).starts.filter(
      ({ decision }) => decision === 'permitted',
    ).length;

  type Lie = Pick<Dishonesty, 'log' | 'statement'> & {
    /** What the host really booted. */
    readonly boot?: readonly Measured[];
    /** What nobody logged. */
    readonly extend?: number;
  };

  /**
   * A trusted host boots and lies about it: it is untrusted, gets no permit, and does not mend it by the
   * truth; after another boot and with an honest log it is trusted and gets its permit.
   */
  async function judged(
    { boot = BOOT, extend, ...lie }: Lie,
    expected: { readonly code: string; readonly subject?: string },
  ): Promise<Observed> {
    await host.reboot(boot);
    if (extend !== undefined) await host.extend(extend, Buffer.from('unlogged'));
    const before = await permits();
    const answer = await host.askForPermit(vm, lie);
    assert.equal(answer.verdict, 'contraindicated');
    assert.equal(refusalOf(answer).code, 'HOST_NOT_TRUSTED');
    assert.equal(await permits(), before, 'no permit is recorded');

    const { host: shown, findings, events } = await touchstone.explanation(host.name);
    assert.equal(shown.state, 'untrusted');
    const found = findings.find(
      ({ code, subject }) =>
        code === expected.code && (expected.subject === undefined || subject === expected.subject),
    );
    assert.ok(found, `no ${expected.code} of ${expected.subject} in ${textOf(findings)}`);
    assert.equal(found.effect, 'enforce');
    assert.ok(refusalOf(answer).codes.includes(found.code), 'the refusal names it too');
    for (const one of [...findings, ...events]) assertShowable(one);

    assert.equal((await host.attest()).state, 'untrusted', 'the truth comes too late');
    await host.reboot(BOOT);
    assert.ok(permitOf(await host.askForPermit(vm)), 'a boot later the honest log passes');
    return { outcome: 'U', code: found.code };
  }

  const mismatchOf = (pcr: number) => ({
    code: 'LOG_REPLAY_MISMATCH',
    subject: `PCR ${pcr} (sha256)`,
  });
  /** What systemd measures while the system runs is in a log of its own. */
  const missingFor = (pcr: number) => ({
    code: pcr === 11 || pcr === 15 ? 'USERSPACE_LOG_MISSING' : 'LOG_MISSING_FOR_PCR',
    subject: `PCR ${pcr} (sha256)`,
  });
  const malformed = { code: 'LOG_MALFORMED', subject: 'boot log' };
  const said = (boot: readonly Measured[]): Lie => ({ log: () => logOf(boot) });

  describe('that does not add up to its PCR makes its host untrusted', () => {
    const [kernel] = ofPcr(9);
    assert.ok(kernel);
    const lies: Readonly<Record<string, readonly [Lie, number]>> = {
      'without its last event': [said(without(THIRD)), 13],
      'without one from the middle': [said(without(SECOND)), 13],
      'without the first event of a PCR': [said(without(kernel)), 9],
      'with two events exchanged': [said([...GOOD_BOOT, THIRD, SECOND]), 13],
      'with an event twice': [said([...BOOT, THIRD]), 13],
      'of a good boot, in a bad one': [{ ...said(BOOT), boot: EVIL_BOOT }, 13],
      'that leaves out what was measured beside the good': [
        { ...said(BOOT), boot: [...BOOT, EVIL] },
        13,
      ],
      'with an event as one that extends nothing': [
        {
          log: () =>
            logOfEvents([
              ...without(THIRD).map(eventOf),
              { ...eventOf(THIRD), type: EV_NO_ACTION },
            ]),
        },
        13,
      ],
    };
    for (const [title, [lie, pcr]] of Object.entries(lies)) {
      it(`${title}: L1`, () => attack('L1', () => judged(lie, mismatchOf(pcr))));
    }
  });

  describe('that tells nothing of a PCR whose value is not zero makes its host untrusted', () => {
    for (const pcr of [8, 9, 13]) {
      it(`without all events of PCR ${pcr}: L2`, () =>
        attack('L2', () => judged(said(without(...ofPcr(pcr))), missingFor(pcr))));
    }
    for (const pcr of [7, 11, 14]) {
      it(`where something unlogged was measured into PCR ${pcr}: L2`, () =>
        attack('L2', () => judged({ extend: pcr }, missingFor(pcr))));
    }
    it('where there is none: L2', () =>
      attack('L2', () => judged({ log: () => null }, missingFor(13))));
  });

  describe('that would be read in two ways makes its host untrusted', () => {
    it('with the digest that was extended over the data of another: LOG_WRONG_FOR_CLASS', async () => {
      const digests = [{ bank: 'sha256' as const, digest: hash('sha256', eventOf(EVIL).data) }];
      const events = [...without(THIRD).map(eventOf), { ...eventOf(THIRD), digests }];
      await judged(
        { boot: EVIL_BOOT, log: () => logOfEvents(events) },
        { code: 'LOG_WRONG_FOR_CLASS', subject: 'event 6 in PCR 13' },
      );
    });

    it('with two digests of one bank in an event: LOG_MALFORMED', async () => {
      const [bank, good, evil] = ['sha256', eventOf(THIRD), eventOf(EVIL)] as const;
      const digests = [evil, good].map(({ data }) => ({ bank, digest: hash(bank, data) }));
      const events = [...without(THIRD).map(eventOf), { ...good, digests }];
      await judged({ boot: EVIL_BOOT, log: () => logOfEvents(events) }, malformed);
    });

    it('when there are two of them, or one is named twice: LOG_AMBIGUOUS', async () => {
      const twice: Dishonesty['statement'] = (honest) => ({
        ...honest,
        logs: [...honest.logs, ...honest.logs],
      });
      await judged({ statement: twice }, { code: 'LOG_AMBIGUOUS', subject: 'boot log' });
    });

    it('cut off in the middle of an event: LOG_MALFORMED', () =>
      judged({ log: (honest) => honest.subarray(0, -1) }, malformed));

    it('that is no log at all: LOG_MALFORMED', () =>
      judged({ log: () => Buffer.from('not a log') }, malformed));
  });

  describe('that is not the one that its statement names is refused, and the host stays trusted', () => {
    const other = logOf(without(THIRD));
    const swaps: Readonly<Record<string, (blobs: Evidence['blobs']) => Evidence['blobs']>> = {
      LOG_BLOB_MISSING: () => ({}),
      LOG_BLOB_MISMATCH: (blobs) =>
        Object.fromEntries(Object.keys(blobs).map((digest) => [digest, base64Url(other)])),
      LOG_BLOB_UNREFERENCED: (blobs) => ({ ...blobs, [sha256(other)]: base64Url(other) }),
    };
    for (const [code, swap] of Object.entries(swaps)) {
      it(`with what was sent exchanged afterwards: ${code}`, async () => {
        const evidence = await host.evidence('permit', { permits: [startRequest(vm)] });
        const swapped = { ...evidence, blobs: swap(evidence.blobs) };
        const refused = await refusedWithoutTrace(touchstone, () => host.deliverForPermit(swapped));
        assert.equal(refused.code, code);
        assert.equal((await touchstone.host(host.name)).host.state, 'trusted');
        assert.ok(permitOf(await host.deliverForPermit(evidence)));
      });
    }

    it('with another size stated: LOG_BLOB_MISMATCH', async () => {
      const statement: Dishonesty['statement'] = (honest) => ({
        ...honest,
        logs: honest.logs.map((one) =>
          one.kind === 'boot' ? { ...one, size: one.size + 1 } : one,
        ),
      });
      const refused = await refusedWithoutTrace(touchstone, () => host.attest({ statement }));
      assert.equal(refused.code, 'LOG_BLOB_MISMATCH');
    });
  });

  describe('whose texts are meant for more than reading', () => {
    const nasty = '\u001b]0;pwned\u0007\u009b\u202e\u2028<script>alert(1)</script>';
    for (const path of [`/etc/${nasty}`, `/etc/${nasty}${'/漢'.repeat(2_000)}`]) {
      it(`is shown as text, of ${path.length} characters too: EVENT_UNEXPLAINED`, async () => {
        const boot = [...BOOT, fileIn13(path, 'ee')];
        await judged({ boot, log: () => logOf(boot) }, { code: 'EVENT_UNEXPLAINED' });
      });
    }

    it('is answered with as much as an answer holds, of five hundred such events', async () => {
      const more = Array.from({ length: 500 }, (_, at) =>
        fileIn13(`/etc/${at}${'/漢'.repeat(1_000)}`, 'ee'),
      );
      const boot = [...BOOT, ...more];
      await judged({ boot, log: () => logOf(boot) }, { code: 'EVENT_UNEXPLAINED' });
    });
  });
});

/** Control characters, line separators and changes of direction drive terminals and pages. */
function assertShowable(shown: object): void {
  for (const value of Object.values(shown) as unknown[]) {
    if (typeof value !== 'string') continue;
    assert.doesNotMatch(value, /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
  }
}

const base64Url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const textOf = (findings: readonly Finding[]) =>
  findings.map(({ code, subject }) => `${code} (${subject})`).join(', ');
