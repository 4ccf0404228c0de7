import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { json } from 'node:stream/consumers';
import {
  encodeEventLog,
  encodeSoftwareEvent,
  EV_EVENT_TAG,
  SOFTWARE_VENDOR_INFO,
} from '@touchstone/eventlog';
import { hash } from '@touchstone/tpm';
import { attack, type Observed } from '../support/attack.ts';
import { GOOD_BOOT, logOf } from '../support/measured-boot.ts';
import { refusedWithoutTrace } from '../support/records.ts';
import type { TestHost } from '../support/test-host.ts';
import type { Touchstone } from '../support/touchstone.ts';
import { useTrustedHost } from '../support/trusted-host.ts';

const SHA1 = 0x0004;
const SHA256 = 0x000b;
const SHA384 = 0x000c;
/** In no registry. */
const UNKNOWN = 0xcafe;

type Algorithm = readonly [id: number, size: number];

describe('A log of a boot', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let host: TestHost;
  useTrustedHost((scene) => void ({ touchstone, host } = scene));

  /** The AK signed for this very log, so it is the host's own word: untrusted until an honest boot. */
  const untrusted = async (log: Uint8Array, code: string, actual = /^/u): Promise<Observed> => {
    const answer = await host.attest({ log: () => log });
    assert.deepEqual([answer.verdict, answer.state], ['contraindicated', 'untrusted']);
    const { findings } = await touchstone.explanation(host.name);
    const found = findings.find((one) => one.code === code);
    assert.equal(found?.effect, 'enforce', `no ${code}`);
    assert.match(found.actual ?? '', actual);
    await host.reboot();
    assert.equal((await host.attest()).state, 'trusted');
    return { outcome: 'U', code };
  };

  describe('whose header lies about its algorithms makes its host untrusted', () => {
    const digestOf = (size: number) => (data: Uint8Array) =>
      hash('sha512', data, data).subarray(0, size);
    const lies: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
      'SHA-256 of 20 bytes, in the events too': [
        logDeclaring([[SHA256, 20]], { id: SHA256, digest: digestOf(20) }),
        /^SPEC_ID_DIGEST_SIZE/u,
      ],
      'SHA-256 of 20 bytes, whole in the events': [
        logDeclaring([[SHA256, 20]]),
        /^SPEC_ID_DIGEST_SIZE/u,
      ],
      'SHA-256 of 48 bytes': [logDeclaring([[SHA256, 48]]), /^SPEC_ID_DIGEST_SIZE/u],
      'SHA-256 of no bytes': [logDeclaring([[SHA256, 0]]), /^SPEC_ID_DIGEST_SIZE/u],
      'SHA-384 of 32 bytes beside an honest SHA-256': [
        logDeclaring([
          [SHA256, 32],
          [SHA384, 32],
        ]),
        /^SPEC_ID_DIGEST_SIZE/u,
      ],
      'an unknown one of 65,535 bytes': [
        logDeclaring([
          [SHA256, 32],
          [UNKNOWN, 0xffff],
        ]),
        /^SPEC_ID_DIGEST_SIZE/u,
      ],
      'SHA-256 twice': [
        logDeclaring([
          [SHA256, 32],
          [SHA256, 32],
        ]),
        /^SPEC_ID_ALGORITHMS/u,
      ],
      'none at all': [logDeclaring([]), /^SPEC_ID_ALGORITHMS/u],
      'an unknown one alone': [
        logDeclaring([[UNKNOWN, 32]], { id: UNKNOWN, digest: (data) => hash('sha256', data) }),
        /^SPEC_ID_ALGORITHMS/u,
      ],
      'more than there are': [logDeclaring([[SHA256, 32]], { count: 5 }), /^(TRUNCATED|SPEC_ID)/u],
      '4,294,967,295 of them': [
        logDeclaring([[SHA256, 32]], { count: 0xffffffff }),
        /^SPEC_ID_ALGORITHMS/u,
      ],
      'SHA-1 alone, and events in SHA-256': [logDeclaring([[SHA1, 20]]), /^DIGEST_UNDECLARED/u],
    };
    for (const [what, [log, actual]] of Object.entries(lies)) {
      it(`${what}: L19`, () => attack('L19', () => untrusted(log, 'LOG_MALFORMED', actual)));
    }

    it('and is read where an unknown one stands beside SHA-256, as in real logs', async () => {
      const log = logDeclaring([
        [SHA256, 32],
        [UNKNOWN, 40],
      ]);
      assert.equal((await host.attest({ log: () => log })).state, 'trusted');
    });
  });

  describe('that is too large', () => {
    const tiny = Buffer.alloc(16);
    tiny.writeUInt32LE(13, 0);
    tiny.writeUInt32LE(EV_EVENT_TAG, 4);
    const many = (count: number) =>
      Buffer.concat([logOf(GOOD_BOOT), Buffer.alloc(count * tiny.length, tiny)]);

    for (const [what, bytes] of Object.entries({
      '64 MiB': 64 * 1024 * 1024,
      'a million events': many(1_000_000).length,
    })) {
      it(`is refused before it is read, and changes nothing: ${what}: L20`, async () => {
        const evidence = await host.evidence('attest');
        // As long as the evidence would be; the answer comes before any of it is sent.
        const length = JSON.stringify(evidence).length + Math.ceil((bytes * 4) / 3);
        await attack('L20', () =>
          refusedWithoutTrace(touchstone, () => announced(touchstone, '/v1/evidence', length)),
        );
        assert.equal((await host.deliver(evidence)).state, 'trusted');
      });
    }

    const saying = (at: (log: Buffer) => number) => {
      const log = Buffer.from(logOf(GOOD_BOOT));
      log.writeUInt32LE(0xffffffff, at(log));
      return log;
    };
    const last = GOOD_BOOT.at(-1);
    assert.ok(last);
    const lastSize = encodeSoftwareEvent(last.event).length;
    const small: Readonly<Record<string, readonly [() => Uint8Array, RegExp]>> = {
      'an event that says 4 GiB': [
        () => saying(({ length }) => length - lastSize - 4),
        /^TRUNCATED/u,
      ],
      'a header that says 4 GiB': [() => saying(() => 28), /^TRUNCATED/u],
      'an event of 4,294,967,295 digests': [
        () => saying(({ length }) => length - lastSize - 4 - 32 - 2 - 4),
        /^DIGEST_COUNT/u,
      ],
      '70,000 events of nothing': [() => many(70_000), /^LOG_TOO_MANY_EVENTS/u],
    };
    for (const [what, [make, actual]] of Object.entries(small)) {
      it(`by what it says of itself makes its host untrusted: ${what} (L20)`, () =>
        untrusted(make(), 'LOG_MALFORMED', actual));
    }

    it('by how deep an event is makes its host untrusted: LOG_WRONG_FOR_CLASS (L20)', async () => {
      const data = Buffer.from('['.repeat(500_000));
      const events = GOOD_BOOT.map(({ pcr, event }) => ({
        ...{ pcr, type: EV_EVENT_TAG, data: encodeSoftwareEvent(event) },
      }));
      const log = encodeEventLog({
        vendorInfo: SOFTWARE_VENDOR_INFO,
        banks: ['sha256'],
        events: [...events, { pcr: 13, type: EV_EVENT_TAG, data }],
      });
      await host.extend(13, data);
      await untrusted(log, 'LOG_WRONG_FOR_CLASS');
    });
  });

  describe('of SHA-1 digests alone makes its host untrusted', () => {
    const events = GOOD_BOOT.map(({ pcr, event }) => ({ pcr, data: encodeSoftwareEvent(event) }));
    const legacy = (first: readonly Uint8Array[] = []) =>
      Buffer.concat([
        ...first,
        ...events.map(({ pcr, data }) => legacyEvent(pcr, EV_EVENT_TAG, sha1(data), data)),
      ]);
    const specId = (signature: string) =>
      legacyEvent(
        0,
        3,
        Buffer.alloc(20),
        Buffer.concat([Buffer.from(signature), Buffer.alloc(12)]),
      );

    const logs: Readonly<Record<string, Uint8Array>> = {
      'without a header': legacy(),
      'with the header of a PC’s BIOS': legacy([specId('Spec ID Event00\0')]),
      'with the header of UEFI': legacy([specId('Spec ID Event02\0')]),
    };
    for (const [what, log] of Object.entries(logs)) {
      it(`${what}: L21`, () => attack('L21', () => untrusted(log, 'LOG_LEGACY')));
      it(`${what}, though SHA-1 is what it measured: L21`, () =>
        attack('L21', async () => {
          host.banks = ['sha1', 'sha256'];
          await host.reboot();
          const outcome = await untrusted(log, 'LOG_LEGACY');
          host.banks = ['sha256'];
          await host.reboot();
          return outcome;
        }));
    }
  });
});

/** POST of a body of that length, of which nothing was sent when the answer came. Throws the answer's problem. */
async function announced({ url }: Touchstone, path: string, length: number): Promise<never> {
  const headers = { 'content-type': 'application/json', 'content-length': length };
  const request = https.request(new URL(path, url), {
    ...{ method: 'POST', headers, rejectUnauthorized: false },
  });
  try {
    request.flushHeaders();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    const problem = (await json(answer)) as { title: string; code: string };
    throw Object.assign(new Error(problem.title), { code: problem.code });
  } finally {
    request.destroy();
  }
}

type Lie = {
  readonly id?: number;
  readonly digest?: (data: Uint8Array) => Uint8Array;
  /** What numberOfAlgorithms says. */
  readonly count?: number;
};

/**
 * The log of the good boot by hand: TCG PC Client PFP, 10.4.5.1 and 10.2.2. Each event has a digest `id` and, where the
 * header has an unknown algorithm beside it, one of that.
 */
function logDeclaring(
  algorithms: readonly Algorithm[],
  { id = SHA256, digest = (data) => hash('sha256', data), count = algorithms.length }: Lie = {},
): Uint8Array {
  const data = Buffer.concat([
    Buffer.from('Spec ID Event03\0'),
    u32(0),
    Uint8Array.of(0, 2, 2, 2),
    u32(count),
    ...algorithms.flatMap(([alg, size]) => [u16(alg), u16(size)]),
    Uint8Array.of(SOFTWARE_VENDOR_INFO.length),
    SOFTWARE_VENDOR_INFO,
  ]);
  const beside = algorithms.filter(([alg]) => alg === UNKNOWN && id !== UNKNOWN);
  const events = GOOD_BOOT.map(({ pcr, event }) => {
    const text = encodeSoftwareEvent(event);
    const digests = [
      Buffer.concat([u16(id), digest(text)]),
      ...beside.map(([alg, size]) => Buffer.concat([u16(alg), Buffer.alloc(size, 0x5a)])),
    ];
    const head = [u32(pcr), u32(EV_EVENT_TAG), u32(digests.length)];
    return Buffer.concat([...head, ...digests, u32(text.length), text]);
  });
  return Buffer.concat([legacyEvent(0, 3, Buffer.alloc(20), data), ...events]);
}

/** TCG_PCClientPCREvent: TCG PC Client PFP, 10.2.1. */
function legacyEvent(pcr: number, type: number, digest: Uint8Array, data: Uint8Array): Buffer {
  return Buffer.concat([u32(pcr), u32(type), digest, u32(data.length), data]);
}

function sha1(data: Uint8Array): Buffer {
  return createHash('sha1').update(data).digest();
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
