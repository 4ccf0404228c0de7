import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEvidence } from '@touchstone/appraisal';
import {
  encodeSoftwareEvent,
  parseEventLog,
  parseSoftwareEvent,
  replayEventLog,
} from '@touchstone/eventlog';
import { checkAkPublic } from '@touchstone/endorsement';
import {
  encodeTpmlPcrSelection,
  makeCredential,
  nameOf,
  parseTpm2bPublic,
  parseTpmsAttest,
  publicKeyOf,
  TPM_ALG_SHA256,
} from '@touchstone/tpm';
import { buildEvidence } from '../evidence/build.ts';
import { measureBoot, readBootLog } from '../measure/boot-log.ts';
import { activateCredential } from '../tpm/attestation-key.ts';
import { Attester } from '../tpm/attester.ts';
import type { Measurement } from '../config.ts';
import type { KeyRecord } from '../state/identity.ts';
import { type Hypervisor, makeHypervisor } from './support/hypervisor.ts';

const SELECTION = { sha256: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13] };
const QUESTION = {
  purpose: 'attest',
  hostId: '3f0e8a52-6a0b-4d26-9a53-5b8e7f1f0c11',
  bundleEpoch: 1,
  challenge: Buffer.alloc(48, 7).toString('base64url'),
  selection: SELECTION,
} as const;
const PCRS = encodeTpmlPcrSelection([{ bank: 'sha256', pcrs: [8, 9, 13] }]);

describe('the attester, on a software TPM', () => {
  let host: Hypervisor;
  let list: Measurement[];
  let attester: Attester;
  let key: KeyRecord;
  let configuration: string;

  before(async () => {
    host = await makeHypervisor();
    configuration = join(host.stateDir, 'hypervisor.conf');
    await writeFile(configuration, 'nested = no\n');
    list = [
      { pcr: 8, commandLine: '/proc/cmdline' },
      { pcr: 9, file: '/boot/no-such-kernel' },
      { pcr: 13, file: configuration },
    ];
    attester = new Attester(host.stateDir, list);
    key = await attester.createKey();
  });

  after(async () => {
    await attester.close();
    await host.remove();
  });

  const pcrValues = () =>
    attester.use(async (tpm) => (await tpm.pcrRead(PCRS)).map(({ digest }) => digest));
  const replayed = (log: Uint8Array) => {
    const values = replayEventLog(parseEventLog(log)).banks.get('sha256');
    return [8, 9, 13].map((pcr) => Buffer.from(values?.get(pcr) ?? Buffer.alloc(32)));
  };

  it('makes an AK that the CA and the verifier accept, with its Name', () => {
    const akPublic = parseTpm2bPublic(Buffer.from(key.public, 'base64url'));
    assert.deepEqual(checkAkPublic(akPublic), []);
    assert.equal(Buffer.from(nameOf(akPublic)).toString('hex'), key.akName);
    assert.equal(Buffer.from(key.auth, 'base64url').length, 32);
  });

  it('activates a credential that was made for its EK and its AK', async () => {
    const object = await attester.key(key);
    const credential = randomBytes(32);
    const secret = await attester.use((tpm, ek) =>
      activateCredential(tpm, ek, object, {
        ...makeCredential({
          ekPublic: parseTpm2bPublic(ek.public),
          name: Buffer.from(key.akName, 'hex'),
          credential,
          seed: randomBytes(32),
        }),
      }),
    );
    assert.deepEqual(Buffer.from(secret), credential);
  });

  it('measures what the list names, in its order, and says what is absent', async () => {
    const { events } = parseEventLog(await attester.bootLog());
    const text = (await readFile('/proc/cmdline', 'utf8')).trimEnd();
    const sha256 = createHash('sha256').update('nested = no\n').digest('hex');
    assert.deepEqual(
      events.map(({ pcr, data }) => ({ pcr, ...parseSoftwareEvent(data) })),
      [
        { pcr: 8, kind: 'command-line', text },
        { pcr: 9, kind: 'absent', path: '/boot/no-such-kernel' },
        { pcr: 13, kind: 'file', path: configuration, sha256 },
      ],
    );
  });

  it('claims what the next boot would measure once a measured file has changed, and nothing before', async () => {
    const before = parseEvidence(await buildEvidence(attester, key, QUESTION));
    assert.equal(before.statement.selfReported.claimedNextBoot, undefined);
    await writeFile(configuration, 'nested = yes\n');
    const sha256 = createHash('sha256').update('nested = yes\n').digest('hex');
    const event = encodeSoftwareEvent({ kind: 'file', path: configuration, sha256 });
    const claimed = [createHash('sha256').update(event).digest('hex')];
    for (let again = 0; again < 2; again += 1) {
      const { statement } = parseEvidence(await buildEvidence(attester, key, QUESTION));
      assert.deepEqual(statement.selfReported.claimedNextBoot, claimed);
    }
    const permit = parseEvidence(
      await buildEvidence(attester, key, { ...QUESTION, purpose: 'enrol', hostId: null }),
    );
    assert.equal(permit.statement.selfReported.claimedNextBoot, undefined);
    await writeFile(configuration, 'nested = no\n');
  });

  it('keeps a log that replays to what the PCRs hold', async () => {
    assert.deepEqual((await pcrValues()).map(Buffer.from), replayed(await attester.bootLog()));
  });

  it('builds evidence that tpm2_checkquote accepts, over its statement and challenge', async () => {
    const built = await buildEvidence(attester, key, QUESTION);
    const { statementBytes, attestBytes } = parseEvidence(built);
    const file = (name: string) => join(host.stateDir, name);
    const publicKey = publicKeyOf(parseTpm2bPublic(Buffer.from(key.public, 'base64url')));
    await writeFile(file('ak.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    await writeFile(file('attest'), attestBytes);
    await writeFile(file('signature'), Buffer.from(built.quote.signature, 'base64url'));
    const statementHash = createHash('sha256').update(statementBytes).digest();
    const challenge = Buffer.from(QUESTION.challenge, 'base64url');
    const length = Buffer.alloc(2);
    length.writeUInt16BE(challenge.length);
    const qualification = createHash('sha256')
      .update('touchstone/attest/1\0')
      .update(length)
      .update(challenge)
      .update(statementHash)
      .digest('hex');
    execFileSync('tpm2_checkquote', [
      ...['-u', file('ak.pem'), '-m', file('attest'), '-s', file('signature')],
      ...['-q', qualification],
    ]);
  });

  it('never quotes twice at one time of the TPM’s clock', async () => {
    const clocks: bigint[] = [];
    for (let count = 0; count < 8; count += 1) {
      const { attest } = parseEvidence(await buildEvidence(attester, key, QUESTION));
      clocks.push(attest.clockInfo.clock);
    }
    assert.deepEqual(
      clocks,
      [...new Set(clocks)].toSorted((a, b) => (a < b ? -1 : 1)),
    );
  });

  it('quotes no sooner than that clock has moved on', async () => {
    const quoted = () => attester.quote(key, new Uint8Array(32), [{ bank: 'sha256', pcrs: [16] }]);
    await quoted();
    const { clock } = attester.lastQuote ?? assert.fail();
    let standing = 3;
    await attester.use(async (tpm) => {
      const read = tpm.readClock;
      tpm.readClock = async () => {
        const now = await read.call(tpm);
        return (standing -= 1) >= 0 ? { ...now, clock } : now;
      };
      await quoted();
      tpm.readClock = read;
    });
    assert.equal(standing, -1);
  });

  it('does not measure a second time in one boot', async () => {
    const [before, log] = [await pcrValues(), await attester.bootLog()];
    await attester.close();
    const second = new Attester(host.stateDir, [...list, { pcr: 13, file: '/etc/hostname' }]);
    try {
      assert.deepEqual(await second.bootLog(), log);
      assert.deepEqual(
        await second.use(async (tpm) => (await tpm.pcrRead(PCRS)).map(({ digest }) => digest)),
        before,
      );
    } finally {
      await second.close();
    }
  });

  it('measures anew after the software TPM ended, in a boot of its own', async () => {
    const [{ resetCount }, old] = [await attester.clockOf(key), await attester.bootLog()];
    await writeFile(configuration, 'nested = yes\n');
    await host.powerOff();
    const evidence = await buildEvidence(attester, key, QUESTION);
    const [[digest, log] = ['', '']] = Object.entries(evidence.blobs);
    const bytes = Buffer.from(log, 'base64url');
    assert.notDeepEqual(bytes, Buffer.from(old));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), digest);
    assert.deepEqual((await pcrValues()).map(Buffer.from), replayed(bytes));
    assert.ok((await attester.clockOf(key)).resetCount > resetCount);
  });

  it('quotes again when a PCR moves under it, and gives up where one never rests: PCRS_UNSTEADY', async () => {
    let moves = 1;
    const quoted = () => attester.quote(key, new Uint8Array(32), [{ bank: 'sha256', pcrs: [16] }]);
    await attester.use(async (tpm) => {
      const read = tpm.pcrRead;
      tpm.pcrRead = async (selection) => {
        moves -= 1;
        const moved = { alg: TPM_ALG_SHA256, digest: new Uint8Array(32) };
        if (moves >= 0) await tpm.pcrExtend(16, [moved]);
        return read(selection);
      };
    });
    const { attest, pcrs } = await quoted();
    const digest = createHash('sha256')
      .update(pcrs.get('sha256')?.get(16) ?? '')
      .digest();
    assert.deepEqual(Buffer.from(parseTpmsAttest(attest).quote.pcrDigest), digest);
    moves = 3;
    await assert.rejects(quoted(), { code: 'PCRS_UNSTEADY' });
    await attester.close();
  });

  it('is not misled by another process that turned the TPM on again', async () => {
    await attester.bootLog();
    await host.powerOff();
    const other = new Attester(host.stateDir, []);
    await other.use(async () => undefined);
    await other.close();
    const { quote, pcrs, blobs } = await buildEvidence(attester, key, QUESTION);
    assert.ok(quote.attest.length > 0);
    assert.deepEqual(pcrs.sha256?.['13'], '00'.repeat(32));
    const [log = ''] = Object.values(blobs);
    assert.equal(parseEventLog(Buffer.from(log, 'base64url')).events.length, 0);
  });

  it('leaves a log that does not replay when it ends between log and extends', async () => {
    await attester.close();
    await host.powerOff();
    const crashing = new Attester(host.stateDir, []);
    // A boot of which nothing is measured yet: the agent's own log of it is taken away again.
    const { resetCount } = await crashing.use((tpm) => tpm.readClock());
    await rm(join(host.stateDir, `boot-log-${resetCount}.bin`));
    await crashing.use((tpm) => {
      let extended = 0;
      const powerFails = new Proxy(tpm, {
        get: (target, name, receiver) =>
          name === 'pcrExtend'
            ? async (...args: Parameters<typeof tpm.pcrExtend>) => {
                extended += 1;
                if (extended > 1) throw new Error('power cut');
                return target.pcrExtend(...args);
              }
            : (Reflect.get(target, name, receiver) as unknown),
      });
      return assert.rejects(measureBoot(powerFails, host.stateDir, list), { message: 'power cut' });
    });
    await crashing.close();
    const log = await attester.bootLog();
    assert.deepEqual(Buffer.from(log), await readBootLog(host.stateDir, resetCount));
    assert.notDeepEqual((await pcrValues()).map(Buffer.from), replayed(log));
  });

  it('names a TPM that is not the enrolled one: EK_CHANGED', async () => {
    const other = await makeHypervisor();
    const stranger = new Attester(other.stateDir, list);
    try {
      await assert.rejects(stranger.key(key), { code: 'EK_CHANGED' });
    } finally {
      await stranger.close();
      await other.remove();
    }
  });

  it('names a key that the TPM does not load: AK_LOST', async () => {
    const blob = Buffer.from(key.private, 'base64url');
    blob[blob.length - 1] = (blob.at(-1) ?? 0) ^ 1;
    const broken = { ...key, private: blob.toString('base64url') };
    await assert.rejects(attester.key(broken), { code: 'AK_LOST' });
  });

  it('keeps everything readable by its owner alone', async () => {
    for (const name of await readdir(host.stateDir)) {
      const { mode } = await stat(join(host.stateDir, name));
      if (name === 'swtpm') assert.equal(mode & 0o777, 0o700);
      if (name.startsWith('boot-log')) assert.equal(mode & 0o777, 0o600);
    }
  });
});
