import assert from 'node:assert/strict';
import { type TSchema, Type } from 'typebox';
import { ApiTokenList, AuditList, type HostDetail, HostList } from '@touchstone/schemas';
import { revokeHost } from '../services/approve-host.ts';
import { enrolHost } from '../services/enrol-host.ts';
import { giveChallenge } from '../services/give-challenge.ts';
import { BY } from './support/made-fleet.ts';
import { useApi } from './support/api-at-socket.ts';
import { makeHost } from './support/made-host.ts';

describe('Lists of the API', () => {
  const api = useApi();
  const { raw } = api;

  const page = <T extends TSchema>(path: string, schema: T) =>
    api.client.request({ method: 'GET', path, bearer: api.everything, schema });
  const names: string[] = [];
  before(async () => {
    for (let number = 0; number < 7; number += 1) {
      const host = makeHost();
      const challenge = giveChallenge(api.verifier, { akName: host.akName, purpose: 'enrol' });
      const name = `paged-${number}`;
      await enrolHost(api.verifier, host.enrolment(challenge.challenge, { name }));
      names.push(name);
    }
  });

  it('gives page after page, and each host once', async () => {
    const shown: string[] = [];
    let query = '?limit=2';
    for (let pages = 1; ; pages += 1) {
      assert.ok(pages < 20);
      const { hosts, nextCursor } = await page(`/v1/hosts${query}`, HostList);
      assert.ok(hosts.length <= 2);
      shown.push(...hosts.map(({ name }) => name));
      if (nextCursor === undefined) break;
      query = `?limit=2&cursor=${nextCursor}`;
    }
    assert.equal(new Set(shown).size, shown.length);
    for (const name of names) assert.ok(shown.includes(name), name);
    const whole = await page('/v1/hosts', HostList);
    assert.deepEqual(
      whole.hosts.map(({ name }) => name),
      shown,
    );
    assert.equal(whole.nextCursor, undefined);
  });

  it('gives the audit log backwards, each page in order and none twice', async () => {
    const latest = await page('/v1/audit?limit=3', AuditList);
    const before = await page(`/v1/audit?limit=3&cursor=${latest.nextCursor}`, AuditList);
    const sequence = [...before.entries, ...latest.entries].map((entry) => entry.sequence);
    const [first = 0] = sequence;
    assert.deepEqual(
      sequence,
      sequence.map((_, index) => first + index),
    );
  });

  for (const path of ['/v1/tokens', '/v1/join-tokens', '/v1/vms', '/v1/baselines']) {
    it(`takes a cursor of ${path} there alone: CURSOR_MALFORMED`, async () => {
      const mine = Buffer.from(JSON.stringify([false, 1, '../']));
      for (const cursor of [mine.toString('base64url'), 'AAAA', '_']) {
        await assert.rejects(page(`${path}?cursor=${cursor}`, Type.Unknown()), {
          code: 'CURSOR_MALFORMED',
          status: 400,
        });
      }
    });
  }

  it('goes on in tokens of one instant', async () => {
    for (let times = 0; times < 3; times += 1) await api.verifier.token(['viewer']);
    const ids = new Set<string>();
    let cursor = '';
    do {
      const { tokens, nextCursor } = await page(`/v1/tokens?limit=1${cursor}`, ApiTokenList);
      for (const { id } of tokens) {
        assert.ok(!ids.has(id));
        ids.add(id);
      }
      cursor = nextCursor === undefined ? '' : `&cursor=${nextCursor}`;
    } while (cursor !== '');
    assert.equal(ids.size, (await page('/v1/tokens', ApiTokenList)).tokens.length);
  });

  for (const limit of ['0', '1001', '-1', '1.5', '1e2', 'x', '']) {
    it(`T8 refuses limit=${limit}: SCHEMA_MISMATCH`, async () => {
      await assert.rejects(page(`/v1/hosts?limit=${limit}`, HostList), {
        code: 'SCHEMA_MISMATCH',
        status: 400,
      });
    });
  }

  it('refuses a parameter twice, and one that it does not know', async () => {
    const twice = page('/v1/hosts?limit=1&limit=2', HostList);
    await assert.rejects(twice, { code: 'SCHEMA_MISMATCH' });
    await assert.rejects(page('/v1/hosts?offset=1', HostList), { code: 'QUERY_UNKNOWN' });
    await assert.rejects(page('/v1/vms/x?limit=1', HostList), { status: 400 });
  });

  it('says that a host is as it was to whoever has it: 304, and else what it is', async () => {
    const authorization = `Bearer ${api.everything}`;
    const path = '/v1/hosts/paged-0';
    const first = await raw(path, { authorization });
    const { etag = '' } = first.headers;
    assert.equal(first.status, 200);
    assert.match(etag, /^"[A-Za-z0-9_-]{27}"$/u);
    const again = await raw(path, { authorization, 'if-none-match': etag });
    assert.deepEqual([again.status, again.text], [304, '']);
    const { id } = (first.body as HostDetail).host;
    await revokeHost(api.verifier, BY, id, { reason: 'sold' });
    const changed = await raw(path, { authorization, 'if-none-match': etag });
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.etag, etag);
    assert.equal((await raw(path, { 'if-none-match': etag })).status, 401, 'no token');
  });
});
