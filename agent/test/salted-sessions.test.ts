import assert from 'node:assert/strict';
import { rename, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { Attester } from '../tpm/attester.ts';
import { type Hypervisor, makeHypervisor } from './support/hypervisor.ts';

const TPM_CC_START_AUTH_SESSION = 0x176;
const TPM_RH_NULL = 0x40000007;

/** Everything that is sent to the software TPM while `use` runs, in the place of its socket. */
async function sentWhile(stateDir: string, use: () => Promise<void>): Promise<Buffer[]> {
  const socket = join(stateDir, 'swtpm', 'socket');
  const sent: Buffer[] = [];
  const server = createServer((client) => {
    const tpm = connect(`${socket}.tpm`);
    client.on('data', (bytes) => sent.push(bytes));
    client.on('error', () => tpm.destroy());
    tpm.on('error', () => client.destroy());
    client.pipe(tpm).pipe(client);
  });
  await rename(socket, `${socket}.tpm`);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    await use();
  } finally {
    server.close();
    await rm(socket, { force: true });
    await rename(`${socket}.tpm`, socket);
  }
  return sent;
}

describe('what the attester sends to its TPM', () => {
  let host: Hypervisor;
  let attester: Attester;

  before(async () => {
    host = await makeHypervisor();
    attester = new Attester(host.stateDir, []);
    await attester.use(async () => undefined);
  });
  after(async () => {
    await attester.close();
    await host.remove();
  });

  it('has every session salted to the EK, and no auth in clear', async () => {
    let auth = Buffer.alloc(0);
    const ek = await attester.use(async (_, { object }) => object.handle);
    const sent = await sentWhile(host.stateDir, async () => {
      const key = await attester.createKey();
      auth = Buffer.from(key.auth, 'base64url');
      await attester.quote(key, Buffer.alloc(32), [{ bank: 'sha256', pcrs: [8] }]);
    });
    // TPM2_StartAuthSession: tpmKey, bind, nonceCaller and encryptedSalt follow the header. Part 3, 11.1.
    const sessions = sent.filter(
      (command) => command.readUInt32BE(6) === TPM_CC_START_AUTH_SESSION,
    );
    assert.ok(sessions.length >= 4);
    for (const command of sessions) {
      const [key, bind] = [command.readUInt32BE(10), command.readUInt32BE(14)];
      assert.deepEqual([key, bind], [ek, TPM_RH_NULL]);
      assert.ok(command.readUInt16BE(20 + command.readUInt16BE(18)) >= 64);
    }
    assert.equal(auth.length, 32);
    assert.ok(!Buffer.concat(sent).includes(auth));
  });
});
