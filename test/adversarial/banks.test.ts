import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  type NewEvent,
  SOFTWARE_VENDOR_INFO,
} from '@touchstone/eventlog';
import type { Evidence, Selection } from '@touchstone/schemas';
import { hash, TPM_ALG_SHA1 } from '@touchstone/tpm';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { attack, type Observed } from '../support/attack.ts';
import { type CaReplica, startCaReplica } from '../support/ca-replica.ts';
import { type Dishonesty } from '../support/dishonesty.ts';
import { ForgedHost } from '../support/forged-host.ts';
import { makeCertificate } from '../support/made-certificate.ts';
import { GOOD_BOOT, logOf } from '../support/measured-boot.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';
import { withTpmTools } from '../support/tpm-tools.ts';

const BOTH = { sha256: [0, 7, 8, 9, 13], sha384: [8, 9, 13] };
const BANKS = ['sha256', 'sha384'] as const;
const SHA1_ONLY = { sha1: [0, 7, 8, 9, 13] };

describe('The banks of PCRs', function () {
  this.timeout(60_000);
  const maker = makeCertificate('A maker of TPMs');
  let touchstone: Touchstone;
  let ca: CaReplica;
  let host: TestHost;
  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone({ intervalSeconds: 3_600 });
    ca = await startCaReplica(touchstone, [{ der: maker.der, class: 'discrete' }]);
    host = await TestHost.trusted(touchstone);
  });
  after(async function () {
    this.timeout(60_000);
    await host?.stop();
    await ca?.stop();
    await touchstone?.stop();
  });

  const findingsOf = async (name: string) => (await touchstone.explanation(name)).findings;
  /** The host attests at `at` and is untrusted for that; after another boot an honest one is trusted. */
  const untrustedFor = async (
    code: string,
    { at = touchstone, ...dishonesty }: Dishonesty & { readonly at?: Touchstone } = {},
  ): Promise<Observed> => {
    host.touchstone = at;
    const answer = await host.attest(dishonesty).finally(() => (host.touchstone = touchstone));
    assert.equal(answer.verdict, 'contraindicated');
    assert.equal(answer.state, 'untrusted');
    const found = (await findingsOf(host.name)).find((one) => one.code === code);
    assert.equal(found?.effect, 'enforce', `no ${code}`);
    host.banks = ['sha256'];
    await host.reboot();
    assert.equal((await host.attest()).state, 'trusted');
    return { outcome: 'U', code };
  };

  describe('of which two are quoted', () => {
    let replica: Replica;
    let two: TestHost;
    before(async function () {
      this.timeout(90_000);
      replica = await startReplica(touchstone, { selection: BOTH });
      two = await TestHost.boot(replica);
      two.banks = BANKS;
      await two.reboot();
      await two.certify();
      await two.enrol(await touchstone.joinToken({ labels: { site: two.name } }));
      await touchstone.approveBaselineOf(two.name, two.name);
    });
    after(async () => {
      await two?.stop();
      await replica?.stop();
    });

    const changed = (change: (honest: Evidence['pcrs']) => Evidence['pcrs']): Dishonesty => ({
      pcrs: change,
    });
    const cut = (values: Readonly<Record<string, string>> = {}) =>
      mapped(values, (hex) => hex.slice(0, 64));
    const padded = (values: Readonly<Record<string, string>> = {}) =>
      mapped(values, (hex) => hex.padEnd(96, '0'));
    const swaps: Readonly<Record<string, Dishonesty>> = {
      'the values under each other’s name': changed(({ sha256 = {}, sha384 = {} }) => ({
        sha256: sha384,
        sha384: sha256,
      })),
      'the values under each other’s name, made as long as they have to be': changed(
        ({ sha256 = {}, sha384 = {} }) => ({
          sha256: { ...sha256, ...cut(sha384) },
          sha384: padded(pick(sha256, BOTH.sha384)),
        }),
      ),
      'one value under the other’s name': changed(({ sha256 = {}, sha384 = {} }) => ({
        sha256: { ...sha256, 13: (sha384[13] ?? '').slice(0, 64) },
        sha384,
      })),
      'the values of one bank in both': changed(({ sha256 = {} }) => ({
        sha256,
        sha384: padded(pick(sha256, BOTH.sha384)),
      })),
      'the selections of the two exchanged': {
        quoteSelection: { sha256: BOTH.sha384, sha384: BOTH.sha256 },
      },
      'one of the two alone': { quoteSelection: { sha256: BOTH.sha256 } },
      'the other one alone': { quoteSelection: { sha384: BOTH.sha384 } },
    };
    for (const [what, dishonesty] of Object.entries(swaps)) {
      it(`is refused with ${what}: Q11`, () =>
        attack('Q11', () => refusedWithoutTrace(touchstone, () => two.attest(dishonesty))));
    }

    it('are taken in either order of the TPM’s', async () => {
      assert.equal((await two.attest()).state, 'trusted');
      const turned: Selection = { sha384: BOTH.sha384, sha256: BOTH.sha256 };
      assert.equal((await two.attest({ quoteSelection: turned })).state, 'trusted');
    });

    it('make the host untrusted where the log knows one of them only: L18', async () => {
      const events = GOOD_BOOT.map(({ pcr, event }) => {
        const data = encodeSoftwareEvent(event);
        const digests = [{ bank: 'sha256' as const, digest: hash('sha256', data) }];
        return { pcr, type: EV_EVENT_TAG, data, digests };
      });
      const declared = encodeEventLog({ vendorInfo: SOFTWARE_VENDOR_INFO, banks: BANKS, events });
      const partly = encodeEventLog({
        vendorInfo: SOFTWARE_VENDOR_INFO,
        banks: BANKS,
        events: events.map((event, index) => (index === 0 ? event : whole(event))),
      });
      for (const log of [declared, partly, logOf(GOOD_BOOT)]) {
        await attack('L18', async () => {
          assert.equal((await two.attest({ log: () => log })).state, 'untrusted');
          const found = (await findingsOf(two.name)).filter(({ effect }) => effect === 'enforce');
          const code = 'LOG_BANK_INCOMPLETE';
          assert.ok(found.every((one) => one.code !== code || /sha384/u.test(one.subject)));
          assert.ok(found.some((one) => one.code === code));
          await two.reboot();
          assert.equal((await two.attest()).state, 'trusted');
          return { outcome: 'U', code };
        });
      }
      // Where the bank that is lacking is not quoted, the same log is as good as another.
      assert.equal((await host.attest({ log: () => declared })).state, 'trusted');
    });
  });

  describe('of which only SHA-1 speaks', () => {
    it('make a host untrusted, though everything in it agrees: Q12', async () => {
      const replica = await startReplica(touchstone, { selection: SHA1_ONLY });
      try {
        for (const banks of [['sha1'], ['sha1', 'sha256']] as const) {
          host.banks = banks;
          await host.reboot();
          await attack('Q12', () => untrustedFor('BANK_WEAK', { at: replica }));
        }
      } finally {
        await replica.stop();
      }
    });

    it('is no answer where SHA-256 was asked for: SELECTION_MISMATCH, SELECTION_INCOMPLETE', async () => {
      const { selection } = await host.challenge('attest');
      const quoteSelection = { sha1: selection.sha256 ?? [] };
      const refused = await refusedWithoutTrace(touchstone, () => host.attest({ quoteSelection }));
      assert.equal(refused.code, 'SELECTION_MISMATCH');
    });
  });

  describe('of which SHA-256 was never fed, and SHA-1 was', () => {
    const lies: Readonly<Record<string, (honest: Uint8Array) => Uint8Array | null>> = {
      'a made-up log over SHA-256': () => logOf(GOOD_BOOT),
      'a made-up log over both': () => logOf(GOOD_BOOT, ['sha1', 'sha256']),
      'the true log, over SHA-1': (honest) => honest,
      'a log of no event': () => logOf([]),
      'no log': () => null,
    };
    for (const [what, log] of Object.entries(lies)) {
      it(`make the host untrusted with ${what}: Q13`, async () => {
        host.banks = ['sha1'];
        await host.reboot();
        await attack('Q13', () => untrustedFor('BANK_NOT_EXTENDED', { log }));
      });
    }

    it('make it untrusted with the resettable PCRs and all others filled: Q13', async () => {
      await host.reboot([]);
      for (const pcr of [10, 11, 12, 14, 16, 23]) await host.extend(pcr, Buffer.from('filled'));
      await host.tpm.pcrExtend(8, [{ alg: TPM_ALG_SHA1, digest: hash('sha1', Buffer.from('x')) }]);
      await attack('Q13', () => untrustedFor('BANK_NOT_EXTENDED', { log: () => logOf(GOOD_BOOT) }));
    });

    it('make a host of a hardware class untrusted by its PCR 0 to 7: Q13', () =>
      attack('Q13', async () => {
        const discrete = new ForgedHost(touchstone, undefined, { maker });
        await discrete.certify(ca, { software: false });
        await discrete.enrol(await touchstone.joinToken({ classes: ['discrete'] }));
        assert.equal((await discrete.attest()).verdict, 'contraindicated');
        const found = (await findingsOf(discrete.name)).find(({ code }) => code.startsWith('BANK'));
        assert.equal(found?.subject, 'PCR 0, 1, 2, 3, 4, 5, 6, 7 (sha256)');
        return { outcome: 'U', code: found.code };
      }));
  });

  describe('of which one more is enabled', () => {
    let agent: AgentHost;
    before(async function () {
      this.timeout(90_000);
      agent = await startAgentHost(touchstone, { name: 'allocated' });
    });
    after(() => agent?.stop());

    /** As the setup of a firmware does it; it counts from the next boot. */
    const allocate = async (banks: string) => {
      await agent.stopAgent();
      await withTpmTools(`swtpm:path=${join(agent.stateDir, 'swtpm/socket')}`, (tools) =>
        tools.run('tpm2_pcrallocate', banks),
      );
      await agent.cutPower();
      await agent.startAgent();
    };
    const emptyBanks = async () => {
      const { host: shown } = await touchstone.host(agent.name);
      assert.equal(shown.state, 'trusted');
      return (await findingsOf(agent.name)).filter(({ code }) => code === 'BANK_ENABLED_EMPTY');
    };

    it('and empty: the agent says so, and the host is trusted with a warning: Q14', async () => {
      assert.deepEqual(await emptyBanks(), []);
      await attack('Q14', async () => {
        await allocate('sha256:all+sha384:all');
        const [found, ...more] = await seen(emptyBanks);
        assert.deepEqual(more, []);
        assert.equal(found?.subject, 'bank sha384');
        assert.equal(found.effect, 'warn');
        return { outcome: 'W', code: found.code };
      });
    });

    it('and the word of a host about it makes nothing better: it only warns', async () => {
      const claiming = (claimedEmptyBanks: ('sha1' | 'sha256' | 'sha384')[]): Dishonesty => ({
        statement: (honest) => ({
          ...honest,
          selfReported: { ...honest.selfReported, claimedEmptyBanks },
        }),
      });
      const answer = await host.attest(claiming(['sha1', 'sha384']));
      assert.deepEqual([answer.verdict, answer.state], ['warning', 'trusted']);
      await host.reboot([]);
      await untrustedFor('BANK_NOT_EXTENDED', claiming(['sha256']));
    });
  });
});

/** The first answer that is not empty: the agent attests as it starts. */
async function seen<T>(look: () => Promise<readonly T[]>): Promise<readonly T[]> {
  for (;;) {
    const found = await look();
    if (found.length > 0) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** With the digests that its data has, in every bank. */
const whole = ({ pcr, type, data }: NewEvent): NewEvent => ({ pcr, type, data });

const mapped = (values: Readonly<Record<string, string>>, change: (hex: string) => string) =>
  Object.fromEntries(Object.entries(values).map(([pcr, hex]) => [pcr, change(hex)]));

const pick = (values: Readonly<Record<string, string>>, pcrs: readonly number[]) =>
  Object.fromEntries(pcrs.map((pcr) => [pcr, values[pcr] ?? '']));
