import assert from 'node:assert/strict';
import { randomUUID, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeSoftwareEvent } from '@touchstone/eventlog';
import {
  HostExplanation,
  HostList,
  Replacement,
  ReplacementList,
  type ResultClaims,
} from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { startCaReplica } from '../support/ca-replica.ts';
import { readJws } from '../support/jws.ts';
import { GOOD_BOOT, logOf } from '../support/measured-boot.ts';
import { alertCount, refusedWithoutTrace } from '../support/records.ts';
import { codeOf, permitOf, refusalOf } from '../support/refusals.ts';
import { TestHost } from '../support/test-host.ts';
import type { Touchstone } from '../support/touchstone.ts';
import { useTrustedHost } from '../support/trusted-host.ts';

/** TPM2_ClockSet goes forward only: Part 3, 29.2. */
const FORWARD_MS = 3_600_000n;

describe('A software TPM, which its owner can copy, put back and feed', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: TestHost;
  useTrustedHost((scene) => void ({ touchstone, host } = scene), {
    vm: { uuid: vm, name: 'soft' },
  });

  const alerts = (code: string) => alertCount(touchstone, code, host.name);
  const stateOf = async () => (await touchstone.host(host.name)).host.state;
  /** Trusted again, by a boot beyond all that were seen. */
  const recover = async () => {
    for (let boots = 0; boots < 6; boots += 1) {
      await host.reboot();
      const answer = await host.attest().catch(() => null);
      if (answer?.state === 'trusted') return;
    }
    assert.fail('it was never trusted again');
  };

  describe('copied to a second machine', () => {
    let copy: TestHost;
    before(async () => {
      copy = await host.copied();
    });
    after(async () => {
      await copy?.stop();
      await recover();
    });

    it('is no second host: EK_ALREADY_BOUND, an alert on the host (S1)', async () => {
      copy.name = `${host.name}-copy`;
      await copy.certify();
      await attack('S1', () => refusedWithoutTrace(touchstone, () => copy.enrol()));
      assert.equal(await alerts('EK_ALREADY_BOUND'), 1);
      assert.equal(await alertCount(touchstone, 'EK_ALREADY_BOUND', copy.name), 0);
      copy.name = host.name;
    });

    it('shows in the first machine’s next word: TPM_ROLLED_BACK, and neither is trusted (S1)', async () => {
      assert.equal((await copy.attest()).state, 'trusted', 'nothing tells them apart yet');
      await attack('S1', async () => ({ outcome: 'R', code: await codeOf(host.attest()) }));
      assert.equal(await alerts('TPM_ROLLED_BACK'), 1);
      assert.equal(await stateOf(), 'untrusted');
      assert.equal((await copy.attest()).state, 'untrusted');
      assert.equal(refusalOf(await copy.askForPermit(vm)).code, 'HOST_NOT_TRUSTED');
    });

    it('shows in the same boot by the clocks: superseded, and an alert: TPM_CLOCK_FELL (S1)', async () => {
      await host.reboot();
      const boots = await Promise.all([host, copy].map(({ tpm }) => tpm.readClock()));
      assert.equal(boots[0]?.resetCount, boots[1]?.resetCount);
      await copy.lend((tools) =>
        tools.run('tpm2_setclock', `${(boots[1]?.clock ?? 0n) + FORWARD_MS}`),
      );
      await copy.attest();
      const before = await alerts('TPM_CLOCK_FELL');
      const seen = await attack('S1', async () => ({
        outcome: 'R',
        code: await codeOf(host.attest()),
      }));
      assert.equal(seen.code, 'EVIDENCE_SUPERSEDED');
      assert.equal(await alerts('TPM_CLOCK_FELL'), before + 1);
    });
  });

  describe('put back to an earlier state', () => {
    it('of boots before: TPM_ROLLED_BACK, untrusted until a boot beyond (S2)', async () => {
      await host.reboot();
      const saved = await host.savedState();
      await host.reboot();
      await host.reboot();
      assert.equal((await host.attest()).state, 'trusted');
      await host.restore(saved);
      await attack('S2', async () => ({ outcome: 'R', code: await codeOf(host.attest()) }));
      assert.equal(await stateOf(), 'untrusted');
      assert.equal(await codeOf(host.askForPermit(vm)), 'TPM_ROLLED_BACK');
      await host.reboot();
      const seenBoot = await host.attest().catch(() => null);
      assert.notEqual(seenBoot?.state, 'trusted', 'a boot that was seen');
      await host.reboot();
      assert.equal((await host.attest()).state, 'trusted');
    });

    it('to the beginning of this boot: EVIDENCE_SUPERSEDED, and an alert (S2)', async () => {
      const saved = await host.savedState();
      await host.reboot();
      const { clock } = await host.tpm.readClock();
      await host.lend((tools) => tools.run('tpm2_setclock', `${clock + FORWARD_MS}`));
      assert.equal((await host.attest()).state, 'trusted');
      const before = await alerts('TPM_CLOCK_FELL');
      await host.restore(saved);
      const seen = await attack('S2', () => refusedWithoutTrace(touchstone, () => host.attest()));
      assert.equal(seen.code, 'EVIDENCE_SUPERSEDED');
      assert.equal(await alerts('TPM_CLOCK_FELL'), before + 1);
      assert.equal(await codeOf(host.askForPermit(vm)), 'EVIDENCE_SUPERSEDED');
      await recover();
    });
  });

  describe('is what it is', () => {
    it('to a VM that asks for hardware, by class or by label: not started (S3)', async () => {
      const [byClass, byLabel] = [randomUUID(), randomUUID()];
      await touchstone.addVm({ uuid: byClass, name: 'hard', classes: ['discrete', 'firmware'] });
      await touchstone.addVm({ uuid: byLabel, name: 'labelled', hostLabels: { tpm: 'hardware' } });
      for (const [uuid, expected] of [
        [byClass, 'CLASS_NOT_ACCEPTED'],
        [byLabel, 'HOST_LABELS_MISMATCH'],
      ] as const) {
        const seen = await attack('S3', async () => ({
          outcome: 'D',
          code: refusalOf(await host.askForPermit(uuid)).code,
        }));
        assert.equal(seen.code, expected);
      }
      // Nothing that the host says of itself makes it another: there is no place to say it in.
      const claiming = (honest: object) => ({ ...honest, class: 'discrete' });
      const evidence = host.askForPermit(byClass, { statement: claiming });
      assert.equal(await codeOf(evidence), 'STATEMENT_MALFORMED');
      assert.ok(permitOf(await host.askForPermit(vm)), 'but a VM that takes software starts');
    });

    it('to whoever reads its verdict, though what was measured was made up: self-reported (S5)', async () => {
      const made = [
        ...GOOD_BOOT,
        { pcr: 9, event: { kind: 'file', path: '/boot/never-booted', sha256: 'ee'.repeat(32) } },
      ] as const;
      // It runs since long; whoever is root extends what a good boot would have.
      await host.reboot([]);
      for (const { pcr, event } of made) await host.extend(pcr, encodeSoftwareEvent(event));
      host.log = logOf(made);
      await host.attest();
      await touchstone.approveBaselineOf(host.name, `${host.name}-made-up`);
      await attack('S5', async () => {
        const { result } = await host.attest();
        const { claims } = readJws(result);
        const { host: submod } = (claims as ResultClaims).submods;
        assert.equal(submod['touchstone.self-reported-measurements'], true);
        assert.equal(submod['touchstone.class'], 'software');
        assert.equal(submod['ear.trustworthiness-vector'].hardware <= 0, true);
        const list = await touchstone.operator('GET', '/v1/hosts', HostList);
        const path = `/v1/hosts/${host.name}/explanation`;
        const explained = await touchstone.operator('GET', path, HostExplanation);
        for (const summary of [...list.hosts, explained.host]) {
          assert.equal(summary.selfReportedMeasurements, true);
          assert.equal(summary.class, 'software');
        }
        return { outcome: 'T' };
      });
    });
  });

  describe('beside a real TPM, which', () => {
    it('under the same name waits for an approver, and is then of its own class: REPLACEMENT_QUEUED (S4)', async () => {
      const real = await TestHost.boot(touchstone);
      const pem = await readFile(join(real.swtpm.caDir, 'swtpm-localca-rootca-cert.pem'));
      const root = { der: new X509Certificate(pem).raw, class: 'firmware' } as const;
      const ca = await startCaReplica(touchstone, [root]);
      try {
        real.name = host.name;
        await real.certify({ from: ca.client, software: false });
        await attack('S4', async () => {
          const token = await touchstone.joinToken({ classes: ['firmware', 'software'] });
          const code = await codeOf(real.enrol(token));
          assert.equal(await alerts(code), 1);
          assert.equal((await touchstone.host(host.name)).host.akName, host.akName);
          return { outcome: 'Q', code };
        });
        const list = await touchstone.operator('GET', '/v1/replacements', ReplacementList);
        const [offer] = list.replacements.filter(({ hostName }) => hostName === host.name);
        assert.equal(offer?.offered.class, 'firmware');
        const decide = (classes: string[]) =>
          touchstone.operator('POST', `/v1/replacements/${offer?.id}/approval`, Replacement, {
            akName: real.akName,
            classes,
          });
        assert.equal(await codeOf(decide(['software'])), 'CLASS_NOT_APPROVED');
        await decide(['firmware']);
        await real.enrol();
        const { host: shown, admissibleClasses } = await touchstone.host(host.name);
        assert.deepEqual(
          [shown.class, shown.selfReportedMeasurements, admissibleClasses],
          ['firmware', false, ['firmware']],
        );
        // Its log is a software TPM's, and no grammar of hardware is appraised yet: decision 7.
        assert.equal((await real.attest()).state, 'untrusted');
        assert.equal(await codeOf(host.attest()), 'HOST_UNKNOWN');
      } finally {
        await ca.stop();
        await real.stop();
      }
    });
  });
});
