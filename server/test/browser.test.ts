import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetChange, FleetSnapshot } from '@touchstone/schemas';
import { listenUnix, type Listening } from '@touchstone/transport';
import { createApp } from '../http/app.ts';
import { eventStreams } from '../http/event-streams.ts';
import { browserSessionOf, openBrowserSession } from '../services/browser-sessions.ts';
import { hostFeed } from '../services/host-feed.ts';
import { sessionOf } from '../services/api-tokens.ts';
import { useFleet } from './support/made-fleet.ts';
import { makeHost } from './support/made-host.ts';
import type { MadeVerifier } from './support/made-verifier.ts';

const HOUR = 3_600;

describe('A browser', () => {
  const fleet = useFleet();
  let verifier: MadeVerifier;
  let listening: Listening;
  let socketPath: string;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ts-page-'));
    socketPath = join(dir, 'sock');
    verifier = fleet.verifier;
    listening = await listenUnix(createApp(verifier), { path: socketPath, mode: 0o600 });
  });
  after(async () => {
    await listening?.close();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  const call = (method: string, path: string, headers: Record<string, string> = {}) =>
    new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = http.request({ socketPath, method, path, headers }, (answer) => {
        answer.resume();
        resolve(answer);
      });
      request.on('error', reject).end();
    });

  async function openedBy(token: string): Promise<string> {
    const answer = await call('POST', '/v1/browser-sessions', { authorization: `Bearer ${token}` });
    assert.equal(answer.statusCode, 201);
    return answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  }
  const statusWith = async (cookie: string, path = '/v1/hosts', method = 'GET') =>
    (await call(method, path, { cookie })).statusCode;

  it('gets for a token a cookie that is a secret of its own, stored as its hash', async () => {
    const token = await verifier.token(['viewer']);
    const cookie = await openedBy(token);
    assert.match(cookie, /^__Host-touchstone=tsb_[\w-]{43}$/u);
    assert.equal(await statusWith(cookie), 200);
    assert.equal(await sessionOf(verifier, cookie.slice(-47)), null);
    const stored = await verifier.asAdministrator('SELECT * FROM browser_sessions');
    assert.ok(!JSON.stringify(stored).includes(cookie.slice(-43)));
  });

  it('reads what a viewer reads, whatever roles the token has', async () => {
    const cookie = await openedBy(await verifier.token(['viewer', 'operator', 'approver']));
    assert.equal(await statusWith(cookie, '/v1/audit'), 200);
    assert.equal(await statusWith(cookie, '/v1/join-tokens'), 403);
    assert.equal(await statusWith(cookie, '/v1/join-tokens', 'POST'), 401);
    assert.equal(await statusWith(cookie, '/v1/browser-sessions', 'POST'), 401);
  });

  it('is not let in by a cookie beside a bad token', async () => {
    const cookie = await openedBy(await verifier.token(['viewer']));
    const headers = { cookie, authorization: `Bearer tst_${'A'.repeat(43)}` };
    assert.equal((await call('GET', '/v1/hosts', headers)).statusCode, 401);
  });

  it('is out when it logs out, and no other with it', async () => {
    const token = await verifier.token(['viewer']);
    const [one, other] = [await openedBy(token), await openedBy(token)];
    const answer = await call('DELETE', '/v1/browser-sessions', { cookie: one });
    assert.equal(answer.statusCode, 204);
    assert.match(answer.headers['set-cookie']?.[0] ?? '', /Max-Age=0/u);
    assert.equal(await statusWith(one), 401);
    assert.equal(await statusWith(other), 200);
  });

  it('is out when its token is revoked, and when a working day is over', async () => {
    const token = await verifier.token(['viewer']);
    const by = (await sessionOf(verifier, token))!;
    const { secret, maxAgeSeconds } = await openBrowserSession(verifier, by);
    assert.equal(maxAgeSeconds, 8 * HOUR);
    assert.ok(await browserSessionOf(verifier, secret));
    verifier.pass(8 * HOUR + 1);
    assert.equal(await browserSessionOf(verifier, secret), null);

    const again = await openBrowserSession(verifier, by);
    await verifier.asAdministrator('UPDATE api_tokens SET revoked_at = now() WHERE id = $1', [
      by.id,
    ]);
    assert.equal(await browserSessionOf(verifier, again.secret), null);
  });

  it('makes room for the seventeenth of one token by ending the first', async () => {
    const by = (await sessionOf(verifier, await verifier.token(['viewer'])))!;
    const secrets: string[] = [];
    for (let count = 0; count < 17; count += 1) {
      verifier.pass(1);
      secrets.push((await openBrowserSession(verifier, by)).secret);
    }
    assert.equal(await browserSessionOf(verifier, secrets[0]!), null);
    assert.ok(await browserSessionOf(verifier, secrets[1]!));
  });

  it('is told how to build a page that is not there, and of no file but the page’s', async () => {
    assert.equal(await statusWith('', '/'), 404);
    assert.equal(await statusWith('', '/assets/../../package.json'), 404);
  });

  it('is told of all hosts once, then of what changes, a second later at most', async () => {
    const told: (FleetSnapshot | FleetChange)[] = [];
    const feed = hostFeed(verifier);
    const leave = feed.subscribe({
      snapshot: (data) => told.push(data),
      change: (data) => told.push(data),
      lost: () => assert.fail('lost'),
    });
    try {
      await sleep(1_500);
      assert.equal(told.length, 1);
      const { hostId } = await fleet.enrol(makeHost(), fleet.newName(), await fleet.joinToken());
      await sleep(1_500);
      const [, change, ...others] = told as FleetChange[];
      assert.deepEqual(others, []);
      assert.deepEqual(
        change?.changed.map(({ id, state }) => [id, state]),
        [[hostId, 'untrusted']],
      );
    } finally {
      leave();
    }
  });

  it('is sent away when it may not stay, when too many are there, and when the fleet is lost', async () => {
    const ended = { subscribe: ({ lost }: { lost: () => void }) => (lost(), () => {}) };
    const streams = eventStreams(ended, () => new Date());
    const mayStay = async () => true;
    const stream = streams.open({ tokenId: 'a', mayStay });
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));

    const quiet = eventStreams({ subscribe: () => () => {} }, () => new Date());
    const open = Array.from({ length: 32 }, () => quiet.open({ tokenId: 'a', mayStay }));
    assert.throws(() => quiet.open({ tokenId: 'a', mayStay }), { code: 'STREAMS_EXHAUSTED' });
    quiet.open({ tokenId: 'b', mayStay }).destroy();
    open[0]!.destroy();
    await sleep(10);
    quiet.open({ tokenId: 'a', mayStay }).destroy();
    for (const each of open) each.destroy();
  });
});
