import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EnrollmentChallenge } from '@touchstone/schemas';
import { attack } from '../support/attack.ts';
import { type CaReplica, startCaReplica } from '../support/ca-replica.ts';
import { ForgedHost } from '../support/forged-host.ts';
import { addresses, makeCertificate, tpmName, usedFor } from '../support/made-certificate.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const HOUSE = fileURLToPath(new URL('../..', import.meta.url));

describe('The addresses that certificates carry', function () {
  this.timeout(60_000);
  const root = makeCertificate('A root of TPMs');
  let touchstone: Touchstone;
  let ca: CaReplica;
  /** On it whoever follows an address would be heard. */
  let trap: Server;
  let connections = 0;

  before(async function () {
    this.timeout(120_000);
    trap = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    trap.listen(0, '127.0.0.1');
    await once(trap, 'listening');
    touchstone = await startTouchstone();
    ca = await startCaReplica(touchstone, [{ der: root.der, class: 'discrete' }]);
  });
  after(async function () {
    this.timeout(60_000);
    await ca?.stop();
    await touchstone?.stop();
    trap?.close();
  });

  it('are asked for by nobody, at enrolment, at the server or at a renewal: I20', () =>
    attack('I20', async () => {
      const { port } = trap.address() as AddressInfo;
      const inner = [
        ...[`http://127.0.0.1:${port}/ca.crt`, `http://localhost:${port}/redirect`],
        ...[`ldap://127.0.0.1:${port}/cn=ca`, 'http://169.254.169.254/latest/meta-data'],
        ...['file:///etc/passwd', 'gopher://127.0.0.1/'],
      ];
      const missing = makeCertificate('Not sent along', { issuer: root });
      for (const [maker, code] of [
        [root, null],
        // Whoever built chains by such addresses would need this one's issuer.
        [missing, 'EK_UNTRUSTED_ROOT'],
      ] as const) {
        const extensions = [
          ...addresses(inner),
          tpmName({ manufacturer: inner[0] ?? '' }),
          usedFor(),
        ];
        const host = new ForgedHost(touchstone, undefined, { maker, extensions });
        const certified = host.certify(ca, { software: false });
        if (code !== null) {
          await assert.rejects(certified, { code });
          continue;
        }
        const { enrollmentId } = await certified;
        await ca.client.request({
          method: 'POST',
          path: `/v1/enrollments/${enrollmentId}/renewals`,
          schema: EnrollmentChallenge,
          body: {},
        });
        const labels = { site: host.name };
        await host.enrol(await touchstone.joinToken({ classes: ['discrete'], labels }));
        await host.attest();
      }
      // The trap does hear: what was not heard was not said.
      const heard = connections;
      await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
      assert.deepEqual([heard, connections], [0, 1]);
      return { outcome: 'HOLDS' };
    }));

  it('have nothing that could ask for them: I21', () =>
    attack('I21', async () => {
      const rooms = ['agent', 'appraisal', 'ca', 'endorsement', 'eventlog', 'server', 'tpm', 'tss'];
      const files = (await Promise.all(rooms.map(sourcesIn))).flat();
      assert.ok(files.length > 300);
      const callers = files.filter(({ text }) => CALLS.test(text)).map(({ path }) => path);
      assert.deepEqual(callers.toSorted(), Object.keys(MAY_CALL).toSorted());
      return { outcome: 'HOLDS' };
    }));
});

/** Whoever opens a connection, or has one opened. */
const CALLS =
  /\bfetch\(|XMLHttpRequest|WebSocket|\bundici\b|from 'node:(?:http|https|http2|net|tls|dns|dns\/promises|dgram)'|\b(?:pinnedClient|anyKeyClient|tlsExchange)\b|\.(?:pinned|anyKey)\(|\bunixClient\(/u;

/** And whom it is to: never what a certificate names. */
const MAY_CALL: Readonly<Record<string, string>> = {
  'agent/attest.ts': 'its server, at the address of its enrolment',
  'agent/certify.ts': 'the CA that the trust bundle names',
  'agent/commands/status.ts': 'the agent, by its socket',
  'agent/courier/connections.ts': 'where the agent sends its courier',
  'agent/courier/courier-child.ts': 'the courier, by its socket',
  'agent/courier/frame.ts': 'the agent and its courier, between them',
  'agent/courier/network.ts': 'the courier, by its socket',
  'agent/courier/serve.ts': 'listens on that socket',
  'agent/doctor/check-network.ts': 'its server and CA',
  'agent/doctor/diagnose.ts': 'the agent, by its socket',
  'agent/enrol.ts': 'the server that the command names',
  'agent/enrolled-host.ts': 'its server',
  'agent/network.ts': 'for those who name whom they mean',
  'agent/run.ts': 'the agent, by its socket',
  'agent/tpm/software-tpm-health.ts': 'its own swtpm, by its socket',
  'agent/trust-bundle.ts': 'its server',
  'agent/trust.ts': 'its server',
  'ca/issuance-client/open-issuance.ts': 'the issuance process, by its socket',
  'ca/issuance-process/run-issuance.ts': 'listens on that socket',
  'server/serve.ts': 'the CA of its configuration',
};

async function sourcesIn(room: string): Promise<{ path: string; text: string }[]> {
  const names = await readdir(join(HOUSE, room), { recursive: true });
  const sources = names.filter(
    (name) => name.endsWith('.ts') && !/(?:^|\/)(?:test|node_modules)\//u.test(name),
  );
  return Promise.all(
    sources.map(async (name) => ({
      path: join(room, name),
      text: await readFile(join(HOUSE, room, name), 'utf8'),
    })),
  );
}
