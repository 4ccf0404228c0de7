import assert from 'node:assert/strict';
import type { EnrollmentRequest, Evidence } from '@touchstone/schemas';
import { parseTpmsAttest } from '@touchstone/tpm';
import { attack } from '../support/attack.ts';
import { type CaReplica, startCaReplica } from '../support/ca-replica.ts';
import { ForgedHost } from '../support/forged-host.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import { TestHost } from '../support/test-host.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

/** Sizes that a UINT16 may claim of `actual` bytes: more than there are, fewer, and the extremes. */
const lies = (actual: number) =>
  [actual + 1, actual - 1, 0, 0xffff].filter((size) => size >= 0 && size !== actual);

describe('A structure of a TPM', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let ca: CaReplica;
  let host: TestHost;

  before(async function () {
    this.timeout(120_000);
    touchstone = await startTouchstone();
    ca = await startCaReplica(touchstone);
    host = await TestHost.trusted(touchstone);
  });
  after(async function () {
    this.timeout(60_000);
    await host?.stop();
    await ca?.stop();
    await touchstone?.stop();
  });

  const refused = (request: () => Promise<unknown>) => refusedWithoutTrace(touchstone, request);

  describe('whose sizes lie', () => {
    /** Where a UINT16 size stands in the structure; it is of a TPM2B there. */
    const sizesOf: Readonly<Record<'attest' | 'signature', (bytes: Buffer) => number[]>> = {
      // qualifiedSigner, extraData, pcrDigest.
      attest: (bytes) => {
        const { qualifiedSigner, quote } = parseTpmsAttest(bytes);
        return [6, 8 + qualifiedSigner.length, bytes.length - quote.pcrDigest.length - 2];
      },
      // signatureR, signatureS.
      signature: (bytes) => [4, 6 + bytes.readUInt16BE(4)],
    };

    for (const part of ['attest', 'signature'] as const) {
      it(`is refused in a quote’s ${part}, and the honest one is taken: Q19`, async () => {
        const evidence = await host.evidence('attest');
        const honest = Buffer.from(evidence.quote[part], 'base64url');
        for (const at of sizesOf[part](honest)) {
          for (const size of lies(honest.readUInt16BE(at))) {
            const quote = { ...evidence.quote, [part]: withSize(honest, at, size) };
            await attack('Q19', () => refused(() => host.deliver({ ...evidence, quote })));
          }
        }
        assert.equal((await host.deliver(evidence)).state, 'trusted');
      });
    }

    it('is refused in the count of a selection and in its bitmap: Q19', async () => {
      const evidence = await host.evidence('attest');
      const honest = Buffer.from(evidence.quote.attest, 'base64url');
      const { qualifiedSigner, extraData } = parseTpmsAttest(honest);
      // After magic, type, two TPM2Bs, clockInfo and firmwareVersion: count, then hash and sizeofSelect.
      const count = 6 + 2 + qualifiedSigner.length + 2 + extraData.length + 17 + 8;
      assert.equal(honest.readUInt32BE(count), 1);
      const altered = (change: (bytes: Buffer) => void): Evidence => {
        const bytes = Buffer.from(honest);
        change(bytes);
        return { ...evidence, quote: { ...evidence.quote, attest: bytes.toString('base64url') } };
      };
      const counts = [0, 2, 17, 0x7fffffff, 0xffffffff];
      const bitmaps = [0, 2, 4, 5, 0xff];
      for (const bad of [
        ...counts.map((value) => altered((bytes) => bytes.writeUInt32BE(value, count))),
        ...bitmaps.map((value) => altered((bytes) => bytes.writeUInt8(value, count + 6))),
      ]) {
        await attack('Q19', () => refused(() => host.deliver(bad)));
      }
      assert.equal((await host.deliver(evidence)).state, 'trusted');
    });

    it('is refused in the public areas that the CA is sent, size within size: Q19', async () => {
      const forged = new ForgedHost(touchstone);
      const request = forged.enrollmentRequest();
      // TPM2B_PUBLIC and authPolicy within it; x and y, or the modulus.
      const sizes: Readonly<Record<'akPublic' | 'ekPublic', (bytes: Buffer) => number[]>> = {
        akPublic: (bytes) => [0, 10, bytes.length - 68, bytes.length - 34],
        ekPublic: (bytes) => [0, 10, bytes.length - 258],
      };
      for (const [part, sizesAt] of Object.entries(sizes)) {
        const honest = Buffer.from(request[part as keyof typeof sizes], 'base64url');
        for (const at of sizesAt(honest)) {
          for (const size of lies(honest.readUInt16BE(at))) {
            const bad: EnrollmentRequest = { ...request, [part]: withSize(honest, at, size) };
            await attack('Q19', () => refused(() => ca.enroll(bad)));
          }
        }
      }
      assert.ok((await ca.enroll(request)).enrollmentId);
    });
  });

  describe('whose extraData is nearly what was asked for', () => {
    const data: Readonly<Record<string, (expected: Buffer) => Uint8Array>> = {
      'without its last byte': (expected) => expected.subarray(0, -1),
      'without its first byte': (expected) => expected.subarray(1),
      'its first half alone': (expected) => expected.subarray(0, 16),
      'its first byte alone': (expected) => expected.subarray(0, 1),
      nothing: () => Buffer.alloc(0),
      'with a zero after it': (expected) => Buffer.concat([expected, Buffer.alloc(1)]),
      'with zeros before it': (expected) => Buffer.concat([Buffer.alloc(8), expected]),
      'padded with zeros to 64 bytes': (expected) => Buffer.concat([expected, Buffer.alloc(32)]),
      'cut and padded with zeros': (expected) =>
        Buffer.concat([expected.subarray(0, 16), Buffer.alloc(16)]),
      twice: (expected) => Buffer.concat([expected, expected]),
      'all zeros': () => Buffer.alloc(32),
      'another in its last bit': (expected) =>
        Buffer.concat([expected.subarray(0, -1), Uint8Array.of((expected.at(-1) ?? 0) ^ 1)]),
    };
    for (const [what, make] of Object.entries(data)) {
      it(`is refused: ${what}: Q20`, () =>
        attack('Q20', () =>
          refused(() =>
            host.attest({
              quote: (expected, selection) => host.quote(make(Buffer.from(expected)), selection),
            }),
          ),
        ));
    }

    it('is refused where it is the challenge itself, whole or cut: Q20', async () => {
      const { challenge } = await host.challenge('attest');
      const bytes = Buffer.from(challenge, 'base64url');
      for (const extraData of [bytes.subarray(0, 64), bytes.subarray(0, 32), bytes.subarray(-32)]) {
        await attack('Q20', () =>
          refused(() =>
            host.attest({ challenge, quote: (_, selection) => host.quote(extraData, selection) }),
          ),
        );
      }
      assert.equal((await host.attest({ challenge })).state, 'trusted');
    });
  });
});

function withSize(honest: Buffer, at: number, size: number): string {
  const bytes = Buffer.from(honest);
  bytes.writeUInt16BE(size, at);
  return bytes.toString('base64url');
}
