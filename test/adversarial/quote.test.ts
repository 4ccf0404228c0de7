import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { VmStarts } from '@touchstone/schemas';
import type { Evidence, Selection } from '@touchstone/schemas';
import { encodeSoftwareEvent } from '@touchstone/eventlog';
import type { Quote } from 'node-tpm2-tss-bindings';
import { attack } from '../support/attack.ts';
import { type Dishonesty } from '../support/dishonesty.ts';
import {
  OTHER_ATTESTATIONS,
  signedBy,
  softwareSignature,
  unrestrictedKey,
} from '../support/foreign-signatures.ts';
import { CHANGED_BOOT, GOOD_BOOT } from '../support/measured-boot.ts';
import { alertCount, recordsOf, refusedWithoutTrace } from '../support/records.ts';
import { findingCodes, permitOf } from '../support/refusals.ts';
import { startRequest, TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** A permit's challenge lives this long (DESIGN 4, Attest). */
const PERMIT_CHALLENGE_MS = 20_000;

describe('A quote', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: TestHost;
  let neighbour: TestHost;
  /** Evidence that nobody delivers until its challenge has expired. */
  let kept: { evidence: Evidence; at: number };

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    host = await TestHost.trusted(touchstone);
    neighbour = await TestHost.trusted(touchstone);
    await touchstone.addVm({ uuid: vm, name: 'quoted' });
    kept = { evidence: await permitEvidence(), at: Date.now() };
  });
  after(async function () {
    this.timeout(60_000);
    await neighbour?.stop();
    await host?.stop();
    await touchstone?.stop();
  });

  const permitEvidence = (request = startRequest(vm)) =>
    host.evidence('permit', { permits: [request] });
  const refused = (request: () => Promise<unknown>) => refusedWithoutTrace(touchstone, request);
  const attested = (dishonesty: Dishonesty) => () => host.attest(dishonesty);
  const startsOf = async () =>
    (await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts)).starts;

  /** The honest variant passes, and is what moves the host's last authentic evidence. */
  async function honestPasses(dishonesty: Dishonesty = {}): Promise<void> {
    const { lastAuthenticAt } = (await touchstone.host(host.name)).host;
    assert.equal((await host.attest(dishonesty)).state, 'trusted');
    const shown = (await touchstone.host(host.name)).host;
    assert.equal(shown.state, 'trusted');
    assert.ok((shown.lastAuthenticAt ?? '') > (lastAuthenticAt ?? ''), 'it moved the mark');
  }

  describe('whose structure is no quote', () => {
    it('is refused where the AK signed bytes that the TPM did not generate: Q5', async () => {
      const forged = async (...asked: Asked): Promise<Quote> => {
        const attest = Buffer.from((await host.quote(...asked)).attest);
        attest.writeUInt32BE(0xff544348, 0);
        return { attest, signature: await host.lend((tools) => signedBy(tools, 'ak', attest)) };
      };
      await attack('Q5', () => refused(attested({ quote: forged })));
      await honestPasses();
    });

    it('gets no signature of the AK with TPM_GENERATED_VALUE in front, and none by another key is believed: Q5', async () => {
      const { attest } = await host.quote(Buffer.alloc(32), { sha256: [0] });
      await assert.rejects(
        host.lend((tools) => signedBy(tools, 'ak', attest)),
        /ticket/iu,
        'TPM_RC_TICKET: a restricted key signs no digest of such bytes',
      );
      const byUnrestrictedKey = async (...asked: Asked): Promise<Quote> => {
        const quoted = await host.quote(...asked);
        return host.lend(async (tools) => {
          await unrestrictedKey(tools, 'other');
          return { ...quoted, signature: await signedBy(tools, 'other', quoted.attest) };
        });
      };
      const bySoftware = async (...asked: Asked): Promise<Quote> => {
        const quoted = await host.quote(...asked);
        return { ...quoted, signature: softwareSignature(quoted.attest) };
      };
      for (const quote of [byUnrestrictedKey, bySoftware]) {
        const evidence = await host.evidence('attest', { quote });
        const { code } = await refused(() => host.deliver(evidence));
        assert.equal(code, 'SIGNATURE_INVALID');
        assert.deepEqual(await findingCodes(host.deliver(evidence)), ['SIGNATURE_INVALID']);
      }
    });

    for (const [type, make] of Object.entries(OTHER_ATTESTATIONS)) {
      it(`is refused where the AK attested ${type}: Q6`, async () => {
        const quote = (data: Uint8Array) =>
          host.lend(async (tools) => {
            await make(tools, Buffer.from(data).toString('hex'));
            return { attest: await tools.read('a'), signature: await tools.read('s') };
          });
        await attack('Q6', () => refused(attested({ quote })));
      });
    }

    it('is refused where a quote is relabelled as another attestation: Q6', async () => {
      const relabelled = (attest: Uint8Array) => Buffer.from(attest).fill(0x17, 5, 6); // TPM_ST_ATTEST_CERTIFY
      await attack('Q6', () => refused(attested({ attest: relabelled })));
    });

    it('is taken where the same tools and the same AK made a quote', async () => {
      const quote = (data: Uint8Array, { sha256 = [] }: Selection) =>
        host.lend(async (tools) => {
          await tools.run(
            'tpm2_quote',
            ...['-c', 'ak.ctx', '-p', tools.akAuth, '-q', Buffer.from(data).toString('hex')],
            ...['-l', `sha256:${sha256.join(',')}`, '-m', 'a', '-s', 's'],
          );
          return { attest: await tools.read('a'), signature: await tools.read('s') };
        });
      await honestPasses({ quote });
    });

    it('is refused with bytes after its structure or its signature: Q18', async () => {
      const longer = (honest: Uint8Array) => Buffer.concat([honest, Buffer.alloc(1)]);
      await attack('Q18', () => refused(attested({ attest: longer })));
      await attack('Q18', () => refused(attested({ signature: longer })));
      await honestPasses();
    });
  });

  describe('over other PCRs than were asked for', () => {
    const asked = async () => (await host.challenge('attest')).selection.sha256 ?? [];
    const without = (pcrs: readonly number[], ...out: number[]) =>
      pcrs.filter((pcr) => !out.includes(pcr));

    it('is refused where PCR 16, which anybody can reset, is shown as PCR 13: Q7', async () => {
      const good = GOOD_BOOT.find(({ pcr }) => pcr === 13);
      assert.ok(good);
      await neighbour.reboot(CHANGED_BOOT);
      await neighbour.extend(16, encodeSoftwareEvent(good.event));
      const shown = {
        quoteSelection: { sha256: [...without(await asked(), 13), 16] },
        pcrs: ({ sha256 = {} }: Evidence['pcrs']) => {
          const { 16: value = '', ...others } = sha256;
          return { sha256: { ...others, 13: value } };
        },
        log: () => host.log,
      };
      await attack('Q7', () => refused(() => neighbour.attest(shown)));
      // Let through, it would have hidden this:
      assert.equal((await neighbour.attest()).state, 'untrusted');
      await neighbour.reboot();
      assert.equal((await neighbour.attest()).state, 'trusted');
    });

    it('is refused with one PCR more, of another bank, or with the values of two exchanged: Q7', async () => {
      const pcrs = await asked();
      const exchanged = ({ sha256 = {} }: Evidence['pcrs']) => ({
        sha256: { ...sha256, 0: sha256[8] ?? '', 8: sha256[0] ?? '' },
      });
      const variants: readonly Dishonesty[] = [
        { quoteSelection: { sha256: [...pcrs, 16] } },
        { quoteSelection: { sha384: pcrs } },
        { quoteSelection: { sha256: pcrs, sha384: [0] } },
        { selection: { sha256: [...pcrs, 16] } },
        { pcrs: exchanged },
      ];
      for (const variant of variants) await attack('Q7', () => refused(attested(variant)));
      await honestPasses();
    });

    it('is refused though its statement claims the selection that was asked for, or another one', async () => {
      const sha256 = await asked();
      const few = { sha256: [0] };
      const lies = (selection: Selection): Dishonesty => ({
        statement: (honest) => ({ ...honest, selection }),
      });
      for (const variant of [{ quoteSelection: few }, lies(few), lies({})]) {
        const { code } = await refused(attested(variant));
        assert.equal(code, 'SELECTION_INCOMPLETE');
      }
      assert.equal(
        (await refused(attested(lies({ sha256, sha1: [0] })))).code,
        'SELECTION_MISMATCH',
      );
      // An empty list of a bank selects nothing: it is the same selection.
      await honestPasses(lies({ sha256, sha1: [] }));
    });

    it('is refused over no PCR at all: Q8', async () => {
      const honest = await host.readPcrs({ sha256: await asked() });
      for (const quoteSelection of [{}, { sha256: [] }, { sha1: [], sha256: [] }]) {
        await attack('Q8', () => refused(attested({ quoteSelection })));
        await attack('Q8', () => refused(attested({ quoteSelection, pcrs: () => honest })));
        await attack('Q8', () => refused(attested({ quoteSelection, selection: {} })));
      }
      await honestPasses();
    });

    it('is refused without one of the PCRs that were asked for, whichever it is: Q9', async () => {
      const pcrs = await asked();
      const honest = await host.readPcrs({ sha256: pcrs });
      for (const pcr of pcrs) {
        const quoteSelection = { sha256: without(pcrs, pcr) };
        await attack('Q9', () => refused(attested({ quoteSelection })));
        await attack('Q9', () => refused(attested({ quoteSelection, pcrs: () => honest })));
      }
      await honestPasses();
    });

    it('is refused with values beside it that it does not cover: Q10', async () => {
      const zeros = '00'.repeat(32);
      const more: readonly Dishonesty['pcrs'][] = [
        ({ sha256 = {} }) => ({ sha256: { ...sha256, 15: zeros } }),
        ({ sha256 = {} }) => ({ sha256: { ...sha256, 23: 'ff'.repeat(32) } }),
        (honest) => ({ ...honest, sha384: { 0: '00'.repeat(48) } }),
        (honest) => ({ ...honest, sha1: honest.sha1 ?? { 0: '00'.repeat(20) } }),
      ];
      for (const pcrs of more) {
        assert.ok(pcrs);
        await attack('Q10', () => refused(attested({ pcrs })));
      }
      await honestPasses();
    });
  });

  describe('a second time', () => {
    it('gets the answer that it got, and changes nothing: Q2', async () => {
      const evidence = await host.evidence('attest');
      const first = await host.deliver(evidence);
      await attack('Q2', async () => {
        const before = await recordsOf(touchstone);
        assert.deepEqual(await host.deliver(evidence), first);
        assert.deepEqual(await recordsOf(touchstone), before);
        return { outcome: 'SAME' };
      });
    });

    it('gets the permit that it got and no second one, twenty at once too: Q2', async () => {
      const [startsBefore, before] = [await startsOf(), await recordsOf(touchstone)];
      const evidence = await permitEvidence();
      await attack('Q2', async () => {
        const answers = await Promise.all(
          Array.from({ length: 20 }, () => host.deliverForPermit(evidence)),
        );
        assert.equal(new Set(answers.map(permitOf)).size, 1);
        assert.ok(permitOf(answers[0]));
        const records = await recordsOf(touchstone);
        assert.deepEqual(await host.deliverForPermit(evidence), answers[0]);
        assert.deepEqual(await recordsOf(touchstone), records);
        for (const table of ['starts', 'attestations', 'evidence']) {
          assert.equal(records[table]?.length, (before[table]?.length ?? 0) + 1, table);
        }
        assert.equal((await startsOf()).length, startsBefore.length + 1);
        return { outcome: 'SAME' };
      });
    });

    it('gets no permit for a request that other evidence asked: REQUEST_ALREADY_ANSWERED', async () => {
      const request = startRequest(vm);
      const first = await host.deliverForPermit(await permitEvidence(request));
      assert.ok(permitOf(first));
      const starts = await startsOf();
      const [second] = (await host.deliverForPermit(await permitEvidence(request))).answers;
      assert.ok(second && 'refusal' in second);
      assert.equal(second.refusal.code, 'REQUEST_ALREADY_ANSWERED');
      assert.deepEqual(await startsOf(), starts);
    });

    it('is refused at the door of another purpose: WRONG_PURPOSE', async () => {
      const [attestation, permit] = [await host.evidence('attest'), await permitEvidence()];
      const crossed = [() => host.deliverForPermit(attestation), () => host.deliver(permit)];
      for (const request of crossed) assert.equal((await refused(request)).code, 'WRONG_PURPOSE');
      assert.ok(permitOf(await host.deliverForPermit(permit)));
    });
  });

  describe('by another AK than the challenge was given to', () => {
    it('is refused, whatever its statement says of who made it: Q3', async () => {
      const { challenge } = await host.challenge('attest');
      const alerts = await alertCount(touchstone, 'EVIDENCE_REJECTED', host.name);
      await attack('Q3', () => refused(() => neighbour.attest({ challenge })));
      await attack('Q3', () => refused(() => neighbour.attest({ challenge, hostId: host.hostId })));
      const disguise = { challenge, hostId: host.hostId, akName: host.akName };
      const { code } = await refused(() => neighbour.attest(disguise));
      assert.equal(code, 'SIGNATURE_INVALID');
      assert.equal(await alertCount(touchstone, 'EVIDENCE_REJECTED', host.name), alerts + 1);
      await honestPasses({ challenge });
    });

    it('is refused where a statement of its own names another host: HOST_ID_MISMATCH', async () => {
      for (const hostId of [neighbour.hostId, randomUUID(), null]) {
        assert.equal((await refused(attested({ hostId }))).code, 'HOST_ID_MISMATCH');
      }
      assert.equal(
        (await refused(attested({ akName: neighbour.akName }))).code,
        'CHALLENGE_WRONG_HOST',
      );
    });
  });

  describe('that is old', () => {
    it('is refused when newer evidence is known, though its challenge still lives: Q1', async () => {
      const old = await host.evidence('attest');
      await honestPasses();
      await attack('Q1', () => refused(() => host.deliver(old)));
    });

    it('does not answer a new challenge: QUOTE_NONCE_MISMATCH', async () => {
      const old = await host.evidence('attest');
      const fresh = await host.evidence('attest');
      const dressed = { ...old, statement: fresh.statement };
      assert.equal((await refused(() => host.deliver(dressed))).code, 'QUOTE_NONCE_MISMATCH');
      assert.equal((await host.deliver(old)).state, 'trusted');
    });

    it('is refused when its challenge has expired, and gets no permit: Q1', async () => {
      await sleep(Math.max(0, kept.at + PERMIT_CHALLENGE_MS + 500 - Date.now()));
      const { code } = await attack('Q1', () =>
        refused(() => host.deliverForPermit(kept.evidence)),
      );
      assert.equal(code, 'CHALLENGE_EXPIRED');
      assert.ok(permitOf(await host.deliverForPermit(await permitEvidence())));
    });
  });
});

type Asked = [qualifyingData: Uint8Array, selection: Selection];
