import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { parseEvidence } from '@touchstone/appraisal';
import { Proof, ResultAnswer, type ResultClaims } from '@touchstone/schemas';
import { type Client, unixClient } from '@touchstone/transport';
import { decodeJwt } from 'jose';
import { Attesting } from '../attesting.ts';
import { openProgramSockets } from '../programs/program-sockets.ts';
import { prove } from '../programs/prove.ts';
import { ServerTime } from '../server-time.ts';
import { HeldEnrolment } from '../state/held-enrolment.ts';
import { type GateAtSocket, startGateAtSocket } from './start-gate.ts';
import { signResult } from './support/permit-keys.ts';

const SCRIPT = fileURLToPath(new URL('../../deploy/programs/verify-proof.mjs', import.meta.url));

describe('a program on the host', () => {
  const nonce = randomBytes(32).toString('hex');
  const me = userInfo().username;
  let gate: GateAtSocket;
  let attesting: Attesting;
  let dir: string;
  let sockets: { close(): Promise<void> };
  let client: Client;
  const lines: string[] = [];

  before(async () => {
    gate = await startGateAtSocket();
    dir = await mkdtemp(join(tmpdir(), 'ts-programs-'));
    const log = pino({}, { write: (line) => void lines.push(line) });
    const { attestation, conversations, enrolment, host } = gate;
    const held = new HeldEnrolment(host.stateDir, enrolment);
    const by = { conversations, serverTime: new ServerTime(), log };
    attesting = new Attesting(attestation, held, by);
    const prover = { ...attestation, enrolment, conversations };
    // As somebody left it, or a strict umask would make it.
    await mkdir(join(dir, 'programs'));
    await chmod(join(dir, 'programs'), 0o700);
    sockets = await openProgramSockets({
      directory: join(dir, 'programs'),
      programs: [
        { name: 'vault', user: me },
        { name: 'other', user: process.geteuid?.() === 0 ? 'nobody' : me },
        { name: 'ghost', user: 'nobody-has-this-name' },
      ],
      answers: { result: () => attesting.result, prove: (given) => prove(prover, given) },
      log,
    });
    client = unixClient({ path: join(dir, 'programs/vault.sock') });
  });
  after(async () => {
    await client?.close();
    await sockets?.close();
    await gate?.close();
    await rm(dir, { recursive: true });
  });

  const result = () => client.request({ method: 'GET', path: '/v1/result', schema: ResultAnswer });
  const proof = (given: unknown = nonce, by = client) =>
    by.request({ method: 'POST', path: '/v1/prove', body: { nonce: given }, schema: Proof });

  it('has a socket that is its user’s alone, and passes through a directory that it cannot list', async () => {
    const modeOf = async (path: string) => (await stat(join(dir, path))).mode & 0o777;
    assert.equal(await modeOf('programs'), 0o711);
    for (const name of ['vault', 'other'])
      assert.equal(await modeOf(`programs/${name}.sock`), 0o600);
    if (process.geteuid?.() !== 0) return;
    await chmod(dir, 0o711);
    const nobody = { uid: 65_534, gid: 65_534 };
    const asNobody = (name: string) =>
      promisify(execFile)(
        process.execPath,
        [
          '-e',
          `require('net').connect('${join(dir, 'programs', name)}.sock').on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))`,
        ],
        { ...nobody, env: {}, cwd: '/' },
      );
    await asNobody('other');
    await assert.rejects(asNobody('vault'));
  });

  it('whose user nobody knows has none, and keeps nobody else from theirs', async () => {
    await assert.rejects(stat(join(dir, 'programs/ghost.sock')), { code: 'ENOENT' });
    assert.ok(lines.some((line) => line.includes('a program has no socket')));
  });

  it('is told the newest result, as the server signed it, once there is one: RESULT_UNKNOWN', async () => {
    await assert.rejects(result(), { code: 'RESULT_UNKNOWN' });
    await attesting.now();
    const { receivedAt, ...answer } = await result();
    assert.equal(decodeJwt(answer.result).sub, gate.enrolment.hostId);
    assert.ok(Math.abs(Date.parse(receivedAt) - Date.now()) < 60_000);
  });

  for (const [given, body] of [
    ['a nonce of 15 bytes', '00'.repeat(15)],
    ['one of 65 bytes', '00'.repeat(65)],
    ['half a byte', '0'.repeat(33)],
    ['null', null],
  ] as const) {
    it(`is refused a proof for ${given}: SCHEMA_MISMATCH`, async () => {
      await assert.rejects(proof(body), { code: 'SCHEMA_MISMATCH' });
    });
  }

  it('asks nothing else there', async () => {
    const start = { method: 'POST', path: '/v1/starts', body: {}, schema: Proof } as const;
    await assert.rejects(client.request(start), { code: 'NOT_FOUND' });
  });

  describe('with the verifier’s script', () => {
    type Given = {
      keys: { issuer?: string; keys: { use: string; jwk: { kid: string } }[] };
      result: string;
      proof: Proof;
      nonce: string;
    };
    let verifyProof: (given: Given, now?: number) => { hostId: string };
    let honest: Given;
    let later: Proof;

    before(async () => {
      ({ verifyProof } = (await import(SCRIPT)) as { verifyProof: typeof verifyProof });
      const { result: signed } = await result();
      honest = { keys: gate.verifier.bundle, result: signed, proof: await proof(), nonce };
      later = await proof('cd'.repeat(16));
    });

    it('shows that this host is the one that the server called trusted, in this boot', () => {
      assert.equal(verifyProof(honest).hostId, gate.enrolment.hostId);
      const jwks = honest.keys.keys.filter(({ use }) => use === 'result').map(({ jwk }) => jwk);
      const given = { ...honest, keys: { keys: jwks } } as unknown as Given;
      assert.equal(verifyProof(given).hostId, gate.enrolment.hostId);
    });

    it('as a command: exit code 0 with the host, 1 with why not', async () => {
      const file = async (name: string, value: unknown) => {
        await writeFile(join(dir, name), JSON.stringify(value));
        return join(dir, name);
      };
      const words = [
        ...['--keys', await file('keys', honest.keys)],
        ...['--result', await file('result', { result: honest.result })],
        ...['--proof', await file('proof', honest.proof), '--nonce'],
      ];
      const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, ...words, nonce]);
      assert.equal((JSON.parse(stdout) as { hostId: string }).hostId, gate.enrolment.hostId);
      const other = promisify(execFile)(process.execPath, [SCRIPT, ...words, 'ab'.repeat(16)]);
      await assert.rejects(other, { code: 1, stderr: 'OTHER_NONCE\n' });
    });

    it('refuses its proof for another nonce: OTHER_NONCE', () => {
      assert.throws(() => verifyProof({ ...honest, proof: later }), { message: 'OTHER_NONCE' });
    });

    it('refuses its result by a permit key: RESULT_KEY_UNKNOWN', async () => {
      const claims = decodeJwt<ResultClaims>(honest.result);
      const given = { ...honest, result: await signResult(claims, gate.verifier.permitKey) };
      assert.throws(() => verifyProof(given), { message: 'RESULT_KEY_UNKNOWN' });
    });
  });

  describe('beside others', () => {
    it('whatever its nonce, has a quote for no other purpose: it is in the statement, beside an empty challenge', async () => {
      const { statement } = parseEvidence((await proof('ff'.repeat(64))).evidence);
      assert.deepEqual(
        [statement.purpose, statement.challenge, statement.nonce],
        ['prove', '', 'ff'.repeat(64)],
      );
    });

    it('is bounded: one proof at a time, and few in a minute: PROOF_PENDING, RATE_LIMITED', async () => {
      const many = await Promise.allSettled(Array.from({ length: 8 }, () => proof()));
      const codes = many.map((one) =>
        one.status === 'fulfilled' ? 'OK' : (one.reason as { code: string }).code,
      );
      assert.ok(codes.includes('PROOF_PENDING'), codes.join());
      const another = async (): Promise<string> => {
        for (let tries = 0; tries < 10; tries += 1) await proof();
        return 'never refused';
      };
      await assert.rejects(another(), { code: 'RATE_LIMITED', status: 429 });
    });

    it('waits for permits and attestations: each goes before a proof that waits', async () => {
      const order: string[] = [];
      const { conversations } = gate;
      const { promise: released, resolve: free } = Promise.withResolvers<void>();
      const held = conversations.hold('attest', () => released);
      const { attestation, enrolment } = gate;
      const proven = prove({ ...attestation, enrolment, conversations }, nonce);
      const turns = (['attest', 'permit'] as const).map((urgency) =>
        conversations.hold(urgency, async () => void order.push(urgency)),
      );
      free();
      await Promise.all([held, proven.then(() => order.push('prove')), ...turns]);
      assert.deepEqual(order, ['permit', 'attest', 'prove']);
    });
  });
});
