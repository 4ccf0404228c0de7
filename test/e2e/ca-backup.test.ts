import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CaBundle, CaOwnStatus, CaSession, CaStatus } from '@touchstone/schemas';
import { pinnedClient } from '@touchstone/transport';
import { type TSchema, Type } from 'typebox';
import { adjacentPorts } from '../support/adjacent-ports.ts';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { attack } from '../support/attack.ts';
import { touchstoneCommand } from '../support/command.ts';
import { startTouchstone, type Touchstone } from '../support/touchstone.ts';

const PASSPHRASE = 'Falsches Üben von Xylophonmusik';
const ON_STDIN = { input: `${PASSPHRASE}\n` };

/** What a rotation says of itself is not looked at here. */
const anything = Type.Unknown();

type Restored = {
  readonly caToken: string;
  readonly aside: readonly string[];
  readonly seen: { readonly epoch: number };
};

describe('A CA out of a backup of it alone', function () {
  this.timeout(180_000);
  let directory: string;
  let data: string;
  let file: string;
  let listen: string;
  let touchstone: Touchstone;
  let agent: AgentHost;
  let epoch: number;
  const vm = randomUUID();

  const start = async () => {
    const options = { data, listen, intervalSeconds: 2 };
    const tokens =
      touchstone === undefined ? {} : { token: touchstone.token, caToken: touchstone.caToken };
    touchstone = await startTouchstone({ ...options, ...tokens });
  };
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ts-ca-backup-'));
    await chmod(directory, 0o711);
    [data, file] = [join(directory, 'd'), join(directory, 'b')];
    listen = `127.0.0.1:${await adjacentPorts()}`;
    await start();
    agent = await startAgentHost(touchstone, { name: 'hypervisor' });
    await touchstone.addVm({ uuid: vm, name: 'gated' });
  });
  after(async () => {
    await agent?.stop();
    await touchstone?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const onStdin = ['--passphrase-file', '-'];
  const command = (...args: string[]) => touchstoneCommand(['ca', ...args, ...onStdin], ON_STDIN);
  const restore = (from: string, ...args: string[]) =>
    command('restore', from, '--data', data, '--json', ...args);
  const refusal = (outcome: { stderr: string }) =>
    /^touchstone: ([A-Z_]+): /mu.exec(outcome.stderr)?.[1];
  const startsVm = async () => {
    const probe = agent.probe();
    const outcome = await agent.run(vm, probe.command);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.ok(probe.started());
  };
  const ofCa = async <T extends TSchema>(
    asked: { method: 'GET' | 'POST'; path: string; schema: T; body?: unknown },
    bearer = touchstone.caToken,
  ) => {
    const { url, fingerprint: pin } = touchstone.ca;
    const client = pinnedClient({ url, pin });
    try {
      return await client.request({ ...asked, bearer });
    } finally {
      await client.close();
    }
  };
  const bundle = () => ofCa({ method: 'GET', path: '/v1/bundle', schema: CaBundle });
  const known = () => touchstone.operator('GET', '/v1/ca', CaStatus);

  it('is made while it runs, 0600, proved whole, and shows nothing of what is in it', async () => {
    ({ epoch } = await bundle());
    const made = await command('backup', file, '--data', data, '--json');
    assert.equal(made.exitCode, 0, made.stderr);
    const { manifest } = JSON.parse(made.stdout) as {
      manifest: { files: string[]; epoch: number };
    };
    assert.equal(manifest.epoch, epoch);
    assert.ok(manifest.files.includes('custody/issuing-passphrase'));
    assert.ok(manifest.files.some((name) => name.startsWith('state/')));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const bytes = await readFile(file);
    for (const word of ['PRIVATE KEY', 'CREATE TABLE', 'authorities', PASSPHRASE]) {
      assert.equal(bytes.includes(word), false, word);
    }
    const verified = await command('backup', file, '--verify');
    assert.equal(verified.exitCode, 0, verified.stderr);
    assert.equal(refusal(await command('backup', file, '--data', data)), 'BACKUP_EXISTS');
    const whole = await touchstoneCommand(
      ['restore', file, '--data', join(directory, 'e'), ...onStdin],
      ON_STDIN,
    );
    assert.equal(refusal(whole), 'BACKUP_OF_CA');
  });

  it('is put nowhere while the CA runs, nor where it was changed: CA_RUNS, BACKUP_DAMAGED', async () => {
    assert.equal(refusal(await restore(file)), 'CA_RUNS');
    const changed = join(directory, 'changed');
    const bytes = await readFile(file);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const handle = await open(changed, 'wx');
    await handle.writeFile(bytes);
    await handle.close();
    assert.equal(refusal(await restore(changed)), 'BACKUP_DAMAGED');
  });

  it('C11 of before a change of keys is seen to be older, and goes on above what was seen', async () => {
    const rotation = { kind: 'issuing', mode: 'planned', auto: true, reason: 'a test' };
    const path = '/v1/operator/rotations';
    await ofCa({ method: 'POST', path, schema: anything, body: rotation });
    let issuers: string[] = [];
    for (let tries = 0; tries < 400 && issuers.length < 2; tries += 1) {
      await sleep(100);
      const status = await known();
      issuers = status.issuers.map(({ keyId }) => keyId);
    }
    assert.equal(issuers.length, 2, 'the server never heard of the next issuer');
    const later = (await bundle()).epoch;
    assert.ok(later > epoch);
    await touchstone.stop();

    assert.equal(refusal(await restore(file)), 'CA_THERE');
    await attack('C11', async () => {
      const refused = await restore(file, '--replace');
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, /keys made since are gone/u);
      assert.ok(issuers.some((keyId) => refused.stderr.includes(keyId)));
      // Nothing was changed by asking.
      assert.deepEqual(
        (await readdir(join(data, 'ca'))).filter((name) => name.includes('replaced')),
        [],
      );
      return { outcome: 'Q', code: refusal(refused) ?? '' };
    });
    const outcome = await restore(file, '--replace', '--accept-older-epoch');
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    const restored = JSON.parse(outcome.stdout) as Restored;
    assert.ok(restored.seen.epoch >= later);
    assert.equal(restored.aside.length, 3);
    for (const kept of restored.aside) await stat(kept);

    await start();
    const now = await bundle();
    assert.ok(now.epoch > restored.seen.epoch);
    assert.equal(now.issuers.length, 1);
    const session = { method: 'GET', path: '/v1/operator/session', schema: CaSession } as const;
    await assert.rejects(ofCa(session), { code: 'UNAUTHENTICATED' });
    await ofCa(session, restored.caToken);
    const status = { method: 'GET', path: '/v1/operator/status', schema: CaOwnStatus } as const;
    assert.equal((await ofCa(status, restored.caToken)).rotation, null);
    for (let tries = 0; tries < 200 && (await known()).epoch !== now.epoch; tries += 1) {
      await sleep(100);
    }
    assert.equal((await known()).epoch, now.epoch);
    await startsVm();
    // A new host, by the restored keys.
    const other = await startAgentHost(touchstone, { name: 'later' });
    await other.stop();
  });
});
