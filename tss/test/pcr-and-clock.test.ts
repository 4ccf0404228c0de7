import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { encodeTpmlPcrSelection, parseTpmsAttest, pcrDigest } from '@touchstone/tpm';
import type { BankName, PcrSelection } from '@touchstone/tpm';
import { openTpm } from 'node-tpm2-tss-bindings';
import type { PcrValue, Tpm } from 'node-tpm2-tss-bindings';
import { startSwtpm } from '../../test/support/swtpm.ts';
import type { Swtpm } from '../../test/support/swtpm.ts';
import { ALL_SHA256, attesterOf } from './support/attester.ts';

const SHA1 = 0x0004;
const SHA256 = 0x000b;
const SHA512 = 0x000d;
const PCRS = Array.from({ length: 24 }, (_, pcr) => pcr);
const THREE_BANKS: PcrSelection = [
  { bank: 'sha384', pcrs: PCRS },
  { bank: 'sha1', pcrs: [0, 16] },
  { bank: 'sha256', pcrs: PCRS },
];

describe('PCRs and the clock', () => {
  let swtpm: Swtpm;
  let tpm: Tpm;
  before(async () => {
    swtpm = await startSwtpm();
    tpm = await openTpm({ tcti: swtpm.tcti });
  });
  after(async () => {
    await tpm?.close();
    await swtpm?.stop();
  });
  const sha256Pcr = async (index: number) => {
    const [value] = await tpm.pcrRead(encodeTpmlPcrSelection([{ bank: 'sha256', pcrs: [index] }]));
    return Buffer.from(value?.digest ?? []);
  };

  it('reads every selected PCR, however many the TPM gives at a time', async () => {
    const values = await tpm.pcrRead(encodeTpmlPcrSelection(THREE_BANKS));
    assert.equal(values.length, 24 + 2 + 24);
    assert.deepEqual(
      values.map(({ bank, pcr }) => [bank, pcr]),
      [
        ...PCRS.map((pcr) => [0x000c, pcr]),
        [SHA1, 0],
        [SHA1, 16],
        ...PCRS.map((pcr) => [SHA256, pcr]),
      ],
    );
    assert.deepEqual(Buffer.from(values[0]?.digest ?? []), Buffer.alloc(48));
    // PCR 17 to 22 are all ones until a dynamic launch (PC Client Platform TPM Profile, 4.6.2).
    assert.deepEqual(await sha256Pcr(17), Buffer.alloc(32, 0xff));
  });

  it('reads none when none is selected', async () => {
    assert.deepEqual(await tpm.pcrRead(encodeTpmlPcrSelection([])), []);
  });

  it('refuses what the TPM does not have rather than leave it out: TPM_PCR_UNREADABLE', async () => {
    const selection = encodeTpmlPcrSelection([
      { bank: 'sha256', pcrs: [0] },
      { bank: 'sha512', pcrs: [0] },
    ]);
    await assert.rejects(tpm.pcrRead(selection), { code: 'TPM_PCR_UNREADABLE' });
  });

  it('refuses selections that are truncated or have bytes left over: TPM_MISUSE', async () => {
    const refusal = { code: 'TPM_MISUSE' };
    for (let length = 0; length < ALL_SHA256.length; length++) {
      await assert.rejects(tpm.pcrRead(ALL_SHA256.subarray(0, length)), refusal);
    }
    await assert.rejects(tpm.pcrRead(Buffer.concat([ALL_SHA256, Buffer.alloc(1)])), refusal);
  });

  it('extends the banks that are named, and no other', async () => {
    const before = await sha256Pcr(9);
    const digest = randomBytes(32);
    await tpm.pcrExtend(9, [{ alg: SHA256, digest }]);
    const expected = createHash('sha256').update(before).update(digest).digest();
    assert.deepEqual(await sha256Pcr(9), expected);
    const [sha1] = await tpm.pcrRead(encodeTpmlPcrSelection([{ bank: 'sha1', pcrs: [9] }]));
    assert.deepEqual(Buffer.from(sha1?.digest ?? []), Buffer.alloc(20));
  });

  it('extends two banks at once', async () => {
    const digests = [
      { alg: SHA1, digest: randomBytes(20) },
      { alg: SHA256, digest: randomBytes(32) },
    ];
    await tpm.pcrExtend(16, digests);
    const selection = encodeTpmlPcrSelection([
      { bank: 'sha1', pcrs: [16] },
      { bank: 'sha256', pcrs: [16] },
    ]);
    const values = await tpm.pcrRead(selection);
    assert.ok(values.every(({ digest }) => digest.some((byte) => byte !== 0)));
  });

  it('refuses to extend a PCR that does not exist, or with a digest of another length', async () => {
    const digest = randomBytes(32);
    await assert.rejects(tpm.pcrExtend(24, [{ alg: SHA256, digest }]), { code: 'TPM_MISUSE' });
    const short = [{ alg: SHA256, digest: digest.subarray(1) }];
    await assert.rejects(tpm.pcrExtend(9, short), { code: 'TPM_MISUSE' });
    // Part 3, 22.2: a bank that the TPM does not have is no error there, and must not seem extended here.
    await tpm.pcrExtend(9, [{ alg: SHA512, digest: randomBytes(64) }]);
  });

  it('reads what a quote is over: the digests agree', async () => {
    const { ak, session } = await attesterOf(tpm);
    const selection = encodeTpmlPcrSelection(THREE_BANKS);
    const values = await tpm.pcrRead(selection);
    const qualifyingData = randomBytes(32);
    const { attest } = await tpm.quote({ key: ak, session, qualifyingData, selection });
    const digest = pcrDigest(THREE_BANKS, byBank(values), 'sha256');
    assert.deepEqual(Buffer.from(parseTpmsAttest(attest).quote.pcrDigest), Buffer.from(digest));
  });

  it('serves callers that do not wait for each other, in their order', async () => {
    const digest = randomBytes(32);
    const before = sha256Pcr(10);
    const extended = tpm.pcrExtend(10, [{ alg: SHA256, digest }]);
    const after = sha256Pcr(10);
    await extended;
    const expected = createHash('sha256')
      .update(await before)
      .update(digest)
      .digest();
    assert.deepEqual(await after, expected);
  });

  it('reads 1,000 times without keeping memory, descriptors or slots', async () => {
    for (let count = 0; count < 200; count++) await tpm.pcrRead(ALL_SHA256);
    const rssBefore = process.memoryUsage.rss();
    const descriptorsBefore = descriptors();
    for (let count = 0; count < 1000; count++) await tpm.pcrRead(ALL_SHA256);
    assert.ok(descriptors() <= descriptorsBefore + 1);
    assert.ok(process.memoryUsage.rss() - rssBefore < 24 * 1024 * 1024);
  });

  it('has a clock that goes forward, and a resetCount that rises with each power cut', async () => {
    const first = await tpm.readClock();
    const second = await tpm.readClock();
    assert.ok(second.time >= first.time && second.clock >= first.clock);
    assert.equal(second.resetCount, first.resetCount);
    await tpm.close();
    await swtpm.restart();
    tpm = await openTpm({ tcti: swtpm.tcti });
    const later = await tpm.readClock();
    assert.equal(later.resetCount, first.resetCount + 1);
    assert.equal(later.restartCount, 0);
    assert.equal(later.safe, false);
    assert.deepEqual(await sha256Pcr(9), Buffer.alloc(32));
  });
});

function byBank(values: readonly PcrValue[]): Map<BankName, Map<number, Uint8Array>> {
  const names = new Map<number, BankName>([
    [SHA1, 'sha1'],
    [SHA256, 'sha256'],
    [0x000c, 'sha384'],
  ]);
  const banks = new Map<BankName, Map<number, Uint8Array>>();
  for (const { bank, pcr, digest } of values) {
    const name = names.get(bank);
    assert.ok(name);
    banks.set(name, (banks.get(name) ?? new Map<number, Uint8Array>()).set(pcr, digest));
  }
  return banks;
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
