import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import {
  type Baseline,
  checkAgainst,
  type EvidenceAnswer,
  type ImaPolicy,
  ResultClaims,
} from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import {
  bootAggregate,
  imaFile,
  imaLine,
  type MadeImaEntry,
} from '../../test/support/made-ima-list.ts';
import { approveBaselines } from '../services/approve-baselines.ts';
import { captureBaseline, draftBaselines } from '../services/baselines.ts';
import { removeDue } from '../services/retention.ts';
import { takeAttestation, takePermitRequest } from '../services/take-evidence.ts';
import { BY, useFleet } from './support/made-fleet.ts';
import type { MadeHost, SentIma } from './support/made-host.ts';

const KNOWN = ['/usr/bin/bash', '/usr/bin/qemu-system-x86_64', '/usr/sbin/libvirtd'];
const ATTACKER = imaFile('/tmp/attacker');
const GOOD = [bootAggregate(), ...KNOWN.map((path) => imaFile(path))];

describe('IMA: a host whose kernel measures what it runs', () => {
  const fleet = useFleet();

  /** Trusted, with a policy for the files above; its agent has sent nothing of its list yet. */
  async function measuredHost(entries: readonly MadeImaEntry[] = GOOD) {
    const { host, hostId, name } = await fleet.trustedHost();
    await approveIma(hostId, name, { mode: 'enforce', files: [{ digests: linesOf(KNOWN) }] });
    host.reboot('good');
    host.boot.ima = entries;
    return { host, hostId, name };
  }
  const linesOf = (paths: readonly string[]) => paths.map((path) => imaLine(path)).join('');

  let version = 0;
  async function approveIma(hostId: string, name: string, ima: ImaPolicy) {
    version += 1;
    const document: Baseline = {
      ...{ kind: 'baseline', part: 'runtime', name: `${name}-ima`, version },
      match: { labels: {}, class: ['software'], host: hostId },
      ...{ banks: ['sha256'], rules: [], ima },
    };
    await draftBaselines(fleet.verifier, BY, JSON.stringify(document));
    return approveBaselines(fleet.verifier, BY, document.name, {});
  }

  const evidence = (host: MadeHost, hostId: string, sent?: SentIma) =>
    host.answer({
      ...{ purpose: 'attest', challenge: fleet.challengeFor(host, 'attest'), hostId },
      ...(sent === undefined ? {} : { sent }),
    });
  const attest = (host: MadeHost, hostId: string, sent?: SentIma) =>
    takeAttestation(fleet.verifier, evidence(host, hostId, sent));
  const refusedWith = async (attesting: Promise<unknown>) => {
    const error = await attesting.then(
      () => assert.fail('it was taken'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof AppError);
    return { code: error.code, next: error.ima?.nextEntry };
  };
  const findingsIn = ({ result }: Pick<EvidenceAnswer, 'result'>) =>
    checkAgainst(ResultClaims, decodeJwt(result)).submods.host['touchstone.findings'];
  const enforced = (answer: EvidenceAnswer) =>
    findingsIn(answer).flatMap(({ code, effect }) => (effect === 'enforce' ? [code] : []));
  const from = (host: MadeHost, fromEntry: number): SentIma => ({
    fromEntry,
    entries: host.boot.ima?.slice(fromEntry) ?? [],
  });
  const extend = (host: MadeHost, ...entries: readonly MadeImaEntry[]) => {
    host.boot.ima = [...(host.boot.ima ?? []), ...entries];
  };
  const segments = (hostId: string) =>
    fleet.verifier.asAdministrator(
      `SELECT from_entry::int, entries::int, proven FROM ima_segments WHERE host_id = $1 ORDER BY 1`,
      [hostId],
    );

  it('is trusted, and is told which entry comes next', async () => {
    const { host, hostId } = await measuredHost();
    const answer = await attest(host, hostId);
    assert.deepEqual(
      [answer.state, enforced(answer), answer.ima],
      ['trusted', [], { nextEntry: 4 }],
    );
  });

  it('sends only what is new, and nothing where nothing is', async () => {
    const { host, hostId } = await measuredHost(GOOD.slice(0, 3));
    await attest(host, hostId);
    assert.deepEqual((await attest(host, hostId, from(host, 3))).ima, { nextEntry: 3 });
    extend(host, ...GOOD.slice(3));
    assert.deepEqual((await attest(host, hostId, from(host, 3))).ima, { nextEntry: 4 });
    assert.deepEqual(await segments(hostId), [
      { from_entry: 0, entries: 3, proven: true },
      { from_entry: 3, entries: 1, proven: true },
    ]);
  });

  it('believes no entry behind the quote: it waits, and counts with the next one', async () => {
    const { host, hostId } = await measuredHost();
    const early = { fromEntry: 0, entries: [...GOOD, ATTACKER] };
    const answer = await attest(host, hostId, early);
    assert.deepEqual([answer.state, answer.ima], ['trusted', { nextEntry: 4 }]);
    extend(host, ATTACKER);
    assert.equal((await attest(host, hostId, from(host, 4))).state, 'untrusted');
  });

  it('that runs what no baseline names is untrusted, and its file is named, also when nothing is new', async () => {
    const { host, hostId } = await measuredHost();
    await attest(host, hostId);
    extend(host, ATTACKER);
    const answer = await attest(host, hostId, from(host, 4));
    assert.equal(answer.state, 'untrusted');
    assert.deepEqual(enforced(answer), ['IMA_FILE_UNKNOWN']);
    assert.match(findingsIn(answer)[0]?.subject ?? '', /\/tmp\/attacker/u);

    const later = await attest(host, hostId, from(host, 5));
    assert.deepEqual(enforced(later), ['IMA_FILE_UNKNOWN']);
  });

  it('starts no VM once it ran that: a permit looks at new entries too', async () => {
    const { host, hostId } = await measuredHost();
    await attest(host, hostId);
    const vm = await fleet.registeredVm();
    const ask = () =>
      takePermitRequest(
        fleet.verifier,
        host.answer({
          ...{ purpose: 'permit', challenge: fleet.challengeFor(host, 'permit'), hostId },
          ...{ request: fleet.requestFor(vm), sent: from(host, 4) },
        }),
      );
    const good = await ask();
    assert.ok('permit' in fleet.first(good));
    assert.deepEqual(good.ima, { nextEntry: 4 });
    extend(host, ATTACKER);
    assert.ok(fleet.refusalCodes(await ask()).includes('IMA_FILE_UNKNOWN'));
  });

  it('begins anew in another boot, and what was of the one before is forgotten', async () => {
    const { host, hostId } = await measuredHost();
    await attest(host, hostId);
    host.reboot('good');
    host.boot.ima = GOOD.slice(0, 2);
    assert.deepEqual(await refusedWith(attest(host, hostId, from(host, 4))), {
      ...{ code: 'IMA_LIST_ELSEWHERE', next: 0 },
    });
    assert.deepEqual((await attest(host, hostId)).ima, { nextEntry: 2 });
    assert.deepEqual(await segments(hostId), [{ from_entry: 0, entries: 2, proven: true }]);
  });

  it('may send all of it again after its agent was restarted', async () => {
    const { host, hostId } = await measuredHost();
    await attest(host, hostId);
    extend(host, imaFile(KNOWN[0] ?? ''));
    assert.deepEqual((await attest(host, hostId)).ima, { nextEntry: 5 });
    assert.deepEqual(await segments(hostId), [{ from_entry: 0, entries: 5, proven: true }]);
  });

  it('that sends a part again, or leaves one out, is told where to go on: IMA_LIST_ELSEWHERE', async () => {
    const { host, hostId } = await measuredHost();
    await attest(host, hostId);
    for (const at of [2, 5]) {
      const refused = await refusedWith(attest(host, hostId, from(host, at)));
      assert.deepEqual(refused, { code: 'IMA_LIST_ELSEWHERE', next: 4 });
    }
  });

  it('of a kernel before 5.8 is believed as well', async () => {
    const { host, hostId } = await measuredHost();
    host.boot.imaPadded = true;
    assert.equal((await attest(host, hostId)).state, 'trusted');
    extend(host, imaFile(KNOWN[1] ?? ''));
    assert.deepEqual((await attest(host, hostId, from(host, 4))).ima, { nextEntry: 5 });
  });

  describe('whose list does not lead to PCR 10: IMA_LOG_MISMATCH', () => {
    const lists: [string, (entries: readonly MadeImaEntry[]) => SentIma][] = [
      ['cut short', (entries) => ({ fromEntry: 0, entries: entries.slice(0, -1) })],
      [
        'with an entry left out',
        ([first, , ...rest]) => ({ fromEntry: 0, entries: [first ?? ATTACKER, ...rest] }),
      ],
      ['in another order', (entries) => ({ fromEntry: 0, entries: entries.toReversed() })],
      [
        'of another host',
        () => ({ fromEntry: 0, entries: [bootAggregate(), imaFile('/usr/bin/other')] }),
      ],
    ];
    for (const [given, sent] of lists) {
      it(`${given}: refused, alerted, and nothing changes`, async () => {
        const { host, hostId, name } = await measuredHost();
        await attest(host, hostId);
        extend(host, imaFile(KNOWN[0] ?? ''));
        const before = await fleet.stateOf(hostId);
        const list = sent(host.boot.ima ?? []);
        const refused = await refusedWith(attest(host, hostId, list));
        assert.deepEqual(refused, { code: 'IMA_LOG_MISMATCH', next: 4 });
        assert.equal(await fleet.alerts('EVIDENCE_REJECTED', name), 1);
        const { state, lastAuthenticAt } = await fleet.stateOf(hostId);
        assert.deepEqual([state, lastAuthenticAt], [before.state, before.lastAuthenticAt]);
        // The same host, with what it really measured.
        assert.equal((await attest(host, hostId, from(host, 4))).state, 'trusted');
      });
    }
  });

  describe('whose list is longer than one piece of evidence', () => {
    const many = (count: number) => [
      bootAggregate(),
      ...Array.from({ length: count }, (_, index) => imaFile(KNOWN[index % 3] ?? '')),
    ];
    const inParts = async (host: MadeHost, hostId: string, size: number) => {
      const entries = host.boot.ima ?? [];
      for (let at = 0; ; at += size) {
        const part = entries.slice(at, at + size);
        if (at + size >= entries.length)
          return attest(host, hostId, { fromEntry: at, entries: part });
        const sending = attest(host, hostId, { fromEntry: at, entries: part, more: true });
        const refused = await refusedWith(sending);
        assert.deepEqual(refused, { code: 'IMA_LIST_CONTINUES', next: at + size });
      }
    };

    it('sends it in parts, and is judged when they lead to PCR 10', async () => {
      for (const padded of [false, true]) {
        const { host, hostId } = await measuredHost(many(20));
        host.boot.imaPadded = padded;
        const good = await inParts(host, hostId, 8);
        assert.deepEqual([good.state, good.ima], ['trusted', { nextEntry: 21 }]);
        assert.equal((await segments(hostId)).length, 3);

        host.reboot('good');
        host.boot.ima = [...many(20), ATTACKER, ...many(3).slice(1)];
        const answer = await inParts(host, hostId, 7);
        assert.deepEqual([answer.state, enforced(answer)], ['untrusted', ['IMA_FILE_UNKNOWN']]);
        assert.deepEqual(answer.ima, { nextEntry: 25 });
        assert.ok((await segments(hostId)).every(({ proven }) => proven === true));
      }
    });

    it('that never comes to its end is not heard, and turns stale', async () => {
      const { host, hostId } = await measuredHost(many(30));
      const before = await fleet.stateOf(hostId);
      for (let at = 0; at < 30; at += 10) {
        const part = {
          fromEntry: at,
          entries: host.boot.ima?.slice(at, at + 10) ?? [],
          more: true,
        } as const;
        await refusedWith(attest(host, hostId, part));
      }
      assert.equal((await fleet.stateOf(hostId)).lastAuthenticAt, before.lastAuthenticAt);
    });

    it('with a part that was not measured has to send it again from what is proven', async () => {
      const { host, hostId } = await measuredHost(many(3));
      await attest(host, hostId);
      extend(host, ...many(6).slice(1));
      const junk = { fromEntry: 4, entries: [ATTACKER, ATTACKER], more: true } as const;
      assert.equal((await refusedWith(attest(host, hostId, junk))).next, 6);
      const rest = await refusedWith(attest(host, hostId, from(host, 6)));
      assert.deepEqual(rest, { code: 'IMA_LOG_MISMATCH', next: 4 });
      assert.equal((await attest(host, hostId, from(host, 4))).state, 'trusted');
    });
  });

  describe('whose policy changes', () => {
    const ALSO = '/tmp/attacker';

    it('is judged again by what it sent, without asking it', async () => {
      const { host, hostId, name } = await measuredHost();
      await attest(host, hostId);
      extend(host, ATTACKER);
      assert.equal((await attest(host, hostId, from(host, 4))).state, 'untrusted');
      const files = [{ digests: linesOf([...KNOWN, ALSO]) }];
      const { changedHosts = [] } = await approveIma(hostId, name, { mode: 'enforce', files });
      assert.deepEqual(
        changedHosts.map(({ to }) => to),
        ['trusted'],
      );
      assert.deepEqual((await attest(host, hostId, from(host, 5))).state, 'trusted');
      assert.equal((await segments(hostId)).length, 2);

      const less = [{ digests: linesOf(KNOWN.slice(0, 1)) }];
      const stricter = await approveIma(hostId, name, { mode: 'enforce', files: less });
      assert.deepEqual(
        stricter.changedHosts?.map(({ to }) => to),
        ['untrusted'],
      );
      const answer = await attest(host, hostId, from(host, 5));
      assert.equal(enforced(answer).length, 3);
    });

    it('is asked for its list again where that is gone, and is not heard before', async () => {
      const { host, hostId } = await measuredHost();
      await attest(host, hostId);
      await fleet.verifier.asAdministrator(`DELETE FROM ima_segments WHERE host_id = $1`, [hostId]);
      // As another replica would find it, whose documents are newer.
      await fleet.verifier.asAdministrator(
        `UPDATE ima_progress SET progress = jsonb_set(progress, '{policy}', to_jsonb(repeat('0', 64)))
          WHERE host_id = $1`,
        [hostId],
      );
      const refused = await refusedWith(attest(host, hostId, from(host, 4)));
      assert.deepEqual(refused, { code: 'IMA_LIST_ELSEWHERE', next: 0 });
      assert.deepEqual((await attest(host, hostId)).ima, { nextEntry: 4 });
    });
  });

  it('of which nobody asks what it measured is none the worse for sending no list', async () => {
    const { host, hostId } = await fleet.trustedHost();
    host.boot.ima = [bootAggregate()];
    const answer = await takeAttestation(fleet.verifier, withoutList(host, hostId));
    assert.equal(answer.state, 'trusted');
    assert.deepEqual(
      findingsIn(answer).flatMap(({ code, effect }) =>
        code.startsWith('IMA') ? [[code, effect]] : [],
      ),
      [['IMA_LOG_MISSING', 'observe']],
    );
    assert.equal(answer.ima, undefined);
  });

  it('with a policy and without a list is untrusted: IMA_LOG_MISSING, IMA_NOT_MEASURED', async () => {
    const { host, hostId } = await measuredHost();
    const answer = await takeAttestation(fleet.verifier, withoutList(host, hostId));
    assert.deepEqual([answer.state, enforced(answer)], ['untrusted', ['IMA_LOG_MISSING']]);

    const unmeasured = await measuredHost([]);
    const still = await attest(unmeasured.host, unmeasured.hostId);
    assert.deepEqual(enforced(still), ['IMA_NOT_MEASURED']);
  });

  it('gets the stored answer to evidence that comes twice, and moves once', async () => {
    const { host, hostId } = await measuredHost();
    const sent = evidence(host, hostId);
    const [one, other] = await Promise.all([
      takeAttestation(fleet.verifier, sent),
      takeAttestation(fleet.verifier, sent),
    ]);
    assert.deepEqual(one, other);
    assert.equal((await segments(hostId)).length, 1);
  });

  it('that another kernel was started on is seen: KEXEC_SEEN', async () => {
    const { host, hostId } = await measuredHost();
    await attest(host, hostId);
    extend(host, bootAggregate());
    const codes = findingsIn(await attest(host, hostId, from(host, 4))).map(({ code }) => code);
    assert.ok(codes.includes('KEXEC_SEEN'), codes.join());
  });

  it('is captured with what its list shows: what is not in it warns, another content enforces', async () => {
    const { host, hostId, name } = await measuredHost(GOOD.slice(0, 3));
    await attest(host, hostId);
    extend(host, ...GOOD.slice(3));
    await attest(host, hostId, from(host, 3));
    const captured = await captureBaseline(fleet.verifier, BY, hostId, {
      name: `${name}-all`,
      labels: {},
    });
    const [ima, ...more] = captured.baselines.flatMap(({ baseline }) => baseline.ima ?? []);
    assert.deepEqual([ima?.mode, ima?.unlisted, more], ['enforce', 'warn', []]);
    assert.equal(ima?.files?.[0]?.digests, linesOf(KNOWN));
  });

  it('keeps the parts of its list for as long as it runs, whatever else has had its time', async () => {
    const { host, hostId } = await measuredHost();
    await attest(host, hostId);
    await fleet.verifier.asAdministrator(`UPDATE blobs SET last_day = last_day - 400`);
    await removeDue(fleet.verifier, 'a test');
    const sql = `SELECT count(*)::int AS n FROM ima_segments s JOIN blobs b USING (digest) WHERE host_id = $1`;
    assert.equal((await fleet.verifier.asAdministrator(sql, [hostId]))[0]?.['n'], 1);
  });

  /** As an agent of an older version does it. */
  function withoutList(host: MadeHost, hostId: string) {
    const challenge = fleet.challengeFor(host, 'attest');
    return host.answer({ purpose: 'attest', challenge, hostId, sent: null });
  }
});
