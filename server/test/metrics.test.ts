import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { AuditList, HostList, Vm } from '@touchstone/schemas';
import { enrolHost } from '../services/enrol-host.ts';
import { giveChallenge } from '../services/give-challenge.ts';
import { useApi } from './support/api-at-socket.ts';
import { makeHost } from './support/made-host.ts';

describe('Metrics of the API, to Prometheus', () => {
  const api = useApi();
  const { raw } = api;

  before(async () => {
    const host = makeHost();
    const { challenge } = giveChallenge(api.verifier, { akName: host.akName, purpose: 'enrol' });
    await enrolHost(api.verifier, host.enrolment(challenge, { name: 'counted' }));
  });

  const scrape = async (bearer: string) => {
    const { status, headers, text } = await raw('/v1/metrics', {
      authorization: `Bearer ${bearer}`,
    });
    return { status, type: headers['content-type'] ?? '', text };
  };

  it('says nothing without a token: 401', async () => {
    assert.equal((await raw('/v1/metrics')).status, 401);
  });

  it('counts requests by route, refusals by code, and hosts by state and class', async () => {
    const path = `/v1/vms/${randomUUID()}`;
    const unknown = { method: 'GET', path, bearer: api.everything, schema: Vm } as const;
    await assert.rejects(api.client.request(unknown), { code: 'VM_UNKNOWN' });
    const viewer = await api.verifier.token(['viewer']);
    const { status, type, text } = await scrape(viewer);
    assert.equal(status, 200);
    assert.match(type, /^text\/plain; version=0\.0\.4/u);
    assert.match(
      text,
      /^touchstone_http_request_duration_seconds_count\{method="GET",route="\/v1\/vms\/:key",status="404"\} [1-9]/mu,
    );
    assert.match(
      text,
      /^touchstone_refusals_total\{route="\/v1\/vms\/:key",code="VM_UNKNOWN"\} [1-9]/mu,
    );
    assert.match(text, /^touchstone_hosts\{state="pending",class="software"\} [1-9]/mu);
    assert.match(text, /^touchstone_process_resident_memory_bytes /mu);
  });

  it('has no name, id, address or path of a caller in a label', async () => {
    const odd = 'not-a-route-of-ours';
    assert.equal((await raw(`/v1/${odd}`)).status, 404);
    const { text } = await scrape(api.everything);
    assert.match(text, /route="none",status="404"/u);
    assert.ok(!text.includes(odd));
    const { hosts } = await api.client.request({
      ...{ method: 'GET', path: '/v1/hosts', bearer: api.everything, schema: HostList },
    });
    assert.ok(hosts.length > 0);
    for (const { id, name, akName } of hosts) {
      for (const secret of [id, name, akName]) assert.ok(!text.includes(secret), secret);
    }
  });

  it('fills no audit log by being asked', async () => {
    await scrape(api.everything);
    const { entries } = await api.client.request({
      ...{ method: 'GET', path: '/v1/audit', bearer: api.everything, schema: AuditList },
    });
    assert.ok(entries.length > 0);
    assert.ok(!entries.some(({ action }) => action.includes('metrics')));
  });
});
