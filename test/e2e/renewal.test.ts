import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAkCertificate } from '@touchstone/endorsement';
import { AuditList } from '@touchstone/schemas';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { expiredCertificate } from '../support/expired-certificate.ts';
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

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('not after 15 s');
    await sleep(100);
  }
}
