import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import {
  type AppError,
  type Client,
  createEdge,
  type Listening,
  listenTls,
  listenUnix,
  pinnedClient,
  readJson,
  spkiPinOf,
  tokenBuckets,
  unixClient,
} from '../index.ts';

const Echo = Type.Object({ text: Type.String() }, { additionalProperties: false });

function edge() {
  const app = createEdge();
  app.use(async (ctx, next) => {
    if (ctx.path !== '/echo') return next();
    ctx.body = await readJson(ctx, Echo, { maxBytes: 1_000 });
    return undefined;
  });
  app.use(async (ctx, next) => {
    if (ctx.path === '/bug') throw new Error('secret inner text');
    if (ctx.path === '/large') ctx.body = { text: 'x'.repeat(5_000) };
    if (ctx.path === '/slow') await new Promise((resolve) => setTimeout(resolve, 2_000));
    return next();
  });
  return app;
}

/** One more than a request may have of anything. */
const listed = (entry: (at: number) => string): string =>
  Array.from({ length: 4_097 }, (_, at) => entry(at)).join();

describe('the HTTP edge', () => {
  let directory: string;
  let server: Listening;
  let client: Client;
  let pin: string;
  let identity: { readonly key: string; readonly cert: string };

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'touchstone-edge-'));
    const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
      ].concat(['-keyout', keyFile, '-out', certFile, '-days', '1', '-subj', '/CN=edge']),
      { stdio: 'ignore' },
    );
    const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')];
    pin = spkiPinOf(cert);
    identity = { key, cert };
    server = await listenTls(edge(), { host: '127.0.0.1', port: 0, ...identity });
    client = pinnedClient({ url: `https://127.0.0.1:${server.port}`, pin });
  });

  after(async () => {
    await client.close();
    await server.close();
    rmSync(directory, { recursive: true });
  });

  const post = (body: unknown, over: Client = client) =>
    over.request({ method: 'POST', path: '/echo', body, schema: Echo });

  it('answers who holds the pinned key', async () => {
    assert.deepEqual(await post({ text: 'x' }), { text: 'x' });
  });

  it('serves more clients than it has connections, each of whom would keep theirs', async () => {
    const most = { maxConnections: 8 };
    const small = await listenTls(edge(), { host: '127.0.0.1', port: 0, ...identity, ...most });
    const url = `https://127.0.0.1:${small.port}`;
    const clients = Array.from({ length: 24 }, () => pinnedClient({ url, pin }));
    try {
      for (let round = 0; round < 2; round += 1) {
        for (const one of clients) assert.deepEqual(await post({ text: 'x' }, one), { text: 'x' });
      }
    } finally {
      for (const one of clients) await one.close();
      await small.close();
    }
  });

  it('agrees with openssl on the pin', () => {
    const spki = execFileSync('openssl', [
      'x509',
      '-in',
      join(directory, 'cert.pem'),
      '-pubkey',
      '-noout',
    ]);
    const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: spki });
    const digest = execFileSync('openssl', ['dgst', '-sha256', '-hex'], { input: der }).toString();
    assert.ok(digest.trim().endsWith(pin));
  });

  it('sends nothing to a holder of another key: PIN_MISMATCH', async () => {
    const other = pinnedClient({ url: `https://127.0.0.1:${server.port}`, pin: '0'.repeat(64) });
    await assert.rejects(post({ text: 'x' }, other), { code: 'PIN_MISMATCH' });
    await other.close();
  });

  it('talks to the holder of any key that is good at that moment, and says which', async () => {
    let good: string[] = ['0'.repeat(64), pin];
    const shown: string[] = [];
    const url = `https://127.0.0.1:${server.port}`;
    const open = () => pinnedClient({ url, pin: () => good, onPin: (one) => void shown.push(one) });
    const first = open();
    await post({ text: 'x' }, first);
    assert.deepEqual(shown, [pin]);
    for (good of [['0'.repeat(64)], [], ['']]) {
      const later = open();
      await assert.rejects(post({ text: 'x' }, later), { code: 'PIN_MISMATCH' });
      await later.close();
    }
    await first.close();
  });

  it('refuses a malformed pin: PIN_MALFORMED', () => {
    assert.throws(() => pinnedClient({ url: 'https://127.0.0.1', pin: '' }), {
      code: 'PIN_MALFORMED',
    });
  });

  it('names a closed port: UNREACHABLE', async () => {
    const nobody = pinnedClient({ url: 'https://127.0.0.1:1', pin });
    await assert.rejects(post({ text: 'x' }, nobody), { code: 'UNREACHABLE' });
    await nobody.close();
  });

  for (const [given, body, code, status] of [
    ['an unknown property', { text: 'x', more: 1 }, 'SCHEMA_MISMATCH', 400],
    ['a body over its bound', { text: 'x'.repeat(2_000) }, 'BODY_TOO_LARGE', 413],
  ] as const) {
    it(`refuses ${given}: ${code}`, async () => {
      await assert.rejects(post(body), { code, status });
    });
  }

  it('says 404 with a code: NOT_FOUND', async () => {
    const request = client.request({ method: 'GET', path: '/nowhere', schema: Echo });
    await assert.rejects(request, { code: 'NOT_FOUND', status: 404 });
  });

  it('keeps the text of a bug to itself: INTERNAL', async () => {
    const request = client.request({ method: 'GET', path: '/bug', schema: Echo });
    await assert.rejects(request, (error: AppError) => {
      assert.equal(error.code, 'INTERNAL');
      assert.ok(!JSON.stringify(error).includes('secret'));
      return true;
    });
  });

  it('bounds the answer: ANSWER_MALFORMED', async () => {
    const request = client.request({
      method: 'GET',
      path: '/large',
      schema: Echo,
      maxBytes: 1_000,
    });
    await assert.rejects(request, { code: 'ANSWER_MALFORMED' });
  });

  it('bounds the wait: TIMEOUT', async () => {
    const request = client.request({ method: 'GET', path: '/slow', schema: Echo, timeoutMs: 100 });
    await assert.rejects(request, { code: 'TIMEOUT' });
  });

  it('stays up under a thousand connections without a handshake', async () => {
    const sockets = Array.from({ length: 1_000 }, () => net.connect(server.port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => undefined);
    assert.deepEqual(await post({ text: 'x' }), { text: 'x' });
    for (const socket of sockets) socket.destroy();
  });
});

describe('the edge on a unix socket', () => {
  let directory: string;
  let server: Listening;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'touchstone-edge-'));
    const app = createEdge();
    app.use(
      tokenBuckets({ perAddress: { burst: 2, perSecond: 0 }, total: { burst: 9, perSecond: 0 } }),
    );
    app.use(async (ctx) => {
      ctx.body = await readJson(ctx, Echo);
    });
    server = await listenUnix(app, { path: join(directory, 's'), mode: 0o600 });
  });

  afterEach(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  /** What JSON.stringify would never send. */
  const raw = (body: string | Buffer, type = 'application/json', more = '') =>
    new Promise<string>((resolve, reject) => {
      const socket = net.connect(join(directory, 's'));
      const length = Buffer.byteLength(body);
      socket.write(
        `POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n${more}\r\n`,
      );
      socket.write(body);
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('end', () => resolve(answer));
      socket.on('error', reject);
    });

  it('lets its owner alone connect', () => {
    assert.equal(statSync(join(directory, 's')).mode & 0o777, 0o600);
  });

  for (const [given, body, code] of [
    ['a duplicate key', '{"text":"a","text":"b"}', 'JSON_DUPLICATE_KEY'],
    ['a prototype key', '{"text":"a","__proto__":{}}', 'JSON_FORBIDDEN_KEY'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'JSON_NOT_UTF8'],
    ['nesting past the bound', '['.repeat(1_000), 'JSON_TOO_DEEP'],
    ['keys past the bound', `{${listed((at) => `"${at}":1`)}}`, 'JSON_TOO_MANY_TOKENS'],
    ['objects past the bound', `[${listed(() => '{}')}]`, 'JSON_TOO_MANY_TOKENS'],
  ] as const) {
    it(`refuses ${given}: ${code}`, async () => {
      assert.match(await raw(body), new RegExp(`^HTTP/1.1 400 [^]*"code":"${code}"`, 'u'));
    });
  }

  it('refuses another content type: CONTENT_TYPE', async () => {
    assert.match(await raw('{}', 'text/plain'), /^HTTP\/1.1 415 [^]*"code":"CONTENT_TYPE"/u);
  });

  it('refuses a body that has to be unpacked: CONTENT_ENCODING', async () => {
    for (const encoding of ['gzip', 'identity']) {
      const answer = await raw('{"text":""}', undefined, `content-encoding: ${encoding}\r\n`);
      assert.match(answer, /^HTTP\/1.1 415 [^]*"code":"CONTENT_ENCODING"/u);
    }
  });

  it('lets one address through as often as its bucket holds: RATE_LIMITED', async () => {
    const client = unixClient({ path: join(directory, 's') });
    const ask = () =>
      client.request({ method: 'POST', path: '/', body: { text: '' }, schema: Echo });
    await ask();
    await ask();
    await assert.rejects(ask(), { code: 'RATE_LIMITED', status: 429 });
    await client.close();
  });
});
