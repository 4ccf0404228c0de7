import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  type Evidence,
  HostDetail,
  HostEnrolmentAnswer,
  HostList,
  VmStarts,
} from '@touchstone/schemas';
import { encodeTpmtSignature, parseTpmtSignature } from '@touchstone/tpm';
import { GOOD_BOOT } from '../support/measured-boot.ts';
import { recordsOf, refusedWithoutTrace } from '../support/records.ts';
import { codeOf, permitOf, refusalOf } from '../support/refusals.ts';
import { startRequest, TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** The order of P-256's base point: SEC 2, 2.4.2. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Through all bytes of a quote in this many requests' distance: the server takes some hundreds at once. */
const STEP = 3;

describe('Evidence', function () {
  this.timeout(60_000);
  const vm = randomUUID();
  let touchstone: Touchstone;
  let host: TestHost;
  let neighbour: TestHost;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    host = await TestHost.trusted(touchstone);
    neighbour = await TestHost.trusted(touchstone);
    await touchstone.addVm({ uuid: vm, name: 'evident' });
  });
  after(async function () {
    this.timeout(60_000);
    await neighbour?.stop();
    await host?.stop();
    await touchstone?.stop();
  });

  const refused = (request: () => Promise<unknown>) => refusedWithoutTrace(touchstone, request);
  const stateOf = async ({ name }: TestHost) => (await touchstone.host(name)).host.state;
  const startsOf = async () =>
    (await touchstone.operator('GET', `/v1/vms/${vm}/starts`, VmStarts)).starts;
  const permitEvidence = (from = host) => from.evidence('permit', { permits: [startRequest(vm)] });

  describe('in another form', () => {
    const changed: Readonly<Record<string, readonly [(honest: Evidence) => unknown, string]>> = {
      'a PCR value of another length': [
        (honest) => ({
          ...honest,
          pcrs: { sha256: { ...honest.pcrs.sha256, 0: '00'.repeat(20) } },
        }),
        'EVIDENCE_MALFORMED',
      ],
      'a PCR value in capitals': [
        (honest) => ({
          ...honest,
          pcrs: { sha256: { ...honest.pcrs.sha256, 0: 'AB'.repeat(32) } },
        }),
        'SCHEMA_MISMATCH',
      ],
      'a PCR that does not exist': [
        (honest) => ({ ...honest, pcrs: { sha256: { ...honest.pcrs.sha256, 24: '' } } }),
        'SCHEMA_MISMATCH',
      ],
      'a PCR under a second name': [
        (honest) => ({ ...honest, pcrs: { sha256: { ...honest.pcrs.sha256, '00': '' } } }),
        'SCHEMA_MISMATCH',
      ],
      'a bank that is not known': [
        (honest) => ({ ...honest, pcrs: { ...honest.pcrs, md5: {} } }),
        'SCHEMA_MISMATCH',
      ],
      'a blob under a name that is no digest': [
        (honest) => ({ ...honest, blobs: { ...honest.blobs, log: 5 } }),
        'SCHEMA_MISMATCH',
      ],
      'something unknown in it': [
        (honest) => ({ ...honest, verdict: 'affirming' }),
        'SCHEMA_MISMATCH',
      ],
      'a structure that is too long': [
        (honest) => ({ ...honest, quote: { ...honest.quote, attest: 'A'.repeat(2_000) } }),
        'SCHEMA_MISMATCH',
      ],
    };
    for (const [title, [change, code]] of Object.entries(changed)) {
      it(`is refused with ${title}: ${code}`, async () => {
        const evidence = await host.evidence('attest');
        const strange = change(evidence) as Evidence;
        assert.equal((await refused(() => host.deliver(strange))).code, code);
        assert.equal((await host.deliver(evidence)).state, 'trusted');
      });
    }

    it('is refused when the quote is cut, early or late: TRUNCATED, QUOTE_MALFORMED', async () => {
      const evidence = await host.evidence('attest');
      const before = await recordsOf(touchstone);
      for (const part of ['attest', 'signature'] as const) {
        const whole = Buffer.from(evidence.quote[part], 'base64url');
        for (let length = 1; length < whole.length; length += STEP) {
          const cut = whole.subarray(0, length).toString('base64url');
          const quote = { ...evidence.quote, [part]: cut };
          const code = await codeOf(host.deliver({ ...evidence, quote }));
          assert.match(code, /^(TRUNCATED|QUOTE_MALFORMED)$/u, `${part} of ${length} bytes`);
        }
      }
      assert.deepEqual(await recordsOf(touchstone), before);
      assert.equal((await host.deliver(evidence)).state, 'trusted');
    });

    it('is refused when one bit of the quote is another, early or late', async () => {
      const evidence = await host.evidence('attest');
      const before = await recordsOf(touchstone);
      for (const part of ['attest', 'signature'] as const) {
        const whole = Buffer.from(evidence.quote[part], 'base64url');
        for (let at = 0; at < whole.length; at += STEP) {
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] ?? 0) ^ 0x10;
          const quote = { ...evidence.quote, [part]: bytes.toString('base64url') };
          const code = await codeOf(host.deliver({ ...evidence, quote }));
          assert.notEqual(code, 'INTERNAL', `${part}, byte ${at}`);
        }
      }
      assert.deepEqual(await recordsOf(touchstone), before);
      assert.equal((await host.deliver(evidence)).state, 'trusted');
    });
  });

  describe('once more in another dress', () => {
    it('with the signature that anybody can derive from it gets the same answer and no second permit', async () => {
      const evidence = await permitEvidence();
      const first = await host.deliverForPermit(evidence);
      const [before, starts] = [await recordsOf(touchstone), await startsOf()];
      const signature = parseTpmtSignature(Buffer.from(evidence.quote.signature, 'base64url'));
      assert.ok(signature.sigAlg === 'ecdsa');
      const s = ORDER - BigInt(`0x${Buffer.from(signature.s).toString('hex')}`);
      const derived = encodeTpmtSignature({
        ...signature,
        s: Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
      });
      const quote = { ...evidence.quote, signature: Buffer.from(derived).toString('base64url') };
      const again = await host.deliverForPermit({ ...evidence, quote });
      assert.deepEqual(again, first);
      assert.deepEqual(await recordsOf(touchstone), before);
      assert.deepEqual(await startsOf(), starts);
    });

    it('with another statement, other values or another log is refused, though its quote is known', async () => {
      const evidence = await permitEvidence();
      const other = await permitEvidence();
      assert.ok(permitOf(await host.deliverForPermit(evidence)));
      const { sha256 = {} } = evidence.pcrs;
      const dresses: readonly (readonly [Partial<Evidence>, string])[] = [
        [{ statement: other.statement }, 'QUOTE_NONCE_MISMATCH'],
        [{ pcrs: { sha256: { ...sha256, 0: sha256[13] ?? '' } } }, 'PCR_DIGEST_MISMATCH'],
        [{ blobs: {} }, 'LOG_BLOB_MISSING'],
        [{ quote: { ...evidence.quote, signature: other.quote.signature } }, 'SIGNATURE_INVALID'],
      ];
      for (const [dress, code] of dresses) {
        const dressed = { ...evidence, ...dress };
        assert.equal((await refused(() => host.deliverForPermit(dressed))).code, code);
      }
    });
  });

  describe('in great numbers at once', () => {
    it('is taken in the order of the TPM’s clock, whatever comes first: the newest decides', async () => {
      const pieces: Evidence[] = [];
      for (let count = 0; count < 20; count += 1) pieces.push(await permitEvidence());
      const starts = (await startsOf()).length;
      const outcomes = await Promise.allSettled(
        pieces.toReversed().map((evidence) => host.deliverForPermit(evidence)),
      );
      const taken = outcomes.filter(({ status }) => status === 'fulfilled');
      const codes = outcomes.flatMap((one) =>
        one.status === 'rejected' ? [(one.reason as { code: string }).code] : [],
      );
      assert.equal(outcomes[0]?.status, 'fulfilled', 'the newest is never superseded');
      assert.deepEqual(new Set(codes), new Set(codes.length > 0 ? ['EVIDENCE_SUPERSEDED'] : []));
      assert.equal(
        (await startsOf()).length,
        starts + taken.length,
        'one start each, none besides',
      );
      assert.equal(await stateOf(host), 'trusted');
    });

    it('good and bad at once leaves the host untrusted, however they arrive', async () => {
      const bad = await host.evidence('attest', { log: () => null });
      const good: Evidence[] = [];
      for (let count = 0; count < 5; count += 1) good.push(await permitEvidence());
      await Promise.allSettled([
        ...good.slice(0, 2).map((evidence) => host.deliverForPermit(evidence)),
        host.deliver(bad),
        ...good.slice(2).map((evidence) => host.deliverForPermit(evidence)),
      ]);
      // Where good evidence that is newer came first, the bad was superseded: a second piece is not.
      await host.attest({ log: () => null });
      assert.equal(await stateOf(host), 'untrusted');
      assert.equal(refusalOf(await host.askForPermit(vm)).code, 'HOST_NOT_TRUSTED');
      await host.reboot(GOOD_BOOT);
      assert.ok(permitOf(await host.askForPermit(vm)));
    });
  });

  describe('of a host that may start nothing', () => {
    it('of a pending one is taken, gets no permit and approves nobody: HOST_PENDING', async () => {
      const newcomer = await TestHost.boot(touchstone);
      try {
        await newcomer.certify();
        assert.equal((await newcomer.enrol()).state, 'pending');
        assert.equal((await newcomer.attest()).state, 'pending');
        const { code } = refusalOf(await newcomer.askForPermit(vm));
        assert.equal(code, 'HOST_PENDING');
        await newcomer.reboot();
        assert.equal((await newcomer.attest()).state, 'pending');
        assert.equal((await touchstone.host(newcomer.name)).approvedAkName, null);
        // An approval without a policy, and then one with it.
        const approval = {
          akName: newcomer.akName,
          classes: ['software'],
          labels: { site: 'new' },
        };
        const path = `/v1/hosts/${newcomer.name}/approval`;
        const approved = await touchstone.operator('POST', path, HostDetail, approval);
        assert.equal(approved.host.state, 'untrusted');
        await touchstone.approveBaselineOf(newcomer.name, 'newcomer');
        assert.ok(permitOf(await newcomer.askForPermit(vm)));
      } finally {
        await newcomer.stop();
      }
    });

    it('of a revoked one changes nothing any more: HOST_REVOKED', async () => {
      const kept = await permitEvidence(neighbour);
      const path = `/v1/hosts/${neighbour.name}/revocation`;
      const reason = { reason: 'stolen' };
      assert.equal(
        (await touchstone.operator('POST', path, HostDetail, reason)).host.state,
        'revoked',
      );
      for (const evidence of [kept, await permitEvidence(neighbour)]) {
        const answer = await neighbour.deliverForPermit(evidence);
        assert.equal(answer.state, 'revoked');
        assert.ok(refusalOf(answer).codes.includes('HOST_REVOKED'));
      }
      await neighbour.reboot();
      assert.equal((await neighbour.attest()).state, 'revoked');
      const approval = { akName: neighbour.akName, classes: ['software'] };
      const approve = () =>
        touchstone.operator('POST', `/v1/hosts/${neighbour.name}/approval`, HostDetail, approval);
      assert.equal((await refused(approve)).code, 'HOST_REVOKED');
      await touchstone.approveBaselineOf(neighbour.name, neighbour.name);
      assert.equal(await stateOf(neighbour), 'revoked');
    });

    it('of one that nobody enrolled is refused: HOST_UNKNOWN', async () => {
      const stranger = await TestHost.boot(touchstone);
      try {
        await stranger.certify();
        for (const hostId of [host.hostId, randomUUID(), null]) {
          assert.equal((await refused(() => stranger.attest({ hostId }))).code, 'HOST_UNKNOWN');
        }
        // A first evidence is that of one AK, and enrols no other.
        const { challenge } = await stranger.challenge('enrol');
        const evidence = await stranger.evidence('enrol', { hostId: null, challenge });
        const binding = await stranger.binding(challenge);
        const enrolAs = (akPublic: Uint8Array, certificates: string[]) => () =>
          touchstone.client.request({
            method: 'POST',
            path: '/v1/hosts',
            schema: HostEnrolmentAnswer,
            body: {
              certificates,
              akPublic: Buffer.from(akPublic).toString('base64url'),
              evidence,
              binding,
              name: 'stranger',
            },
          });
        const mixed = [
          enrolAs(host.akPublic, host.certificates),
          enrolAs(host.akPublic, stranger.certificates),
          enrolAs(stranger.akPublic, host.certificates),
        ];
        for (const request of mixed) {
          const { code = '' } = await refused(request);
          assert.match(code, /^(CHALLENGE_WRONG_HOST|AK_[A-Z_]+)$/u);
        }
        assert.equal((await enrolAs(stranger.akPublic, stranger.certificates)()).state, 'pending');
      } finally {
        await stranger.stop();
      }
    });
  });

  describe('of a TPM whose clock was set past 2^63', () => {
    it('counts in full precision: each piece is newer than the last, and an old one is not', async () => {
      const clock = (1n << 63n) + 12_345n;
      await host.lend((tools) => tools.run('tpm2_setclock', `${clock}`));
      const old = await permitEvidence();
      assert.ok(permitOf(await host.askForPermit(vm)));
      assert.equal((await refused(() => host.deliverForPermit(old))).code, 'EVIDENCE_SUPERSEDED');
      const { boot } = await touchstone.host(host.name);
      assert.ok(BigInt(boot?.clock ?? 0) >= clock);
      assert.equal((await host.attest()).state, 'trusted');
      const { hosts } = await touchstone.operator('GET', '/v1/hosts', HostList);
      assert.ok(hosts.some(({ name }) => name === host.name));
      await host.reboot();
      assert.ok(permitOf(await host.askForPermit(vm)));
    });
  });
});
