import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import https from 'node:https';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CaBundle, ChallengeAnswer, Health, HostList } from '@touchstone/schemas';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { CA_OPERATIONS, type Operation, serverOperations } from '../support/api.ts';
import { attack } from '../support/attack.ts';
import { startCaReplica } from '../support/ca-replica.ts';
import { type IdleConnections, slowly, withoutHandshake } from '../support/idle-connections.ts';
import { fetchFrom, type RawAnswer } from '../support/raw-http.ts';
import { recordsOf } from '../support/records.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const HUNDRED_MB = 104_857_600;
const CONNECTIONS = 1_000;
const SLOW_CONNECTIONS = 100;

/** As they stand in a path. */
const STRANGE_IDS: readonly (readonly [string, string])[] = [
  ['a way up', '%2e%2e%2f'],
  ['a way up to a file', '..%2f..%2fetc%2fpasswd'],
  ['NUL', 'a%00b'],
  ['a new line', 'a%0ab'],
  ['a letter that looks like another', 'h%D0%BEst'],
  ['letters of full width', '%EF%BD%88%EF%BD%8F%EF%BD%93%EF%BD%94'],
  ['no UTF-8', 'a%ff'],
  ['no escape', 'a%zz'],
  ['markup', '%3Cscript%3E'],
  ['a statement of SQL', "x'%20OR%20'1'='1"],
  ['10 kB', 'a'.repeat(10_000)],
];

/** Each is small, so that no bound on size is what refuses it. */
const STRANGE_BODIES: readonly (readonly [string, string | Uint8Array, string])[] = [
  ['nesting', '['.repeat(900), 'JSON_TOO_DEEP'],
  ['__proto__', '{"__proto__":{"roles":["approver"]}}', 'JSON_FORBIDDEN_KEY'],
  ['constructor, spelt with an escape', '{"c\\u006fnstructor":{}}', 'JSON_FORBIDDEN_KEY'],
  ['a key twice', '{"name":"a","name":"b"}', 'JSON_DUPLICATE_KEY'],
  ['an integer past 2^53', '{"name":9007199254740993}', 'JSON_NUMBER_UNSAFE'],
  ['a number past all', '{"name":1e999}', 'JSON_NUMBER_UNSAFE'],
  ['a float', '{"name":1.5}', 'JSON_NUMBER_UNSAFE'],
  ['half a character', '{"name":"\\ud800"}', 'JSON_LONE_SURROGATE'],
  ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'JSON_NOT_UTF8'],
  ['half an object', '{"name":', 'JSON_SYNTAX'],
  ['nothing', '', 'JSON_SYNTAX'],
  ['a key that nobody knows', '{"nobody-knows":1}', 'SCHEMA_MISMATCH'],
  ['another shape', '[[],{},"x",0]', 'SCHEMA_MISMATCH'],
];

/** A place where somebody may knock, and what is behind it. */
type Door = {
  readonly name: string;
  readonly where: string;
  readonly operations: readonly Operation[];
  readonly headers: Record<string, string>;
};

describe('A door', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let ca: Awaited<ReturnType<typeof startCaReplica>>;
  let host: AgentHost;
  let doors: readonly Door[];
  before(async function () {
    this.timeout(120_000);
    // Nobody attests meanwhile: what is looked for is a trace of the knocking.
    touchstone = await startTouchstone({ intervalSeconds: 3_600 });
    ca = await startCaReplica(touchstone);
    host = await startAgentHost(touchstone, { name: 'knocked-at' });
    doors = [
      {
        ...{ name: 'server', where: touchstone.url },
        operations: await serverOperations(touchstone),
        headers: { authorization: `Bearer ${touchstone.token}` },
      },
      { name: 'CA', where: ca.url, operations: CA_OPERATIONS, headers: {} },
      {
        ...{ name: 'agent', where: join(host.stateDir, 'agent.sock'), headers: {} },
        operations: [{ method: 'POST', path: '/v1/starts', hasBody: true }],
      },
    ];
  });
  after(async () => {
    for (const connections of idle) connections.stop();
    await host?.stop();
    await ca?.stop();
    await touchstone?.stop();
  });
  const idle: IdleConnections[] = [];

  /** What kind of key, where a route names that in its path. */
  const keyFor = (path: string) => (path.startsWith('/v1/keys/') ? 'result' : randomUUID());
  const at = (path: string, key = keyFor(path)) => path.replace('{key}', key);
  const codeIn = ({ text, headers }: RawAnswer): string => {
    assert.match(headers['content-type'] ?? '', /^application\/problem\+json/u, text);
    return (JSON.parse(text) as { code: string }).code;
  };
  /** Refused in words, by a status that blames who asked. */
  const refusedWith = (answer: RawAnswer, status: number, code: string, what: string): void => {
    assert.deepEqual([answer.status, codeIn(answer)], [status, code], what);
    assert.ok(answer.text.length < 2_000, 'and shortly');
  };
  const allServe = async () => {
    const get = { method: 'GET', path: '/v1/health', schema: Health } as const;
    assert.equal((await touchstone.client.request(get)).status, 'ok');
    const body = { akName: `000b${'ab'.repeat(32)}`, purpose: 'attest' };
    const challenge = { method: 'POST', path: '/v1/challenges', schema: ChallengeAnswer } as const;
    await touchstone.client.request({ ...challenge, body });
    await touchstone.operator('GET', '/v1/hosts', HostList);
    assert.equal((await ca.client.request(get)).status, 'ok');
    await ca.client.request({ method: 'GET', path: '/v1/bundle', schema: CaBundle });
  };

  it('stays open to others while a thousand begin no handshake, and others are slow (T9)', async () => {
    await attack('T9', async () => {
      for (const [url, path] of [
        [touchstone.url, '/v1/evidence'],
        [ca.url, '/v1/enrollments'],
      ] as const) {
        const fields = 'Host: a\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n';
        const slowHead = 'GET /v1/health HTTP/1.1\r\nX-A: ';
        const slowBody = `POST ${path} HTTP/1.1\r\n${fields}\r\n{`;
        idle.push(
          await withoutHandshake(url, CONNECTIONS),
          await slowly(url, SLOW_CONNECTIONS, slowHead),
          await slowly(url, SLOW_CONNECTIONS / 5, slowBody),
        );
      }
      for (let round = 0; round < 5; round += 1) await allServe();
      assert.deepEqual(
        idle.filter((connections) => connections.open() === 0),
        [],
      );
      return { outcome: 'HOLDS' };
    });
    const probe = host.probe();
    const vm = randomUUID();
    await touchstone.addVm({ uuid: vm, name: 'through-the-crowd' });
    assert.equal((await host.run(vm, probe.command)).exitCode, 0);
  });

  it('takes no id that is none, at any route that has one: ID_MALFORMED (T7)', async () => {
    for (const { name, where, operations, headers } of doors) {
      const taking = operations.filter(({ path }) => path.includes('{key}'));
      if (name !== 'agent') assert.ok(taking.length > 1, name);
      for (const { method, path } of taking) {
        for (const [what, id] of STRANGE_IDS) {
          const answer = await fetchFrom(where, { method, path: at(path, id), headers });
          const seen = `${name}: ${method} ${path} with ${what}: ${answer.text.slice(0, 200)}`;
          assert.equal(answer.status, 400, seen);
          await attack('T7', () => ({ outcome: 'R', code: codeIn(answer) }));
        }
      }
    }
  });

  it('takes no such id in a query or in a body either: SCHEMA_MISMATCH (T7)', async () => {
    const [server] = doors;
    assert.ok(server);
    for (const [what, id] of STRANGE_IDS) {
      for (const query of [`/v1/baselines?name=${id}`, `/v1/hosts?cursor=${id}`]) {
        const { status, text } = await fetchFrom(server.where, { ...server, path: query });
        // A cursor is any text of a list's own; what is none of them is refused all the same.
        assert.equal(status, 400, `${query.slice(0, 40)} with ${what}: ${text.slice(0, 200)}`);
      }
      const vm = decodeURIComponent(/%(?:ff|zz)/u.test(id) ? '%2e%2e' : id);
      const question = {
        ...{ vm, operation: 'start', workingDirectory: '/', command: ['/bin/true'] },
        environment: {},
      };
      const asked = await fetchFrom(join(host.stateDir, 'agent.sock'), {
        ...{ method: 'POST', path: '/v1/starts', body: JSON.stringify(question) },
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(asked.status, 400, what);
      await attack('T7', () => ({ outcome: 'R', code: codeIn(asked) }));
    }
  });

  describe('that takes a body', () => {
    const withBody = function* () {
      for (const { name, where, operations, headers } of doors) {
        for (const operation of operations.filter(({ hasBody }) => hasBody)) {
          const type = { 'content-type': 'application/json' };
          const to = { method: operation.method, path: at(operation.path) };
          yield { name, where, to, headers: { ...headers, ...type } };
        }
      }
    };

    for (const [what, body, code] of STRANGE_BODIES) {
      it(`refuses one with ${what}, at every route: ${code} (T8)`, async () => {
        const before = await recordsOf(touchstone);
        let tried = 0;
        for (const { name, where, to, headers } of withBody()) {
          const answer = await fetchFrom(where, { ...to, headers, body });
          await attack('T8', () => {
            refusedWith(answer, 400, code, `${name}: ${to.method} ${to.path}`);
            return { outcome: 'R', code };
          });
          tried += 1;
        }
        assert.ok(tried > 15);
        assert.deepEqual(await recordsOf(touchstone), before, 'it left a trace');
      });
    }

    it('refuses 100 MB before it has read them, at every route: BODY_TOO_LARGE (T8)', async () => {
      for (const { name, where, to, headers } of withBody()) {
        const long = { ...headers, 'content-length': HUNDRED_MB };
        const answer = await fetchFrom(where, { ...to, headers: long, body: '{' });
        await attack('T8', () => {
          refusedWith(answer, 413, 'BODY_TOO_LARGE', `${name}: ${to.method} ${to.path}`);
          return { outcome: 'R', code: 'BODY_TOO_LARGE' };
        });
      }
      await allServe();
    });

    it('refuses what has no end once it is too much: BODY_TOO_LARGE (T8)', async () => {
      for (const [url, path] of [
        [touchstone.url, '/v1/evidence'],
        [ca.url, '/v1/enrollments'],
      ] as const) {
        const { status, sent } = await pour(`${url}${path}`);
        // It hangs up on what it will not read: then the answer may be lost on the way.
        if (status !== null) assert.equal(status, 413);
        assert.ok(sent < HUNDRED_MB / 2, `${sent} bytes went in`);
      }
      await allServe();
    });

    it('unpacks nothing, at every route: CONTENT_ENCODING (T8)', async () => {
      const bomb = gzipSync(Buffer.alloc(16_777_216));
      for (const { name, where, to, headers } of withBody()) {
        for (const encoding of ['gzip', 'br', 'identity, gzip']) {
          const packed = { ...headers, 'content-encoding': encoding };
          const body = to.path.startsWith('/v1/evidence') ? bomb : bomb.subarray(0, 900);
          const answer = await fetchFrom(where, { ...to, headers: packed, body });
          await attack('T8', () => {
            refusedWith(answer, 415, 'CONTENT_ENCODING', `${name}: ${to.method} ${to.path}`);
            return { outcome: 'R', code: 'CONTENT_ENCODING' };
          });
        }
      }
    });
  });

  describe('afterwards', () => {
    it('has got rid by itself of those who said nothing, or too slowly (T9)', async () => {
      // Ten seconds for a handshake or for headers, looked at every five; thirty for a body.
      const late = setTimeout(() => idle.forEach((connections) => connections.stop()), 50_000);
      const quick = idle.filter((_, index) => index % 3 !== 2);
      await attack('T9', async () => {
        await Promise.all(quick.map(({ ended }) => ended));
        clearTimeout(late);
        await allServe();
        return { outcome: 'HOLDS' };
      });
    });
  });
});

/** Sends without end until there is an answer. */
function pour(url: string): Promise<{ status: number | null; sent: number }> {
  return new Promise((resolve) => {
    let sent = 0;
    let over = false;
    const headers = { 'content-type': 'application/json' };
    const options = { method: 'POST', headers, rejectUnauthorized: false, agent: false };
    const request = https.request(url, options, (answer) => {
      over = true;
      answer.resume();
      resolve({ status: answer.statusCode ?? null, sent });
      request.destroy();
    });
    request.on('error', () => {
      over = true;
      resolve({ status: null, sent });
    });
    const chunk = Buffer.alloc(65_536, 0x20);
    const more = () => {
      while (!over && sent < 4 * HUNDRED_MB) {
        sent += chunk.length;
        if (!request.write(chunk)) return void request.once('drain', more);
      }
    };
    more();
  });
}
