import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAkCertificate } from '@touchstone/endorsement';
import { AuditList } from '@touchstone/schemas';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { expiredCertificate } from '../support/expired-certificate.ts';
import { shiftedClock } from '../support/shifted-clock.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

describe('An agent whose certificate has ended while it was away', function () {
  this.timeout(60_000);
  let touchstone: Touchstone;
  let host: AgentHost;

  before(async () => {
    touchstone = await startTouchstone();
    host = await startAgentHost(touchstone, { name: 'away' });
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
  });

  it('renews it by one activation, without a person, before it attests', async () => {
    await host.stopAgent();
    const enrolmentFile = join(host.stateDir, 'enrolment.json');
    const enrolment = JSON.parse(await readFile(enrolmentFile, 'utf8')) as {
      certificates: string[];
    };
    const [issued = ''] = enrolment.certificates;
    const expired = expiredCertificate();
    await writeFile(enrolmentFile, JSON.stringify({ ...enrolment, certificates: [expired] }));
    await host.startAgent();

    const renewed = await eventually(async () => {
      const held = JSON.parse(await readFile(enrolmentFile, 'utf8')) as typeof enrolment;
      return held.certificates[0] === expired ? undefined : held.certificates[0];
    });
    const [before, after] = [issued, renewed].map((pem) =>
      parseAkCertificate(new X509Certificate(pem).raw),
    );
    assert.equal(after?.akName, before?.akName);
    assert.notEqual(after?.serial, before?.serial);
    const { entries } = await touchstone.operator('GET', '/v1/audit', AuditList);
    assert.ok(
      entries.some(
        ({ action, detail }) =>
          action === 'host.certificate' && detail.includes(after?.serial ?? '-'),
      ),
    );
    assert.equal((await touchstone.host(host.hostId)).host.state, 'trusted');
  });
});

describe('An agent whose clock is a year off', function () {
  this.timeout(60_000);
  const YEAR_MS = 31_557_600_000;
  let touchstone: Touchstone;
  let host: AgentHost;
  let enrolmentFile: string;

  before(async () => {
    touchstone = await startTouchstone();
    host = await startAgentHost(touchstone, { name: 'elsewhen' });
    enrolmentFile = join(host.stateDir, 'enrolment.json');
  });
  after(async () => {
    await host?.stop();
    await touchstone?.stop();
  });

  const held = async () =>
    JSON.parse(await readFile(enrolmentFile, 'utf8')) as { certificates: string[] };
  const renewals = async () => {
    const { entries } = await touchstone.operator('GET', '/v1/audit', AuditList);
    return entries.filter(({ action }) => action === 'host.certificate').length;
  };
  const attest = async () =>
    assert.equal((await host.command('attest')).exitCode, 0, 'the host is trusted');

  it('ahead, keeps its certificate until it is time by the server’s clock', async () => {
    await host.stopAgent();
    const { certificates } = await held();
    await host.startAgent(shiftedClock(YEAR_MS));
    for (const _ of [1, 2, 3]) await attest();
    assert.deepEqual((await held()).certificates, certificates);
    assert.equal(await renewals(), 0);
  });

  it('behind, renews when it is time by the server’s clock, and once', async () => {
    await host.stopAgent();
    const expired = expiredCertificate();
    const text = JSON.stringify({ ...(await held()), certificates: [expired] });
    await writeFile(enrolmentFile, text);
    await host.startAgent(shiftedClock(-YEAR_MS));
    for (const _ of [1, 2, 3]) await attest();
    assert.notEqual((await held()).certificates[0], expired);
    assert.equal(await renewals(), 1);
  });
});

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('not after 15 s');
    await sleep(100);
  }
}
