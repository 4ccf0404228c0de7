import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { ChallengeAnswer } from '@touchstone/schemas';
import { CourierChild } from '../courier/courier-child.ts';
import { connectTo, courierNetwork } from '../courier/network.ts';
import { withCourier } from '../courier/with-courier.ts';
import type { Network } from '../network.ts';
import { startVerifier, type Verifier } from './support/verifier.ts';

const ASK = {
  method: 'POST',
  path: '/v1/challenges',
  body: { akName: `000b${'00'.repeat(32)}`, purpose: 'attest' },
  schema: ChallengeAnswer,
} as const;

async function statusOf(pid: number): Promise<ReadonlyMap<string, string>> {
  const lines = (await readFile(`/proc/${pid}/status`, 'utf8')).split('\n');
  return new Map(lines.map((line) => line.split(':\t') as [string, string]));
}

describe('the courier', () => {
  const log: { readonly msg: string; readonly pid?: number }[] = [];
  const logger = pino(
    { base: null },
    { write: (line) => void log.push(JSON.parse(line) as (typeof log)[number]) },
  );
  let dir: string;
  let verifier: Verifier;
  let child: CourierChild;
  let network: Network;

  const pid = () => log.findLast(({ msg }) => msg.startsWith('a courier'))?.pid ?? 0;
  const ask = (by: { pin?: string; timeoutMs?: number; url?: string } = {}) => {
    const { pin = verifier.pin, url = verifier.url, timeoutMs = 10_000 } = by;
    const client = network.pinned({ url, pin: () => [pin] });
    return client.request({ ...ASK, timeoutMs }).finally(() => client.close());
  };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-courier-'));
    verifier = await startVerifier();
    child = new CourierChild(dir, logger);
    network = courierNetwork((signal) => child.connect(signal));
  });
  beforeEach(() => verifier.behave({}));
  after(async () => {
    await child?.close();
    await verifier?.close();
    await rm(dir, { recursive: true });
  });

  it('carries a request there and the answer back, with whose key it saw and what the time is', async () => {
    const seen: unknown[] = [];
    const client = network.pinned({
      url: verifier.url,
      pin: () => ['00'.repeat(32), verifier.pin],
      onPin: (pin) => void seen.push(pin),
      onDate: (date) => void seen.push(Math.abs(date.getTime() - Date.now()) < 60_000),
    });
    const { challenge } = await client.request(ASK);
    assert.equal(Buffer.from(challenge, 'base64url').length, 48);
    assert.deepEqual(seen, [verifier.pin, true]);
  });

  it('passes on what the server refuses, in the server’s words', async () => {
    const client = network.pinned({ url: verifier.url, pin: () => [verifier.pin] });
    const nothing = { ...ASK, path: '/v1/nothing' };
    await assert.rejects(client.request(nothing), { code: 'NOT_FOUND', status: 404 });
  });

  it('sends nothing to a holder of another key: PIN_MISMATCH', async () => {
    verifier.asked.length = 0;
    await assert.rejects(ask({ pin: '00'.repeat(32) }), { code: 'PIN_MISMATCH' });
    assert.deepEqual(verifier.asked, []);
  });

  it('goes to whoever answers only where it is sent to whoever answers', async () => {
    const anyone = network.anyKey({ url: verifier.url });
    assert.equal((await anyone.request(ASK)).bundleEpoch, 1);
    await anyone.close();
  });

  it('says of a closed port UNREACHABLE, and of one that does not answer TIMEOUT', async () => {
    await assert.rejects(ask({ url: 'https://127.0.0.1:1' }), { code: 'UNREACHABLE' });
    verifier.behave({ challenge: () => sleep(1_000) });
    await assert.rejects(ask({ timeoutMs: 100 }), { code: 'TIMEOUT' });
  });

  it('carries nothing that is not strict JSON: ANSWER_MALFORMED', async () => {
    verifier.behave({ challenge: () => '{"challenge":"a","challenge":"b"}' });
    await assert.rejects(ask(), { code: 'ANSWER_MALFORMED' });
  });

  it('is nobody: no user of the agent’s, no group, no capability, no environment', async function () {
    if (process.geteuid?.() !== 0) {
      const own = await statusOf(process.pid);
      assert.equal((await statusOf(pid())).get('CapEff'), own.get('CapEff'));
      return;
    }
    const status = await statusOf(pid());
    for (const ids of ['Uid', 'Gid']) {
      assert.ok(!/\b0\b/u.test(status.get(ids) ?? '0'), `${ids} ${status.get(ids)}`);
    }
    assert.equal(status.get('Groups')?.trim(), '');
    for (const set of ['CapPrm', 'CapEff', 'CapAmb']) {
      assert.equal(BigInt(`0x${status.get(set)}`), 0n, set);
    }
    assert.equal(await readFile(`/proc/${pid()}/environ`, 'utf8'), '');
    assert.equal((await stat(join(dir, 'courier'))).mode & 0o777, 0o700);
    assert.equal((await stat(join(dir, 'courier/socket'))).mode & 0o777, 0o600);
  });

  it('that is killed fails what it carried, and the next request has another', async () => {
    const killed = pid();
    verifier.behave({ challenge: () => process.kill(killed, 'SIGKILL') && sleep(500) });
    await assert.rejects(ask(), { code: 'UNREACHABLE' });
    verifier.behave({});
    while (!log.some(({ msg }) => msg === 'the courier ended')) await sleep(5);
    assert.equal((await ask()).bundleEpoch, 1);
    assert.notEqual(pid(), killed);
  });

  it('ends with its agent', async () => {
    const own = await mkdtemp(join(tmpdir(), 'ts-courier-'));
    const running = await withCourier({ stateDir: own, courier: null, log: logger }, async (by) => {
      const client = by.pinned({ url: verifier.url, pin: () => [verifier.pin] });
      await client.request(ASK);
      return pid();
    });
    assert.throws(() => process.kill(running, 0), { code: 'ESRCH' });
    await rm(own, { recursive: true });
  });
});

describe('an agent whose courier is somebody else’s', () => {
  let dir: string;
  let server: Server;
  let network: Network;
  let behave: (socket: Socket) => void;

  const frame = (head: string, body: string): Buffer => {
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32BE(Buffer.byteLength(head), 0);
    lengths.writeUInt32BE(Buffer.byteLength(body), 4);
    return Buffer.concat([lengths, Buffer.from(head), Buffer.from(body)]);
  };
  const HEAD = { status: 200, retryAfterSeconds: null, date: null, pin: null };
  const answering = (head: object, body: string) => (socket: Socket) =>
    void socket.end(frame(JSON.stringify(head), body));
  const ask = (pinned: Network['pinned'] = network.pinned) =>
    pinned({ url: 'https://127.0.0.1:1', pin: () => ['11'.repeat(32)] }).request({
      ...ASK,
      ...{ timeoutMs: 1, maxBytes: 100_000 },
    });

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-courier-'));
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      behave(socket);
    });
    server.listen(join(dir, 'socket'));
    await once(server, 'listening');
    network = courierNetwork((signal) => connectTo(join(dir, 'socket'), signal));
  });
  after(async () => {
    server?.close();
    await rm(dir, { recursive: true });
  });

  const junk: readonly (readonly [string, (socket: Socket) => void, string])[] = [
    ['nothing', (socket) => socket.end(), 'UNREACHABLE'],
    ['half a length', (socket) => socket.end(Buffer.alloc(3)), 'UNREACHABLE'],
    ['text', (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n{}'), 'UNREACHABLE'],
    ['a giant that it announces', (socket) => socket.write(Buffer.alloc(8, 255)), 'UNREACHABLE'],
    [
      'no more than it announces',
      (socket) => socket.end(frame('{}', '').fill(9, 4)),
      'UNREACHABLE',
    ],
    [
      'more than it announces',
      (socket) => socket.end(`${frame('{}', '').toString()}x`),
      'UNREACHABLE',
    ],
    ['a head of another shape', answering({ ...HEAD, more: 1 }, '{}'), 'UNREACHABLE'],
    ['a key twice', (socket) => socket.end(frame('{"a":1,"a":2}', '')), 'UNREACHABLE'],
    ['a status that is none', answering({ ...HEAD, status: 20 }, '{}'), 'UNREACHABLE'],
    ['a failure that is none of its', answering({ failed: 'OK', detail: '' }, ''), 'UNREACHABLE'],
    ['a body of no JSON', answering(HEAD, 'yes'), 'ANSWER_MALFORMED'],
    ['a body of another shape', answering(HEAD, '{"permitted":true}'), 'ANSWER_MALFORMED'],
    ['a problem that is none', answering({ ...HEAD, status: 500 }, '{}'), 'ANSWER_MALFORMED'],
    ['silence', () => undefined, 'TIMEOUT'],
  ];
  for (const [given, answer, code] of junk) {
    it(`takes ${given} for ${code}`, async () => {
      behave = answer;
      await assert.rejects(ask(), { code });
    });
  }

  it('takes an answer that never ends for what it is, in time or in size', async () => {
    behave = (socket) => {
      const more = () => socket.destroyed || socket.write(Buffer.alloc(4_096), more);
      socket.write(frame(JSON.stringify(HEAD), '').fill(0, 4, 5));
      more();
    };
    await assert.rejects(ask(), { code: 'UNREACHABLE' });
    behave = (socket) => {
      socket.write(frame(JSON.stringify(HEAD), '').fill(1, 6, 7));
      const drip = setInterval(() => socket.write(' '), 100);
      socket.on('close', () => clearInterval(drip));
    };
    await assert.rejects(ask(), { code: 'TIMEOUT' });
  });

  it('takes no word about a key that it did not name, and no time that is none', async () => {
    const heard: unknown[] = [];
    const pinned: Network['pinned'] = (options) =>
      network.pinned({
        ...options,
        onPin: (pin) => void heard.push(pin),
        onDate: (date) => void heard.push(date),
      });
    behave = answering({ ...HEAD, pin: '22'.repeat(32), date: '2026-99-99T99:99:99Z' }, '{}');
    await assert.rejects(ask(pinned), { code: 'ANSWER_MALFORMED' });
    assert.deepEqual(heard, []);
  });
});
