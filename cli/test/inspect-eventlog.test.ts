import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeEventLog, type NewEvent } from '@touchstone/eventlog';
import { type BankName, bankAlgorithm, hash, Writer } from '@touchstone/tpm';
import { EXIT } from '../index.ts';
import { newOperator, type Operator, type Ran } from './support/operator.ts';

const EV_NO_ACTION = 3;
const EV_ACTION = 5;
const EV_IPL = 0x0d;
const EV_EFI_VARIABLE_BOOT = 0x80000002;
const EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003;
const EV_EFI_ACTION = 0x80000007;
const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha256 = (data: Uint8Array): string => hex(hash('sha256', data));

const measured = (pcr: number, text: string): NewEvent => ({
  pcr,
  type: EV_ACTION,
  data: ascii(text),
});
const logOf = (events: readonly NewEvent[], banks: readonly BankName[] = ['sha256']): Uint8Array =>
  encodeEventLog({ vendorInfo: new Uint8Array(), banks, events });

/** A Spec ID event that declares these algorithms, true or not. */
function logDeclaring(...algorithms: readonly (readonly [alg: number, size: number])[]) {
  const data = new Writer('little').bytes(ascii('Spec ID Event03\0'));
  data.bytes(Uint8Array.of(0, 0, 0, 0, 0, 2, 0, 2)).u32(algorithms.length);
  for (const [alg, size] of algorithms) data.u16(alg).u16(size);
  const event = data.u8(0).finish();
  const header = new Writer('little').u32(0).u32(EV_NO_ACTION).bytes(new Uint8Array(20));
  return header.u32(event.length).bytes(event).finish();
}

function legacyLogOf(events: readonly NewEvent[]): Uint8Array {
  const writer = new Writer('little');
  for (const { pcr, type, data } of events) {
    writer.u32(pcr).u32(type).bytes(hash('sha1', data)).u32(data.length).bytes(data);
  }
  return writer.finish();
}

describe('touchstone inspect eventlog', () => {
  let operator: Operator;
  before(() => {
    operator = newOperator();
  });
  after(() => operator.leave());

  function inspect(log: Uint8Array, ...more: readonly string[]): Promise<Ran> {
    const file = join(operator.home, 'log');
    writeFileSync(file, log);
    return operator.run(['inspect', 'eventlog', file, ...more]);
  }
  async function report(log: Uint8Array) {
    const { exit, out, err } = await inspect(log, '--json');
    assert.deepEqual([exit, err], [EXIT.yes, '']);
    return JSON.parse(out) as {
      format: string;
      events: unknown[];
      pcrs: Record<string, Record<string, string>>;
      findings: { code: string; subject: string; actual?: string }[];
    };
  }
  const codesOf = async (log: Uint8Array): Promise<string[]> =>
    (await report(log)).findings.map(({ code }) => code);
  async function assertMalformed(log: Uint8Array, code: string): Promise<void> {
    const { exit, out, err } = await inspect(log, '--json');
    const { error, ...rest } = JSON.parse(out) as { error: Record<string, unknown> };
    assert.equal(error['code'], code);
    assert.deepEqual(Object.keys(error), ['code', 'field', 'offset']);
    assert.equal(typeof error['field'], 'string');
    assert.equal(typeof error['offset'], 'number');
    assert.deepEqual([rest, exit, err], [{}, EXIT.malformed, '']);
  }

  it('prints with --json the format, each event, and the PCRs that one extended', async () => {
    const start = new Uint8Array(32);
    const value = hash('sha256', start, hash('sha256', ascii('a')));
    const note = { pcr: 6, type: EV_NO_ACTION, data: ascii('no extend') };
    const answer = await report(logOf([measured(4, 'a'), note]));
    assert.deepEqual(answer, {
      format: 'crypto-agile',
      events: [
        {
          index: 0,
          offset: 0,
          pcr: 0,
          type: 3,
          typeName: 'EV_NO_ACTION',
          digests: { sha1: '0'.repeat(40) },
          dataLength: 33,
          meaning: {
            basis: 'label',
            kind: 'note',
            name: 'note Spec ID Event03',
            signature: 'Spec ID Event03',
          },
        },
        {
          index: 1,
          offset: 65,
          pcr: 4,
          type: 5,
          typeName: 'EV_ACTION',
          digests: { sha256: sha256(ascii('a')) },
          dataLength: 1,
          meaning: { basis: 'data', kind: 'action', name: 'a', text: 'a' },
        },
        {
          index: 2,
          offset: 116,
          pcr: 6,
          type: 3,
          typeName: 'EV_NO_ACTION',
          digests: { sha256: sha256(ascii('no extend')) },
          dataLength: 9,
          meaning: {
            basis: 'label',
            kind: 'note',
            name: 'note no extend',
            signature: 'no extend',
          },
        },
      ],
      pcrs: { sha256: { 4: hex(value) } },
      findings: [],
    });
  });

  it('shows people the events, the values and what speaks against the log', async () => {
    const { exit, out } = await inspect(legacyLogOf([measured(4, 'a'), measured(23, 'b')]));
    assert.equal(exit, EXIT.yes);
    const digest = hex(hash('sha1', ascii('a')));
    assert.match(out, /SHA-1-only event log: 2 events, sha1/u);
    assert.match(out, new RegExp(`\\n0 +4 +EV_ACTION +${digest.slice(0, 16)}… +1\\n`, 'u'));
    assert.match(out, /\nsha1 +23 +[0-9a-f]{40}\n/u);
    assert.match(out, /LOG_LEGACY/u);
  });

  describe("given systemd's log of user space", () => {
    const record = (string: string, digest: string): string =>
      `\u001e${JSON.stringify({
        pcr: 11,
        digests: [{ hashAlg: 'sha256', digest }],
        content_type: 'systemd',
        content: { string, eventType: 'phase', timestamp: 1 },
      })}\n`;
    const log = Buffer.from(
      record('enter-initrd', sha256(ascii('enter-initrd'))) +
        record('\u001b[2Jready', sha256(ascii('other'))),
    );

    it('prints with --json each record, what of it is proved, and where it leads', async () => {
      const { exit, out } = await inspect(log, '--json');
      const answer = JSON.parse(out) as Record<string, unknown>;
      const first = hash('sha256', new Uint8Array(32), hash('sha256', ascii('enter-initrd')));
      const second = hash('sha256', first, hash('sha256', ascii('other')));
      assert.equal(exit, EXIT.yes);
      assert.deepEqual(answer, {
        format: 'canonical',
        encoding: 'json',
        records: [
          {
            index: 0,
            register: { kind: 'pcr', index: 11 },
            digests: { sha256: sha256(ascii('enter-initrd')) },
            basis: 'data',
            kind: 'systemd',
            name: 'enter-initrd',
            string: 'enter-initrd',
            eventType: 'phase',
            timestampUs: 1,
          },
          {
            index: 1,
            register: { kind: 'pcr', index: 11 },
            digests: { sha256: sha256(ascii('other')) },
            basis: 'label',
            kind: 'systemd',
            name: '\ufffd[2Jready',
            string: '\u001b[2Jready',
            eventType: 'phase',
            timestampUs: 1,
          },
        ],
        pcrs: { sha256: { 11: hex(second) } },
        findings: [],
      });
    });

    it('shows people the same, and nothing of it drives a terminal', async () => {
      const { out } = await inspect(log);
      assert.match(out, /^A canonical event log: 2 records, JSON, sha256\n/u);
      assert.match(out, /\n0 +PCR 11 +proved +enter-initrd\n/u);
      assert.match(out, /\n1 +PCR 11 +unverified +\ufffd\[2Jready\n/u);
    });

    it('is 65 for one that is cut off: CEL_RECORD', async () => {
      await assertMalformed(log.subarray(0, -5), 'CEL_RECORD');
    });
  });

  it('asks no server and needs no login', async () => {
    const connect = () => assert.fail('connected');
    const file = join(operator.home, 'log');
    writeFileSync(file, logOf([measured(4, 'a')]));
    assert.equal((await operator.run(['inspect', 'eventlog', file], { connect })).exit, EXIT.yes);
  });

  it('reads standard input for -', async () => {
    const { exit, out } = await operator.run(['inspect', 'eventlog', '-', '--json'], {
      input: 'bogus, but long enough for an event',
    });
    assert.equal(exit, EXIT.malformed);
    assert.deepEqual(JSON.parse(out), {
      error: { code: 'LOG_FORMAT_UNKNOWN', field: 'events[0].eventType', offset: 0 },
    });
  });

  it('is 65 for an empty file: LOG_EMPTY', async () => {
    await assertMalformed(new Uint8Array(), 'LOG_EMPTY');
    const { exit, out, err } = await inspect(new Uint8Array());
    assert.deepEqual([exit, out], [EXIT.malformed, '']);
    assert.match(err, /no bytes \(LOG_EMPTY\)[^]*linuxefi/u);
  });

  it('is 64 for a file that is not there, or that is a folder: FILE_UNREADABLE', async () => {
    for (const file of ['/nowhere/at/all', operator.home]) {
      const { exit, out, err } = await operator.run(['inspect', 'eventlog', file, '--json']);
      assert.deepEqual([exit, out], [EXIT.usage, '']);
      assert.match(err, /FILE_UNREADABLE/u);
    }
  });

  it("tells a confidential VM's log from a TPM's: LOG_OF_CC_REGISTERS", async () => {
    const log = logOf([measured(1, 'a')], ['sha384']);
    log[0] = 1;
    assert.deepEqual(await codesOf(log), ['LOG_OF_CC_REGISTERS']);
    assert.deepEqual(Object.keys((await report(log)).pcrs['sha384'] ?? {}), ['1']);
  });

  it('L6 finds data that its digest is not of: EVENT_DATA_MISMATCH', async () => {
    const digests = [{ bank: 'sha256' as const, digest: hash('sha256', ascii('true')) }];
    const changed = { pcr: 4, type: EV_EFI_ACTION, data: ascii('false'), digests };
    const { findings } = await report(logOf([changed, changed]));
    assert.deepEqual(
      findings.map(({ code, subject }) => [code, subject]),
      [['EVENT_DATA_MISMATCH', 'PCR 4']],
    );
    assert.match(findings[0]?.actual ?? '', /event 1 .* and 1 more/u);
  });

  it('L15 finds a startup locality that comes too late: STARTUP_LOCALITY', async () => {
    const data = Buffer.concat([ascii('StartupLocality\0'), Uint8Array.of(3)]);
    const startup = { pcr: 0, type: EV_NO_ACTION, data };
    assert.deepEqual(await codesOf(logOf([startup, measured(0, 'a')])), []);
    assert.deepEqual(await codesOf(logOf([measured(0, 'a'), startup])), ['STARTUP_LOCALITY']);
  });

  it('L16 starts PCR 0 at locality 4 for an H-CRTM', async () => {
    const hcrtm = { pcr: 0, type: 0x80000010, data: ascii('HCRTM') };
    const { pcrs, findings } = await report(logOf([hcrtm]));
    const start = new Uint8Array(32).fill(4, 31);
    const value = hash('sha256', start, hash('sha256', ascii('HCRTM')));
    assert.deepEqual([pcrs, findings], [{ sha256: { 0: hex(value) } }, []]);
  });

  it('L18 reads a log whose events lack a declared bank: LOG_BANK_INCOMPLETE', async () => {
    const digests = [{ bank: 'sha256' as const, digest: hash('sha256', ascii('a')) }];
    const lacking = { ...measured(5, 'a'), digests };
    const log = logOf([measured(4, 'b'), lacking], ['sha1', 'sha256']);
    const { pcrs, findings } = await report(log);
    assert.deepEqual(Object.keys(pcrs['sha1'] ?? {}), ['4']);
    assert.deepEqual(Object.keys(pcrs['sha256'] ?? {}), ['4', '5']);
    assert.deepEqual(
      findings.map(({ code, subject, actual }) => [code, subject, actual]),
      [['LOG_BANK_INCOMPLETE', 'bank sha1', 'no digest for PCR 5, first at event 2']],
    );
  });

  it('L19 is 65 for a Spec ID event that lies about its algorithms', async () => {
    await assertMalformed(logDeclaring([bankAlgorithm('sha256'), 20]), 'SPEC_ID_DIGEST_SIZE');
    await assertMalformed(logDeclaring(), 'SPEC_ID_ALGORITHMS');
    const undeclared = logOf([measured(4, 'a')], ['sha256']).subarray(65);
    await assertMalformed(logDeclaring([0xcafe, 32]), 'SPEC_ID_ALGORITHMS');
    const beside = logDeclaring([bankAlgorithm('sha384'), 48], [0xcafe, 32]);
    await assertMalformed(Buffer.concat([beside, undeclared]), 'DIGEST_UNDECLARED');
    assert.deepEqual(Object.keys((await report(beside)).pcrs), ['sha384']);
  });

  it('L20 is 65 for lying sizes, 64 MiB and a million events', async () => {
    const lying = Buffer.from(logOf([measured(4, 'a')]));
    lying.writeUInt32LE(0xffffffff, lying.length - 5);
    await assertMalformed(lying, 'TRUNCATED');
    const one = legacyLogOf([measured(4, '')]);
    await assertMalformed(
      Buffer.concat([logOf([]), Buffer.alloc(16_000_000, logOf([measured(1, '')]).subarray(65))]),
      'LOG_TOO_MANY_EVENTS',
    );
    await assertMalformed(Buffer.alloc(100_000 * one.length, one), 'LOG_TOO_MANY_EVENTS');

    const file = join(operator.home, 'large');
    writeFileSync(file, logOf([]));
    truncateSync(file, 64 * 1024 * 1024);
    const { exit, out } = await operator.run(['inspect', 'eventlog', file, '--json']);
    assert.equal(exit, EXIT.malformed);
    assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, 'LOG_TOO_LARGE');
  });

  it('L21 says of a SHA-1-only log that it proves nothing: LOG_LEGACY', async () => {
    const { format, findings } = await report(legacyLogOf([measured(4, 'a')]));
    assert.equal(format, 'legacy-sha1');
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['LOG_LEGACY'],
    );
  });

  it('says what each event means, and marks what no digest covers as unverified', async () => {
    const label = { pcr: 9, type: EV_IPL, data: ascii('/vmlinuz\0') };
    const digests = [{ bank: 'sha256' as const, digest: hash('sha256', ascii('its bytes')) }];
    const { out } = await inspect(logOf([measured(4, 'Calling'), { ...label, digests }]));
    assert.match(out, /EV_ACTION .*\n +Calling\n/u);
    assert.match(out, /EV_IPL .*\n +unverified: file \/vmlinuz\n/u);
  });

  it('L22 shows what events say so that none of it drives a terminal or turns the writing', async () => {
    const evil = '\u001b]0;owned\u0007\u202e<b>\u0000';
    const unknown = { ...measured(4, evil), type: 0x5b1b };
    const variable = variableOf(Buffer.from(`Boot\u001b[2J\u202e\0\ud800`, 'utf16le'));
    const { out } = await inspect(
      logOf([
        unknown,
        measured(4, evil),
        { pcr: 1, type: EV_EFI_VARIABLE_BOOT, data: variable },
        { pcr: 4, type: EV_EFI_BOOT_SERVICES_APPLICATION, data: imageFrom(`\\${evil}\n`) },
      ]),
    );
    assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/u);
    assert.match(out, /0x00005b1b/u);
    assert.match(out, /variable Boot\ufffd\[2J\ufffd/u);
    assert.match(out, /unverified: boot application \\\ufffd\]0;owned/u);
  });
});

/** UEFI_VARIABLE_DATA of a name in bytes, and a value of one. */
function variableOf(name: Uint8Array): Uint8Array {
  const writer = new Writer('little').bytes(new Uint8Array(16));
  return writer
    .u64(BigInt(name.length / 2))
    .u64(1n)
    .bytes(name)
    .u8(1)
    .finish();
}

/** UEFI_IMAGE_LOAD_EVENT of a file. */
function imageFrom(path: string): Uint8Array {
  const name = Buffer.from(path, 'utf16le');
  const node = new Writer('little')
    .u8(4)
    .u8(4)
    .u16(4 + name.length)
    .bytes(name);
  const devicePath = Buffer.concat([node.finish(), Uint8Array.of(0x7f, 0xff, 4, 0)]);
  const writer = new Writer('little').u64(0n).u64(1n).u64(0n).u64(BigInt(devicePath.length));
  return writer.bytes(devicePath).finish();
}
