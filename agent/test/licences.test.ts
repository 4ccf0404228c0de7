import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { LicenceClaims, StartAnswer } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { attack } from '../../test/support/attack.ts';
import { suspendTpm } from '../../test/support/suspended-tpm.ts';
import { Mandates } from '../gate/mandates.ts';
import { ServerTime } from '../server-time.ts';
import { HeldEnrolment } from '../state/held-enrolment.ts';
import type { GateAtSocket } from './start-gate.ts';
import { fails, GOOD, NONE, useNoVerdict } from './support/no-verdict.ts';
import { makePermitKey } from './support/permit-keys.ts';
import { refusing } from './support/verifier.ts';

describe('a start for which no verdict can be had', () => {
  let gate: GateAtSocket;
  const { sign, common, orders, refused, definitionDigest } = useNoVerdict(
    (begun) => void (gate = begun),
  );

  /** As an honest server gives one with the answer to the evidence that was quoted just now. */
  const licence = (changes: Partial<LicenceClaims> = {}): LicenceClaims => {
    const { lastQuote } = gate.attestation.attester;
    const { resetCount, restartCount, clock } = lastQuote ?? assert.fail();
    return {
      ...common(),
      jti: randomUUID(),
      'touchstone.boot': { resetCount, restartCount, clock: clock.toString() },
      'touchstone.vm': gate.vm,
      'touchstone.definition': definitionDigest(),
      'touchstone.mode': 'allow-if-attested-within',
      'touchstone.until': (clock + 60_000n).toString(),
      ...changes,
    };
  };
  const holdLicence = async (changes: Partial<LicenceClaims> = {}) => {
    const token = await sign(licence(changes), 'licence');
    await gate.mandates.hear({ ...GOOD, mandates: { ...NONE, licences: [token] } });
    return token;
  };
  const deniedBy = (answer: StartAnswer & { readonly decision: 'refused' }) => {
    const found = answer.findings.find(({ code }) => code === 'LICENCE_VOID');
    return { outcome: 'D' as const, code: found?.code ?? answer.code };
  };
  const denied = async () => deniedBy(await refused());

  describe('and no licence is held', () => {
    for (const [what, behaviour, code] of [
      ['fails', fails, 'INTERNAL'],
      ['is slow', { challenge: () => new Promise(() => {}) }, 'TIMEOUT'],
    ] as const) {
      it(`is refused while the verifier ${what}: ${code} (G9)`, async () => {
        gate.verifier.behave(behaviour);
        await attack('G9', async () => ({ outcome: 'D', code: (await refused()).code }));
        const [told] = gate.gate.decidedAlone();
        assert.deepEqual([told?.vm, told?.decision, told?.code], [gate.vm, 'refused', code]);
      });
    }
  });

  describe('by its standing licence', () => {
    it('is permitted, and told until a statement told it', async () => {
      const claims = licence();
      const token = await sign(claims, 'licence');
      await gate.mandates.hear({ ...GOOD, mandates: { ...NONE, licences: [token] } });
      const answer = await gate.ask();
      assert.equal(answer.decision, 'permitted');
      assert.deepEqual([answer.by, answer.permitId], ['licence', claims.jti]);
      const told = gate.gate.decidedAlone();
      assert.deepEqual(
        told.map(({ requestId, decision, code }) => [requestId, decision, code]),
        [[answer.requestId, 'licensed', 'INTERNAL']],
      );
      await gate.gate.told(told);
      assert.deepEqual(gate.gate.decidedAlone(), []);
    });

    it('is told of once more where a door refuses it after that was told', async () => {
      await holdLicence();
      const { requestId } = await gate.ask();
      const told = gate.gate.decidedAlone();
      const code = 'DOMAIN_DIFFERS';
      await gate.gate.became('refused', { requestId, vm: gate.vm, code, findings: [] });
      await gate.gate.told(told);
      assert.deepEqual(
        gate.gate.decidedAlone().map((one) => [one.requestId, one.decision, one.code]),
        [[requestId, 'refused', code]],
      );
    });

    it('is permitted as long as the boot where the licence has no time', async () => {
      await holdLicence({ 'touchstone.mode': 'allow-and-flag', 'touchstone.until': null });
      assert.equal((await gate.ask()).decision, 'permitted');
    });

    it('is refused after a negative verdict, in this process and the next: G27', async () => {
      const token = await holdLicence();
      await gate.mandates.hear({ state: 'untrusted', verdict: 'contraindicated' });
      await attack('G27', denied);
      // Somebody in between keeps the licence and shows it again.
      await gate.mandates.hear({ ...GOOD, mandates: { ...NONE, licences: [token] } });
      await attack('G27', denied);
      const held = new HeldEnrolment(gate.host.stateDir, gate.enrolment);
      const next = await Mandates.open(gate.host.stateDir, held, {
        serverTime: new ServerTime(),
        lastQuote: () => null,
        log: pino({ level: 'silent' }),
      });
      await next.hear({ ...GOOD, mandates: { ...NONE, licences: [token] } });
      const { attester, key } = gate.attestation;
      const now = await attester.clockOf(key);
      await assert.rejects(
        next.licenceFor({ vm: gate.vm, definitionDigest: definitionDigest(), now }),
        {
          code: 'LICENCE_VOID',
        },
      );
    });

    it('says when there are newer orders, whatever answer they came with', async () => {
      const directory = await mkdtemp(join(tmpdir(), 'ts-mandates-'));
      let heard = 0;
      const held = new HeldEnrolment(directory, gate.enrolment);
      const mandates = await Mandates.open(directory, held, {
        serverTime: new ServerTime(),
        lastQuote: () => null,
        log: pino({ level: 'silent' }),
        onOrders: () => void (heard += 1),
      });
      const token = await orders('untrusted', 7);
      await mandates.hear({ ...GOOD, mandates: { ...NONE, orders: token } });
      assert.equal(heard, 1);
      await mandates.hearOrders(token);
      await mandates.hearOrders(await orders('untrusted', 6));
      await mandates.hearOrders(await orders('untrusted', 8, { aud: '000b' }));
      assert.equal(heard, 1, 'the same, an older one, and another host’s');
      await mandates.hearOrders(await orders('untrusted', 8));
      assert.equal(heard, 2);
      await rm(directory, { recursive: true });
    });

    it('is refused after orders that say so, and after a refusal of this host: G27', async () => {
      await holdLicence();
      await gate.mandates.hearOrders(await orders('untrusted', 7));
      await attack('G27', denied);
      assert.equal(gate.mandates.orders?.['touchstone.sequence'], 7);
      await gate.mandates.hearOrders(await orders('trusted', 6));
      assert.equal(gate.mandates.orders?.['touchstone.state'], 'untrusted', 'an older one');
      for (const changes of [
        { aud: `000b${'0'.repeat(64)}` },
        { 'touchstone.host': randomUUID() },
      ]) {
        const others = { ...common(), 'touchstone.state': 'trusted', 'touchstone.sequence': 9 };
        const claims = { ...others, 'touchstone.vms': [], ...changes };
        await gate.mandates.hearOrders(await sign(claims, 'orders'));
        assert.equal(gate.mandates.orders?.['touchstone.sequence'], 7, 'of another host');
      }

      gate.verifier.behave({});
      await gate.ask();
      await holdLicence();
      gate.verifier.behave({
        permits: () => {
          throw new AppError('HOST_UNKNOWN', 404);
        },
      });
      await refused();
      gate.verifier.behave(fails);
      await attack('G27', denied);
    });

    it('is refused where the verdict could not be stored, which is one: G27', async () => {
      await holdLicence();
      gate.verifier.behave({
        permits: () => {
          throw new AppError('EVIDENCE_UNSETTLED', 500);
        },
      });
      assert.equal((await refused()).code, 'EVIDENCE_UNSETTLED');
      gate.verifier.behave(fails);
      await attack('G27', denied);
      assert.deepEqual(gate.mandates.licences, []);
    });

    it('is refused where the negative verdict came before the first quote of this process: G27', async () => {
      const { attester, key } = gate.attestation;
      const now = await attester.clockOf(key);
      const directory = await mkdtemp(join(tmpdir(), 'ts-mandates-'));
      const held = new HeldEnrolment(directory, gate.enrolment);
      const mandates = await Mandates.open(directory, held, {
        serverTime: new ServerTime(),
        lastQuote: () => null,
        log: pino({ level: 'silent' }),
      });
      const [older, newer] = [await sign(licence(), 'licence'), await sign(licence(), 'licence')];
      const again = { ...GOOD, mandates: { ...NONE, licences: [older, newer] } };
      const question = { vm: gate.vm, definitionDigest: definitionDigest(), now };
      await mandates.hear(again);
      assert.ok(await mandates.licenceFor(question));
      await mandates.hear({ state: 'untrusted', verdict: 'contraindicated' });
      // Somebody in between keeps them and shows them again.
      await mandates.hear(again);
      await attack('G27', async () => {
        await assert.rejects(mandates.licenceFor(question), { code: 'LICENCE_VOID' });
        return { outcome: 'D', code: 'LICENCE_VOID' };
      });
      await rm(directory, { recursive: true });
    });

    it('is refused in the next process too, where the disk was full in between: G27', async () => {
      await holdLicence();
      const inTheWay = join(gate.host.stateDir, 'mandates.json.next');
      await mkdir(inTheWay);
      const bad = { state: 'untrusted', verdict: 'contraindicated' } as const;
      await assert.rejects(gate.mandates.hear(bad), { code: 'EISDIR' });
      await assert.rejects(gate.mandates.hear(bad), { code: 'EISDIR' });
      await rmdir(inTheWay);
      await gate.mandates.hear(bad);
      const held = new HeldEnrolment(gate.host.stateDir, gate.enrolment);
      const next = await Mandates.open(gate.host.stateDir, held, {
        serverTime: new ServerTime(),
        lastQuote: () => null,
        log: pino({ level: 'silent' }),
      });
      assert.deepEqual(next.licences, []);
    });

    it('is refused where it cannot be written down that it was used', async () => {
      await holdLicence();
      const inTheWay = join(gate.host.stateDir, 'decided-alone.json.next');
      await mkdir(inTheWay);
      try {
        await refused();
      } finally {
        await rmdir(inTheWay);
      }
      assert.equal((await gate.ask()).decision, 'permitted');
    });

    it('is refused after the VM was refused', async () => {
      await holdLicence();
      gate.verifier.behave({ permits: (asked) => refusing(asked) });
      assert.equal((await refused()).code, 'HOST_NOT_TRUSTED');
      gate.verifier.behave(fails);
      await denied();
    });

    it('is refused after a reboot: G27', async () => {
      await holdLicence();
      await gate.host.powerOff();
      await attack('G27', denied);
    });

    it('is refused after the host slept: G4, G27', async () => {
      await holdLicence();
      assert.equal((await gate.ask()).decision, 'permitted');
      await suspendTpm({ socketPath: join(gate.host.stateDir, 'swtpm', 'socket') });
      await attack('G4', denied);
      await attack('G27', denied);
    });

    it('is refused after its time: G27', async () => {
      await holdLicence({ 'touchstone.until': '1' });
      await attack('G27', denied);
    });

    it('is refused where the licence is for something else', async () => {
      for (const changes of [
        { aud: `000b${'0'.repeat(64)}` },
        { 'touchstone.host': randomUUID() },
        { 'touchstone.definition': '0'.repeat(64) },
        { iss: 'https://elsewhere' },
        { 'touchstone.until': null },
      ]) {
        await holdLicence(changes);
        assert.equal((await denied()).code, 'LICENCE_VOID', JSON.stringify(changes));
      }
      const { resetCount, restartCount, clock } = licence()['touchstone.boot'];
      for (const boot of [
        { resetCount: resetCount + 1, restartCount, clock },
        { resetCount, restartCount, clock: (BigInt(clock) + 60_000n).toString() },
      ]) {
        await holdLicence({ 'touchstone.boot': boot });
        assert.equal((await denied()).code, 'LICENCE_VOID', JSON.stringify(boot));
      }
      await holdLicence({ 'touchstone.vm': randomUUID() });
      assert.equal((await denied()).code, 'INTERNAL');
      const other = await makePermitKey(gate.verifier.permitKey.jwk.kid);
      for (const token of [
        await sign(licence(), 'licence', other),
        await sign(licence(), 'permit'),
      ]) {
        await gate.mandates.hear({ ...GOOD, mandates: { ...NONE, licences: [token] } });
        assert.equal((await denied()).code, 'LICENCE_VOID');
      }
    });

    it('is refused where the server answered, whatever it answered', async () => {
      await holdLicence();
      gate.verifier.behave({ permits: () => ({}) });
      assert.equal((await refused()).code, 'ANSWER_MALFORMED');
    });

    it('is refused where the VM has a sealed disk', async () => {
      await holdLicence();
      const disks = [{ name: 'disk7', kind: 'sealed' }];
      gate.verifier.behave({
        ...fails,
        plans: (vms) => ({ plans: vms.map((vm) => ({ vm, known: true, disks })) }),
      });
      assert.equal((await denied()).code, 'INTERNAL');
      gate.verifier.behave({
        plans: (vms) => ({ plans: vms.map((vm) => ({ vm, known: true, disks: [] })) }),
      });
      assert.equal((await gate.ask()).decision, 'permitted');
    });
  });
});
