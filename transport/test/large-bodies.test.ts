import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Type } from 'typebox';
import { boundLargeBodies, createEdge, type Listening, listenUnix, readJson } from '../index.ts';

const Text = Type.String();
const OVER = 1_000;

describe('large bodies', () => {
  let directory: string;
  let server: Listening;
  const open: ClientRequest[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'touchstone-large-'));
    const app = createEdge();
    const bucket = { burst: 6, perSecond: 0 };
    app.use(
      boundLargeBodies({
        over: OVER,
        atOnce: { perAddress: 2, total: 4 },
        rate: { perAddress: bucket, total: bucket },
      }),
    );
    app.use(async (ctx) => {
      ctx.body = { length: (await readJson(ctx, Text)).length };
    });
    server = await listenUnix(app, { path: join(directory, 's'), mode: 0o600 });
  });

  afterEach(async () => {
    for (const one of open.splice(0)) one.destroy();
    await server.close();
    rmSync(directory, { recursive: true });
  });

  /** Sends the headers, and the body as far as it is given: the rest stays away. */
  function begin(length: number | 'chunked', sent: string): ClientRequest {
    const one = request({
      socketPath: join(directory, 's'),
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(length === 'chunked' ? {} : { 'content-length': length }),
      },
    });
    one.on('error', () => undefined);
    one.write(sent);
    open.push(one);
    return one;
  }

  async function post(bytes: number, length: number | 'chunked' = bytes): Promise<string> {
    const one = begin(length, JSON.stringify('x'.repeat(bytes - 2)));
    one.end();
    const [answer] = (await once(one, 'response')) as [NodeJS.ReadableStream];
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    const { code = 'ok' } = JSON.parse(text) as { code?: string };
    return code;
  }

  it('are let through one after the other', async () => {
    for (let times = 0; times < 3; times += 1) assert.equal(await post(OVER + 1), 'ok');
  });

  it('are refused beside others that are still coming: BUSY; small ones are not', async () => {
    begin(OVER + 1, '"');
    begin('chunked', '"');
    await sleep(100);
    assert.equal(await post(OVER + 1), 'BUSY');
    assert.equal(await post(10, 'chunked'), 'BUSY', 'no length is said');
    assert.equal(await post(OVER), 'ok');
  });

  it('leave their place when their sender goes away', async () => {
    const gone = [begin(OVER + 1, '"'), begin(OVER + 1, '"')];
    await sleep(100);
    for (const one of gone) one.destroy();
    await sleep(100);
    assert.equal(await post(OVER + 1), 'ok');
  });

  it('are refused when too many begin: RATE_LIMITED; small ones are not', async () => {
    for (let times = 0; times < 6; times += 1) assert.equal(await post(OVER + 1), 'ok');
    assert.equal(await post(OVER + 1), 'RATE_LIMITED');
    assert.equal(await post(OVER), 'ok');
  });
});
