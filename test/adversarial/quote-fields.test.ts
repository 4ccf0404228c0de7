import assert from 'node:assert/strict';
import { type Evidence, EvidenceAnswer } from '@touchstone/schemas';
import { parseTpmsAttest } from '@touchstone/tpm';
import { attack } from '../support/attack.ts';
import { type CaReplica, startCaReplica } from '../support/ca-replica.ts';
import { ForgedHost } from '../support/forged-host.ts';
import { signedBy } from '../support/forged-key.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

describe('A quote, field by field', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let ca: CaReplica;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    ca = await startCaReplica(touchstone);
  });
  after(async function () {
    this.timeout(60_000);
    await ca?.stop();
    await touchstone?.stop();
  });

  const deliver = (body: Evidence) =>
    touchstone.client.request({
      method: 'POST',
      path: '/v1/evidence',
      schema: EvidenceAnswer,
      body,
    });
  /** The same quote with something else in it, and signed by the AK all the same. */
  const resigned = (
    host: ForgedHost,
    evidence: Evidence,
    change: (attest: Buffer) => Buffer,
  ): Evidence => {
    const attest = change(Buffer.from(evidence.quote.attest, 'base64url'));
    const signature = Buffer.from(signedBy(host.ak, attest)).toString('base64url');
    return { ...evidence, quote: { attest: attest.toString('base64url'), signature } };
  };

  it('is refused where its signer lies under another EK than the one that was certified: Q21', async () => {
    const host = await ForgedHost.trusted(touchstone, ca);
    const other = new ForgedHost(touchstone);
    const { evidence: ofOther } = await other.answer('attest');
    const { qualifiedSigner } = parseTpmsAttest(Buffer.from(ofOther.quote.attest, 'base64url'));
    const { evidence } = await host.answer('attest');
    const withSigner = (signer: Uint8Array) =>
      resigned(host, evidence, (attest) => {
        const size = attest.readUInt16BE(6);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(signer.length);
        return Buffer.concat([attest.subarray(0, 6), length, signer, attest.subarray(8 + size)]);
      });
    const own = parseTpmsAttest(Buffer.from(evidence.quote.attest, 'base64url')).qualifiedSigner;
    const flipped = Buffer.from(own);
    flipped[flipped.length - 1]! ^= 1;
    const ofHash = Buffer.concat([Buffer.of(0x00, 0x0c), own.subarray(2)]);
    // Its own Name, which is no qualified name: as if the AK were nobody's child.
    const name = Buffer.from(host.akName, 'hex');
    for (const signer of [qualifiedSigner, flipped, ofHash, name, new Uint8Array()]) {
      await attack('Q21', () => refusedWithoutTrace(touchstone, () => deliver(withSigner(signer))));
    }
    assert.equal((await deliver(withSigner(own))).state, 'trusted');
  });

  it('is refused with values that were read before a PCR moved, and taken with those after: Q23', async () => {
    // The agent itself reads again, three times at most: agent/test/attester.test.ts, PCRS_UNSTEADY.
    const host = await TestHost.trusted(touchstone);
    try {
      const { pcrs } = await host.evidence('attest');
      await host.extend(14, Buffer.from('something else'));
      const evidence = await host.evidence('attest');
      await attack('Q23', () =>
        refusedWithoutTrace(touchstone, () => deliver({ ...evidence, pcrs })),
      );
      // What was quoted then is believed, and found to be what no baseline knows.
      assert.equal((await deliver(evidence)).state, 'untrusted');
    } finally {
      await host.stop();
    }
  });

  it('is read by its lengths, whatever bytes of a length its fields hold: Q24', async () => {
    const host = await ForgedHost.trusted(touchstone, ca);
    await attack('Q24', async () => {
      const { evidence } = await host.answer('attest');
      // Where a reader that looks for the bytes 00 24 would find them: clock, counters and firmware version.
      const full = resigned(host, evidence, (attest) => {
        const { qualifiedSigner, extraData } = parseTpmsAttest(attest);
        const clockInfo = 6 + 2 + qualifiedSigner.length + 2 + extraData.length;
        const marks = Buffer.from('0024'.repeat(8), 'hex');
        marks.copy(attest, clockInfo, 0, 16);
        marks.copy(attest, clockInfo + 17, 0, 8);
        return attest;
      });
      const { clockInfo } = parseTpmsAttest(Buffer.from(full.quote.attest, 'base64url'));
      assert.deepEqual(
        [clockInfo.clock, clockInfo.resetCount, clockInfo.restartCount],
        [0x0024_0024_0024_0024n, 0x0024_0024, 0x0024_0024],
      );
      assert.equal((await deliver(full)).state, 'trusted');
      return { outcome: 'T' };
    });
  });
});
